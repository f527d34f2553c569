"""Whether a process does its duty: what its workers say of themselves, held to a clock that never goes back.

Nothing here knows where it is told: that is `worker.health.telling`, to a file and to systemd. The command that reads the file
runs every few seconds, so this imports next to nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from worker.settings import HealthSettings

INTERVALS = 3  # after so many without a word, a worker is stuck
READY = frozenset({"running", "refreshing", "waiting for lease"})  # a standby is ready: waiting is its duty


class Beat(NamedTuple):
    """What was last heard of a graph's worker. Times are readings of a monotonic clock, s."""

    state: str
    at: float
    deadline: float  # it is stuck where nothing more was heard by then

    @property
    def ready(self) -> bool:
        """Whether it ticks, rests, or waits for another's lease to end."""
        return self.state in READY


class Verdict(NamedTuple):
    """How a process stands."""

    healthy: bool  # every graph was heard of in time
    ready: bool  # and every graph is worked on, here or by whoever this one stands by for
    why: str  # in one line, by graph


class Health:
    """What the workers of one process say of themselves, by graph.

    `startup` is how long attaching may take without a word, `interval` how long anything else, where a worker does not itself
    say that it will be longer: seconds by `clock`. Each graph begins as `starting`. `tell` is called with all beats at each,
    and whether it brought another state; it must not raise.
    """

    def __init__(
        self,
        graphs: Iterable[str],
        *,
        startup: float,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[Mapping[str, Beat], bool], None] = lambda _beats, _news: None,
    ) -> None:
        self.startup = startup
        self.interval = interval
        self.clock = clock
        self.beats = {graph: self._beat("starting", startup / INTERVALS) for graph in graphs}
        self.tell = tell

    @classmethod
    def of(cls, graphs: Iterable[str], settings: HealthSettings, **more: Any) -> Self:
        """Return it by the settings."""
        return cls(graphs, startup=settings.startup, interval=settings.interval, **more)

    @property
    def verdict(self) -> Verdict:
        """How the process stands now."""
        return judge(self.beats, self.clock())

    def enter(self, graph: str, state: str) -> None:
        """Note that a graph's worker is in another state; what it does next takes no longer than `interval`."""
        self.beat(graph, 0.0, state)

    def attaching(self, graph: str) -> None:
        """Note that a graph is about to be read, anew or for the first time, which may take as long as `startup`."""
        before = self.beats[graph].state
        standby = before == "waiting for lease"  # most tries to take the lease only find that it is another's
        self.reads_all(graph, before if standby else "refreshing" if self.beats[graph].ready else "attaching")

    def reads_all(self, graph: str, state: str = "") -> None:
        """Note that what a worker does next is as much as when it attaches."""
        self.beat(graph, self.startup / INTERVALS, state)

    def beat(self, graph: str, within: float = 0.0, state: str = "") -> None:
        """Note that a graph's worker goes on, and will be heard of again within so many seconds; in `state`, if that is new."""
        before = self.beats[graph].state
        self.beats[graph] = heard = self._beat(state or before, within)
        self.tell(self.beats, heard.state != before)

    def _beat(self, state: str, within: float) -> Beat:
        now = self.clock()
        return Beat(state, now, now + INTERVALS * max(within, self.interval))


def judge(beats: Mapping[str, Beat], now: float) -> Verdict:
    """Return how a process stands at the reading `now` of the clock that the beats are given by."""
    healthy = all(now <= beat.deadline for beat in beats.values())
    ready = healthy and all(beat.ready for beat in beats.values())
    return Verdict(healthy, ready, "; ".join(f"{graph}: {_told(beat, now)}" for graph, beat in beats.items()))


def _told(beat: Beat, now: float) -> str:
    if now <= beat.deadline:
        return beat.state
    return f"{beat.state}, and nothing was heard of it for {now - beat.at:.1f} s: {beat.deadline - beat.at:.1f} s were given"
