"""A worker's figures for Prometheus: one closed table, read when somebody scrapes.

A tick only adds up a few numbers (`Figures`); what the worker holds anyhow is looked at when it is asked for. Nothing is
registered with the library's global registry: several may live in one process.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from worker.graph.rows import QUARANTINE
from worker.physics.retention import split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from worker.events import Sinks
    from worker.graph.held import Held
    from worker.graph.moment import Frame

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # s
MOST_TYPES = 50  # node types that have a series each: types are the user's, and may be any number
LONGEST = 100  # characters of a type's name
OTHERS = "(others)"
HELD_UP = {
    "Busy": "busy",
    "CommitUnknown": "commit_unknown",
    "Unreachable": "unreachable",
    "TooLarge": "too_large",
    "ForeignChange": "foreign_change",
    "Fenced": "fenced",
}  # by the name of the error
REJECTED = (
    "node", "link", "stimulus", "member", "type", "threshold", "retention", "visits", "embedding", "emotion", "statistics",
)  # fmt: skip
Values = dict[tuple[str, ...], float]  # by the values of the labels beside `graph`


class Watched(Protocol):
    """What a worker shows of itself: read at any moment, from another thread."""

    held: Held | None  # what it knows of its graph, while it has the lease
    met: Counter[str]  # what has held it up, by the name of the error
    takeovers: int

    @property
    def lease_left(self) -> float:
        """Seconds for which its lease is valid at least."""


class Spread:
    """How many durations fell into each of the buckets."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return each bound, and how many were at most as long."""
        cumulated = np.cumsum(self.counts).tolist()
        return list(zip((*map(str, BOUNDS), "+Inf"), map(float, cumulated), strict=True))


class Figures:
    """A sink that adds up one graph's ticks. It outlives its worker: the next one goes on where that stopped."""

    def __init__(self) -> None:
        self.worker: Watched | None = None
        self.sinks: Sinks | None = None  # the other ones, which may have lost events
        self.pending: float | None = None  # stimuli that wait, where somebody has counted them
        self.ticks = self.strides = self.on = self.off = self.learned = self.restaged = self.applied = self.rejected = 0
        self.moved = 0.0
        self.error: float | None = None  # of the last tick, and the shadow after it
        self.shadow: int | None = None
        self.met: Counter[str] = Counter()
        self.takeovers = 0
        self.inputs = Counter(dict.fromkeys(REJECTED, 0))
        self.tick = Spread()
        self.steps: dict[str, Spread] = defaultdict(Spread)
        self._types: dict[str, str] = {}

    def watch(self, worker: Watched, sinks: Sinks) -> None:
        """Look at this worker from now on, and at where its events go."""
        self.worker, self.sinks = worker, sinks

    def frame(self, frame: Frame) -> None:
        """Add up a tick."""
        moment = frame.moment
        self.ticks += 1
        self.strides += frame.strides
        self.on += frame.flips_on
        self.off += frame.flips_off
        self.moved += frame.energy_transferred
        self.learned += int(np.count_nonzero(moment.staged.learned))
        self.restaged += moment.attempt
        self.applied += len(moment.stimuli.applied)
        self.rejected += len(moment.stimuli.rejected)
        self.error, self.shadow = frame.conservation_error, frame.frontier_shadow
        for found in frame.resident.rejected:
            self.inputs[found.what] += 1
        for step, milliseconds in frame.timings_ms.items():
            self.steps[step].add(milliseconds * 1e-3)
        self.tick.add(sum(frame.timings_ms.values()) * 1e-3)

    def state(self, state: str, detail: str) -> None:
        """Add up nothing: what state a worker is in, its health says."""

    def close(self) -> None:
        """Let go of the worker, which ends."""
        if self.worker:
            self.met.update(self.worker.met)
            self.takeovers += self.worker.takeovers
        self.worker = self.sinks = None

    def of_held(self, read: Callable[[Held], float]) -> Values:
        """Return something of what the worker holds, if it holds its graph."""
        held = self.worker.held if self.worker else None
        return {(): float(read(held))} if held else {}

    def booked(self, name: str) -> Values:
        """Return a sum of the graph's books."""
        return self.of_held(lambda held: math.fsum(getattr(held.ledger.books, name)))

    def energies(self) -> Values:
        """Return the energy by node type; beyond the first MOST_TYPES types, that of all others together."""
        found: Values = defaultdict(float)
        held = self.worker.held if self.worker else None
        for kind, energy in held.ledger.books.energy.items() if held else ():
            found[(self._type(split(kind)[0]),)] += energy
        return dict(found)

    def quarantined(self) -> Values:
        """Return how many nodes are quarantined, by reason."""
        held = self.worker.held if self.worker else None
        return {(why,): float(count) for why, count in held.resident.quarantine.items()} if held else {}

    def held_up(self) -> Values:
        """Return how often something has held the worker up, by what it was."""
        met = self.met + (self.worker.met if self.worker else Counter())
        return {**{(why,): float(met[name]) for name, why in HELD_UP.items()}, ("restaged",): float(self.restaged)}

    def _type(self, name: str) -> str:
        if name not in self._types and len(self._types) < MOST_TYPES:
            self._types[name] = name[:LONGEST].encode("utf-8", "replace").decode()
        return self._types.get(name, OTHERS)


class Row(NamedTuple):
    """One metric: its name without the prefix, and what it means. `read` gives a value, or durations, by its labels' values."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    read: Callable[[Figures], Mapping[tuple[str, ...], float | Spread]]
    labels: Mapping[str, str] = {}  # beside `graph`: each, and the values that it may have


def _one(read: Callable[[Figures], float | None]) -> Callable[[Figures], Values]:
    """Return what reads a single value, absent where there is none."""
    return lambda figures: {} if (value := read(figures)) is None else {(): float(value)}


PREFIX = "stridegraph_"
TABLE: tuple[Row, ...] = (
    Row("tick_seconds", "histogram", "How long ticks took, all steps together.", lambda f: {(): f.tick}),
    Row(
        "tick_step_seconds",
        "histogram",
        "How long each step of a tick took.",
        lambda f: {(step,): spread for step, spread in list(f.steps.items())},
        {"step": "`intake`, `load`, `select`, `stage`, `commit`, `decay`, `emit`"},
    ),
    Row("ticks_total", "counter", "Ticks done by this process.", _one(lambda f: f.ticks)),
    Row(
        "tick",
        "gauge",
        "The number of the last tick that stands in the ledger.",
        lambda f: f.of_held(lambda h: h.ledger.tick),
    ),
    Row("strides_total", "counter", "Strides that moved energy.", _one(lambda f: f.strides)),
    Row("energy_moved_total", "counter", "Energy that strides have moved, Σ ΔE.", _one(lambda f: f.moved)),
    Row(
        "energy_injected_total",
        "counter",
        "Energy that stimuli have brought, since the graph's books were opened.",
        lambda f: f.booked("injected"),
    ),
    Row(
        "energy_faded_total",
        "counter",
        "Energy that has decayed, since the books were opened.",
        lambda f: f.booked("decayed"),
    ),
    Row(
        "energy_lost_total",
        "counter",
        "Energy that stickiness did not keep, since the books were opened.",
        lambda f: f.booked("lost"),
    ),
    Row(
        "energy_external",
        "gauge",
        "Energy that others have written to the graph, less what they took, since the books were opened.",
        lambda f: f.booked("external"),
    ),
    Row(
        "energy",
        "gauge",
        "Energy in the graph.",
        Figures.energies,
        {"type": f"type of the nodes; beyond {MOST_TYPES} types `{OTHERS}`"},
    ),
    Row(
        "conservation_error",
        "gauge",
        "Energy that nothing accounts for, in the last tick.",
        _one(lambda f: f.error),
    ),
    Row(
        "nodes_active",
        "gauge",
        "Nodes at or over their threshold.",
        lambda f: f.of_held(lambda h: len(h.resident.active)),
    ),
    Row(
        "nodes_shadow",
        "gauge",
        "Nodes under theirs that a link of the last tick's sources points to.",
        _one(lambda f: f.shadow),
    ),
    Row("nodes_held", "gauge", "Nodes held in memory.", lambda f: f.of_held(lambda h: len(h.resident.ids))),
    Row("links_held", "gauge", "Links held in memory.", lambda f: f.of_held(lambda h: h.resident.link_count)),
    Row(
        "nodes_quarantined",
        "gauge",
        "Nodes held that have no energy the physics takes: `stridegraph check` names them.",
        Figures.quarantined,
        {"reason": ", ".join(f"`{why}`" for why in QUARANTINE)},
    ),
    Row(
        "inputs_rejected_total",
        "counter",
        "Things in the graph that were left out, or mended in memory: each is counted once an attaching.",
        lambda f: {(what,): float(count) for what, count in list(f.inputs.items())},
        {"what": ", ".join(f"`{what}`" for what in REJECTED)},
    ),
    Row(
        "flips_total",
        "counter",
        "Nodes that became active, or ceased to be.",
        lambda f: {("on",): float(f.on), ("off",): float(f.off)},
        {"direction": "`on`, `off`"},
    ),
    Row("links_learned_total", "counter", "Links that have learned, once a tick each.", _one(lambda f: f.learned)),
    Row("stimuli_applied_total", "counter", "Stimuli applied.", _one(lambda f: f.applied)),
    Row("stimuli_rejected_total", "counter", "Stimuli rejected.", _one(lambda f: f.rejected)),
    Row(
        "stimuli_pending",
        "gauge",
        "Stimuli that wait; counted when scraped, at most every 10 s.",
        _one(lambda f: f.pending),
    ),
    Row(
        "held_up_total",
        "counter",
        "What the worker had to try again, or wait for.",
        Figures.held_up,
        {
            "reason": "`busy`: a deadlock, or a lock's timeout; `commit_unknown`: the answer to COMMIT was lost; "
            "`unreachable`; `too_large`: the database's memory; `restaged`: others had written to what a tick read; "
            "`foreign_change`: they kept doing so; `fenced`: another worker has taken the graph"
        },
    ),
    Row(
        "lease_held",
        "gauge",
        "1 while this process holds the graph's lease, 0 while it does not: a standby.",
        lambda f: f.of_held(lambda _: 1.0) or {(): 0.0},
    ),
    Row(
        "lease_left_seconds",
        "gauge",
        "How long the lease is valid at least, unless it is renewed; absent where none is held.",
        lambda f: f.of_held(lambda _: f.worker.lease_left if f.worker else 0.0),
    ),
    Row(
        "lease_takeovers_total",
        "counter",
        "How often this process took the graph where another had held it last.",
        _one(lambda f: f.takeovers + (f.worker.takeovers if f.worker else 0)),
    ),
    Row(
        "events_dropped_total",
        "counter",
        "Events lost: the file could not be written, or a subscriber was too slow.",
        lambda f: {(where,): float(count) for where, count in (f.sinks.dropped if f.sinks else {}).items()},
        {"sink": "`file`, `subscribers`"},
    ),
)


class Metrics:
    """All graphs of one process, as a registry that `prometheus_client` can write out."""

    def __init__(self, graphs: Mapping[str, Figures] | None = None) -> None:
        self.graphs: dict[str, Figures] = dict(graphs or {})
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def of(self, graph: str) -> Figures:
        """Return the figures of a graph."""
        return self.graphs.setdefault(graph, Figures())

    def describe(self) -> list[Metric]:
        """Return nothing: the names are the table's."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read the whole table."""
        graphs = list(self.graphs.items())
        for row in TABLE:
            yield _family(row, [((graph, *at), found) for graph, of in graphs for at, found in row.read(of).items()])


def _family(row: Row, found: list[tuple[tuple[str, ...], float | Spread]]) -> Metric:
    """Return a metric with its values by the values of its labels."""
    name, labels = PREFIX + row.name, ["graph", *row.labels]
    if row.kind == "histogram":
        durations = HistogramMetricFamily(name, row.meaning, labels=labels)
        for at, spread in found:
            if isinstance(spread, Spread):
                durations.add_metric(at, buckets=spread.buckets(), sum_value=spread.total)
        return durations
    family = (CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily)(name, row.meaning, labels=labels)
    for at, value in found:
        if not isinstance(value, Spread):
            family.add_metric(at, value)
    return family
