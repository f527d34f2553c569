"""Intake (SPEC §2, step 1): which entries of the queue this tick applies, and which no tick can."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from worker.graph.rows import Rejected, numbers
from worker.physics.decay import stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.graph.port import Stimulus
    from worker.graph.resident import Resident
    from worker.physics.model import Floats, Int32s

AGAIN = "a stimulus of this id was applied before"


class Accepted(NamedTuple):
    """The stimuli of one tick, in the order in which they are added up (A,)."""

    applied: list[Stimulus]
    node: Int32s  # index of each one's node
    delta: Floats
    rejected: list[tuple[int, str]]  # entries of the queue, and why

    @property
    def nodes(self) -> Int32s:
        """The nodes that are stimulated, each once, ascending."""
        return np.unique(self.node)


def accept(stimuli: Sequence[Stimulus], resident: Resident, clock: float) -> Accepted:
    """Sort out the stimuli whose node, id or amount is none; the good ones are not held up by them."""
    deltas = numbers([stimulus.delta for stimulus in stimuli], np.nan)
    added: dict[int, float] = {}
    ids: set[str] = set()
    applied, node, delta, rejected = [], [], [], []
    for stimulus, amount in zip(stimuli, deltas.tolist(), strict=True):
        at = resident.index.get(stimulus.key, -1) if stimulus.key is not None else -1
        total = added.get(at, 0.0) + amount
        why = _why_not(stimulus, resident, at, amount, total, clock) or (AGAIN if stimulus.id in ids else "")
        if why:
            rejected.append((stimulus.entry, why))
            resident.rejected.append(Rejected("stimulus", str(stimulus.id), why))
            continue
        added[at] = total
        ids.add(stimulus.id)
        applied.append(stimulus)
        node.append(at)
        delta.append(amount)
    return Accepted(applied, np.array(node, dtype=np.int32), np.array(delta, dtype=np.float64), rejected)


def _why_not(stimulus: Stimulus, resident: Resident, at: int, amount: float, total: float, clock: float) -> str:
    if not isinstance(stimulus.id, str) or not stimulus.id:
        return "its id is missing or not text"
    if stimulus.known:
        return AGAIN
    if at < 0:
        return f"there is no node {stimulus.node!r} in this graph"
    if not resident["valid"][at]:
        return f"the node {stimulus.node!r} is quarantined"
    if not amount > 0.0:
        return f"delta {stimulus.delta!r} is not a number over 0"
    most = resident.parameters.tick.energy_max
    if float(stored(resident.nodes, np.array([at]), clock)[0]) + total > most:
        return f"delta {stimulus.delta!r} would lift the node's energy over {most:g}"
    return ""
