"""Which implementation of §6 works a tick's strides out: the one place that reads `diffusion.impl`.

| `impl` | sources | links of a source | share | what leaves a source |
|---|---|---|---|---|
| `stride` | active | the K cheapest candidates | softmax of −c / T | E · π · w̃ · α · Δt, at most β · E |
| `matrix` | active | all | softmax of −c / T | the same, as one sparse operator |
| `legacy` | all that have energy | all | proportional to e^(log w) | E · π · α · Δt |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from worker.physics import legacy, matrix
from worker.physics.select import select as select_cheapest
from worker.physics.transfer import transfer as transfer_capped

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.physics.model import Frontier, Strides
    from worker.physics.parameters import Parameters
    from worker.physics.select import Chosen
    from worker.physics.valence import Terms


WHOLE = 2**31 - 1  # links up to which a node is read whole: the most that Neo4j 5 compares a degree with


class Implementation(NamedTuple):
    """How strides are selected, how much each moves, and whether from every node that has energy or the active ones."""

    select: Callable[[Frontier, Terms, Parameters], Chosen]
    transfer: Callable[[Frontier, Chosen, Terms, Parameters], Strides]
    everywhere: bool = False
    cut: bool = False  # whether only the cheapest of a source's links are candidates


IMPLEMENTATIONS = {
    "stride": Implementation(select_cheapest, transfer_capped, cut=True),
    "matrix": Implementation(matrix.select, matrix.transfer),
    "legacy": Implementation(legacy.select, legacy.transfer, everywhere=True),
}


def select(frontier: Frontier, terms: Terms, parameters: Parameters) -> Chosen:
    """Choose each source's strides and their shares (§4–§6)."""
    return _chosen(parameters).select(frontier, terms, parameters)


def transfer(frontier: Frontier, chosen: Chosen, terms: Terms, parameters: Parameters) -> Strides:
    """Return the strides that move energy, with ΔE each (§6). Raises InputError where `legacy` would overdraw a source."""
    return _chosen(parameters).transfer(frontier, chosen, terms, parameters)


def everywhere(parameters: Parameters) -> bool:
    """Return whether every node that has energy is a source, and not the active ones alone."""
    return _chosen(parameters).everywhere


def most_read(parameters: Parameters) -> int:
    """Return the out-degree up to which all links of a source must be read: over it the cheapest are enough (§4)."""
    cut = _chosen(parameters).cut and parameters.fanout.task_mode != "methodical"
    return parameters.fanout.hub if cut else WHOLE


def _chosen(parameters: Parameters) -> Implementation:
    return IMPLEMENTATIONS[parameters.diffusion.impl]
