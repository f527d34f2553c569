"""When ticks are due, by a monotonic clock: what SPEC §11 computes, and the times that it is computed from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from worker.physics import pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.graph.held import Held
    from worker.graph.moment import Frame
    from worker.physics.pace import Interval
    from worker.settings import Settings

POLL_SHARE = 0.9  # of `pace.min`, from poll to poll: what is left is for the query itself
LEAST_POLL = 0.05  # seconds between two polls of the queue, so that waiting costs next to nothing


class Pacer:
    """The pace of one worker; it outlives an attaching, so that no pause is taken for none.

    `clock` tells seconds, and never goes back.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self.parameters = settings.pace
        self.clock = clock
        self.interval: Interval | None = None  # that the next tick is waited for; None before the first
        self._mean: Interval | None = None  # that smoothing goes on from; None where it starts anew
        self._affect = math.hypot(*settings.valence.affect)
        self._started = self._due = self._poll = 0.0
        self._tick: int | None = None  # number of the tick before the one that started last
        self._ticked: float | None = None  # when the last tick started that stands in the ledger
        self._stimulated = -math.inf  # when the last one started that took a stimulus

    @property
    def dt(self) -> float:
        """Seconds that the tick which has begun stands for.

        The first stands for `pace.min`: how long nobody was there to tick is not known, and not made up for.
        """
        since = self.parameters.min if self._ticked is None else self._started - self._ticked
        return pace.dt(since, self.parameters)

    @property
    def left(self) -> float:
        """Seconds until the next tick is due."""
        return self._due - self.clock()

    @property
    def until_poll(self) -> float:
        """Seconds until the queue is worth a look. With a fixed pace it never is: nothing then ends a wait."""
        return self._poll - self.clock()

    def begin(self, held: Held) -> Interval:
        """Start a tick, and return the interval that it was waited for. Where it is not done, it is due again in `pace.min`."""
        if (
            self._tick is not None and held.ledger.tick > self._tick
        ):  # the last one stands, even where its answer was lost
            self._ticked = self._started
        self._started, self._tick = self.clock(), held.ledger.tick
        self.interval = self.interval or self._next(held)
        self._plan(self.parameters.fixed or self.parameters.min)
        return self.interval

    def end(self, held: Held, frame: Frame) -> None:
        """Take note that the tick is done, and say when the next is due."""
        if frame.moment.stimuli.applied:
            self._stimulated, self._mean = self._started, None
        self.interval = self._mean = self._next(held)
        self._plan(self.interval.seconds)

    def polled(self, *, waiting: bool) -> None:
        """Take note of what a look at the queue has shown: a stimulus that waits makes the next tick due at once."""
        now = self.clock()
        self._poll = now + max(LEAST_POLL, POLL_SHARE * self.parameters.min)
        if waiting:
            self._due, self.interval = now, pace.woken(self.parameters)

    def _plan(self, seconds: float) -> None:
        """Let the next tick be due so long after the start of this one; none starts sooner than `pace.min` after it."""
        self._due = self._started + seconds
        self._poll = math.inf if self.parameters.fixed else self._started + self.parameters.min

    def _next(self, held: Held) -> Interval:
        resident = held.resident
        signals = pace.Signals(
            since_stimulus=self._started - self._stimulated,
            active_energy=pace.active_energy(resident.nodes, resident.active, held.ledger.decay_clock),
            affect=self._affect,
        )
        return pace.interval(signals, self._mean, self.parameters)
