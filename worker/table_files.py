"""Files of rows, CSV or Parquet, read in pieces: what is in them, not whether it is right (that is `worker.tables`).

A column of text comes as a column of strings, any other as objects of Python with None for what is missing.
"""

from __future__ import annotations

import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from worker.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Piece = tuple[pd.DataFrame, dict[int, str]]  # rows by their number, and those that could not be read, with the reason

_EXTRA_FIELDS = re.compile(r"line (\d+): expected (\d+) fields, saw (\d+)")
_CSV: dict[str, Any] = {
    "header": None,  # read as a row: what pandas takes for the header is exempt from its count of fields
    "dtype": "string",
    "keep_default_na": False,
    "na_values": [""],
    "skip_blank_lines": False,
    "encoding": "utf-8",
}


class _Format(NamedTuple):
    columns: Callable[[Path], list[str]]
    rows: Callable[[Path, list[str], int], Iterator[Piece]]


def columns(path: Path) -> list[str]:
    """Return the names of a file's columns. Raises InputError: no such file, broken, of a kind that is not read."""
    with _naming(path):
        return _format(path).columns(path)


def rows(path: Path, names: list[str], size: int) -> Iterator[Piece]:
    """Yield a file's rows, so many at a time. Raises InputError where the file turns out to be broken."""
    with _naming(path):
        yield from _format(path).rows(path, names, size)


def _format(path: Path) -> _Format:
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"{path}: it is not a regular file", "a pipe or device may never end: copy it to a file first")
    found = _FORMATS.get(path.suffix.lower())
    if found is None:
        raise InputError(f"{path}: only {' and '.join(_FORMATS)} files are read", "convert it, or rename it")
    return found


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say which file it is that cannot be read, and what helps."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: it is not UTF-8: {error}", "save it as UTF-8") from error
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{path}: it is empty", "its first line must name the columns") from error
    except pd.errors.ParserError as error:
        raise InputError(f"{path}: it is no CSV: {error}", "is a quotation mark left open?") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", "check the file and its path") from error
    except pa.ArrowException as error:
        raise InputError(f"{path}: it is no Parquet file: {error}", "write it anew") from error


def _csv_columns(path: Path) -> list[str]:
    header = pd.read_csv(path, nrows=1, **_CSV)
    return [str(name) for name in header.iloc[0].fillna("")]


def _csv_rows(path: Path, names: list[str], size: int) -> Iterator[Piece]:
    """Yield rows, numbered from 2 as the header is row 1; a row of too many fields is one that cannot be read."""
    number = 1
    with pd.read_csv(path, names=names, index_col=False, chunksize=size, on_bad_lines="warn", **_CSV) as reader:
        while True:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", pd.errors.ParserWarning)
                piece = next(reader, None)
            found = [match for warning in caught for match in _EXTRA_FIELDS.findall(str(warning.message))]
            broken = {int(row): f"it has {saw} fields instead of {expected}" for row, expected, saw in found}
            if piece is None:
                if broken:
                    yield pd.DataFrame(columns=names, dtype="string"), broken
                return
            numbers = np.arange(number, number + len(piece) + len(broken))
            piece.index = pd.Index(numbers[~np.isin(numbers, list(broken))][: len(piece)])
            first, number = number, int(piece.index[-1]) + 1
            if first == 1:
                piece = piece.iloc[1:]
            yield piece[piece.notna().any(axis="columns")], broken


def _parquet_columns(path: Path) -> list[str]:
    with pq.ParquetFile(path) as file:
        return [str(name) for name in file.schema_arrow.names]


def _parquet_rows(path: Path, names: list[str], size: int) -> Iterator[Piece]:
    """Yield rows, numbered from 1."""
    number = 1
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(size):
            index = pd.RangeIndex(number, number + batch.num_rows)
            values = (column.to_pylist() for column in batch.columns)
            kinds = ("string" if _is_text(column.type) else object for column in batch.columns)
            series = (pd.Series(v, index=index, dtype=kind) for v, kind in zip(values, kinds, strict=True))
            yield pd.DataFrame(dict(zip(names, series, strict=True)), index=index), {}
            number += batch.num_rows


def _is_text(kind: Any) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value))


_FORMATS = {".csv": _Format(_csv_columns, _csv_rows), ".parquet": _Format(_parquet_columns, _parquet_rows)}
