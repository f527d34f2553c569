"""What nodes and entities go by in a snapshot: their own ids, or numbers in the order of these (`--anonymise`)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from worker.errors import Unexpected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.graph.export import StimulusBatch
    from worker.graph.port import Ledger
    from worker.physics.model import Ints

DIGITS = 12  # of a number, so that numbers as texts have the order of numbers
STRANGER = "?"  # before the number of what is named, and is not there


class Names:
    """The ids of nodes or entities in ascending order, and the keys that they are found by. A node takes about 40 bytes."""

    def __init__(self, *, anonymous: bool) -> None:
        self.anonymous = anonymous
        self._count = 0
        self._last = ""
        self._pieces: list[pa.Array] = []
        self._keys: list[Ints] = []
        self._ids = self._names = pa.array([], pa.string())
        self._order: Ints = np.empty(0, dtype=np.int64)
        self._sorted: Ints = self._order

    def add(self, ids: Sequence[str], keys: Sequence[int] = ()) -> Sequence[str]:
        """Take in the next ones, and return what they go by. Raises Unexpected where they do not ascend."""
        if not ids:
            return ids
        if self.anonymous and not all(a < b for a, b in pairwise([self._last, *ids] if self._count else ids)):
            raise Unexpected("the database does not sort ids by code points", "leave out --anonymise, and report this")
        first, self._count, self._last = self._count, self._count + len(ids), ids[-1]
        self._pieces.append(pa.array(ids, pa.string()))
        self._keys.append(np.array(keys, dtype=np.int64))
        return [f"{i:0{DIGITS}}" for i in range(first, self._count)] if self.anonymous else ids

    def complete(self) -> None:
        """Know that all have been added: from now on they can be found."""
        self._ids = pa.concat_arrays(self._pieces) if self._pieces else self._ids
        self._names = self._ids
        if self.anonymous:
            self._names = pc.utf8_lpad(pc.cast(pa.array(range(self._count), pa.int64()), pa.string()), DIGITS, "0")
        keys = np.concatenate(self._keys) if self._keys else self._order
        self._order = np.argsort(keys)
        self._sorted = keys[self._order]

    def places(self, keys: Sequence[int]) -> Ints:
        """Return where the nodes of these keys stand, −1 where there is none."""
        asked = np.array(keys, dtype=np.int64)
        if not len(self._sorted):
            return np.full(len(asked), -1)
        at = np.minimum(np.searchsorted(self._sorted, asked), len(self._sorted) - 1)
        return np.where(self._sorted[at] == asked, self._order[at], -1)

    def of_keys(self, keys: Sequence[int]) -> pa.Array:
        """Return what the nodes of these keys go by, None where there is none."""
        places = self.places(keys)
        return self._names.take(pa.array(places, mask=places < 0))

    def of_ids(self, ids: Sequence[str | None]) -> list[str | None]:
        """Return what those of these ids go by; in numbers, None for one that is not there."""
        if not self.anonymous:
            return list(ids)
        found: list[str | None] = self._names.take(
            pc.index_in(pa.array(ids, pa.string()), value_set=self._ids)
        ).to_pylist()
        return [None if own is None else name for own, name in zip(ids, found, strict=True)]

    def ledger(self, ledger: Ledger | None) -> Ledger | None:
        """Return the ledger with the ids in it as what they go by: a node that is gone, as the last one before it.

        The digest of strides that there have been is taken over ids too, and begins anew.
        """
        if ledger is None or not self.anonymous:
            return ledger
        return replace(ledger, turn=self._not_after(ledger.turn), digest="")

    def stimuli(self, batch: StimulusBatch) -> StimulusBatch:
        """Return the queue with ids as what they go by, and nothing in it that tells where it comes from."""
        if not self.anonymous:
            return batch
        strangers: dict[str, str] = {}

        def named(ids: Sequence[str]) -> list[str]:
            return [
                name or strangers.setdefault(own, f"{STRANGER}{len(strangers)}")
                for own, name in zip(ids, self.of_ids(ids), strict=True)
            ]

        lists = (isinstance(found, list) and all(isinstance(own, str) for own in found) for found in batch.candidates)
        size = len(batch.id)
        return batch._replace(
            id=[f"{i:0{DIGITS}}" if isinstance(own, str) and own else own for i, own in enumerate(batch.id)],
            node=[named([own])[0] if isinstance(own, str) else own for own in batch.node],
            candidates=[named(found) if good else found for found, good in zip(batch.candidates, lists, strict=True)],
            source=[None] * size,
            created_at=[None] * size,
        )

    def _not_after(self, own: str) -> str:
        place = pc.sum(pc.less_equal(self._ids, own)).as_py() if own and self._count else 0
        return str(self._names[place - 1]) if place else ""
