"""Events for those who subscribe: on the tick's thread no more is done than must be done before the graph's memory changes.

Of each tick one `Bundle` is handed over: the columns of the kinds that somebody wants, as plain values. Rows and JSON are made
of it by whoever takes it, on another thread. Nothing is looked at of a kind that nobody wants.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from worker.events import build
from worker.events.models import ActiveNode, Snapshot, Sums
from worker.physics import decay
from worker.physics.retention import split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from worker.events.build import Event
    from worker.graph.moment import Frame
    from worker.physics.books import Books
    from worker.physics.model import Ints

STATE = "worker.state.v1"
SNAPSHOT = "snapshot.v1"
TOP = 20  # active nodes of a snapshot
WAITING = 100  # bundles that may wait to be taken: at that many, whoever takes them is dead or stuck
SAMPLED = ("stride.exec.v1", "weights.updated.v1")  # of which subscribers get a share


class Look(NamedTuple):
    """How the graph stood after a tick: figures, and copies of a few values, so that nothing large is kept for it."""

    figures: Event
    books: Books
    top: list[tuple[str, str, float, float]]  # id, type, energy, threshold

    @classmethod
    def of(cls, frame: Frame) -> Look:
        """Look at a graph before its memory changes again."""
        resident = frame.resident
        active, energy = resident.active, decay.stored(resident.nodes, resident.active, resident.clock)
        first = np.argpartition(-energy, TOP)[:TOP] if len(active) > TOP else np.arange(len(active))
        which = active[first]
        kinds = [split(resident.kinds[code])[0] for code in resident["kind"][which].tolist()]
        columns = resident.names(which), kinds, energy[first].tolist(), resident["threshold"][which].tolist()
        figures = {
            **build.heading(SNAPSHOT, frame),
            "energy_total": frame.energy_total,
            "decay_clock": resident.clock,
            "frontier_active": frame.frontier_active,
            "frontier_shadow": frame.frontier_shadow,
            "quarantined": frame.quarantined,
        }
        return cls(figures, frame.books, list(zip(*columns, strict=True)))

    def snapshot(self, state: str | None) -> Event:
        """Return the event that tells of it."""
        by_type: dict[str, float] = defaultdict(float)
        for kind, energy in self.books.energy.items():
            by_type[split(kind)[0]] += energy
        told = {
            "state": state,
            "energy_by_type": by_type,
            "books": {name: math.fsum(getattr(self.books, name)) for name in Sums.model_fields},
            "top": [
                dict(zip(ActiveNode.model_fields, row, strict=True))
                for row in sorted(self.top, key=lambda row: (-row[2], row[0]))
            ],
        }
        given = {**self.figures, **told}
        return {name: given[name] for name in Snapshot.model_fields}


class Bundle(NamedTuple):
    """A tick, or a state: its number, the kinds that were wanted, and the events of each, which are made as they are read."""

    frame: int
    kinds: frozenset[str]
    parts: Mapping[str, Iterable[Event]]
    look: Look | None = None  # after a tick


_MAKE: Mapping[str, Callable[[Frame], Iterable[Event]]] = {
    "frame.start.v1": lambda frame: [build.frame_start(frame)],
    "stimulus.injected.v1": build.stimuli,
    "node.flip.v1": build.flips,
    "entity.boundary.v1": lambda frame: list(build.boundaries(frame)),
    "input.rejected.v1": lambda frame: build.rejections(frame, list(frame.resident.rejected)),
    "frame.end.v1": lambda frame: [build.frame_end(frame)],
}
_MAKE_OF_SOME: Mapping[str, Callable[[Frame, Ints], Iterable[Event]]] = {
    "stride.exec.v1": build.strides,
    "weights.updated.v1": build.weights,
}
ORDER = (
    "frame.start.v1",
    "stimulus.injected.v1",
    "stride.exec.v1",
    "node.flip.v1",
    "entity.boundary.v1",
    "weights.updated.v1",
    "input.rejected.v1",
    "frame.end.v1",
)
SUBSCRIBED = frozenset((*ORDER, STATE))  # the kinds that can be asked for


class Subscribers:
    """The sink. `kinds` are those that somebody wants, set by whoever serves; `share` is that of the strides they get.

    What waits to be taken is bounded: beyond that the newest are lost, and `gap` says so.
    """

    label = "subscribers"

    def __init__(self, graph: str, share: float) -> None:
        self.graph = graph
        self.share = share
        self.kinds: frozenset[str] = frozenset()
        self.dropped = 0  # events that subscribers were too slow for: counted by whoever serves them
        self.gap = False
        self.closed = False
        self.entered: Event | None = None  # the state that the worker is in
        self.tick = 0  # the last one
        self._waiting: deque[Bundle] = deque()

    def frame(self, frame: Frame) -> None:
        """Hand over a tick."""
        self.tick = frame.frame
        if self._full():
            return
        wanted = self.kinds
        some = build.sample(frame, self.share) if wanted.intersection(SAMPLED) else None
        parts: dict[str, Iterable[Event]] = {}
        for kind in ORDER:
            if kind in wanted:
                parts[kind] = _MAKE[kind](frame) if some is None or kind in _MAKE else _MAKE_OF_SOME[kind](frame, some)
        self._waiting.append(Bundle(frame.frame, wanted, parts, Look.of(frame)))

    def state(self, state: str, detail: str) -> None:
        """Hand over that the worker has entered a state."""
        self.entered = build.state_event(self.graph, self.tick, datetime.now(UTC), state, detail)
        if not self._full():
            self._waiting.append(Bundle(self.tick, self.kinds, {STATE: [self.entered]}))

    def close(self) -> None:
        """Say nothing: who subscribes waits for the next worker."""

    def stop(self) -> None:
        """Hand over nothing more: nobody is there to take it."""
        self.closed = True
        self._waiting.clear()

    def take(self) -> list[Bundle]:
        """Return what waits, from another thread."""
        return [self._waiting.popleft() for _ in range(len(self._waiting))]

    def _full(self) -> bool:
        self.gap = self.gap or len(self._waiting) >= WAITING
        return self.closed or len(self._waiting) >= WAITING
