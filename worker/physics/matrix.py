"""Selection and transfer as one sparse operator (SPEC §6): K = `all`, no fanout cut, no loop over links.

The operator has a row for each source and a column for each loaded node; each link is an entry of its own, parallel ones
too. A row's entries stand in ascending cost, so that its sum is taken in the order of §2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from worker.physics.decay import energies
from worker.physics.fanout import STRATEGIES
from worker.physics.kernels import exps, standard_scores
from worker.physics.select import Chosen
from worker.physics.transfer import LEAST, running
from worker.physics.valence import costs

if TYPE_CHECKING:
    from worker.physics.model import Floats, Frontier, Int32s, Ints, Strides
    from worker.physics.parameters import Parameters
    from worker.physics.valence import Terms


def select(frontier: Frontier, terms: Terms, parameters: Parameters) -> Chosen:
    """Choose all links of each source, in ascending cost; the shares are the row-wise softmax of −c / T."""
    cost = costs(frontier, every_link(frontier), terms, parameters).full
    return softmax(frontier, cost, parameters.select.temperature, terms)


def transfer(frontier: Frontier, chosen: Chosen, terms: Terms, _: Parameters) -> Strides:
    """Return the strides that move energy: E · π · w̃ · α · Δt, a row over β · E brought down to it."""
    energy, row = energies(frontier, frontier.sources), chosen.source
    moved = energy[row] * chosen.share * exps(chosen.z) * terms.flow
    out, most = row_sums(frontier, chosen.link, chosen.offset, moved), terms.beta * energy
    over = (out > most)[row]
    part = np.divide(moved, out[row], out=np.zeros_like(moved), where=over)
    return running(frontier, chosen, np.where(over, most[row] * part, moved), LEAST)


def every_link(frontier: Frontier) -> Ints:
    """Return the links of all sources (M,): source after source, each one's by their place."""
    first = np.cumsum(frontier.degree, dtype=np.int64) - frontier.degree
    link: Ints = np.arange(frontier.degree.sum()) + np.repeat(frontier.start - first, frontier.degree)
    return link


def every_row(frontier: Frontier) -> Int32s:
    """Return the place of each of these links' source among the sources (M,)."""
    return np.repeat(np.arange(len(frontier.sources), dtype=np.int32), frontier.degree)


def softmax(frontier: Frontier, cost: Floats, temperature: float, terms: Terms) -> Chosen:
    """Choose every link, given the costs (M,) in the order of `every_link`; the shares are the softmax of −cost / T by row.

    Ties fall to the link that comes first. A row's least cost is taken out of its exponents, so that none overflows.
    """
    degree, row = frontier.degree, every_row(frontier)
    offset = np.concatenate(([0], np.cumsum(degree, dtype=np.int64)))
    order = np.lexsort((cost, row))  # stable: equal costs stay in their place
    link, cost, first = every_link(frontier)[order], cost[order], offset[row]
    with np.errstate(over="ignore"):  # near T = 0 the cheapest takes all
        part = exps((cost[first] - cost) / temperature)
    return Chosen(
        offset=offset,
        link=link,
        target=frontier.links.target[link],
        z=standard_scores(frontier.links, link, frontier.standard, terms.z_clip),
        cost=cost,
        share=part / row_sums(frontier, link, offset, part)[row],
        source=row,
        rank=(np.arange(len(row)) - first).astype(np.int32),
        explored=np.zeros(len(row), dtype=np.bool_),
        strategy=np.full(len(degree), STRATEGIES.index("exhaustive"), dtype=np.int32),
    )


def row_sums(frontier: Frontier, link: Ints, offset: Ints, values: Floats) -> Floats:
    """Return the product with 1 of the operator that has these values (M,) for these links: what leaves each source (S,)."""
    shape = (len(frontier.sources), len(frontier.nodes.energy))
    operator = csr_array((values, frontier.links.target[link], offset), shape=shape)
    return np.asarray(operator @ np.ones(shape[1]), dtype=np.float64)
