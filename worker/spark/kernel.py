"""What runs where the links are: batches of Arrow in and out, and between them the physics that every engine runs.

No formula stands here. Each function is what Spark maps over a part of a table; all that it needs comes with it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from worker.graph.port import NodeRows
from worker.graph.rows import clean_nodes, vector
from worker.physics import decay, valence
from worker.physics.books import ZERO, add
from worker.physics.kernels import base_costs
from worker.physics.model import Frontier, Links, Nodes
from worker.physics.select import select
from worker.physics.transfer import transfer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.physics.model import Floats, Standard, Strides
    from worker.physics.parameters import Parameters
    from worker.physics.valence import Terms

    Batches = Iterator[pa.RecordBatch]

RAW = ("id", "type", "energy", "energy_at", "threshold", "visits", "embedding", "emotion", "retention")


class Reading(NamedTuple):
    """How a tick reads links: its numbers, and the statistics of each link type."""

    terms: Terms
    types: Sequence[str]
    standard: Standard
    parameters: Parameters


class Changed(NamedTuple):
    """What ticks have changed of links since these were last written: as columns, which travel to every part."""

    key: pa.Array
    log_weight: pa.Array
    target: pa.Array
    visits: pa.Array  # of the target


def clean(batches: Batches, parameters: Parameters, clock: float) -> Batches:
    """Return those nodes that the physics takes, with the numbers that it takes (§1)."""
    goal, affect = parameters.valence.goal, parameters.valence.affect
    for batch in batches:
        columns = {name: batch[name].to_pylist() for name in RAW}
        size = batch.num_rows
        nodes, _ = clean_nodes(NodeRows(key=range(size), entities=[()] * size, **columns), parameters, clock)
        emotions = [vector(value) for value in columns["emotion"]]
        kinds = {kind: parameters.half_life(kind) for kind in set(nodes.type)}
        sticky = {kind: parameters.stickiness_of(kind) for kind in kinds}
        cosines = [valence.cosine(goal, vector(value)) for value in columns["embedding"]]
        found = {
            "id": nodes.id,
            "kind": nodes.type,
            "energy": nodes.energy,
            "energy_at": nodes.energy_at,
            "half_life": [kinds[kind] for kind in nodes.type],
            "threshold": nodes.threshold,
            "stickiness": [sticky[kind] for kind in nodes.type],
            "visits": nodes.visits,
            "goal_cosine": cosines,
            "resonance": [valence.resonance(affect, own) for own in emotions],
            "feeling": [math.hypot(*own) for own in emotions],
            "retention": nodes.retention,
        }
        yield pa.RecordBatch.from_pydict(found).filter(pa.array(nodes.valid))


def feel(batches: Batches, affect: Sequence[float]) -> Batches:
    """Return links with how they feel (§5): by their own emotion, else their target's."""
    for batch in batches:
        own = [vector(value) for value in batch["emotion"].to_pylist()]
        there = np.array([bool(value) for value in own], dtype=np.bool_)
        columns = {name: batch[name] for name in batch.schema.names if name not in {"emotion", "resonance", "feeling"}}
        columns["resonance"] = np.where(
            there, [valence.resonance(affect, value) for value in own], _floats(batch, "resonance")
        )
        columns["feeling"] = np.where(there, [math.hypot(*value) for value in own], _floats(batch, "feeling"))
        yield pa.RecordBatch.from_pydict(columns)


def counted(batches: Batches, means: dict[str, float] | None) -> Batches:
    """Return, by link type, how many log-weights there are and what they, or the squares from their mean, add up to.

    Each sum as two doubles, more exact than one: so the whole is the same to the bit however links are parted.
    """
    for batch in batches:
        kinds, weights = batch["type"].to_pylist(), _floats(batch, "log_weight")
        by_type: dict[str, list[int]] = {}
        for row, kind in enumerate(kinds):
            by_type.setdefault(kind, []).append(row)
        rows = []
        for kind, which in by_type.items():
            values = weights[which]
            terms = values if means is None else (values - means[kind]) ** 2
            rows.append((kind, len(which), *add(ZERO, *terms.tolist())))
        names = ("type", "n", "high", "low")
        yield pa.RecordBatch.from_pydict(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {
            "type": pa.array([], pa.string()), "n": pa.array([], pa.int64()),
            "high": pa.array([], pa.float64()), "low": pa.array([], pa.float64()),
        })  # fmt: skip


def now(batches: Batches, clock: float) -> Batches:
    """Return nodes with E as the tick reads it: decayed to `clock`, with the stimulus that each has a column for (§9)."""
    for batch in batches:
        size = batch.num_rows
        nodes = _nodes(
            size, **{name: _floats(batch, name) for name in ("energy", "energy_at", "half_life", "stimulus")}
        )
        which = np.arange(size, dtype=np.int32)
        stored = decay.stored(nodes, which, clock)
        kept = [name for name in batch.schema.names if name != "stimulus"]
        columns = {**{name: batch[name] for name in kept}, "stored": stored, "now": stored + nodes.stimulus}
        yield pa.RecordBatch.from_pydict(columns)


def settled(batches: Batches, clock: float, at: float, parameters: Parameters) -> Batches:
    """Return nodes with their energies written out as of the epoch `at` where that is due, and what the floor took (§9)."""
    for batch in batches:
        nodes = _nodes(
            batch.num_rows, **{name: _floats(batch, name) for name in ("energy", "energy_at", "half_life", "threshold")}
        )
        which, energy = decay.settled(nodes, np.arange(batch.num_rows, dtype=np.int32), at, parameters.decay)
        taken, energies, readings = np.zeros(batch.num_rows), nodes.energy.copy(), nodes.energy_at.copy()
        floored = which[energy == 0.0]
        taken[floored] = decay.stored(nodes, floored, clock)
        energies[which], readings[which] = energy, at
        columns = {name: batch[name] for name in batch.schema.names}
        yield pa.RecordBatch.from_pydict({**columns, "energy": energies, "energy_at": readings, "taken": taken})


def costed(batches: Batches, reading: Reading, changed: Changed) -> Batches:
    """Return links as they are now, with c_weight + c_novelty, by which candidates are ranked (§4)."""
    for old in batches:
        batch, size = _as_now(old, changed), old.num_rows
        each = np.arange(size, dtype=np.int64)
        frontier = _frontier(batch, reading, each, np.ones(size, dtype=np.int32), _nodes(size, visits=_whole(batch)))
        base = np.empty((1, size))
        base_costs(frontier, each, reading.terms, base, np.empty(size))
        columns = {name: batch[name] for name in batch.schema.names}
        yield pa.RecordBatch.from_pydict({**columns, "base": base[0]})


def _as_now(batch: pa.RecordBatch, changed: Changed) -> pa.RecordBatch:
    """Return links with those log-weights and visits that have changed."""
    columns = {name: batch[name] for name in batch.schema.names}
    for name, own, of, values in (
        ("log_weight", "key", changed.key, changed.log_weight),
        ("visits", "target", changed.target, changed.visits),
    ):
        if len(of):
            columns[name] = pc.coalesce(values.take(pc.index_in(batch[own], value_set=of)), batch[name])
    return pa.RecordBatch.from_pydict(columns)


def strides(batches: Batches, reading: Reading) -> Batches:
    """Return the strides of candidates that come by source, target, link type and key, all of a source's in one part (§6)."""
    rest: pa.Table | None = None
    for batch in batches:
        table = pa.Table.from_batches([batch])
        if rest is not None:
            table = pa.concat_tables([rest, table])
        names = table["source"]
        if not len(names):
            continue
        last = pc.index(names, names[-1]).as_py()  # the next batch may have more of this source
        rest = table.slice(last)
        if last:
            yield _moved(table.slice(0, last), reading)
    if rest is not None and rest.num_rows:
        yield _moved(rest, reading)


def _moved(table: pa.Table, reading: Reading) -> pa.RecordBatch:
    """Choose and move, by the kernels that every engine uses: candidates are all the links that these sources have here."""
    batch = table.combine_chunks().to_batches()[0]
    names = batch["source"]
    new = np.ones(batch.num_rows, dtype=np.bool_)
    new[1:] = pc.not_equal(names[1:], names[:-1]).to_numpy(zero_copy_only=False)
    start = np.flatnonzero(new)
    sources, size = len(start), batch.num_rows
    degree = np.diff(np.append(start, size)).astype(np.int32)
    ends = np.zeros(sources)
    nodes = _nodes(
        sources + size,
        energy=np.append(_floats(batch, "now")[start], np.zeros(size)),
        threshold=np.append(_floats(batch, "threshold")[start], np.ones(size)),
        visits=np.append(ends.astype(np.int64), _whole(batch)),
        goal_cosine=np.append(ends, _floats(batch, "goal_cosine")),
    )
    frontier = _frontier(batch, reading, start, degree, nodes)
    whole = replace(reading.parameters, fanout=replace(reading.parameters.fanout, task_mode="methodical"))
    found: Strides = transfer(frontier, select(frontier, reading.terms, whole), reading.terms, reading.parameters)
    taken = batch.take(pa.array(found.link))
    columns = {name: taken[name] for name in ("source", "target", "type", "key", "log_weight", "feeling", "stickiness")}
    return pa.RecordBatch.from_pydict(
        {**columns, "rank": found.rank, "cost": found.cost, "share": found.share, "moved": found.energy}
    )


def _frontier(batch: pa.RecordBatch, reading: Reading, start: np.ndarray, degree: np.ndarray, nodes: Nodes) -> Frontier:
    """Return a batch of links as what a tick reads: sources are the first nodes, targets the last."""
    size, sources = batch.num_rows, len(start)
    links = Links(
        target=np.arange(len(nodes.energy) - size, len(nodes.energy), dtype=np.int32),
        type=pc.index_in(batch["type"], value_set=pa.array(reading.types, pa.string()))
        .to_numpy(zero_copy_only=False)
        .astype(np.uint16),
        log_weight=_floats(batch, "log_weight"),
        feeling=np.arange(size, dtype=np.int32),
        resonance=_floats(batch, "resonance"),
        emotion=_floats(batch, "feeling"),
    )
    return Frontier(
        sources=np.arange(sources, dtype=np.int32),
        start=start,
        degree=degree,
        retried=np.zeros(sources, dtype=np.bool_),
        active=0,
        clock=0.0,
        tick=0,
        name=np.zeros(sources, dtype=np.uint64),
        nodes=nodes,
        links=links,
        standard=reading.standard,
    )


def _nodes(size: int, **columns: np.ndarray) -> Nodes:
    """Return nodes with these columns, and the others as a node without energy has them."""
    plain = Nodes(
        energy=np.zeros(size), energy_at=np.zeros(size), half_life=np.ones(size), threshold=np.ones(size),
        stickiness=np.ones(size), visits=np.zeros(size, dtype=np.int64), goal_cosine=np.full(size, np.nan),
        stimulus=np.zeros(size),
    )  # fmt: skip
    return plain._replace(**columns)


def _floats(batch: pa.RecordBatch, name: str) -> Floats:
    return np.array(batch[name].to_numpy(zero_copy_only=False), dtype=np.float64)


def _whole(batch: pa.RecordBatch) -> np.ndarray:
    return np.array(batch["visits"].to_numpy(zero_copy_only=False), dtype=np.int64)
