"""Hubs (SPEC §4): of a node with very many links only the best are held, ranked in the database, and again when it is due.

Which strides a hub makes depends neither on how many links are held nor on when they were ranked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from worker.graph.held import finish
from worker.graph.settle import write_visits
from worker.physics import fanout
from worker.physics.hubs import only, ranking, suffices
from worker.physics.valence import terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.graph.held import Held
    from worker.physics.model import Frontier


def sufficient(held: Held, view: Callable[[], Frontier]) -> Frontier:
    """Return the `view` of what is held, once it has all links that strides may depend on: of each hub the best.

    A hub whose best were ranked just now, and are not enough, is ranked with twice as many: that ends with all of them.
    """
    limits: dict[int, int] = {}
    while hubs := _lacking(held, frontier := view()):
        finish(held)
        write_visits(held)
        for i in hubs:
            limits[i] = 2 * limits[i] if i in limits else held.parameters.fanout.buffer
            held.resident.read_best(held.graph, i, limits[i], ranking(held.stats, held.parameters))
    return frontier


def _lacking(held: Held, frontier: Frontier) -> list[int]:
    """Return the hubs of which the links that are held may not be the best any more, or none is held."""
    more = held.resident["outdegree"][frontier.sources] != frontier.degree
    if not more.any():
        return []
    numbers = terms(held.parameters, 0.0)
    kept = fanout.kept(frontier.degree, frontier.active, held.parameters.fanout)
    return [
        int(frontier.sources[s])
        for s in np.flatnonzero(more).tolist()
        if frontier.degree[s] < held.parameters.fanout.enough
        or not suffices(
            only(frontier, s), int(kept[s]), held.resident.rest[int(frontier.sources[s])], numbers, held.resident.place
        )
    ]
