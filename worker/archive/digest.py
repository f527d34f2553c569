"""What two states are compared by: SHA-256 over all that a tick may change, rows in the order of their ids, floats exact.

Nodes with energy, its reading, visits and retention; links with their log-weights; statistics; the ledger but for who may
write. What is absent counts as what the physics takes it for, so it is no matter whether a 0 was ever written. The order of
rows in a file, and in how many pieces they are read, change nothing; neither do keys of a database.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from worker.archive.tables import ledger_table
from worker.graph.port import Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

NODES = {"id": "", "energy": 0.0, "energy_at": 0.0, "visits": 0, "retention": 1.0}
LINKS = {"source": "", "target": "", "type": "", "log_weight": np.nan}


class State(NamedTuple):
    """The tables that a digest is taken over, with at least its columns."""

    nodes: pa.Table
    links: pa.Table
    statistics: pa.Table
    ledger: pa.Table


def digest(state: State) -> str:
    """Return the digest of a state, as 64 hexadecimal digits. Of links, only those that have a log-weight count."""
    whole = hashlib.sha256()
    links = state.links.filter(pc.is_valid(state.links["log_weight"]))
    for table, columns, order in (
        (state.nodes, NODES, ["id"]),
        (links, LINKS, list(LINKS)),
        (state.statistics, dict.fromkeys(state.statistics.column_names, None), ["type"]),
    ):
        whole.update(_rows(table.select(list(columns)), columns, order))
    ledger = state.ledger if state.ledger.num_rows else ledger_table(Ledger())
    whole.update(json.dumps(ledger.to_pylist(), sort_keys=True).encode())
    return whole.hexdigest()


def _rows(table: pa.Table, absent: Mapping[str, object], order: list[str]) -> bytes:
    """Return a digest of a table's columns, each by itself, in the order of its rows' values."""
    for name, value in absent.items():
        if value is not None:
            column = pc.fill_null(table[name], pa.scalar(value, table[name].type))
            table = table.set_column(table.column_names.index(name), name, column)
    table = table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in order]))
    found = hashlib.sha256(str(table.num_rows).encode())
    for column in table.columns:
        found.update(_column(column.combine_chunks()))
    return found.digest()


def _column(column: pa.Array) -> bytes:
    if isinstance(column, pa.ChunkedArray):  # of no chunk, or of several where texts are over 2 GB
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    found = hashlib.sha256()
    if pa.types.is_string(column.type):
        found.update(pc.binary_length(column).to_numpy(zero_copy_only=False).astype("<i8").tobytes())
        _, ends, content = column.buffers()
        if content is not None:
            first, last = np.frombuffer(ends, dtype="<i4")[[column.offset, column.offset + len(column)]].tolist()
            found.update(content.slice(first, last - first))
        return found.digest()
    values = column.to_numpy(zero_copy_only=False)
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.nan, values + 0.0)  # one NaN, and one 0
    found.update(values.astype(f"<{values.dtype.kind}8").tobytes())
    return found.digest()
