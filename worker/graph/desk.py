"""What people ask of a graph: put energy in, see what is active, how it stands, and what is wrong with it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.errors import InputError
from worker.graph.port import Ledger
from worker.graph.rows import LATEST, Rejected
from worker.physics import weights
from worker.physics.retention import kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.graph.neo4j import Neo4jGraph
    from worker.settings import Settings

HEAVIEST = 50  # links that are shown of a node
NEIGHBOURS = 10  # links that are shown of a node among others
LOOKED = 10_000  # links of a node among which these are looked for
LABELLED = 200_000  # nodes among which labels are looked for
LISTED = 1000  # problems that a check lists; beyond that it only counts


class Direct(NamedTuple):
    """Energy for one node."""

    node: str
    delta: float

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.delta:g} for {self.node}"

    @property
    def nodes(self) -> list[str]:
        """All nodes that it is for."""
        return [self.node]

    def check(self, energy_max: float) -> None:
        """Refuse what no tick would apply. Raises InputError."""
        _energy("energy", self.delta, energy_max)

    def properties(self) -> dict[str, Any]:
        """Return it as it stands in the queue."""
        return self._asdict()


class Budget(NamedTuple):
    """Energy to be shared out among candidates, by their similarity (SPEC §10)."""

    budget: float
    candidates: dict[str, float]

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.budget:g} among {', '.join(self.candidates)}"

    @property
    def nodes(self) -> list[str]:
        """All nodes that it is for."""
        return list(self.candidates)

    def check(self, energy_max: float) -> None:
        """Refuse what no tick would apply. Raises InputError."""
        _energy("budget", self.budget, energy_max)
        for node, similarity in self.candidates.items():
            if not 0.0 < similarity <= 1.0:
                raise InputError(
                    f"the similarity of {node!r}, {similarity!r}, is not over 0 and at most 1", "correct it"
                )

    def properties(self) -> dict[str, Any]:
        """Return it as it stands in the queue."""
        return {"budget": self.budget, "candidates": self.nodes, "similarity": list(self.candidates.values())}


def amount(node: str | Mapping[str, float], energy: float) -> Direct | Budget:
    """Return energy for a node, or to be shared out among candidates with their similarities."""
    return Direct(node, energy) if isinstance(node, str) else Budget(energy, dict(node))


class Problems(NamedTuple):
    """What the physics will not take: how many, and the first of them."""

    total: int
    listed: list[Rejected]


def inject(graph: Neo4jGraph, amount: Direct | Budget, stimulus: str, source: str, energy_max: float) -> str:
    """Append a stimulus to the queue; a second time with the same id changes nothing. Raises InputError.

    Returns what has become of it: `queued`, `waiting` (its id was in the queue), or `applied` (its id was, before).
    """
    amount.check(energy_max)
    (row,) = graph.connection.run(
        "intake/inject",
        graph=graph.name,
        id=stimulus,
        nodes=amount.nodes,
        properties=amount.properties(),
        source=source,
    )
    if row["unknown"]:
        raise InputError(
            f"there is no node {row['unknown'][0]!r} in the graph {graph.name!r}",
            "see `stridegraph top`, or its ids in Neo4j",
        )
    return "applied" if row["applied"] else "queued" if row["created"] else "waiting"


def top(graph: Neo4jGraph, settings: Settings, limit: int) -> list[dict[str, Any]]:
    """Return the nodes with most energy now: id, type, label, energy, threshold."""
    rows = graph.connection.run("inspect/top", limit=limit, **_as_of_now(graph, settings))
    parameters = settings.physics
    for row in rows:
        row["threshold"] = row["threshold"] or parameters.threshold_of(row["type"] or "*")
    return rows


def node(graph: Neo4jGraph, settings: Settings, own: str) -> dict[str, Any] | None:
    """Return one node as it is now, with its heaviest links; None where the graph has no such node.

    id, type, label, energy (None: it is quarantined), threshold, active, visits, links (target, its label, type, log_weight,
    z: that weight as §3 reads it; None where the physics skips the link).
    """
    rows = graph.connection.run("inspect/node", id=own, limit=HEAVIEST, **_as_of_now(graph, settings))
    if not rows:
        return None
    found = rows[0]
    found["threshold"] = found["threshold"] or settings.physics.threshold_of(found["type"] or "*")
    found["links"] = [link for link in found["links"] if isinstance(link["target"], str)]
    _standardise(found["links"], graph, settings)
    return {**found, "active": found["energy"] is not None and found["energy"] >= found["threshold"]}


def neighbourhood(graph: Neo4jGraph, settings: Settings, limit: int) -> dict[str, Any]:
    """Return the nodes with most energy now, as `top` does, and of each its heaviest links to others of them.

    nodes (id, type, label, energy, threshold), links (source, target, type, log_weight, z).
    """
    nodes = top(graph, settings, limit)
    ids = [row["id"] for row in nodes]
    rows = graph.connection.run("inspect/among", graph=graph.name, ids=ids, looked=LOOKED, limit=NEIGHBOURS)
    links = [{"source": row["source"], **link} for row in rows for link in row["links"]]
    _standardise(links, graph, settings)
    return {"nodes": nodes, "links": links}


def search(graph: Neo4jGraph, text: str, limit: int) -> list[dict[str, Any]]:
    """Return nodes whose id or label begins with a text: id, type, label. Labels are looked for among LABELLED nodes."""
    asked = {"prefix": text, "lower": text.lower(), "limit": limit, "looked": LABELLED}
    return graph.connection.run("inspect/search", graph=graph.name, **asked)


def pending(graph: Neo4jGraph) -> int:
    """Return how many stimuli wait."""
    return int(graph.connection.run("inspect/pending", graph=graph.name)[0]["pending"])


def status(graph: Neo4jGraph, settings: Settings) -> dict[str, Any]:
    """Return how a graph stands, counted in the database: figures, ledger, lease, queue, books."""
    parameters = settings.physics
    thresholds = {kind: parameters.threshold_of(kind) for kind in (*parameters.threshold.types, "*")}
    ledger = graph.ledger() or Ledger()
    (counted,) = graph.connection.run("inspect/status", threshold=thresholds, **_as_of_now(graph, settings))
    queue = graph.connection.run("inspect/queue", graph=graph.name)[0]
    books = ledger.books
    return {
        "graph": graph.name,
        "tick": ledger.tick,
        "phase": ledger.phase,
        "nodes": counted["nodes"],
        "quarantined": counted["quarantined"],
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
    affect, goal = len(settings.physics.valence.affect), len(settings.physics.valence.goal)
    for name, parameters in (
        ("nodes", {"affect": affect, "goal": goal, **_sound(graph, settings)}),
        ("links", {"affect": affect}),
        ("members", {}),
        ("stimuli", {}),
    ):
        (row,) = graph.connection.run(f"inspect/bad_{name}", limit=LISTED, **{"graph": graph.name, **parameters})
        total += row["count"]
        listed += [Rejected(*problem) for problem in row["rows"]]
    return Problems(total, listed[:LISTED])


def _standardise(links: list[dict[str, Any]], graph: Neo4jGraph, settings: Settings) -> None:
    """Add to each link its weight as the physics reads it (§3): z, among all links of its type."""
    kinds, chosen = sorted({link["type"] for link in links}), settings.physics.weights
    read = weights.standard(kinds, graph.statistics(), chosen)
    of = {kind: (mean, scale) for kind, mean, scale in zip(kinds, read.mean.tolist(), read.scale.tolist(), strict=True)}
    for link in links:
        (mean, scale), value = of[link["type"]], link["log_weight"]
        z = (value - mean) * scale if abs(value) <= weights.LARGEST else None
        link["z"] = None if z is None else max(-chosen.z_clip, min(chosen.z_clip, z))


def others(graph: Neo4jGraph, limit: int = 10) -> list[str]:
    """Return the names of up to `limit` other graphs of the database where this one has no node, else none."""
    (row,) = graph.connection.run("inspect/graphs", graph=graph.name, limit=limit)
    found: list[str] = row["others"]
    return found


def _energy(name: str, amount: float, energy_max: float) -> None:
    if not (math.isfinite(amount) and 0.0 < amount <= energy_max):
        raise InputError(f"{name} {amount!r} is not a number over 0", f"give one up to {energy_max:g}")


def _as_of_now(graph: Neo4jGraph, settings: Settings) -> dict[str, Any]:
    """Return what a query needs to work out the energies of a graph as they are now (§9)."""
    parameters = settings.physics
    half_lives = {name: parameters.half_life(kind(name, 1.0)) for name in (*parameters.decay.half_life, "*")}
    return {"half_life": half_lives, **_sound(graph, settings)}


def _sound(graph: Neo4jGraph, settings: Settings) -> dict[str, Any]:
    """Return what a query needs to tell which energies of a graph the physics takes, as attaching would now."""
    ledger, known = graph.ledger() or Ledger(), {"graph": graph.name, "energy_max": settings.tick.energy_max}
    if not ledger.opening:
        return {"clock": ledger.decay_clock, **known}
    (row,) = graph.connection.run("inspect/latest", latest=LATEST, **known)
    return {"clock": row["clock"], **known}
