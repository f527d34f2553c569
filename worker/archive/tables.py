"""The tables of a snapshot: which columns each has, and how values that may be anything become them.

Types are plain: any reader of Parquet takes them as they are. A value of another type than its column's stands as JSON in
`properties`, and in its column as something that the physics treats alike: NaN for a number, which quarantines a node or
leaves a link out as the value itself does; nothing for the rest.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa

from worker.graph.export import UNNAMED
from worker.graph.ledger import pack
from worker.graph.rows import MOST_VISITS, vector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from worker.graph.export import LinkBatch, More, NodeBatch, StimulusBatch
    from worker.graph.port import Ledger
    from worker.physics.model import WeightStats

TEXT, WHOLE, NUMBER, FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
NUMBERS, TEXTS = (pa.list_(pa.field("element", kind)) for kind in (NUMBER, TEXT))  # as Parquet names it
SCHEMAS = {
    "nodes": pa.schema(
        {
            "id": TEXT, "type": TEXT, "energy": NUMBER, "energy_at": NUMBER, "threshold": NUMBER, "visits": WHOLE,
            "retention": NUMBER, "resolved": FLAG, "degree": WHOLE, "embedding": NUMBERS, "emotion": NUMBERS,
            "properties": TEXT,
        }
    ),
    "links": pa.schema(
        {
            "key": WHOLE, "source": TEXT, "target": TEXT, "type": TEXT, "log_weight": NUMBER, "emotion": NUMBERS,
            "properties": TEXT,
        }
    ),
    "entities": pa.schema({"id": TEXT, "properties": TEXT}),
    "members": pa.schema({"node": TEXT, "entity": TEXT, "weight": NUMBER, "properties": TEXT}),
    "statistics": pa.schema({"type": TEXT, "n": WHOLE, "mean": NUMBER, "std": NUMBER}),
    "stimuli": pa.schema(
        {
            "place": WHOLE, "id": TEXT, "node": TEXT, "delta": NUMBER, "budget": NUMBER, "candidates": TEXTS,
            "similarity": NUMBERS, "source": TEXT, "created_at": TEXT, "known": FLAG, "properties": TEXT,
        }
    ),
    "ledger": pa.schema(
        {
            "tick": WHOLE, "phase": TEXT, "dt": NUMBER, "decay_clock": NUMBER, "settled": NUMBER, "weight_clock": NUMBER,
            "forgotten": NUMBER, "forgetting": TEXT, "forgetting_link": WHOLE, "turn": TEXT, "branching": NUMBER,
            "growth": NUMBER, "multiplier": NUMBER, "octaves": NUMBER, "streak": WHOLE, "affect": NUMBERS, "lasted": WHOLE,
            "digest": TEXT, "types": TEXTS, "energies": NUMBERS, "half_lives": NUMBERS, "opening": NUMBERS,
            "injected": NUMBERS, "lost": NUMBERS, "decayed": NUMBERS, "external": NUMBERS,
        }
    ),
}  # fmt: skip
_IN_JSON = (str, bool, int, float)


class Odd:
    """Properties of the rows of a batch that no column holds, by row; and a count of those that JSON cannot hold either."""

    def __init__(self, left_out: Counter[str]) -> None:
        self.left_out = left_out
        self._rows: dict[int, dict[str, Any]] = defaultdict(dict)

    def put(self, row: int, name: str, value: Any) -> None:
        """Keep a value."""
        if type(value) in _IN_JSON or (type(value) is list and all(type(item) in _IN_JSON for item in value)):
            self._rows[row][name] = value
        else:
            self.left_out[name] += 1

    def put_all(self, more: Sequence[More]) -> None:
        """Keep all properties that have no column of their own."""
        for row, found in enumerate(more):
            for name, value in found:
                self.put(row, name, value)

    def column(self, size: int) -> pa.Array:
        """Return them as texts, None where there is none."""
        rows = (self._rows.get(row) for row in range(size))
        return pa.array([row and _json(row) for row in rows], TEXT)


def node_table(batch: NodeBatch, ids: Sequence[str], noted: Mapping[str, int], left_out: Counter[str]) -> pa.Table:
    """Return nodes as a table, by the names that they go by in it; the visits that commits have noted are given to them."""
    odd = Odd(left_out)
    odd.put_all(batch.more)
    return _table(
        "nodes",
        id=pa.array(ids, TEXT),
        type=texts("type", batch.type, odd),
        **{
            name: numbers(name, getattr(batch, name), odd) for name in ("energy", "energy_at", "threshold", "retention")
        },
        visits=_visits(batch, noted, odd),
        resolved=_flags("resolved", batch.resolved, odd),
        degree=pa.array(batch.degree, WHOLE),
        **{name: vectors(name, getattr(batch, name), odd) for name in ("embedding", "emotion")},
        properties=odd.column(len(ids)),
    )


def link_table(batch: LinkBatch, name: Callable[[Sequence[int]], pa.Array], left_out: Counter[str]) -> pa.Table:
    """Return relationships as a table; `name` names their ends by key, None where an end has no id that is text.

    What ends at a node that came after all nodes had been read is left out.
    """
    odd = Odd(left_out)
    odd.put_all(batch.more)
    weights = [None if weight == [] else weight for weight in batch.log_weight]
    table = _table(
        "links",
        key=pa.array(batch.key, WHOLE),
        source=name(batch.source),
        target=name(batch.target),
        type=pa.array(batch.type, TEXT),
        log_weight=numbers("log_weight", weights, odd),
        emotion=vectors("emotion", [found or None for found in batch.emotion], odd),
        properties=odd.column(len(batch.key)),
    )
    there = table["target"].is_valid().to_numpy() | (np.array(batch.target, dtype=np.int64) == UNNAMED)
    if not there.all():
        table = table.filter(pa.array(there))
    return table.sort_by([(column, "ascending") for column in ("source", "target", "type", "key")])


def entity_table(rows: Sequence[Sequence[Any]], ids: Sequence[str], left_out: Counter[str]) -> pa.Table:
    """Return entities as a table, by the names that they go by in it."""
    odd = Odd(left_out)
    odd.put_all([more for _, more in rows])
    return _table("entities", id=pa.array(ids, TEXT), properties=odd.column(len(ids)))


def member_table(
    batch: NodeBatch, ids: Sequence[str], name: Callable[[Sequence[Any]], list[str | None]], left_out: Counter[str]
) -> pa.Table:
    """Return what nodes are members of as a table, by the names that they and their entities go by."""
    rows = [(own, *found) for own, members in zip(ids, batch.members, strict=True) for found in members]
    nodes, entities, weights, more = map(list, zip(*rows, strict=True)) if rows else ([], [], [], [])
    odd = Odd(left_out)
    odd.put_all(more)
    table = _table(
        "members",
        node=pa.array(nodes, TEXT),
        entity=pa.array(name([own if isinstance(own, str) else None for own in entities]), TEXT),
        weight=numbers("weight", weights, odd),
        properties=odd.column(len(rows)),
    )
    return table.sort_by([(column, "ascending") for column in ("node", "entity", "weight")])


def stimulus_table(batch: StimulusBatch, left_out: Counter[str]) -> pa.Table:
    """Return the queue as a table. What no tick can apply stays so: an empty list is no list of candidates, as text is none."""
    odd, size = Odd(left_out), len(batch.id)
    node = texts("node", batch.node, odd).to_pylist()
    return _table(
        "stimuli",
        place=pa.array(range(size), WHOLE),
        id=texts("id", batch.id, odd),
        node=pa.array(
            ["" if found is None and raw is not None else found for found, raw in zip(node, batch.node, strict=True)],
            TEXT,
        ),
        delta=numbers("delta", batch.delta, odd),
        budget=numbers("budget", batch.budget, odd),
        candidates=_lists("candidates", batch.candidates, (str,), TEXTS, odd),
        similarity=_lists("similarity", batch.similarity, (float, int), NUMBERS, odd),
        source=texts("source", batch.source, odd),
        created_at=pa.array(batch.created_at, TEXT),
        known=pa.array(batch.known, FLAG),
        properties=odd.column(size),
    )


def statistics_table(found: Mapping[str, WeightStats]) -> pa.Table:
    """Return the statistics of log-weights as a table."""
    return pa.Table.from_pylist(
        [{"type": kind, **stats._asdict()} for kind, stats in sorted(found.items())], SCHEMAS["statistics"]
    )


def ledger_table(ledger: Ledger | None) -> pa.Table:
    """Return the ledger as a table of one row, of none where no worker has been."""
    return pa.Table.from_pylist([] if ledger is None else [pack(ledger)], SCHEMAS["ledger"])


def numbers(name: str, values: Sequence[Any], odd: Odd) -> pa.Array:
    """Return values as doubles, NaN where one is there and is no number."""
    if set(map(type, values)) <= {float, type(None)}:
        return pa.array(values, NUMBER)
    return pa.array([_number(row, name, value, odd) for row, value in enumerate(values)], NUMBER)


def texts(name: str, values: Sequence[Any], odd: Odd) -> pa.Array:
    """Return values as texts, None where one is there and is no text."""
    for row, value in enumerate(values):
        if value is not None and not isinstance(value, str):
            odd.put(row, name, value)
    return pa.array([value if isinstance(value, str) else None for value in values], TEXT)


def vectors(name: str, values: Sequence[Any], odd: Odd) -> pa.Array:
    """Return values as lists of doubles, None where one is there and is no list of finite numbers."""
    found: list[tuple[float, ...] | None] = []
    for row, value in enumerate(values):
        found.append((vector(value) or None) if value is not None else None)
        if found[-1] is None and value is not None:
            odd.put(row, name, value)
    return pa.array(found, NUMBERS)


def _json(values: dict[str, Any]) -> str:
    """Return values as JSON, NaN and infinity as Python writes them: the quicker writer makes null of these alone."""
    text = orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()
    return json.dumps(values, ensure_ascii=False, sort_keys=True) if "null" in text else text


def _number(row: int, name: str, value: Any, odd: Odd) -> float | None:
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    odd.put(row, name, value)
    return np.nan


def _visits(batch: NodeBatch, noted: Mapping[str, int], odd: Odd) -> pa.Array:
    counts: list[int | None] = []
    for row, (own, value) in enumerate(zip(batch.id, batch.visits, strict=True)):
        counted = type(value) in {int, float} and 0 <= value < MOST_VISITS
        if value is not None and not counted and own not in noted:
            odd.put(row, "visits", value)
        before = int(value) if counted else None
        counts.append((before or 0) + noted[own] if own in noted else before)
    return pa.array(counts, WHOLE)


def _flags(name: str, values: Sequence[Any], odd: Odd) -> pa.Array:
    for row, value in enumerate(values):
        if value is not None and not isinstance(value, bool):
            odd.put(row, name, value)
    return pa.array([value if isinstance(value, bool) else None for value in values], FLAG)


def _lists(name: str, values: Sequence[Any], kinds: tuple[type, ...], as_type: pa.DataType, odd: Odd) -> pa.Array:
    """Return lists of texts or numbers; an empty one where something is there and is none."""
    found: list[list[Any] | None] = []
    for row, value in enumerate(values):
        good = value is None or (isinstance(value, list) and all(type(item) in kinds for item in value))
        found.append(value if good else [])
        if not good:
            odd.put(row, name, value)
    return pa.array(found, as_type)


def _table(kind: str, **columns: pa.Array) -> pa.Table:
    schema = SCHEMAS[kind]
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)
