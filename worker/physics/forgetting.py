"""Forgetting (SPEC §9): log-weights draw near to the mean of their link type, on a slow clock of their own.

    log w ← μ_T + (log w − μ_T) · 2^(−Δt / half_life)

Taking the same from every log-weight of a type would be invisible to §3, which reads them within their type.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from worker.physics.books import left

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.physics.model import Floats, WeightStats
    from worker.physics.parameters import Parameters

DAY = 86_400.0


class Rule(NamedTuple):
    """How the log-weights of one link type forget."""

    mean: float
    left: float  # share of its distance from the mean that a log-weight keeps


def due(clock: float, every: float) -> float:
    """Return the last multiple of `every` seconds that the weights' clock has passed: up to then all shall forget, s."""
    return math.floor(clock / every) * every


def rules(stats: Mapping[str, WeightStats], seconds: float, parameters: Parameters) -> dict[str, Rule]:
    """Return how the log-weights of each link type forget in so many seconds."""
    return {
        kind: Rule(found.mean, left(seconds, DAY * parameters.weight_half_life(kind)))
        for kind, found in sorted(stats.items())
    }


def forgotten(log_weight: Floats, rule: Rule) -> Floats:
    """Return log-weights (M,) of one type once they have forgotten. A database's own doubles give the same bits."""
    return rule.mean + (log_weight - rule.mean) * rule.left
