"""Transfer (SPEC §6): how much energy each stride moves, and what that makes of every node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from worker.physics.kernels import accumulate, carry, ends
from worker.physics.model import Strides

if TYPE_CHECKING:
    from worker.physics.model import Floats, Frontier, Ints
    from worker.physics.parameters import Parameters
    from worker.physics.select import Chosen
    from worker.physics.valence import Terms

LEAST = 1e-9  # a transfer of at most this share of the source's threshold is skipped


def transfer(frontier: Frontier, chosen: Chosen, terms: Terms, _: Parameters) -> Strides:
    """Return the strides that move energy, with ΔE each; never over β · E of a source in all."""
    moved = carry(frontier, chosen, terms)
    return running(frontier, chosen, moved, LEAST)


def running(frontier: Frontier, chosen: Chosen, moved: Floats, least: float) -> Strides:
    """Return those of the chosen strides that move (M,) energy over `least` times their source's threshold."""
    source, strategy, all_run = ends(frontier, chosen, moved, least)
    strides = Strides(
        source=source,
        target=chosen.target,
        link=chosen.link,
        rank=chosen.rank,
        cost=chosen.cost,
        share=chosen.share,
        energy=moved,
        strategy=strategy,
        explored=chosen.explored,
    )
    if all_run:
        return strides
    runs = moved > least * frontier.nodes.threshold[source]
    return Strides._make(column[runs] for column in strides)


def changes(frontier: Frontier, strides: Strides, source: Ints, target: Ints, size: int) -> tuple[Floats, Floats]:
    """Return δ of each touched node (U,), and of each stride the energy that stickiness does not keep (M,).

    `source` and `target` are the strides' ends as places among the `size` touched nodes.
    """
    change, lost = np.zeros(size), np.empty(len(strides.energy))
    accumulate(source, target, strides.energy, frontier.nodes.stickiness[strides.target], change, lost)
    return change, lost
