"""A user's own graph made one of the physics, and given back as it was.

Adopting writes relationships before nodes: they are links only once both their ends are nodes of the graph. Giving back goes
the other way round. So whoever is killed in between leaves no link that a worker would write to and that has no mark, and the
same command goes on where it was broken off. A mark on each node and link says what was added; the ledger says that there
are marks, and of which relationship types.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from worker.errors import Busy, Fenced, ForeignChange, GraphError, InputError, Refused
from worker.graph.bulk import BATCH, Bulk, Written, halved
from worker.graph.ledger import pack
from worker.graph.port import Ledger
from worker.graph.survey import WRITTEN
from worker.process import process_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.graph.neo4j import Neo4jGraph
    from worker.graph.survey import Found, Wish

    Done = Callable[[str, int], object]

WHOLE, PART = "whole", "part"  # what the ledger says of a graph that was not there before, and of one that was
_AGAIN = "run the same command again: it goes on where it was broken off"

_when_busy_again = retry(  # the transaction was rolled back; of any other, what was lost may be its answer
    retry=retry_if_exception_type(Busy),
    stop=stop_after_attempt(8),
    wait=wait_random_exponential(multiplier=0.25, max=15),
    reraise=True,
)


class Adopted(NamedTuple):
    """What an adoption has added to a graph, by the database's keys; and how many ticks a worker has done on it."""

    nodes: list[int]
    links: list[int]
    ticks: int


def adopt(graph: Neo4jGraph, wish: Wish, found: Found, batch: int = BATCH, done: Done = lambda *_: None) -> None:
    """Write what a survey has found; `done` hears of every batch: what, and how many.

    Raises ForeignChange where something has changed since the survey, and what a connection raises.
    """
    if found.nodes.empty and found.links.empty:
        return
    with _told(f"the graph {graph.name!r} is adopted in part", f"{_AGAIN}; or --undo what is done"):
        _begin(graph, wish)
        links, nodes = Batches(graph, "adopt/take_links"), Batches(graph, "adopt/take_nodes")
        links.write(found.links, "links", batch, done)
        how = {"from": dict(wish.id_from), "prefix": wish.prefix, "written": list(WRITTEN)}
        nodes.write(found.nodes, "nodes", batch, done, **how)
        Bulk(graph.connection, graph.name).announce()


def _begin(graph: Neo4jGraph, wish: Wish) -> None:
    there = graph.connection.run("snapshot/exists", graph=graph.name)[0]["exists"]
    fresh = {**pack(Ledger()), "fence": 0, "revision": 0}
    extent, types = PART if there else WHOLE, list(wish.types)
    graph.connection.run("adopt/begin", graph=graph.name, fresh=fresh, extent=extent, types=types)


def adopted(graph: Neo4jGraph) -> Adopted:
    """Return what has been adopted into a graph. Raises InputError where nothing was."""
    rows = graph.connection.run("inspect/ledger", graph=graph.name)
    kept = rows[0]["ledger"] if rows else {}
    if "adopted" not in kept:
        raise InputError(f"nothing was adopted into the graph {graph.name!r}", "name the graph: --graph")
    nodes = graph.connection.run("adopt/adopted_nodes", graph=graph.name)[0]["keys"]
    links = graph.connection.run("adopt/adopted_links", graph=graph.name, types=kept["adopted_types"])[0]["keys"]
    return Adopted(nodes, links, kept["tick"])


def give_back(graph: Neo4jGraph, there: Adopted, ttl: float, batch: int = BATCH, done: Done = lambda *_: None) -> bool:
    """Take away all that an adoption and a worker have added; return whether what the worker kept is gone too.

    It stays where the graph has other nodes, or was there before. Raises Refused while a worker holds the graph, whose lease
    is taken for as long as this lasts, `ttl` seconds at a time; and what a connection raises.
    """
    mine = graph.take(process_name(), ttl)
    if mine is None:
        raise Refused(f"a worker is running on the graph {graph.name!r}", "stop it, and wait until its lease is over")
    try:
        with _told(f"the adoption into the graph {graph.name!r} is undone in part", _AGAIN):
            fenced = Batches(graph, "adopt/return_nodes", mine.fence, ttl)
            fenced.write(pd.DataFrame({"key": np.sort(there.nodes)}), "nodes", batch, done)
            fenced = Batches(graph, "adopt/return_links", mine.fence, ttl)
            fenced.write(pd.DataFrame({"key": np.sort(there.links)}), "links", batch, done)
            return _end(graph, mine.fence, batch)
    finally:
        graph.release(mine.fence)


def _end(graph: Neo4jGraph, fence: int, batch: int) -> bool:
    run = graph.connection.run
    alone = bool(run("adopt/alone", graph=graph.name)[0]["alone"])
    while alone and run("adopt/drop", graph=graph.name, fence=fence, limit=batch)[0]["dropped"]:
        pass
    if not run("adopt/end", graph=graph.name, fence=fence, drop=alone):
        raise _taken(graph)
    return alone


class Batches:
    """Writes rows by one query, so many in a transaction: by the fence of a lease, where there is one."""

    def __init__(self, graph: Neo4jGraph, query: str, fence: int | None = None, ttl: float = 0.0) -> None:
        self._graph, self._query, self._ttl = graph, query, ttl
        self._fence = {} if fence is None else {"fence": fence}

    def write(self, rows: pd.DataFrame, what: str, batch: int, done: Done, **how: Any) -> None:
        """Write all rows; `done` hears of each batch."""

        def send(some: pd.DataFrame) -> Written:
            return self._send(some, how)

        for start in range(0, len(rows), batch):
            some = rows.iloc[start : start + batch]
            halved(send, some)
            done(what, len(some))

    @_when_busy_again
    def _send(self, rows: pd.DataFrame, how: dict[str, Any]) -> Written:
        if self._fence:
            self._graph.renew(self._fence["fence"], self._ttl)
        columns = {str(name): rows[name].tolist() for name in rows}
        with self._graph.connection.transaction() as transaction:
            found = transaction.run(self._query, graph=self._graph.name, **self._fence, **columns, **how)
            if not found:
                raise _taken(self._graph)
            (written,) = found[0].values()
            if not self._fence and written != len(rows):
                raise ForeignChange(f"{len(rows) - written} of {len(rows)} are not as they were a moment ago")
            transaction.commit()
        return Written(written)


@contextmanager
def _told(what: str, remedy: str) -> Iterator[None]:
    """Say what is left where it breaks off."""
    try:
        yield
    except GraphError as error:
        raise type(error)(f"{what}: {error.args[0]}", remedy) from error


def _taken(graph: Neo4jGraph) -> Fenced:
    return Fenced(f"a worker has taken the graph {graph.name!r}", "stop it")
