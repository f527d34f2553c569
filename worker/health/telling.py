"""Where a process tells how it stands: a file, systemd, or both."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol, Self

import structlog

from worker.health.file import HealthFile
from worker.health.systemd import Systemd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.health import Beat
    from worker.settings import HealthSettings

OFTEN = 0.1  # of the interval: so seldom is told again what has not changed, so that ten ticks a second cost nothing
log = structlog.get_logger()


class Publisher(Protocol):
    """One such place."""

    def tell(self, beats: Mapping[str, Beat], now: float) -> None:
        """Tell what was last heard of each graph. Raises OSError where that does not work just now."""

    def close(self) -> None:
        """Take away what would say that the process still runs."""


class Telling:
    """All places where it is told, one after the other; one that cannot be told stops no tick.

    `every` is the least time between two tellings of the same, s by `clock`.
    """

    def __init__(self, *publishers: Publisher, every: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._publishers = publishers
        self._every = every
        self._clock = clock
        self._next = -float("inf")
        self._failing = False
        self._lock = threading.Lock()  # a process has a thread for each graph

    @classmethod
    def of(cls, settings: HealthSettings) -> Self:
        """Return the places that are set, or that the environment names. Raises SettingsError."""
        found = (HealthFile(settings.file) if settings.file else None, Systemd.of_environment())
        return cls(*(one for one in found if one), every=OFTEN * settings.interval)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for publisher in self._publishers:
            publisher.close()

    def __call__(self, beats: Mapping[str, Beat], news: bool) -> None:  # noqa: FBT001
        """Tell it, where it is news or was not told for a while; that it cannot be told is said once, until it can."""
        now = self._clock()
        if not news and now < self._next:
            return
        with self._lock:
            self._next = now + self._every
            try:
                for publisher in self._publishers:
                    publisher.tell(dict(beats), now)
            except OSError as error:
                if not self._failing:
                    log.warning("health.untold", why=str(error))
                self._failing = True
            else:
                self._failing = False
