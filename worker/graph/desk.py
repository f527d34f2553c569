"""What people ask of a graph: put energy in, see what is active, how it stands, and what is wrong with it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.errors import InputError
from worker.graph.port import Ledger
from worker.graph.rows import Rejected

if TYPE_CHECKING:
    from worker.graph.neo4j import Neo4jGraph
    from worker.settings import Settings

LISTED = 1000  # problems that a check lists; beyond that it only counts


class Injected(NamedTuple):
    """What became of a stimulus: `queued`, `waiting` (its id was in the queue), or `applied` (its id was, before)."""

    id: str
    node: str
    delta: float
    state: str


class Problems(NamedTuple):
    """What the physics will not take: how many, and the first of them."""

    total: int
    listed: list[Rejected]


def inject(graph: Neo4jGraph, node: str, delta: float, stimulus: str, source: str, energy_max: float) -> Injected:
    """Append a stimulus to the queue; a second time with the same id changes nothing. Raises InputError."""
    if not (math.isfinite(delta) and 0.0 < delta <= energy_max):
        raise InputError(f"energy {delta!r} is not a number over 0", f"give one up to {energy_max:g}")
    row = graph.connection.run("intake/inject", graph=graph.name, id=stimulus, node=node, delta=delta, source=source)[0]
    if not row["known"]:
        raise InputError(
            f"there is no node {node!r} in the graph {graph.name!r}", "see `stridegraph top`, or its ids in Neo4j"
        )
    state = "applied" if row["applied"] else "queued" if row["created"] else "waiting"
    return Injected(stimulus, node, delta, state)


def top(graph: Neo4jGraph, settings: Settings, limit: int) -> list[dict[str, Any]]:
    """Return the nodes with most energy now: id, type, label, energy, threshold."""
    rows = graph.connection.run("inspect/top", graph=graph.name, limit=limit, **_clock(graph, settings))
    parameters = settings.physics
    for row in rows:
        row["threshold"] = row["threshold"] or parameters.threshold_of(row["type"] or "*")
    return rows


def status(graph: Neo4jGraph, settings: Settings) -> dict[str, Any]:
    """Return how a graph stands, counted in the database: figures, ledger, lease, queue, books."""
    parameters = settings.physics
    thresholds = {kind: parameters.threshold_of(kind) for kind in (*parameters.threshold.types, "*")}
    ledger = graph.ledger() or Ledger()
    counted = graph.connection.run("inspect/status", graph=graph.name, threshold=thresholds, **_clock(graph, settings))[
        0
    ]
    queue = graph.connection.run("inspect/queue", graph=graph.name)[0]
    books = ledger.books
    return {
        "graph": graph.name,
        "tick": ledger.tick,
        "phase": ledger.phase,
        "nodes": counted["nodes"],
        "links": queue["links"],
        "energy_total": counted["energy_total"],
        "active": counted["active"],
        "decay_clock": ledger.decay_clock,
        "books": {name: sum(getattr(books, name)) for name in ("opening", "injected", "external", "lost", "decayed")},
        "conservation_error": counted["energy_total"] - books.total + books.error,
        "stimuli": {name: queue[name] for name in ("pending", "applied", "rejected")},
        "fence": ledger.fence,
        "digest": ledger.digest,
    }


def check(graph: Neo4jGraph, settings: Settings) -> Problems:
    """Return everything in a graph that the physics will not take, by scanning it."""
    total, listed = 0, []
    for name, parameters in (("nodes", {"energy_max": settings.tick.energy_max}), ("links", {}), ("stimuli", {})):
        row = graph.connection.run(f"inspect/bad_{name}", graph=graph.name, limit=LISTED, **parameters)[0]
        total += row["count"]
        listed += [Rejected(*problem) for problem in row["rows"]]
    return Problems(total, listed[:LISTED])


def _clock(graph: Neo4jGraph, settings: Settings) -> dict[str, Any]:
    parameters = settings.physics
    half_lives = {kind: parameters.half_life(kind) for kind in (*parameters.decay.half_life, "*")}
    return {"clock": (graph.ledger() or Ledger()).decay_clock, "half_life": half_lives}
