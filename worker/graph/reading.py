"""A whole graph, read once from Neo4j into memory: in pages, without a lock and without a write."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from worker.graph.memory import MemoryGraph
from worker.graph.port import NodeRows
from worker.physics.diffusion import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from worker.graph.neo4j import Neo4jGraph

PAGE = 2000  # nodes read at a time
LINKS = 50_000  # links read at a time, unless a single node has more


def read(graph: Neo4jGraph, done: Callable[[int], object] = bool, *, meaning: bool = True) -> MemoryGraph:
    """Return a copy of a graph under the database's own keys, without the queue; `done` hears of every page.

    The ledger is read last: no energy that was read before can be of a later reading of its clock. Without `meaning`,
    embeddings stay where they are: only a goal is compared with them. Raises Unreachable, Refused.
    """
    found = MemoryGraph(graph.name)
    for rows, degrees in _pages(graph, meaning=meaning):
        found.take_nodes(rows)
        for keys in _batches(rows.key, degrees):
            found.take_links(graph.links(keys, WHOLE)[0])
        done(len(rows.key))
    found.stats = dict(graph.statistics())
    found.noted = Counter(graph.visits())
    found.kept = graph.ledger()
    return found


def _pages(graph: Neo4jGraph, *, meaning: bool) -> Iterator[tuple[NodeRows, list[int]]]:
    """Yield nodes and their degrees; a page's last row only says what the next begins with."""
    first: str | None = ""
    while first is not None:
        (found,) = graph.connection.run("inspect/page", graph=graph.name, first=first, limit=PAGE + 1, meaning=meaning)
        rows, first = found["rows"], None
        if len(rows) > PAGE:
            first = rows.pop()[NodeRows._fields.index("id")]
        if rows:
            yield NodeRows(*zip(*rows, strict=True)), found["degrees"][: len(rows)]


def _batches(keys: Sequence[int], degrees: list[int]) -> Iterator[list[int]]:
    """Yield the keys of nodes that have links, so many at a time that their links are at most LINKS."""
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
