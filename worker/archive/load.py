"""A snapshot as a graph in memory, under keys that depend on nothing but ids: the order of rows changes no bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, cast

import pyarrow.compute as pc

from worker.archive.snapshot import tables_of
from worker.archive.tables import SCHEMAS
from worker.errors import InputError
from worker.graph.export import MemoryExport
from worker.graph.ledger import unpack
from worker.graph.memory import Link, MemoryGraph
from worker.physics.model import WeightStats

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from worker.graph.export import Export
    from worker.graph.port import Ledger

REQUIRED = {
    "nodes": ("id", "degree"), "links": ("key", "type"), "entities": ("id",), "members": ("node",),
    "statistics": ("type", "n", "mean", "std"), "stimuli": ("place", "known"),
    "ledger": tuple(name for name in SCHEMAS["ledger"].names if name not in {"branching", "growth"}),
}  # fmt: skip
UNIQUE = (("nodes", "id"), ("entities", "id"), ("links", "key"), ("statistics", "type"), ("stimuli", "place"))
ENDS = (
    ("links", "source", "nodes"),
    ("links", "target", "nodes"),
    ("members", "node", "nodes"),
    ("members", "entity", "entities"),
)


class Source(Protocol):
    """Where the tables of a graph are: `folder` names it, `manifest` says the graph's name."""

    @property
    def folder(self) -> Path:
        """A path, or what messages name instead."""

    @property
    def manifest(self) -> dict[str, Any]:
        """What is said of the tables."""

    def table(self, kind: str) -> pa.Table:
        """Return a table."""


class InMemory(NamedTuple):
    """The tables of a graph that was just read, and of which there is no folder."""

    folder: Path
    manifest: dict[str, Any]
    tables: dict[str, pa.Table]

    def table(self, kind: str) -> pa.Table:
        """Return a table."""
        return self.tables[kind]


class Tables:
    """The tables of a snapshot, held to what they promise each other. Raises InputError."""

    def __init__(self, snapshot: Source) -> None:
        self.snapshot = snapshot
        found = {kind: snapshot.table(kind) for kind in SCHEMAS}
        self.nodes = found["nodes"].sort_by("id")
        self.links = found["links"].sort_by("key")
        self.entities = found["entities"].sort_by("id")
        self.members = found["members"].sort_by(
            [("node", "ascending"), ("entity", "ascending"), ("weight", "ascending")]
        )
        self.statistics = found["statistics"].sort_by("type")
        self.stimuli = found["stimuli"].sort_by("place")
        self.ledger = found["ledger"]
        self._check()

    def properties(self, kind: str, *without: str) -> list[dict[str, Any]]:
        """Return each row's properties: its columns, and over them what has none of its own."""
        table = getattr(self, kind).drop_columns([*without])
        rows = []
        for row in table.to_pylist():
            more = row.pop("properties")
            own = {name: value for name, value in row.items() if value is not None}
            rows.append(own | json.loads(more) if more else own)
        return rows

    def at(self, kind: str, column: str, of: str = "nodes") -> list[int | None]:
        """Return the places of the nodes, or entities, that a column names."""
        places: list[int | None] = pc.index_in(
            getattr(self, kind)[column], value_set=getattr(self, of)["id"], skip_nulls=True
        ).to_pylist()
        return places

    def _check(self) -> None:
        for kind, columns in REQUIRED.items():
            if any(getattr(self, kind)[column].null_count for column in columns):
                raise self._wrong(kind, f"one of {', '.join(columns)} is missing in a row")
        for kind, column in UNIQUE:
            if pc.count_distinct(getattr(self, kind)[column]).as_py() != getattr(self, kind).num_rows:
                raise self._wrong(kind, f"a {column} is there twice")
        for kind, column, of in ENDS:
            if self.at(kind, column, of).count(None) > getattr(self, kind)[column].null_count:
                raise self._wrong(kind, f"a {column} is not among the {of}")
        for kind in ("nodes", "links", "entities", "members", "stimuli"):
            own = {"id", "graph"} if kind in {"nodes", "entities"} else {"graph"}
            if not all(_is_object(text, own) for text in pc.drop_null(getattr(self, kind)["properties"]).to_pylist()):
                raise self._wrong(kind, "properties are no JSON object, or one that says whose they are")
        if self.ledger.num_rows > 1:
            raise self._wrong("ledger", "there are two")

    def _wrong(self, kind: str, why: str) -> InputError:
        return InputError(
            f"{self.snapshot.folder / f'{kind}.parquet'}: {why}", "it is not as `stridegraph snapshot` writes it"
        )


Kind = TypeVar("Kind", bound=MemoryGraph)


def memory(tables: Tables) -> MemoryGraph:
    """Return the graph of a snapshot, with its queue."""
    return filled(MemoryGraph(tables.snapshot.manifest["graph"]), tables)


def read(export: Export, *, meaning: bool = True, done: Callable[[str, int], object] = lambda *_: None) -> MemoryGraph:
    """Return a graph that is read while nobody writes to it, with its queue, as its snapshot would be.

    Without `meaning`, embeddings stay where they are: only a goal is compared with them. `done` hears of every piece.
    """
    tables = tables_of(export, meaning=meaning, done=done)
    return memory(Tables(InMemory(Path(export.name), {"graph": export.name}, tables)))


def filled(graph: Kind, tables: Tables) -> Kind:
    """Return a graph in memory with all that is in a snapshot."""
    graph.node.update(enumerate(tables.properties("nodes", "degree")))
    _links(graph, tables)
    _members(graph, tables)
    own = MemoryExport(graph)
    graph.elsewhere.update(
        {
            place: had - own.degree(place)
            for place, had in enumerate(tables.nodes["degree"].to_pylist())
            if had > own.degree(place)
        }
    )
    graph.stats = statistics(tables)
    graph.kept = ledger(tables)
    for row in tables.properties("stimuli", "created_at"):
        if row.pop("known"):
            graph.applied[row.get("id", "")] = {"taken_at": graph.now()}
        graph.add_stimulus(created_at=row.pop("place"), **row)
    return graph


def statistics(tables: Tables) -> dict[str, WeightStats]:
    """Return the statistics of log-weights by link type."""
    return {kind: WeightStats(*found) for kind, *found in zip(*tables.statistics.to_pydict().values(), strict=True)}


def ledger(tables: Tables) -> Ledger | None:
    """Return the ledger, None where no worker had been."""
    for row in tables.ledger.to_pylist():
        return unpack({name: value for name, value in row.items() if value is not None})
    return None


def _links(graph: MemoryGraph, tables: Tables) -> None:
    size = len(graph.node)
    rows = zip(
        tables.links["key"].to_pylist(),
        tables.at("links", "source"),
        tables.at("links", "target"),
        tables.links["type"].to_pylist(),
        tables.properties("links", "key", "source", "target", "type"),
        strict=True,
    )
    for key, source, target, kind, properties in rows:
        ends = (size if source is None else source, size + 1 if target is None else target)
        for end in ends:
            if end >= size:
                graph.node[end] = {}  # without an id that is text: it takes no part, and its links are counted
        graph.put_link(key, Link(*ends, kind, properties))


def _members(graph: MemoryGraph, tables: Tables) -> None:
    keys = [graph.add_entity(**row) for row in tables.properties("entities")]
    other = graph.add_entity(graph=None)  # of no graph: what is a member of it still counts
    rows = zip(
        tables.at("members", "node"),
        tables.at("members", "entity", "entities"),
        tables.properties("members", "node", "entity"),
        strict=True,
    )
    for node, entity, properties in rows:
        graph.add_member(cast("int", node), other if entity is None else keys[entity], **properties)


def _is_object(text: str, without: set[str]) -> bool:
    """Tell whether a text is a JSON object that has none of these keys."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and not without & found.keys()
