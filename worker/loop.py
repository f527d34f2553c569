"""The process: start-up, main loop, on tick, shutdown."""

from __future__ import annotations

import os
import random
import secrets
import signal
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from tenacity import Retrying, retry_if_exception_type, wait_random_exponential

from worker.errors import BooksError, Fenced, ForeignChange, TooLarge, Unreachable
from worker.graph.attach import attach, detach, finish, recount
from worker.pacer import Pacer
from worker.physics.books import PAUSE, TOLERANCE
from worker.tick import tick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.events import Sink
    from worker.graph.attach import Held
    from worker.graph.moment import Frame
    from worker.graph.port import Graph
    from worker.settings import Settings

LEAST_CAP = 100  # sources to which a frontier may be cut where the database lacks memory
LONGEST_PAUSE = 5.0  # seconds between two tries to reach the database

log = structlog.get_logger()


class Worker:
    """Ticks one graph until it is told to stop, or `ticks` are done; waits for whatever may heal.

    `prepare` is called before each attaching: it migrates, or refuses. `clock` tells the seconds that all waiting is
    measured by, and never goes back. Raises Fenced, Refused, SchemaError, BooksError.
    """

    def __init__(
        self,
        graph: Graph,
        settings: Settings,
        sink: Sink,
        *,
        prepare: Callable[[], object],
        ticks: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.graph = graph
        self.settings = settings
        self.sink = sink
        self.prepare = prepare
        self.ticks = ticks
        self.clock = clock
        self.pacer = Pacer(settings, clock)
        self.done = 0
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._stop = threading.Event()

    def run(self) -> None:
        """Run until stopped; the transaction that is under way then ends first."""
        with self._signals():
            self._state("starting")
            while not self._over():
                held = self._startup()
                if held:
                    self._main_loop(held)

    def stop(self) -> None:
        """Stop as soon as the transaction that is under way has ended."""
        self._stop.set()

    def _startup(self) -> Held | None:
        """Take the graph and read what is there; waits for the database, and for another holder's lease to end."""
        tries = Retrying(
            retry=retry_if_exception_type(Unreachable),
            wait=wait_random_exponential(multiplier=0.2, max=LONGEST_PAUSE),
            stop=lambda _: self._stop.is_set(),
            sleep=self._pause,
            before_sleep=lambda state: self._unreachable(state.outcome.exception() if state.outcome else None),
            retry_error_callback=lambda _: None,
        )
        held = tries(self._attach)
        if held is None and not self._over():
            self._state("waiting for lease")
            self._stop.wait(self.settings.lease.ttl / 4)
        return held

    def _attach(self) -> Held | None:
        self.prepare()
        held = attach(self.graph, self.settings, self.holder)
        if held:
            self._state("attached", tick=held.ledger.tick, active=len(held.resident.active))
        return held

    def _main_loop(self, held: Held) -> None:
        """Tick until stopped, until the database is gone, or until what is held must be read anew."""
        self._state("running")
        fresh_until = self.clock() + self.settings.resident.refresh
        try:
            while not self._over():
                if held.stale or self.clock() > fresh_until:
                    return
                self._on_tick(held)
                self._wait(held)
        except ForeignChange:  # others wrote faster than it could read: read everything, and try again
            log.warning("tick.contended", tick=held.ledger.tick)
            self._pause(random.uniform(0.1, 1.0))  # noqa: S311  (a pause, not a secret)
            return
        except (
            Unreachable
        ) as error:  # attaching raises the fence first, and then reads the ledger: it knows every outcome
            self._unreachable(error)
            return
        except Fenced:
            self._state("fenced")
            raise
        self._shutdown(held)

    def _on_tick(self, held: Held) -> None:
        """Do one tick and tell of it; where it is too large for the database, do a smaller one."""
        interval = self.pacer.begin(held)
        try:
            frame = replace(tick(held, self.pacer.dt), interval=interval)
        except TooLarge:
            if held.frontier_cap <= LEAST_CAP:
                raise
            held.frontier_cap = max(LEAST_CAP, min(held.frontier_cap, len(held.resident.active)) // 2)
            log.warning("frontier.halved", frontier_cap=held.frontier_cap)
            return
        self.pacer.end(held, frame)
        self.done += 1
        self.sink.frame(frame)
        self._report(held)
        self._audit(frame)
        if frame.frame % self.settings.weights.recompute_ticks == 0:
            recount(held)

    def _shutdown(self, held: Held) -> None:
        """Give the lease back, so that whoever comes next need not wait for it to run out."""
        self._state("stopping", tick=held.ledger.tick)
        detach(held)

    def _wait(self, held: Held) -> None:
        """Wait until the next tick is due, or a stimulus is (SPEC §11); and keep the lease meanwhile."""
        if self.pacer.left > 0:
            finish(held)
        renewal = self.clock() + held.ttl / 3
        while not self._over() and (left := self.pacer.left) > 0:
            self._stop.wait(max(0.0, min(left, self.pacer.until_poll, renewal - self.clock())))
            if self._over() or self.pacer.left <= 0:
                return
            if self.clock() >= renewal:
                self.graph.renew(held.ledger.fence, held.ttl)
                renewal = self.clock() + held.ttl / 3
            if self.pacer.until_poll <= 0:
                self.pacer.polled(waiting=self.graph.waiting())

    def _over(self) -> bool:
        return self._stop.is_set() or (self.ticks is not None and self.done >= self.ticks)

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _unreachable(self, error: BaseException | None) -> None:
        self._state("waiting for database", why=str(error).splitlines()[0])

    def _audit(self, frame: Frame) -> None:
        """Hold the tick to the books (SPEC §13). Raises BooksError where over 1 % is unaccounted for."""
        error = abs(frame.conservation_error)
        if error <= TOLERANCE * max(1.0, frame.energy_total):
            return
        log.error("books.off", tick=frame.frame, conservation_error=frame.conservation_error)
        if error > PAUSE * max(1.0, frame.energy_total):
            message = (
                f"tick {frame.frame} changed the graph's energy by {frame.conservation_error} that nothing accounts for"
            )
            raise BooksError(message, "this is a bug: please report it; nothing more is moved")

    def _report(self, held: Held) -> None:
        """Name, once each, what the physics will not take."""
        for found in held.resident.rejected:
            log.warning("input.rejected", what=found.what, identity=found.identity[:200], why=found.why[:200])
        held.resident.rejected.clear()

    def _state(self, state: str, **detail: object) -> None:
        log.info("worker.state", state=state, graph=self.graph.name, **detail)
        self.sink.state(state, "; ".join(f"{key}: {value}" for key, value in detail.items()))

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT stop the worker, and put back what was there before."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, lambda *_: self.stop()) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
