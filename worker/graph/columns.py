"""Arrays that grow together: a table of numpy columns with room to append."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike


class Columns:
    """Columns of one length; appending costs, all told, a copy of each value or two."""

    def __init__(self, **dtypes: DTypeLike) -> None:
        self.size = 0
        self._arrays = {name: np.zeros(256, dtype=dtype) for name, dtype in dtypes.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a column as a view: writing to it writes to the table."""
        return self._arrays[name][: self.size]

    def append(self, **values: ArrayLike) -> int:
        """Append rows, a value or an array for every column; return the index of the first."""
        first = self.size
        count = max(np.size(value) for value in values.values())
        self._reserve(first + count)
        self.size += count
        for name, array in self._arrays.items():
            array[first : self.size] = values[name]
        return first

    def keep(self, which: np.ndarray) -> None:
        """Keep these rows, in this order, and give back the room of the others."""
        self.size = len(which)
        self._arrays = {
            name: np.concatenate((array[which], np.zeros(256, array.dtype))) for name, array in self._arrays.items()
        }

    def _reserve(self, size: int) -> None:
        capacity = len(next(iter(self._arrays.values())))
        if size > capacity:
            capacity = max(size, 2 * capacity)
            for name, array in self._arrays.items():
                self._arrays[name] = np.empty(capacity, dtype=array.dtype)  # room not yet used takes no memory
                self._arrays[name][: self.size] = array[: self.size]
