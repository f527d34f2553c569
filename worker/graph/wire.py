"""Columns as parameters, in the form that the server reads quickest: numbers as vectors where it has them, texts as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from neo4j.vector import Vector

from worker.graph.texts import joined

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST = 4096  # numbers in a vector, at most


class Bulk(list[Any]):
    """A long parameter. The driver writes out whatever it sends, for a log that is off: so this one is short to tell."""

    def __repr__(self) -> str:
        return f"<{len(self)} in bulk>"


def chunks(
    numbers: Mapping[str, np.ndarray], texts: Mapping[str, Sequence[str]], between: str, *, vectors: bool
) -> Bulk:
    """Return columns of one length in chunks of at most 4 096 rows, a map each: vectors, or else lists, and joined texts."""
    whole = _vector if vectors else _list
    size = len(next(iter(numbers.values())))
    return Bulk(
        {
            **{name: whole(values[lo : lo + LONGEST]) for name, values in numbers.items()},
            **{name: joined(values[lo : lo + LONGEST], between) for name, values in texts.items()},
        }
        for lo in range(0, size, LONGEST)
    )


def _list(values: np.ndarray) -> Any:
    return values.tolist()


def _vector(values: np.ndarray) -> Any:
    """Return a vector of the same numbers, whole ones in half the bytes where they fit."""
    small = values.dtype.kind == "i" and values.max() < 2**31 and values.min() >= 0
    return Vector.from_numpy(values.astype(np.int32) if small else values)
