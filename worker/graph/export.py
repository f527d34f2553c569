"""A whole graph as rows, whichever store it is in: what a snapshot is made of, and what its digest is taken over.

Nodes come page by page in ascending id, relationships in batches of their sources: values are whatever is in the store.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from worker.errors import Busy, HeldTooLong
from worker.graph.ledger import unpack
from worker.graph.port import MARKS
from worker.physics.model import WeightStats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from worker.graph.connection import Row, Transaction
    from worker.graph.memory import MemoryGraph
    from worker.graph.neo4j import Neo4jGraph
    from worker.graph.port import Ledger

PAGE = 4000  # nodes or entities read at a time
LINKS = 50_000  # relationships read at a time, unless a single node has more
AGAIN = 0.05  # s, between two looks whether links are done forgetting
UNNAMED = -1  # key of an end that has no id, or one that is no text
NODE = (
    "graph",
    "id",
    "type",
    "energy",
    "energy_at",
    "threshold",
    "visits",
    "embedding",
    "emotion",
    "retention",
    "resolved",
)
LINK = ("log_weight", "emotion")

More = list[list[Any]]  # properties that have no place of their own, and their values


class NodeBatch(NamedTuple):
    """Nodes in columns."""

    key: Sequence[int]
    id: Sequence[str]
    type: Sequence[Any]
    energy: Sequence[Any]
    energy_at: Sequence[Any]
    threshold: Sequence[Any]
    visits: Sequence[Any]
    embedding: Sequence[Any]
    emotion: Sequence[Any]
    retention: Sequence[Any]
    resolved: Sequence[Any]
    degree: Sequence[int]  # relationships of any kind, in and out
    members: Sequence[list[list[Any]]]  # [entity (None: no entity of this graph), weight, more]
    more: Sequence[More]


class LinkBatch(NamedTuple):
    """Relationships in columns, by the keys of their ends; one without a `log_weight` is no link."""

    source: Sequence[int]
    target: Sequence[int]
    key: Sequence[int]
    type: Sequence[str]
    log_weight: Sequence[Any]  # []: none
    emotion: Sequence[Any]  # []: none
    more: Sequence[More]


class StimulusBatch(NamedTuple):
    """Entries of the queue in columns, in the order in which ticks take them."""

    id: Sequence[Any]
    node: Sequence[Any]
    delta: Sequence[Any]
    budget: Sequence[Any]
    candidates: Sequence[Any]
    similarity: Sequence[Any]
    source: Sequence[Any]
    created_at: Sequence[str | None]
    known: Sequence[bool]  # its id was applied before


Batch = TypeVar("Batch", NodeBatch, LinkBatch, StimulusBatch)


class Export(Protocol):
    """A graph that stays as it is while it is read."""

    name: str
    ledger: Ledger | None

    def nodes(self, *, more: bool, meaning: bool) -> Iterator[NodeBatch]:
        """Yield nodes in ascending id; `more`: with the properties that have no place of their own; `meaning`: embeddings."""

    def links(self, keys: Sequence[int], *, more: bool) -> LinkBatch:
        """Read all relationships from these nodes to nodes of the graph."""

    def unnamed(self) -> LinkBatch:
        """Read the links that go out of nodes whose id is no text."""

    def entities(self, *, more: bool) -> Iterator[list[list[Any]]]:
        """Yield entities, [id, more] each, in ascending id."""

    def stimuli(self) -> StimulusBatch:
        """Read the queue."""

    def statistics(self) -> Mapping[str, WeightStats]:
        """Read the kept statistics by link type."""

    def visits(self) -> Mapping[str, int]:
        """Count the visits that commits have noted and that no node has been given yet."""


class Neo4jExport:
    """A graph in Neo4j, read inside a transaction that holds its ledger: nothing that a worker does can come between."""

    def __init__(self, name: str, transaction: Transaction, until: float) -> None:
        self.name = name
        self._transaction = transaction
        self._until = until
        found = self._run("snapshot/lock")[0]["ledger"]
        self.ledger = unpack(found) if "tick" in found else None

    def nodes(self, *, more: bool, meaning: bool) -> Iterator[NodeBatch]:
        """Yield nodes in ascending id."""
        at = NodeBatch._fields.index("id")
        for rows in self._pages("snapshot/nodes", at, known=(*NODE, *MARKS), more=more, meaning=meaning):
            yield _batch(NodeBatch, rows)

    def links(self, keys: Sequence[int], *, more: bool) -> LinkBatch:
        """Read all relationships from these nodes to nodes of the graph."""
        return LinkBatch(**self._run("snapshot/links", keys=keys, known=(*LINK, *MARKS), more=more)[0])

    def unnamed(self) -> LinkBatch:
        """Read the links that go out of nodes whose id is no text."""
        row = self._run("snapshot/unnamed")[0]
        ends = [UNNAMED] * len(row["key"])
        none: Sequence[More] = [[] for _ in ends]
        return LinkBatch(source=ends, target=ends, emotion=none, more=none, **row)

    def entities(self, *, more: bool) -> Iterator[list[list[Any]]]:
        """Yield entities in ascending id."""
        yield from self._pages("snapshot/entities", 0, more=more)

    def stimuli(self) -> StimulusBatch:
        """Read the queue."""
        return _batch(StimulusBatch, self._run("snapshot/stimuli")[0]["rows"])

    def statistics(self) -> Mapping[str, WeightStats]:
        """Read the kept statistics by link type."""
        return {row["type"]: WeightStats(row["n"], row["mean"], row["std"]) for row in self._run("attach/statistics")}

    def visits(self) -> Mapping[str, int]:
        """Count the visits that commits have noted and that no node has been given yet."""
        return {row["id"]: row["visits"] for row in self._run("attach/visits")}

    def types(self) -> list[str]:
        """Read which relationship types the database knows, those of other graphs too."""
        return [row["name"] for row in self._run("adopt/names") if row["what"] == "type"]

    def _pages(self, name: str, at: int, **parameters: Any) -> Iterator[list[list[Any]]]:
        """Yield pages of rows that have an id at a place; a page's last row only says what the next begins with."""
        first: str | None = ""
        while first is not None:
            rows, first = self._run(name, first=first, limit=PAGE + 1, **parameters)[0]["rows"], None
            if len(rows) > PAGE:
                first = rows.pop()[at]
            if rows:
                yield rows

    def _run(self, name: str, **parameters: Any) -> list[Row]:
        if time.monotonic() > self._until:
            raise Busy("the ledger is not held any longer")
        return self._transaction.run(name, graph=self.name, **parameters)


@contextmanager
def held(graph: Neo4jGraph, hold: float, waits: Callable[[], object] = bool) -> Iterator[Neo4jExport]:
    """Read a graph while its ledger is held, for at most so many seconds: then the transaction is broken off, here and there.

    Waits as long for links that are just forgetting: how far they have come is told by keys that only this database has;
    `waits` hears of each look. Nothing stays written. Raises HeldTooLong, and what a connection raises.
    """
    patience = time.monotonic() + hold
    while True:
        until = time.monotonic() + hold
        try:
            with graph.connection.transaction(timeout=hold) as transaction:
                export = Neo4jExport(graph.name, transaction, until)
                if export.ledger is None or not export.ledger.forgetting:
                    yield export
                    return
        except Busy as error:
            if time.monotonic() < until:
                raise
            why = f"reading the graph {graph.name!r} takes longer than {hold:g} s, for which no tick could commit"
            raise HeldTooLong(why, "a longer --hold, or end the worker first: without one, nobody waits") from error
        if time.monotonic() > patience:
            why = f"links of the graph {graph.name!r} have been forgetting for {hold:g} s, and are not done"
            raise HeldTooLong(why, "a worker finishes that: `stridegraph run --ticks 1`")
        waits()
        time.sleep(AGAIN)


class MemoryExport:
    """A graph in memory, which nothing else writes to."""

    def __init__(self, graph: MemoryGraph) -> None:
        self.graph = graph
        self.name, self.ledger = graph.name, graph.kept
        self._degree = Counter(graph.elsewhere)
        for link in graph.link.values():
            self._degree.update({link.source, link.target})

    def degree(self, key: int) -> int:
        """Return how many relationships of any kind a node has, in and out."""
        return self._degree[key] + len(self.graph.member.get(key, ()))

    def nodes(self, *, more: bool, meaning: bool) -> Iterator[NodeBatch]:
        """Yield nodes in ascending id."""
        graph = self.graph
        keys = sorted(
            (key for key, node in graph.node.items() if isinstance(node.get("id"), str)),
            key=lambda k: graph.node[k]["id"],
        )
        for lo in range(0, len(keys), PAGE):
            rows = [self._row(key, more=more, meaning=meaning) for key in keys[lo : lo + PAGE]]
            yield _batch(NodeBatch, rows)

    def _row(self, key: int, *, more: bool, meaning: bool) -> list[Any]:
        node, members = self.graph.node[key], self.graph.member.get(key, ())
        known = [node.get(name) if meaning or name != "embedding" else None for name in NODE[1:]]
        inside = [
            [
                entity.get("id") if entity["graph"] == self.name else None,
                found.get("weight"),
                _more(found, ("weight",), more=more),
            ]
            for entity, found in ((self.graph.entity[at], found) for at, found in members)
        ]
        return [key, *known, self.degree(key), inside, _more(node, NODE, more=more)]

    def links(self, keys: Sequence[int], *, more: bool) -> LinkBatch:
        """Read all relationships from these nodes to nodes of the graph."""
        rows = []
        for key in (link for source in keys for link in self.graph.out_links(source)):
            link = self.graph.link[key]
            if link.target in self.graph.node:
                target = link.target if isinstance(self.graph.node[link.target].get("id"), str) else UNNAMED
                weight, emotion = link.properties.get("log_weight"), link.properties.get("emotion")
                values = ([] if weight is None else weight, [] if emotion is None else emotion)
                rows.append((link.source, target, key, link.type, *values, _more(link.properties, LINK, more=more)))
        return _batch(LinkBatch, rows)

    def unnamed(self) -> LinkBatch:
        """Read the links that go out of nodes whose id is no text."""
        rows: list[tuple[Any, ...]] = [
            (UNNAMED, UNNAMED, key, link.type, link.properties["log_weight"], [], [])
            for key, link in self.graph.link.items()
            if link.source in self.graph.node
            and not isinstance(self.graph.node[link.source].get("id"), str)
            and link.properties.get("log_weight") is not None
        ]
        return _batch(LinkBatch, rows)

    def entities(self, *, more: bool) -> Iterator[list[list[Any]]]:
        """Yield entities in ascending id."""
        mine = [found for found in self.graph.entity.values() if found["graph"] == self.name]
        named = sorted((found for found in mine if isinstance(found.get("id"), str)), key=itemgetter("id"))
        yield [[found["id"], _more(found, ("graph", "id"), more=more)] for found in named]

    def stimuli(self) -> StimulusBatch:
        """Read the queue."""
        rows = [
            (s.id, s.node, s.delta, s.budget, s.candidates, s.similarity, s.source, None, s.known)
            for s in self.graph.intake(len(self.graph.queue))
        ]
        return _batch(StimulusBatch, rows)

    def statistics(self) -> Mapping[str, WeightStats]:
        """Read the kept statistics by link type."""
        return self.graph.statistics()

    def visits(self) -> Mapping[str, int]:
        """Count the visits that commits have noted and that no node has been given yet."""
        return self.graph.visits()


def batches(keys: Sequence[int], degrees: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield the keys of nodes that have relationships, so many at a time that these are at most LINKS."""
    batch: list[int] = []
    size = 0
    for key, degree in zip(keys, degrees, strict=True):
        if batch and size + degree > LINKS:
            yield batch
            batch, size = [], 0
        if degree:
            batch.append(key)
            size += degree
    if batch:
        yield batch


def _batch(kind: type[Batch], rows: Sequence[Sequence[Any]]) -> Batch:
    """Return rows as columns; of no row, as columns of nothing."""
    return kind(*(zip(*rows, strict=True) if rows else [()] * len(kind._fields)))


def _more(properties: Mapping[str, Any], known: Sequence[str], *, more: bool) -> More:
    return [[name, value] for name, value in sorted(properties.items()) if name not in known] if more else []
