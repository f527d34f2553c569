"""Criticality (SPEC §12): whether activity dies out, holds, or feeds itself. Measured in every tick.

    branching = energy reaching nodes that stay or become active / (energy leaving active nodes + decay of active nodes)
    growth    = active nodes after the tick / active nodes before

Both are exponential means over 20 ticks, kept in the ledger: so a restart changes no bit of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from worker.physics.decay import energies, factors

if TYPE_CHECKING:
    from worker.physics.model import Floats, Frontier, Int32s, Staged, Strides

TICKS = 20  # that the means reach back
SHARE = 2.0 / (TICKS + 1)  # of the newest sample


class Criticality(NamedTuple):
    """The two ratios of one tick, or their means; None where there has been nothing to divide by."""

    branching: float | None
    growth: float | None


def measured(frontier: Frontier, strides: Strides, staged: Staged, active: Int32s, dt: float) -> Criticality:
    """Return the ratios of one tick of `dt` seconds; `active` (A,) are the nodes that were as it began. Sums by `math.fsum`."""
    nodes, touched = frontier.nodes, staged.touched
    threshold = nodes.threshold[touched]
    was, stays = staged.snapshot >= threshold, staged.after >= threshold
    source, target = np.searchsorted(touched, strides.source), np.searchsorted(touched, strides.target)
    kept = strides.energy * nodes.stickiness[strides.target]
    reaching, leaving = _sum(kept[stays[target]]), _sum(strides.energy[was[source]])
    fading = _sum(_after(frontier, staged, active) * (1.0 - factors(np.full(len(active), dt), nodes.half_life[active])))
    count = len(active)
    return Criticality(
        branching=reaching / (leaving + fading) if leaving + fading > 0.0 else None,
        growth=(count + int(stays.sum()) - int(was.sum())) / count if count else None,
    )


def mean(before: Criticality, sample: Criticality) -> Criticality:
    """Return the means once they have taken in a sample; a ratio that has none stays as it was."""
    return Criticality(*(_mean(old, new) for old, new in zip(before, sample, strict=True)))


def _mean(before: float | None, sample: float | None) -> float | None:
    if before is None or sample is None:
        return before if sample is None else sample
    return before + SHARE * (sample - before)


def _after(frontier: Frontier, staged: Staged, which: Int32s) -> Floats:
    """Return the energies of nodes after all strides, before decay."""
    energy = energies(frontier, which)
    place = np.minimum(np.searchsorted(staged.touched, which), max(len(staged.touched) - 1, 0))
    if len(staged.touched):
        hit = staged.touched[place] == which
        energy[hit] = staged.after[place[hit]]
    return energy


def _sum(values: Floats) -> float:
    return math.fsum(values.tolist())
