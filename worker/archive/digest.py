"""What two states are compared by: SHA-256 over all that a tick may change, rows in the order of their ids, floats exact.

Nodes with energy, its reading, visits and retention; links with their log-weights; statistics; the ledger but for who may
write. What is absent counts as what the physics takes it for, so it is no matter whether a 0 was ever written. The order of
rows in a file, and in how many pieces they are read, change nothing; neither do keys of a database.
"""

from __future__ import annotations

import hashlib
import json
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from worker.archive.tables import SCHEMAS, ledger_table
from worker.graph.port import Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NODES = {"id": "", "energy": 0.0, "energy_at": 0.0, "visits": 0, "retention": 1.0}
IN_MEMORY = 1 << 24  # bytes of a column's texts; what is over is put down in a file
LINKS = {"source": "", "target": "", "type": "", "log_weight": np.nan}


class State(NamedTuple):
    """The tables that a digest is taken over, with at least its columns."""

    nodes: pa.Table
    links: pa.Table
    statistics: pa.Table
    ledger: pa.Table


class Digest:
    """Takes a state piece by piece, in memory that does not grow with it: what is longer is put down in `folder`.

    Pieces of nodes come in ascending id, and those of links in ascending source, all links of a source in one piece.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._tables = {
            "nodes": _Rows(NODES, ["id"], folder),
            "links": _Rows(LINKS, list(LINKS), folder),
            "statistics": _Rows(dict.fromkeys(SCHEMAS["statistics"].names), ["type"], folder),
        }
        self._ledger = ledger_table(Ledger())

    def add(self, kind: str, table: pa.Table) -> None:
        """Take the next rows of a table. Of links, only those that have a log-weight count."""
        if kind == "links":
            table = table.filter(pc.is_valid(table["log_weight"]))
        if kind in self._tables:
            self._tables[kind].add(table)
        elif kind == "ledger" and table.num_rows:
            self._ledger = table

    def hexdigest(self) -> str | None:
        """Return the digest, as 64 hexadecimal digits; None where pieces did not come in their order."""
        whole = hashlib.sha256()
        for rows in self._tables.values():
            whole.update(rows.digest())
        whole.update(json.dumps(self._ledger.to_pylist(), sort_keys=True).encode())
        return whole.hexdigest() if all(rows.in_order for rows in self._tables.values()) else None


def digest(state: State) -> str:
    """Return the digest of a state, as 64 hexadecimal digits."""
    whole = Digest()
    for kind, table in state._asdict().items():
        whole.add(kind, table)
    return cast("str", whole.hexdigest())


class _Rows:
    """A digest of a table's columns, each by itself, in the order of its rows' values."""

    def __init__(self, absent: Mapping[str, object], order: list[str], folder: Path | None) -> None:
        self.in_order = True
        self._absent, self._order = absent, order
        self._count = 0
        self._last: str | None = None
        self._columns = {name: _Column(folder) for name in absent}

    def add(self, table: pa.Table) -> None:
        """Take a piece, whose rows may have any order."""
        if not table.num_rows:
            return
        table = table.select(list(self._absent))
        for at, (name, value) in enumerate(self._absent.items()):
            if value is not None:
                table = table.set_column(at, name, pc.fill_null(table[name], pa.scalar(value, table[name].type)))
        table = table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in self._order]))
        first, last = (table[self._order[0]][at].as_py() for at in (0, -1))
        self.in_order &= self._last is None or self._last < first
        self._last, self._count = last, self._count + table.num_rows
        for name, column in self._columns.items():
            for chunk in table[name].chunks:
                column.add(chunk)

    def digest(self) -> bytes:
        """Return the digest of all rows."""
        found = hashlib.sha256(str(self._count).encode())
        for column in self._columns.values():
            found.update(column.digest())
        return found.digest()


class _Column:
    """A digest of a column: of numbers, or of the lengths of all texts and then the texts."""

    def __init__(self, folder: Path | None) -> None:
        self._found = hashlib.sha256()
        self._texts = SpooledTemporaryFile(IN_MEMORY, dir=str(folder) if folder else None)  # noqa: SIM115  (closed by `digest`)

    def add(self, column: pa.Array) -> None:
        """Take the next rows."""
        if pa.types.is_string(column.type):
            self._found.update(pc.binary_length(column).to_numpy(zero_copy_only=False).astype("<i8").tobytes())
            _, ends, content = column.buffers()
            if content is not None:
                first, last = np.frombuffer(ends, dtype="<i4")[[column.offset, column.offset + len(column)]].tolist()
                self._texts.write(content.slice(first, last - first))
            return
        values = column.to_numpy(zero_copy_only=False)
        if values.dtype.kind == "f":
            values = np.where(np.isnan(values), np.nan, values + 0.0)  # one NaN, and one 0
        self._found.update(values.astype(f"<{values.dtype.kind}8").tobytes())

    def digest(self) -> bytes:
        """Return the digest of all rows; none can be added afterwards."""
        self._texts.seek(0)
        while piece := self._texts.read(IN_MEMORY):
            self._found.update(piece)
        self._texts.close()
        return self._found.digest()
