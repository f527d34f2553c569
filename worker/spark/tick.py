"""One tick on tables in parts: what grows with the graph is Spark's, what the frontier's cap bounds is this process's.

    intake → load → select → sum → stage → commit → decay

Candidates are joined and costed where the links are, a window keeps the best of each source (§4), strides are chosen and
moved by source (§5, §6) and added up by node, in their order (§2). Ranks over a whole tick, learning, statistics and books
(§3, §7, §8, §13) are those of at most `fanout.frontier_cap` · K strides, by the functions that every engine calls.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Window
from pyspark.sql import functions as f

from worker.graph.change import chained
from worker.graph.port import COMMITTED, NodeRows, Stimulus
from worker.graph.resident import Resident, fingerprint
from worker.graph.stimuli import accept
from worker.physics import decay, fanout, valence, weights
from worker.physics.model import Frontier, Links, Nodes, Strides
from worker.physics.stage import Sums, judged
from worker.spark import kernel
from worker.spark.kernel import Reading
from worker.spark.state import Touched

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from worker.graph.port import Ledger
    from worker.physics.model import Floats, Staged, WeightStats
    from worker.physics.parameters import Parameters
    from worker.settings import Settings
    from worker.spark.state import State

NOW = (
    "id string, kind string, energy double, energy_at double, half_life double, threshold double, visits long, degree int, "
    "stored double, now double"
)
CANDIDATES = (
    "source string, target string, type string, key long, log_weight double, visits long, goal_cosine double, "
    "stickiness double, resonance double, feeling double, now double, threshold double, kept int"
)
STRIDES = (
    "source string, target string, type string, key long, log_weight double, feeling double, stickiness double, rank int, "
    "cost double, share double, moved double"
)
TOUCHED = pa.schema(
    {
        "id": pa.string(), "kind": pa.string(), "energy": pa.float64(), "energy_at": pa.float64(), "half_life": pa.float64(),
        "threshold": pa.float64(), "visits": pa.int64(), "change": pa.float64(), "arrivals": pa.int64(),
    }
)  # fmt: skip
_PLACE = ("target", "type", "key")  # the order of links that cost the same (§2)


@dataclass
class Run:
    """Ticks that are under way on a state: what a worker would hold of the graph beside its nodes and links."""

    state: State
    settings: Settings
    ledger: Ledger
    stats: dict[str, WeightStats]
    queue: list[dict[str, Any]]
    applied: set[str] = field(default_factory=set)
    rejected: list[str] = field(default_factory=list)

    @property
    def parameters(self) -> Parameters:
        """The numbers of the physics."""
        return self.settings.physics


class Stimulated(NamedTuple):
    """What a tick's stimuli add to nodes, by id."""

    energy: dict[str, float]
    deltas: list[float]


NO_STIMULI = Stimulated({}, [])


class Staging(NamedTuple):
    """What a tick has come to, in this process: U touched nodes and M strides."""

    nodes: pa.Table  # in ascending id
    strides: pa.Table  # in their order
    staged: Staged


def tick(run: Run, dt: float) -> dict[str, Any]:
    """Move the graph's energy by one tick of `dt` seconds, and return its figures. Raises InputError, BooksError."""
    start, ledger, parameters = time.perf_counter(), run.ledger, run.parameters
    lasted = valence.lasted(ledger.lasted, ledger.affect, parameters.valence)
    kinds = sorted(run.stats)
    standard = weights.standard(kinds, run.stats, parameters.weights)
    reading = Reading(valence.terms(parameters, dt, lasted), kinds, standard, parameters)
    stimuli = intake(run)
    nodes = current(run, stimuli)
    active, sources, turn = load(run, nodes)
    found, sums = sum_up(select(run, sources, active, reading))
    if found.num_rows < parameters.guards.min_strides:
        sources = pa.concat_tables([sources, nearest(run, nodes, sources)]).sort_by("id")
        found, sums = sum_up(select(run, sources, active, reading))
    staging = stage(run, touched(run, sums, stimuli), found, stimuli)
    lost = staging.staged.lost
    commit(run, staging, stimuli, replace(ledger, affect=parameters.valence.affect, lasted=lasted, turn=turn, dt=dt))
    decayed = fade(run)
    books, before = run.ledger.books, ledger.books
    energy_in = math.fsum(stimuli.deltas)
    error = math.fsum(
        (*books.energy.values(), *(-e for e in before.energy.values()), -energy_in, lost, *decayed.values())
    )
    return {
        "tick": run.ledger.tick,
        "dt": dt,
        "energy_in": energy_in,
        "energy_transferred": math.fsum(found["moved"].to_pylist()),
        "energy_lost": lost,
        "energy_decay": math.fsum(decayed.values()),
        "energy_total": books.total,
        "conservation_error": error,
        "active": active,
        "strides": found.num_rows,
        "digest": run.ledger.digest,
        "ms": (time.perf_counter() - start) * 1e3,
    }


def intake(run: Run) -> Stimulated:
    """Take pending stimuli from the queue, and add up what those that are good give to each node (§2, step 1)."""
    batch = run.settings.stimulus.batch
    pending, run.queue = run.queue[:batch], run.queue[batch:]
    if not pending:
        return NO_STIMULI
    named = {
        own for row in pending for own in (row.get("node"), *(row.get("candidates") or ())) if isinstance(own, str)
    }
    there = run.state.ask(named)
    resident, size = Resident(run.parameters, run.ledger.decay_clock), len(there)
    rows = {name: [getattr(row, name) for row in there.values()] for name in Touched._fields}
    plain = {name: rows[name] for name in ("energy", "energy_at", "threshold", "visits")}
    nothing = [None] * size
    resident.add(
        NodeRows(key=range(size), id=list(there), type=rows["kind"], embedding=nothing, emotion=nothing, retention=nothing,
                 entities=[()] * size, **plain)
    )  # fmt: skip
    key_of = {own: key for key, own in enumerate(there)}
    accepted = accept(
        [_stimulus(entry, row, key_of, run.applied) for entry, row in enumerate(pending)],
        resident,
        run.ledger.decay_clock,
    )
    run.applied |= {stimulus.id for stimulus in accepted.applied}
    run.rejected += [
        f"{row.identity}: {row.why}" for row in (*accepted.named, *resident.rejected) if row.what == "stimulus"
    ]
    resident.stimulate(accepted.node, accepted.delta)
    energy = {resident.ids[i]: float(resident["stimulus"][i]) for i in accepted.nodes.tolist()}
    return Stimulated(energy, accepted.delta.tolist())


def current(run: Run, stimuli: Stimulated) -> DataFrame:
    """Return all nodes that have energy, as the tick reads it: decayed to now, stimuli added (§2, step 3)."""
    nodes = run.state.read_nodes(stimuli.energy).where("energy > 0 or stimulus > 0")
    names = [part.split()[0] for part in NOW.split(", ")][:-2]
    return nodes.select(*names, "stimulus").mapInArrow(partial(kernel.now, clock=run.ledger.decay_clock), NOW)


def load(run: Run, nodes: DataFrame) -> tuple[int, pa.Table, str]:
    """Return how many nodes are active, those of them that are served this time, and who is the last where not all are (§4)."""
    active = nodes.where("now >= threshold").select("id", "now", "threshold", "degree")
    cap, before = run.parameters.fanout.frontier_cap, run.ledger.turn
    first = active.orderBy(f.col("id") <= before, "id").limit(cap + 1).toArrow().sort_by("id")
    if first.num_rows <= cap:
        return first.num_rows, first, ""
    served = pa.concat_tables([first.filter(pc.field("id") > before), first.filter(pc.field("id") <= before)]).slice(
        0, cap
    )
    return active.count(), served, served["id"][-1].as_py()


def nearest(run: Run, nodes: DataFrame, sources: pa.Table) -> pa.Table:
    """Return the nodes that come nearest to their threshold, since hardly any active one strides (§6)."""
    near = nodes.where("now > 0 and now < threshold").orderBy(f.desc(f.col("now") / f.col("threshold")), "id")
    found = near.limit(run.parameters.guards.shadow_budget).select("id", "now", "threshold", "degree").toArrow()
    return found.cast(sources.schema)


def select(run: Run, sources: pa.Table, active: int, reading: Reading) -> DataFrame:
    """Return the strides of these sources: the K cheapest of the candidates that a window keeps of each (§4–§6)."""
    degree = sources["degree"].to_numpy().astype(np.int32)
    kept = fanout.kept(degree, active, run.parameters.fanout)
    table = sources.drop_columns(["degree"]).append_column("kept", pa.array(kept)).rename_columns({"id": "source"})
    mine = run.state.links.join(run.state.small(table), "source")
    names = [part.split()[0] for part in CANDIDATES.split(", ")]
    cost = partial(kernel.costed, reading=reading, changed=run.state.changed())
    costed = mine.select(*names).mapInArrow(cost, f"{CANDIDATES}, base double").repartition("source")
    best = Window.partitionBy("source").orderBy("base", *_PLACE)
    place = f.row_number().over(best).alias("place")
    candidates = costed.select("*", place).where(f.col("place") <= int(kept.max(initial=0))).where("place <= kept")
    in_order = candidates.sortWithinPartitions("source", *_PLACE)
    return in_order.drop("place", "base", "kept").mapInArrow(partial(kernel.strides, reading=reading), STRIDES)


def sum_up(strides: DataFrame) -> tuple[pa.Table, pa.Table]:
    """Return the strides in their order (§2), and what they add, in that order, to each node that one begins or ends at.

    One action gives both: strides come in the rows of the nodes at which they end.
    """
    gone, kept = -f.col("moved"), f.col("stickiness") * f.col("moved")
    ends = f.array(
        f.struct(f.col("source").alias("id"), gone.alias("term"), f.lit(0).alias("arrives")),
        f.struct(f.col("target").alias("id"), kept.alias("term"), f.lit(1).alias("arrives")),
    )
    parts = strides.select(f.struct(*strides.columns).alias("stride"), f.explode(ends).alias("end"))
    terms = f.sort_array(f.collect_list(f.struct("stride.source", "stride.rank", "end.term")))
    change = f.aggregate(terms, f.lit(0.0), lambda total, part: total + part["term"])
    arrived = f.collect_list(f.when(f.col("end.arrives") == 1, f.col("stride")))
    found = parts.groupBy("end.id").agg(change.alias("change"), arrived.alias("arrived")).toArrow()
    rows = pa.Table.from_struct_array(pc.list_flatten(found["arrived"]))
    sums = found.set_column(2, "arrivals", pc.list_value_length(found["arrived"]))
    return rows.sort_by([("source", "ascending"), ("rank", "ascending")]), sums


def touched(run: Run, sums: pa.Table, stimuli: Stimulated) -> pa.Table:
    """Return the nodes that the tick touches, in ascending id, as they are before it, with what strides add to each."""
    found = {own: added for own, *added in zip(*sums.to_pydict().values(), strict=True)}
    nodes = run.state.ask(found.keys() | stimuli.energy.keys())
    rows = ((own, *row, *found.get(own, (0.0, 0))) for own, row in nodes.items())
    columns = list(zip(*rows, strict=True)) or [()] * len(TOUCHED)
    return pa.table(dict(zip(TOUCHED.names, columns, strict=True)), schema=TOUCHED)


def stage(run: Run, nodes: pa.Table, found: pa.Table, stimuli: Stimulated) -> Staging:
    """Return everything that the tick will change (§2, step 5): utility, learning and tiers as in every engine."""
    size, ids = nodes.num_rows, nodes["id"]
    each = np.arange(size, dtype=np.int32)
    source, target = (
        pc.index_in(found[name], value_set=ids).to_numpy().astype(np.int32) for name in ("source", "target")
    )
    kinds = sorted(run.stats)
    links = Links(
        target=target,
        type=pc.index_in(found["type"], value_set=pa.array(kinds, pa.string())).to_numpy().astype(np.uint16),
        log_weight=_floats(found, "log_weight"),
        feeling=np.arange(found.num_rows, dtype=np.int32),
        resonance=np.zeros(found.num_rows),
        emotion=_floats(found, "feeling"),
    )
    stimulus = np.array([stimuli.energy.get(own, 0.0) for own in ids.to_pylist()])
    frontier = Frontier(
        sources=each, start=each.astype(np.int64), degree=each, retried=np.zeros(size, dtype=np.bool_), active=0,
        clock=run.ledger.decay_clock, tick=run.ledger.tick + 1, name=np.zeros(size, dtype=np.uint64),
        nodes=Nodes(
            energy=_floats(nodes, "energy"), energy_at=_floats(nodes, "energy_at"), half_life=_floats(nodes, "half_life"),
            threshold=_floats(nodes, "threshold"), stickiness=np.ones(size), visits=np.zeros(size, dtype=np.int64),
            goal_cosine=np.full(size, np.nan), stimulus=stimulus,
        ),
        links=links, standard=weights.standard(kinds, run.stats, run.parameters.weights),
    )  # fmt: skip
    moved = _floats(found, "moved")
    lost = math.fsum((moved - _floats(found, "stickiness") * moved).tolist())
    strides = Strides(
        source=source, target=target, link=np.arange(found.num_rows, dtype=np.int64), rank=_whole(found, "rank"),
        cost=_floats(found, "cost"), share=_floats(found, "share"), energy=moved,
        strategy=np.zeros(found.num_rows, dtype=np.int32), explored=np.zeros(found.num_rows, dtype=np.bool_),
    )  # fmt: skip
    sums = Sums(each, source.astype(np.int64), target.astype(np.int64), _floats(nodes, "change"), lost)
    return Staging(nodes, found, judged(frontier, strides, sums, run.parameters))


def commit(run: Run, staging: Staging, stimuli: Stimulated, ledger: Ledger) -> None:
    """Take what is staged into the state, the statistics and the books (§2, step 6)."""
    nodes, strides, staged = staging
    at = decay.epoch(ledger.decay_clock, run.parameters.decay)
    energy = decay.rewound(staged.after, ledger.decay_clock, at, _floats(nodes, "half_life")).tolist()
    ids, visits = nodes["id"].to_pylist(), (_whole(nodes, "visits") + _whole(nodes, "arrivals")).tolist()
    for own, e, v in zip(ids, energy, visits, strict=True):
        run.state.touched[own] = run.state.touched[own]._replace(energy=e, energy_at=at, visits=v)
    run.state.visited.update(zip(ids, visits, strict=True))
    terms: dict[str, list[float]] = defaultdict(list)
    for kind, after, before in zip(
        nodes["kind"].to_pylist(), staged.after.tolist(), staged.before.tolist(), strict=True
    ):
        terms[kind] += (after, -before)
    books = ledger.books.commit(terms, stimuli.deltas, staged.lost)
    run.stats = _learn(run, strides, staged)
    names = {own: fingerprint(own) for own in (*ids, *run.stats)}
    columns = (
        np.array([names[own] for own in strides[name].to_pylist()], dtype=np.uint64)
        for name in ("source", "target", "type")
    )
    run.ledger = replace(
        ledger,
        books=books,
        half_lives={kind: run.parameters.half_life(kind) for kind in sorted(books.energy)},
        tick=ledger.tick + 1,
        phase=COMMITTED,
        multiplier=1.0,
        digest=chained(ledger.digest, *columns, _floats(strides, "moved")),
    )


def fade(run: Run) -> dict[str, float]:
    """Move the decay clock, and settle what is due (§9); return what has decayed by kind of node."""
    run.ledger, decayed = run.ledger.closed()
    for kind, taken in settle(run).items():
        decayed[kind] = decayed.get(kind, 0.0) + taken
    run.state.merge()
    return decayed


def settle(run: Run) -> dict[str, float]:
    """Write all nodes out, energies as of the epoch that the clock has passed; return what the floor took by kind (§9)."""
    ledger, parameters = run.ledger, run.parameters
    at = decay.epoch(ledger.decay_clock, parameters.decay)
    if ledger.settled >= at:
        return {}
    nodes = run.state.current_nodes()
    schema = ", ".join(f"{name} {kind}" for name, kind in nodes.dtypes)
    write = partial(kernel.settled, clock=ledger.decay_clock, at=at, parameters=parameters)
    taken: dict[str, list[float]] = defaultdict(list)
    floored = run.state.keep_nodes(nodes.mapInArrow(write, f"{schema}, taken double"), "taken")
    for row in floored.where("taken > 0").toArrow().to_pylist():
        taken[row["kind"]].append(row["taken"])
    sums = {kind: math.fsum(amounts) for kind, amounts in taken.items()}
    run.ledger = replace(ledger, books=ledger.books.floored(sums), settled=at)
    return sums


def _learn(run: Run, strides: pa.Table, staged: Staged) -> dict[str, WeightStats]:
    """Take what links have learned into the state, and return the statistics after it (§3, §8)."""
    which = np.flatnonzero(staged.learned > 0.0)
    before = staged.log_weight[which]
    after = before + staged.learned[which]
    chosen = strides.take(which)
    run.state.learned.update(zip(chosen["key"].to_pylist(), after.tolist(), strict=True))
    kinds, stats = np.array(chosen["type"].to_pylist(), dtype=object), dict(run.stats)
    for kind in sorted(set(kinds.tolist())):
        mine = kinds == kind
        stats[kind] = weights.replace(stats[kind], before[mine], after[mine])
    return stats


def _stimulus(entry: int, row: dict[str, Any], key_of: dict[str, int], applied: set[str]) -> Stimulus:
    """Return an entry of the queue as a graph gives it; `known` where its id was applied before."""
    plain = {name: row.get(name) for name in ("id", "node", "delta", "source", "budget", "candidates", "similarity")}
    candidates = plain["candidates"]
    there = candidates if isinstance(candidates, list) and all(isinstance(own, str) for own in candidates) else []
    return Stimulus(
        entry=entry,
        key=key_of.get(plain["node"]) if isinstance(plain["node"], str) else None,
        keys=[key_of.get(own, -1) for own in there],
        known=bool(row.get("known")) or (isinstance(plain["id"], str) and plain["id"] in applied),
        **plain,
    )


def _floats(table: pa.Table, name: str) -> Floats:
    return np.array(table[name].to_numpy(), dtype=np.float64)


def _whole(table: pa.Table, name: str) -> np.ndarray:
    return np.array(table[name].to_numpy(), dtype=np.int64)
