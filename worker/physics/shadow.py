"""Shadow retry (SPEC §6): where hardly any active node strides, those that come nearest to their threshold may as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from worker.physics.decay import energies

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.physics.model import Bools, Frontier, Int32s


def nearest(frontier: Frontier, valid: Bools, budget: int, in_order: Callable[[Int32s], Int32s]) -> Int32s:
    """Return at most `budget` nodes with E > 0 and the largest E/Θ below 1 that are no sources, in ascending id (§6).

    `valid` (N,) says which nodes the physics takes; `in_order` sorts nodes by id, by which equal ones go.
    """
    nodes = frontier.nodes
    resting = valid & ((nodes.energy > 0.0) | (nodes.stimulus > 0.0))
    resting[frontier.sources] = False
    which = np.flatnonzero(resting).astype(np.int32)
    energy, threshold = energies(frontier, which), nodes.threshold[which]
    under = (energy > 0.0) & (energy < threshold)
    which, share = which[under], (energy / threshold)[under]
    if len(which) > budget > 0:  # all that may be among the best, so that only these are put in order
        which = which[share >= np.partition(share, -budget)[-budget]]
    which = in_order(which)
    share = energies(frontier, which) / nodes.threshold[which]
    return in_order(which[np.argsort(-share, kind="stable")[:budget]])
