"""Recall: activation spread from seeds by the very ticks of a worker, through the live graph, of which nothing is changed.

A trial of so many ticks on a mirror of what was read of the graph: only the neighbourhood that energy reaches. What is held
in the mirror is used again by the next recall, as long as it is fresh.
"""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from worker.graph.attach import counted, latest
from worker.graph.held import Held
from worker.graph.mirror import Mirror
from worker.graph.port import COMMITTED, Ledger, NodeRows, Stimulus
from worker.graph.settle import give_back_half_lives, renew_half_lives, settle
from worker.graph.unwritten import Unwritten
from worker.physics.decay import stored
from worker.physics.retention import split
from worker.tick import tick
from worker.trial import warm

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from worker.graph.moment import Frame
    from worker.graph.port import Graph
    from worker.physics.model import Floats, Int32s, WeightStats
    from worker.settings import Settings

NEVER = 2**30  # tick in which nothing that came from a seed has reached a node
MOST_HELD = 500_000  # nodes, or links, over which a mirror is dropped before the next recall


class Seed(NamedTuple):
    """A node that a recall begins with: its own id, the graph's key for it, and the energy it is given."""

    id: str
    key: int
    energy: float


class Limits(NamedTuple):
    """What a recall may take: nodes that energy has reached, and milliseconds."""

    nodes: int
    ms: float


class Step(NamedTuple):
    """A link that energy moved along, and how much of it in all."""

    source: str
    type: str
    target: str
    energy: float


class Recalled(NamedTuple):
    """A node that was recalled, its energies in the graph's own unit."""

    id: str
    type: str  # `*`: it has none
    energy: float  # at the end
    score: float  # energy ÷ Θ: from 1 on it is active
    before: float  # what stood there before, faded to the end; 0 apart from the context
    path: tuple[
        Step, ...
    ]  # from a seed, by the links that brought it most; empty: a seed, or no seed's energy has come to it


class Recollection(NamedTuple):
    """What a recall has found: the nodes with most energy, most first, ties by id."""

    results: list[Recalled]
    seeds: dict[str, float]  # energy that each was given
    reached: int  # nodes that energy was moved from or to
    ticks: int  # that were done
    partial: str  # why it was broken off, or nothing
    rejected: dict[str, str]  # seeds that the physics does not take, and why
    ms: float


class Activation(NamedTuple):
    """The energy of every node that has any, and its threshold, by id: what two sets of seeds are compared by."""

    energy: dict[str, float]
    threshold: dict[str, float]

    def cosine(self, other: Activation) -> float:
        """Return the cosine of log(1 + E/Θ) of the two, from 0 (nothing in common) to 1; 0 where either has nothing."""
        mine, theirs = self._logs(), other._logs()
        both = math.fsum(value * theirs[own] for own, value in mine.items() if own in theirs)
        sizes = (math.sqrt(math.fsum(value * value for value in one.values())) for one in (mine, theirs))
        return min(1.0, both / size) if (size := math.prod(sizes)) else 0.0

    def _logs(self) -> dict[str, float]:
        return {own: math.log1p(energy / self.threshold[own]) for own, energy in self.energy.items()}


class Trail:
    """Which strides have carried the seeds' energy where, tick after tick."""

    def __init__(self) -> None:
        self.ticks = 0
        self._first = np.empty(0, dtype=np.int64)  # by node: the tick that first brought energy from a seed
        self._touched = np.empty(0, dtype=np.bool_)
        self._strides: list[tuple[np.ndarray, ...]] = []

    @property
    def reached(self) -> int:
        """How many nodes energy was moved from or to."""
        return int(np.count_nonzero(self._touched))

    def add(self, frame: Frame) -> None:
        """Take in a tick."""
        self.ticks += 1
        resident, strides = frame.resident, frame.moment.strides
        more = len(resident.ids) - len(self._first)
        self._first = np.concatenate((self._first, np.full(more, NEVER)))
        self._touched = np.concatenate((self._touched, np.zeros(more, dtype=np.bool_)))
        self._first[frame.moment.stimuli.node] = 0
        self._touched[frame.moment.staged.touched] = True
        new = strides.target[self._first[strides.source] < self.ticks]
        self._first[new] = np.minimum(self._first[new], self.ticks)
        kinds = resident.link("type")[strides.link]
        self._strides.append((strides.source, strides.target, kinds, strides.energy))

    def paths(self, resident: Mirror, which: Sequence[int]) -> Iterator[tuple[Step, ...]]:
        """Give, of each node, the way by which most energy came to it from a seed: each link from where it came sooner."""
        columns = [np.concatenate(column) for column in zip(*self._strides, strict=True)]
        for node in which:
            steps, at = [], node
            while 0 < self._first[at] < NEVER:
                step, at = self._step(resident, columns, at)
                steps.append(step)
            yield tuple(reversed(steps))

    def _step(self, resident: Mirror, columns: list[np.ndarray], at: int) -> tuple[Step, int]:
        source, target, kind, energy = columns
        mine = np.flatnonzero(target == at)
        mine = mine[self._first[source[mine]] < self._first[at]]
        brought: dict[tuple[int, int], list[float]] = defaultdict(list)
        for place in mine.tolist():
            brought[int(source[place]), int(kind[place])].append(float(energy[place]))
        sums = {link: math.fsum(terms) for link, terms in brought.items()}
        best = min(sums, key=lambda link: (-sums[link], resident.ids[link[0]], resident.link_types[link[1]]))
        return Step(resident.ids[best[0]], resident.link_types[best[1]], resident.ids[at], sums[best]), best[0]


class Recaller:
    """Recalls from one graph, one at a time whatever the threads; it needs no lease, and a worker may tick beside it.

    What it has read is used again while the ledger stands still, and for `recall.fresh` seconds while it moves. All methods
    raise GraphError.
    """

    def __init__(self, graph: Graph, settings: Settings) -> None:
        self._graph = graph
        self.settings = settings.model_copy(
            update={
                "resident": settings.resident.model_copy(
                    update={"enabled": True, "max_nodes": 2**62, "max_links": 2**62}
                ),
                "weight_decay": replace(settings.weight_decay, enabled=False),
            }
        )
        warm(self.settings, self.settings.recall.dt)  # or the first recall would take seconds
        self._lock = threading.Lock()
        self._mirror: Mirror | None = None
        self._stats: dict[str, WeightStats] = {}
        self._counted = False  # whether all nodes with energy are in the mirror
        self._read_at, self._read_of = 0.0, (0, 0)

    def recall(
        self,
        seeds: Sequence[Seed],
        k: int,
        *,
        context: bool = False,
        types: Collection[str] = (),
        limits: Limits | None = None,
    ) -> Recollection:
        """Return the `k` nodes with most energy after `recall.ticks` ticks, of some `types` or of all.

        With `context` it goes on from the energies that stand in the graph, else from none. Over its `limits` it returns what
        it has, and says so.
        """
        with self._lock:
            start = time.perf_counter()
            mirror, clock, trail, rejected, partial = self._spread(seeds, limits, context=context)
            which, energy = _energetic(mirror, clock)
            if types:
                mine = np.array(
                    [split(mirror.kinds[code])[0] in types for code in mirror["kind"][which].tolist()], bool
                )
                which, energy = which[mine], energy[mine]
            if len(which) > k:  # all that may be among the best, so that only these are put in order
                enough = energy >= np.partition(energy, -k)[-k]
                which, energy = which[enough], energy[enough]
            order = sorted(range(len(which)), key=lambda i: (-energy[i], mirror.ids[which[i]]))[:k]
            return Recollection(
                results=list(_told(mirror, which[order], energy[order], clock, trail)),
                seeds={seed.id: seed.energy for seed in seeds},
                reached=trail.reached,
                ticks=trail.ticks,
                partial=partial,
                rejected=rejected,
                ms=(time.perf_counter() - start) * 1e3,
            )

    def activation(self, seeds: Sequence[Seed], *, limits: Limits | None = None) -> Activation:
        """Return the energy of every node that seeds alone, apart from any context, would bring any to."""
        with self._lock:
            mirror, clock, *_ = self._spread(seeds, limits, context=False)
            which, energy = _energetic(mirror, clock)
            names = mirror.names(which)
            return Activation(
                dict(zip(names, energy.tolist(), strict=True)),
                dict(zip(names, mirror["threshold"][which].tolist(), strict=True)),
            )

    def _spread(
        self, seeds: Sequence[Seed], limits: Limits | None, *, context: bool
    ) -> tuple[Mirror, float, Trail, dict[str, str], str]:
        """Do the ticks; return the mirror, the reading of its clock, what happened, and why it was broken off, if it was."""
        own = self.settings.recall
        wanted, trail = limits or Limits(own.max_nodes, own.max_ms), Trail()
        until, partial = time.perf_counter() + wanted.ms / 1e3, ""
        rejected: dict[str, str] = {}
        held = self._held(_stimuli(seeds), context=context)
        held.frontier_cap = min(held.frontier_cap, wanted.nodes)  # so that no step reads without bound
        while trail.ticks < own.ticks and not partial:
            frame = tick(held, own.dt)
            rejected |= {row.identity: row.why for row in frame.moment.stimuli.named}
            trail.add(frame)
            if trail.ticks < own.ticks:
                partial = _over(wanted, trail.reached, until)
            if held.turn and held.frontier_cap == wanted.nodes:
                partial = f"more than {wanted.nodes} nodes are active, and it may reach so many"
        return cast("Mirror", held.resident), held.ledger.decay_clock, trail, rejected, partial

    def _held(self, stimuli: Sequence[Stimulus], *, context: bool) -> Held:
        """Return what ticks stand on: what attaching to a copy of the graph would find, or to one without energies."""
        live = self._graph.ledger() or Ledger()
        ledger, _ = live.closed() if live.phase == COMMITTED else (live, {})
        mirror, clock = self._fresh(ledger, context=context)
        ledger = replace(ledger, decay_clock=clock) if context else Ledger()
        mirror.rewind(ledger.decay_clock, apart=not context)
        graph = Unwritten(self._graph, mirror, stimuli)
        cap = self.settings.physics.fanout.frontier_cap
        held = Held(graph, self.settings, ledger, dict(self._stats), mirror, cap)
        held.booked = held.kept = len(mirror.ids)
        if context:
            everyone = np.arange(len(mirror.ids), dtype=np.int32)
            outdated = give_back_half_lives(held)
            mirror.look(everyone, clock)
            held.ledger = held.booked_as(ledger.books._replace(energy=counted(held, everyone)))
            renew_half_lives(held, outdated)
            settle(held)
        return held

    def _fresh(self, ledger: Ledger, *, context: bool) -> tuple[Mirror, float]:
        """Return a mirror that is fresh enough, with all standing energies where there is to be a context, and its clock."""
        age, now = time.monotonic() - self._read_at, (ledger.tick, ledger.revision)
        longest = self.settings.resident.refresh if now == self._read_of else self.settings.recall.fresh
        mirror = self._mirror
        if (
            not mirror
            or age > longest
            or now[1] != self._read_of[1]
            or max(len(mirror.ids), mirror.link_count) > MOST_HELD
        ):
            self._read_at, self._read_of = time.monotonic(), now
            census = self._graph.census() if context or ledger.opening else None
            clock = latest(census, self.settings.physics) if census and ledger.opening else ledger.decay_clock
            mirror = Mirror(self.settings.physics, clock)
            if census:
                mirror.add(census)
            self._counted = census is not None
            self._stats = dict(self._graph.statistics() or self._graph.weights())
        elif context and not self._counted:
            rows = zip(*(row for row in self._graph.census()), strict=True)
            new = [row for row in rows if row[0] not in mirror.index]
            mirror.add(NodeRows(*zip(*new, strict=True)) if new else NodeRows(*([()] * len(NodeRows._fields))))
            self._counted = True
        self._mirror = mirror
        return mirror, mirror.read_clock


def _over(limits: Limits, reached: int, until: float) -> str:
    """Return why there shall be no tick more, or nothing."""
    if reached > limits.nodes:
        return f"it has reached {reached} nodes, and may reach {limits.nodes}"
    return f"its {limits.ms:g} ms are over" if time.perf_counter() > until else ""


def _stimuli(seeds: Sequence[Seed]) -> list[Stimulus]:
    """Return seeds as the entries of a queue, in ascending id."""
    return [
        Stimulus(entry=i, id=seed.id, node=seed.id, delta=seed.energy, source="recall", key=seed.key)
        for i, seed in enumerate(sorted(seeds))
    ]


def _energetic(mirror: Mirror, clock: float) -> tuple[Int32s, Floats]:
    """Return the nodes that have energy, and how much."""
    everyone = np.arange(len(mirror.ids), dtype=np.int32)
    energy = stored(mirror.nodes, everyone, clock)
    which = np.flatnonzero((energy > 0.0) & mirror["valid"]).astype(np.int32)
    return which, energy[which]


def _told(mirror: Mirror, which: Int32s, energy: Floats, clock: float, trail: Trail) -> Iterator[Recalled]:
    kinds = [split(mirror.kinds[code])[0] for code in mirror["kind"][which].tolist()]
    columns = (
        mirror.names(which),
        kinds,
        energy.tolist(),
        (energy / mirror["threshold"][which]).tolist(),
        mirror.before(which, clock).tolist(),
        trail.paths(mirror, which.tolist()),
    )
    for row in zip(*columns, strict=True):
        yield Recalled(*row)
