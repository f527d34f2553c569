"""From a snapshot to a graph of a new name in a database: no worker takes it before it is whole."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from worker.archive.load import Tables, ledger, statistics
from worker.errors import Busy, Fenced, ForeignChange, InputError, Refused, StrideError
from worker.graph.port import RESTORING, Ledger
from worker.process import process_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from worker.graph.connection import Row
    from worker.graph.neo4j import Neo4jGraph

BATCH = 20_000  # rows written in one transaction
CLEARED = 2_000  # nodes deleted in one, with all their links
LEASE = 60.0  # s for which a batch may take


def restore(graph: Neo4jGraph, tables: Tables, done: Callable[[str, int], object] = lambda *_: None) -> None:
    """Write a snapshot to a graph that is not there, or in place of one whose restoring broke off.

    `done` hears of every batch: table and rows. The ledger says that it is being restored until all is there. Raises InputError
    where the graph exists, Refused where it broke off, and what a connection raises.
    """
    there = graph.connection.run("snapshot/exists", graph=graph.name)[0]["exists"]
    before = graph.ledger() if there else None
    if there and (before is None or before.phase != RESTORING):
        raise _exists(graph)
    mine = graph.take(process_name(), LEASE)
    if mine is None or (mine.phase != RESTORING and mine.fence != 1):
        raise _exists(graph, restoring=before is not None)
    with _explained(graph, mine.fence):
        graph.adopt(replace(mine, phase=RESTORING), {})
        restorer = _Restorer(graph, tables, mine.fence, done)
        if mine.phase == RESTORING:
            restorer.clear()
        restorer.run()
        graph.adopt(replace(ledger(tables) or Ledger(), fence=mine.fence), statistics(tables))
        graph.release(mine.fence)


class _Restorer:
    """Writes one snapshot, table by table."""

    def __init__(self, graph: Neo4jGraph, tables: Tables, fence: int, done: Callable[[str, int], object]) -> None:
        self.graph = graph
        self.tables = tables
        self.fence = fence
        self.done = done

    def clear(self) -> None:
        """Delete what one before has written and did not end."""
        while deleted := self._run("snapshot/clear", batch=CLEARED)["deleted"]:
            self.done("what broke off", deleted)

    def run(self) -> None:
        """Write nodes, links, entities with their members, and the queue."""
        tables = self.tables
        nodes = self._keyed("nodes", tables.properties("nodes", "degree"))
        self._links(nodes)
        entities = self._keyed("entities", tables.properties("entities"))
        self._members(nodes, entities)
        self._stimuli()

    def _links(self, nodes: Sequence[int]) -> None:
        tables = self.tables
        source, target = tables.at("links", "source"), tables.at("links", "target")
        unnamed = self._unnamed(None in source, None in target)
        self._paired(
            "links",
            source=[unnamed[0] if at is None else nodes[at] for at in source],
            target=[unnamed[1] if at is None else nodes[at] for at in target],
            type=tables.links["type"].to_pylist(),
            properties=tables.properties("links", "key", "source", "target", "type"),
        )

    def _unnamed(self, *needed: bool) -> list[int]:
        """Make the nodes that stand for those whose id is no text: one for sources, which have one, and one for targets."""
        made = zip(needed, ({"id": 0}, {}), strict=True)
        return [self._keyed("nodes", [properties])[0] if need else -1 for need, properties in made]

    def _members(self, nodes: Sequence[int], entities: Sequence[int]) -> None:
        tables = self.tables
        rows = zip(
            tables.at("members", "node"),
            tables.at("members", "entity", "entities"),
            tables.properties("members", "node", "entity"),
            strict=True,
        )
        inside = [
            (nodes[node], entities[entity], found)
            for node, entity, found in rows
            if node is not None and entity is not None
        ]
        columns = zip(*inside, strict=True) if inside else ([], [], [])
        self._paired("members", **dict(zip(("node", "entity", "properties"), map(list, columns), strict=True)))

    def _stimuli(self) -> None:
        rows = self.tables.properties("stimuli", "place")
        if not rows:
            return
        known = [row["id"] for row in rows if row.pop("known") and "id" in row]
        times = [row.pop("created_at", None) for row in rows]
        self._run("snapshot/create_stimuli", properties=rows, created_at=None if None in times else times, known=known)
        self.done("stimuli", len(rows))

    def _keyed(self, kind: str, rows: list[dict[str, Any]]) -> list[int]:
        """Create nodes with these properties, and return the key of each."""
        keys: list[int] = []
        for lo in range(0, len(rows), BATCH):
            some = rows[lo : lo + BATCH]
            query = "snapshot/create_nodes" if kind == "nodes" else "snapshot/create_entities"
            keys += [key for _, key in sorted(self._run(query, properties=some)["keys"])]
            self.done(kind, len(some))
        return keys

    def _paired(self, kind: str, **columns: list[Any]) -> None:
        """Create relationships."""
        query = "snapshot/create_links" if kind == "links" else "snapshot/create_members"
        for lo in range(0, len(columns["properties"]), BATCH):
            some = {name: values[lo : lo + BATCH] for name, values in columns.items()}
            size = len(some["properties"])
            if self._run(query, **some)["created"] != size:
                raise ForeignChange("a node that was just restored is not there any more")
            self.done(kind, size)

    @retry(
        retry=retry_if_exception_type(
            Busy
        ),  # whose transaction was rolled back: any other may have created what it was to
        stop=stop_after_attempt(8),
        wait=wait_random_exponential(multiplier=0.25, max=15),
        reraise=True,
    )
    def _run(self, query: str, **parameters: Any) -> Row:
        self.graph.renew(self.fence, LEASE)
        rows = self.graph.connection.run(query, graph=self.graph.name, fence=self.fence, **parameters)
        if not rows:
            raise Fenced(f"another worker has taken the graph {self.graph.name!r}")
        return rows[0]


@contextmanager
def _explained(graph: Neo4jGraph, fence: int) -> Iterator[None]:
    """Say what is left where it breaks off, and let the next one begin at once."""
    try:
        yield
    except StrideError as error:
        with suppress(StrideError):
            graph.release(fence)
        raise Refused(
            f"the graph {graph.name!r} is restored in part, and no worker will take it: {error.args[0]}", LEFT
        ) from error


def _exists(graph: Neo4jGraph, *, restoring: bool = False) -> InputError:
    if restoring:
        why = f"the graph {graph.name!r} is just being restored by another process, or was up to {LEASE:g} s ago"
        return InputError(why, f"try again after {LEASE:g} s")
    return InputError(f"there is a graph {graph.name!r} already", "restore it under another name: --graph")


LEFT = "restore it again under that name: what is there is deleted first"
