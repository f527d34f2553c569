"""Nodes and links from tables, in batches: what is not there is created, what is there stays as it is.

So an import that broke off is simply run again, and nothing that links have learned is lost by it. A batch is one
statement and one transaction. Links are written in the order of their sources, so that a batch touches few nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from worker.errors import CommitUnknown, ForeignChange, TooLarge, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from worker.graph.connection import Connection

BATCH: Final = 25_000  # rows of a transaction: 10 to 25 thousand measured fastest
_TRIES = 8
_KEYS_HELD = 1_000_000  # about 200 MB
_LINK_KEY = ("source", "target", "type", "id")

_again = retry(
    retry=retry_if_exception_type((Unreachable, CommitUnknown, ForeignChange)),
    stop=stop_after_attempt(_TRIES),
    wait=wait_random_exponential(multiplier=0.25, max=15),
    reraise=True,
)


@dataclass(frozen=True)
class Written:
    """What became of some rows. `unknown`: those that name a node that is not there, by their label in the table."""

    created: int = 0
    existing: int = 0
    unknown: dict[Any, str] = field(default_factory=dict)

    def __add__(self, other: Written) -> Written:
        return Written(self.created + other.created, self.existing + other.existing, {**self.unknown, **other.unknown})


@dataclass(frozen=True)
class _End:
    """The nodes at one end of some links: each once, with the database's own key, None where it is not there."""

    codes: NDArray[np.intp]  # a position in `names` for each link
    names: list[str]
    keys: list[int | None]

    def unknown(self, column: pd.Series[Any]) -> dict[Any, str]:
        missing = np.array([key is None for key in self.keys], dtype=bool)
        gone = column[missing[self.codes]]
        return {label: f"there is no node {name!r}: its {column.name}" for label, name in gone.items()}


def write(
    connection: Connection,
    graph: str,
    nodes: pd.DataFrame,
    links: pd.DataFrame,
    done: Callable[[int], object] = bool,
) -> tuple[Written, Written]:
    """Write whole tables, as `worker.tables` and `worker.wordnet` give them; `done` hears of every few thousand rows.

    Raises Unreachable, Refused, SchemaError.
    """
    bulk = Bulk(connection, graph, done=done)
    written = bulk.nodes(nodes), bulk.links(links)
    bulk.announce()
    return written


class Bulk:
    """Writes tables to one graph, and remembers which nodes it has met."""

    def __init__(
        self, connection: Connection, graph: str, batch: int = BATCH, done: Callable[[int], object] = bool
    ) -> None:
        self._connection = connection
        self._graph = graph
        self._batch = batch
        self._done = done
        self._keys: dict[str, int] = {}

    def nodes(self, table: pd.DataFrame) -> Written:
        """Create nodes: `id`, and every other column as a property; nothing is written for a missing value."""
        return self._write(self._create_nodes, table)

    def links(self, table: pd.DataFrame) -> Written:
        """Create links: `source`, `target`, `type`, `log_weight`, and every other column as a property.

        Links of the same ends and type are told apart by the property `id`. No two rows may have the same label.
        """
        return self._write(self._create_links, table.sort_values("source", kind="stable"))

    def members(self, table: pd.DataFrame) -> Written:
        """Create entities, and memberships in them: `node`, `entity`, and every other column as a property."""
        return self._write(self._create_members, table)

    @_again
    def unknown(self, rows: pd.DataFrame, end: str) -> dict[Any, str]:
        """Say which rows name a node, as their "source", "target" or "node", that is not in the graph: label and reason."""
        return self._end(rows[end]).unknown(rows[end])

    @_again
    def announce(self) -> None:
        """Tell the worker of this graph, where there is one, that it has changed."""
        self._connection.run("import/revise", graph=self._graph)

    def _write(self, create: Callable[[pd.DataFrame], Written], table: pd.DataFrame) -> Written:
        total = Written()
        for start in range(0, len(table), self._batch):
            rows = table.iloc[start : start + self._batch]
            total += halved(create, rows)
            self._done(len(rows))
        return total

    @_again
    def _create_nodes(self, rows: pd.DataFrame) -> Written:
        new = rows.drop_duplicates("id")
        (found,) = self._connection.run(
            "import/nodes",
            graph=self._graph,
            id=new["id"].tolist(),
            properties=_properties(new.drop(columns="id")),
        )
        return Written(found["created"], len(rows) - found["created"])

    @_again
    def _create_links(self, rows: pd.DataFrame) -> Written:
        source, target = self._end(rows["source"]), self._end(rows["target"])
        unknown = target.unknown(rows["target"]) | source.unknown(rows["source"])
        if unknown:
            rows = rows[~rows.index.isin(list(unknown))]
            source, target = self._end(rows["source"]), self._end(rows["target"])
        first = ~rows.duplicated([name for name in _LINK_KEY if name in rows]).to_numpy()
        new = rows[first]
        found = self._connection.run(
            "import/links",
            graph=self._graph,
            source=source.keys,
            source_id=source.names,
            target=target.keys,
            target_id=target.names,
            of=source.codes[first].tolist(),
            to=target.codes[first].tolist(),
            type=new["type"].tolist(),
            log_weight=new["log_weight"].tolist(),
            link_id=_values(new["id"]) if "id" in new else [],
            properties=_properties(new.drop(columns=[*_LINK_KEY, "log_weight"], errors="ignore")),
        )
        if not found:
            self._keys.clear()
            raise ForeignChange("a node that links are imported to is not there any more")
        return Written(found[0]["created"], len(rows) - found[0]["created"], unknown)

    @_again
    def _create_members(self, rows: pd.DataFrame) -> Written:
        unknown = self._end(rows["node"]).unknown(rows["node"])
        rows = rows[~rows.index.isin(list(unknown))]
        new = rows.drop_duplicates(["node", "entity"])
        node = self._end(new["node"])
        found = self._connection.run(
            "import/members",
            graph=self._graph,
            node=[node.keys[code] for code in node.codes],
            node_id=new["node"].tolist(),
            entity=new["entity"].tolist(),
            properties=_properties(new.drop(columns=["node", "entity"])),
        )
        if not found:
            self._keys.clear()
            raise ForeignChange("a node that is to be a member of an entity is not there any more")
        return Written(found[0]["created"], len(rows) - found[0]["created"], unknown)

    def _end(self, column: pd.Series[Any]) -> _End:
        """Find the nodes that a column names; each is looked up in the database once."""
        codes, ids = pd.factorize(column)
        names = ids.tolist()
        if len(self._keys) > _KEYS_HELD:
            self._keys.clear()
        missing = [name for name in names if name not in self._keys]
        if missing:
            (row,) = self._connection.run("import/keys", graph=self._graph, id=missing)
            self._keys.update(zip(row["id"], row["key"], strict=True))
        return _End(codes, names, [self._keys.get(name) for name in names])


def halved(create: Callable[[pd.DataFrame], Written], rows: pd.DataFrame) -> Written:
    """Create rows in one transaction, or in two halves where it does not fit the database's memory."""
    try:
        return create(rows)
    except TooLarge:
        if len(rows) == 1:
            raise
        middle = len(rows) // 2
        return halved(create, rows.iloc[:middle]) + halved(create, rows.iloc[middle:])


def _values(column: pd.Series[Any]) -> list[Any]:
    """Return what the driver takes: None for a missing value."""
    return column.astype(object).where(column.notna(), None).tolist()


def _properties(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a map a row, of what is not missing; no maps where there are no columns."""
    names = list(table.columns)
    columns = [_values(table[name]) for name in names]
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in zip(*columns, strict=True)
    ]
