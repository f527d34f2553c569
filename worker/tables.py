"""Tables of nodes, links and members from CSV and Parquet files: read in pieces, every row checked, the bad ones named.

    nodes   id · type, energy, threshold, embedding, emotion (each may be missing) · any other column: a property
    links   source, target, type, and log_weight or weight (over 0: its logarithm is taken) · id: tells parallel links
            apart · emotion · any other column: a property
    members node, entity · weight (over 0; missing: 1) · any other column: a property

CSV is UTF-8, with commas and a header line, and carries text: an id of 007 stays "007", a property is text, a vector is
written as JSON: "[0.5, 1]". Parquet carries types, and properties keep theirs. A missing value is no property.

A row is named as a spreadsheet counts it: in CSV the header is row 1, in Parquet the first row of data is.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
import orjson
import pandas as pd

from worker import table_files
from worker.errors import InputError
from worker.physics.parameters import Tick

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Column = pd.Series[Any]

Kind = Literal["nodes", "links", "members"]
ROWS: Final = 200_000  # read at a time
ID_BYTES: Final = 7_300  # with the longest name of a graph, what Neo4j can index
NAME_LENGTH: Final = 1_000

_NEEDED = {"nodes": ("id",), "links": ("source", "target", "type"), "members": ("node", "entity")}
_TEXTS = {"nodes": ("id", "type"), "links": ("source", "target", "type", "id"), "members": ("node", "entity")}
_NUMBERS = {"nodes": ("energy", "threshold"), "links": ("log_weight", "weight"), "members": ("weight",)}
_VECTORS = {"nodes": ("embedding", "emotion"), "links": ("emotion",), "members": ()}
_RESERVED = {"nodes": ("graph", "energy_at", "visits"), "links": (), "members": ()}
_SHOWN = 40  # characters of a bad value
_IN_LISTS = {str, bool, int, float}
_STORABLE = _IN_LISTS | {dt.date, dt.datetime, pd.Timestamp}


class Rejected(NamedTuple):
    """A row that is not taken, and why."""

    file: str
    row: int
    reason: str


class Chunk(NamedTuple):
    """Some rows of a file. `good` is labelled by row number, and has None or NaN for what is missing."""

    good: pd.DataFrame
    rejected: list[Rejected]


@dataclass(frozen=True)
class Table:
    """A file whose columns are right; its rows are looked at as they are read."""

    path: Path
    kind: Kind
    columns: list[str]

    @classmethod
    def open(cls, path: Path, kind: Kind) -> Table:
        """Look at a file's columns. Raises InputError: no such file, not of a kind that is read, wrong columns."""
        columns = table_files.columns(path)
        _check_columns(path, kind, columns)
        return cls(path, kind, columns)

    def chunks(self, size: int = ROWS) -> Iterator[Chunk]:
        """Yield the rows, so many at a time. Raises InputError where the file turns out to be broken."""
        for raw, broken in table_files.rows(self.path, self.columns, size):
            checks = _Checks(raw.index)
            good = _ROWS[self.kind](raw, checks)
            reasons = {**broken, **checks.reasons}
            rejected = [Rejected(str(self.path), row, reasons[row]) for row in sorted(reasons)]
            yield Chunk(good[~good.index.isin(list(checks.reasons))], rejected)


def _check_columns(path: Path, kind: Kind, columns: list[str]) -> None:
    for name in _NEEDED[kind]:
        if name not in columns:
            raise InputError(
                f"{path}: there is no column {name!r}", f"a table of {kind} needs {', '.join(_NEEDED[kind])}"
            )
    if kind == "links" and ("log_weight" in columns) == ("weight" in columns):
        raise InputError(f"{path}: it needs one of the columns log_weight and weight", "a log_weight of 0 is neutral")
    for name in columns:
        if columns.count(name) > 1:
            raise InputError(f"{path}: there are two columns {name!r}", "rename or drop one of them")
        if not name.strip() or len(name) > NAME_LENGTH or "\0" in name:
            raise InputError(f"{path}: a column is called {name[:_SHOWN]!r}", "it becomes a property: give it a name")
        if name in _RESERVED[kind]:
            raise InputError(f"{path}: the property {name!r} is the worker's own", "drop this column")


class _Checks:
    """Collects the first reason why a row is not taken."""

    def __init__(self, index: pd.Index[Any]) -> None:
        self._index = index
        self.reasons: dict[Any, str] = {}

    def refuse(self, bad: Flags | list[bool], why: str, values: Column | None = None) -> None:
        for at in np.flatnonzero(bad).tolist():
            value = "" if values is None else f": {str(values.iloc[at])[:_SHOWN]!r}"
            self.reasons.setdefault(self._index[at], why + value)


def _nodes(raw: pd.DataFrame, checks: _Checks) -> pd.DataFrame:
    good = _read(raw, "nodes", checks)
    _check_key(good["id"], checks)
    if "energy" in good:
        checks.refuse((good["energy"] < 0).to_numpy(), "energy is under 0", raw["energy"])
        over = good["energy"] > Tick.energy_max
        checks.refuse(over.to_numpy(), f"energy is over {Tick.energy_max:g}", raw["energy"])
    if "threshold" in good:
        checks.refuse((good["threshold"] <= 0).to_numpy(), "threshold is not over 0", raw["threshold"])
    return good


def _links(raw: pd.DataFrame, checks: _Checks) -> pd.DataFrame:
    good = _read(raw, "links", checks)
    _check_key(good["source"], checks)
    _check_key(good["target"], checks)
    kind = good["type"]
    checks.refuse(_missing(kind), "type is missing")
    checks.refuse(_flags(kind.str.len() > NAME_LENGTH), f"type is longer than {NAME_LENGTH} characters", kind)
    checks.refuse(_flags(kind.str.contains("\0", regex=False)), "type has a null character in it", kind)
    checks.refuse(_flags(good["source"] == good["target"]), "it links a node to itself", good["source"])
    name = "weight" if "weight" in good else "log_weight"
    checks.refuse(_missing(raw[name]), f"{name} is missing")
    if name == "weight":
        weight = good.pop("weight")
        checks.refuse((weight <= 0).to_numpy(), "weight is not over 0", raw["weight"])
        good["log_weight"] = np.log(weight.where(weight > 0, 1.0))
    return good


def _members(raw: pd.DataFrame, checks: _Checks) -> pd.DataFrame:
    good = _read(raw, "members", checks)
    _check_key(good["node"], checks)
    _check_key(good["entity"], checks)
    if "weight" in good:
        checks.refuse((good["weight"] <= 0).to_numpy(), "weight is not over 0", raw["weight"])
    return good


_ROWS = {"nodes": _nodes, "links": _links, "members": _members}


def _read(raw: pd.DataFrame, kind: Kind, checks: _Checks) -> pd.DataFrame:
    """Return the columns as what they stand for: texts, numbers, vectors, or what a property can hold."""
    columns = {}
    for name in map(str, raw):
        if name in _TEXTS[kind]:
            columns[name] = _texts(raw[name], checks)
        elif name in _NUMBERS[kind]:
            columns[name] = _numbers(raw[name], checks)
        elif name in _VECTORS[kind]:
            columns[name] = _vectors(raw[name], checks)
        else:
            columns[name] = raw[name]
            if raw[name].dtype == object:
                checks.refuse([not _storable(value) for value in raw[name]], f"{name} cannot be a property", raw[name])
    return pd.DataFrame(columns, index=raw.index)


def _texts(raw: Column, checks: _Checks) -> Column:
    if raw.dtype != object:
        return raw.mask(_flags(raw == ""))
    checks.refuse([type(value) not in {str, int, type(None)} for value in raw], f"{raw.name} is not text", raw)
    return pd.Series([None if value is None else str(value) for value in raw], raw.index, dtype="string")


def _numbers(raw: Column, checks: _Checks) -> Column:
    values: Iterable[Any] = raw
    if raw.dtype == object:
        values = [float(value) if type(value) in {int, float, Decimal} else value for value in raw]
        values = [value if type(value) in {float, str} else None for value in values]
    parsed = pd.to_numeric(pd.Series(values, raw.index), errors="coerce")
    numbers = parsed.to_numpy(dtype=float, na_value=np.nan)
    checks.refuse(~_missing(raw) & np.isnan(numbers), f"{raw.name} is not a number", raw)
    checks.refuse(np.isinf(numbers), f"{raw.name} is infinite", raw)
    return pd.Series(numbers, raw.index)


def _vectors(raw: Column, checks: _Checks) -> Column:
    vectors = [_vector(value) for value in raw]
    none = np.array([vector is None for vector in vectors], dtype=bool)
    checks.refuse(~_missing(raw) & none, f"{raw.name} is not a list of finite numbers", raw)
    return pd.Series(vectors, raw.index, dtype=object)


def _vector(value: Any) -> list[float] | None:
    try:
        found = orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, list) or any(type(number) not in {int, float} for number in found):
        return None
    vector = [float(number) for number in found]
    return vector if np.isfinite(vector).all() else None


def _storable(value: Any) -> bool:
    """Say whether Neo4j can keep a value as a property."""
    if isinstance(value, list):
        kinds = {type(item) for item in value}
        return len(kinds) < 2 and kinds <= _IN_LISTS and all(_storable(item) for item in value)
    return value is None or (type(value) in _STORABLE and (type(value) is not int or -(2**63) <= value < 2**63))


def _check_key(values: Column, checks: _Checks) -> None:
    checks.refuse(_missing(values), f"{values.name} is missing")
    long = _flags(values.str.len() > ID_BYTES // 4)
    for at in np.flatnonzero(long).tolist():
        long[at] = len(values.iloc[at].encode()) > ID_BYTES
    checks.refuse(long, f"{values.name} is longer than {ID_BYTES} bytes", values)


def _missing(values: Column) -> Flags:
    """Say where there is no value. A NaN that a Parquet file holds is there, and is no number."""
    if values.dtype == object:
        return np.array([value is None for value in values], dtype=bool)
    return values.isna().to_numpy()


def _flags(values: Column) -> Flags:
    return values.fillna(value=False).to_numpy(dtype=bool)
