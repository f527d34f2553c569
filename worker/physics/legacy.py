"""The old full-graph step (SPEC §6), for comparisons only: E ← E + α · Δt · (Pᵀ − I) · E.

P is row-stochastic from e^(log w) over a source's links, of all types alike. A node without links keeps its energy: its row of
P is that of I. Every node that has energy is a source; there is no cost, no w̃, no fanout, no cap and no least transfer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from worker.errors import InputError
from worker.physics.decay import energies
from worker.physics.matrix import every_link, every_row, softmax
from worker.physics.transfer import running

if TYPE_CHECKING:
    from worker.physics.model import Frontier, Strides
    from worker.physics.parameters import Parameters
    from worker.physics.select import Chosen
    from worker.physics.valence import Terms

MOST = 1.0 - 1e-9  # share of its energy that leaves a source at α · Δt = 1: so that rounding overdraws none


def select(frontier: Frontier, terms: Terms, parameters: Parameters) -> Chosen:  # noqa: ARG001  (as the others)
    """Choose all links of each source, the heaviest first; the shares are its row of P.

    What stands for a cost is how far log w is under the source's largest: e^(log w) is then the softmax at T = 1.
    """
    log_weight = frontier.links.log_weight[every_link(frontier)]
    heaviest = np.full(len(frontier.sources), -np.inf)
    np.maximum.at(heaviest, every_row(frontier), log_weight)
    return softmax(frontier, np.repeat(heaviest, frontier.degree) - log_weight, 1.0, terms)


def transfer(frontier: Frontier, chosen: Chosen, terms: Terms, parameters: Parameters) -> Strides:
    """Return the strides that move energy: E · P · α · Δt each. Raises InputError where α · Δt is over 1."""
    if terms.flow > 1.0:
        alpha = parameters.tick.alpha
        raise InputError(
            f"tick.alpha = {alpha:g} and dt = {terms.flow / alpha:g} s: diffusion.impl = legacy takes a product of at most 1",
            "lower STRIDE_TICK__ALPHA, or dt by STRIDE_PACE__FIXED or STRIDE_PACE__DT_MAX",
        )
    energy = energies(frontier, frontier.sources)
    moved = energy[chosen.source] * chosen.share * min(terms.flow, MOST)
    return running(frontier, chosen, moved, 0.0)
