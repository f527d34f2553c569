"""Retention (SPEC §9): some nodes keep their energy longer than their type does.

    half-life = that of its type · consolidation · resistance

*Consolidation*: what moves us, or what an unresolved goal is linked to. *Resistance*: what much hangs on, or what belongs to
several entities. Both are off by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from worker.physics.model import Bools, Floats, Ints
    from worker.physics.parameters import Parameters

MOST = 3.0  # what both can come to together
_BETWEEN = "\x1f"


class Ties(NamedTuple):
    """What nodes are tied to (N,)."""

    degree: Ints  # relationships of any kind, in and out
    entities: Ints  # that each is a member of
    goal: Bools  # whether an unresolved goal is linked to it


def retention(emotion: Floats, ties: Ties, parameters: Parameters) -> Floats:
    """Return by how much longer than their type nodes (N,) keep their energy; `emotion` is ‖emotion‖ of each."""
    consolidation, resistance = parameters.consolidation, parameters.resistance
    moving = (emotion > consolidation.emotion) | ties.goal
    held = (ties.degree >= resistance.degree) | (ties.entities > 1)
    return np.where(moving & consolidation.enabled, consolidation.factor, 1.0) * np.where(
        held & resistance.enabled, resistance.factor, 1.0
    )


def kind(node_type: str, factor: float) -> str:
    """Return the name under which the books keep the nodes of one type that keep their energy `factor` times as long."""
    return node_type if factor == 1.0 and _BETWEEN not in node_type else f"{node_type}{_BETWEEN}{factor!r}"


def split(kind: str) -> tuple[str, float]:
    """Return the node type and the factor that such a name stands for."""
    node_type, between, factor = kind.rpartition(_BETWEEN)
    return (node_type, float(factor)) if between else (kind, 1.0)
