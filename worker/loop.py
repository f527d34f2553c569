"""The process: start-up, main loop, on tick, shutdown."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars, unbind_contextvars
from tenacity import Retrying, retry_if_exception_type, wait_random_exponential

from worker.errors import BooksError, Busy, Fenced, ForeignChange, TooLarge, Unreachable
from worker.faults import fault_point
from worker.graph.attach import attach, detach, recount
from worker.graph.held import finish
from worker.health import Health
from worker.pacer import Pacer
from worker.physics.books import PAUSE, TOLERANCE
from worker.process import process_name, signals
from worker.tick import tick

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.events import Sink
    from worker.graph.held import Held
    from worker.graph.moment import Frame
    from worker.graph.port import Graph
    from worker.graph.rows import Rejected
    from worker.settings import Settings

LEAST_CAP = 100  # sources to which a frontier may be cut where the database lacks memory
QUARANTINED = 0.01  # share of the nodes it holds over which a worker pauses (RELIABILITY)
FEW = 10  # quarantined nodes that never make it pause, however few it holds
LONGEST_PAUSE = 2.0  # seconds between two tries to reach the database
COMPACT_EVERY = 60.0  # seconds between two looks for stimuli that were kept for long enough
COMPACT_BATCH = 1000  # of them deleted in one transaction

log = structlog.get_logger()


class Worker:
    """Ticks one graph until it is told to stop, or `ticks` are done; waits for whatever may heal.

    `prepare` is called before each attaching: it migrates, or refuses. Unless `patient`, it ends where another holds the
    graph. `clock` tells the seconds that all waiting is measured by, and never goes back; `health` is told of each step.
    Raises Fenced, Refused, SchemaError, BooksError.
    """

    def __init__(
        self,
        graph: Graph,
        settings: Settings,
        sink: Sink,
        *,
        prepare: Callable[[], object],
        ticks: int | None = None,
        patient: bool = True,
        clock: Callable[[], float] = time.monotonic,
        health: Health | None = None,
    ) -> None:
        self.graph = graph
        self.settings = settings
        self.sink = sink
        self.prepare = prepare
        self.ticks = ticks
        self.patient = patient
        self.clock = clock
        self.health = health or Health.of([graph.name], settings.health)
        self.pacer = Pacer(settings, clock)
        self.done = 0
        self.setbacks = 0  # in a row, with no tick done between them
        self.cap: int | None = None  # sources that a frontier is cut to since the database has lacked memory
        self.named: set[Rejected] = set()  # what the physics does not take, and was told of
        self.holder = process_name()
        self.held: Held | None = None  # what it knows of its graph, while it has the lease
        self.state = ""
        self.met: Counter[str] = Counter()  # what has held it up, by the name of the error
        self.takeovers = 0  # of the graph, where another had held it last
        self._fence = 0  # of its own last lease
        self._leased = clock()  # when it last began to renew the lease
        self._compact_at, self._dropped = clock(), 0
        self._stop, self._wake = threading.Event(), threading.Event()
        self._paused, self._anew = threading.Event(), threading.Event()

    def run(self) -> None:
        """Run until stopped; the transaction that is under way then ends first."""
        with signals(self.stop), bound_contextvars(graph=self.graph.name):
            try:
                self._run()
            finally:
                unbind_contextvars("tick")

    def _run(self) -> None:
        self._state("starting")
        while not self._over():
            self.held = self._startup()
            if self.held:
                self._main_loop(self.held)
            elif not self.patient:
                return

    def stop(self) -> None:
        """Stop as soon as the transaction that is under way has ended."""
        self._stop.set()
        self._wake.set()

    def pause(self) -> None:
        """Move nothing from the next tick on, and keep the lease, until `resume`. From any thread, as the other two."""
        self._paused.set()
        self._wake.set()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._paused.clear()
        self._wake.set()

    def refresh(self) -> None:
        """Read the graph anew before the next tick."""
        self._anew.set()
        self._wake.set()

    @property
    def lease_left(self) -> float:
        """Seconds for which its lease is valid at least, unless it is renewed; 0 where it has none."""
        return max(0.0, self._leased + self.settings.lease.ttl - self.clock()) if self.held else 0.0

    def _startup(self) -> Held | None:
        """Take the graph and read what is there; waits for the database, and for another holder's lease to end."""
        tries = Retrying(
            retry=retry_if_exception_type((Unreachable, ForeignChange)),
            wait=wait_random_exponential(multiplier=0.2, max=LONGEST_PAUSE),
            stop=lambda _: self._stop.is_set(),
            sleep=self._pause,
            before_sleep=lambda state: self._unreachable(state.outcome.exception() if state.outcome else None),
            retry_error_callback=lambda _: None,
        )
        held = tries(self._attach)
        if held is None and self.patient and not self._over():
            self._state("waiting for lease")
            self._pause(self.settings.lease.ttl / 4)
        return held

    def _attach(self) -> Held | None:
        self.health.attaching(self.graph.name)
        self.prepare()
        self._anew.clear()
        self._leased = self.clock()
        held = attach(self.graph, self.settings, self.holder)
        if held:
            self.takeovers += held.ledger.fence > self._fence + 1
            self._fence = held.ledger.fence
            held.frontier_cap = min(held.frontier_cap, self.cap or held.frontier_cap)
            held.resident.named_before(self.named)
            held.goes_on = partial(self.health.beat, self.graph.name)
            held.reads_all = partial(self.health.reads_all, self.graph.name)
            self._state("attached", tick=held.ledger.tick, active=len(held.resident.active))
        return held

    def _main_loop(self, held: Held) -> None:
        """Tick until stopped, until the database is gone, or until what is held must be read anew.

        Attaching raises the fence first, and then reads the ledger: so it knows what became of all that had failed.
        """
        try:
            if not self._work(held):
                return
        except ForeignChange:  # others wrote faster than it could read: read everything, and try again
            self.met["ForeignChange"] += 1
            log.warning("tick.contended")
            self._pause(random.uniform(0.1, 1.0))  # noqa: S311  (a pause, not a secret)
            return
        except TooLarge:  # maybe in answer to COMMIT, or while the tick before was being closed
            self.met["TooLarge"] += 1
            if held.frontier_cap <= LEAST_CAP:
                raise
            self._halve(held)
            return
        except Unreachable as error:
            self._unreachable(error)
            self._set_back()
            return
        except Fenced:
            self.met["Fenced"] += 1
            self._state("fenced")
            raise
        self._shutdown(held)

    def _work(self, held: Held) -> bool:
        """Tick until stopped; return False where what is held must be read anew before that."""
        fresh_until = self.clock() + self.settings.resident.refresh
        while not self._over():
            if self.clock() >= fresh_until:
                self.cap = None
                return False
            if held.stale or self._anew.is_set():
                return False
            if why := self._why_not(held):
                self._rest(held, fresh_until, why)
            else:
                if self.state != "running":
                    self._state("running")
                self._on_tick(held)
                self._wait(held)
        return True

    def _on_tick(self, held: Held) -> None:
        """Do one tick and tell of it."""
        bind_contextvars(tick=held.ledger.tick + 1)
        interval = self.pacer.begin(held)
        self.health.beat(self.graph.name)
        self._leased = self.clock()
        frame = replace(tick(held, self.pacer.dt), interval=interval)
        self.pacer.end(held, frame)
        self.done += 1
        self.setbacks = 0
        self.sink.frame(frame)
        fault_point("emit.written")
        self._report(held)
        self._audit(frame)
        if frame.frame % self.settings.weights.recompute_ticks == 0:
            recount(held)

    def _halve(self, held: Held) -> None:
        """Let what is attached next have smaller ticks, until it is time to read the graph anew."""
        self.cap = max(LEAST_CAP, min(held.frontier_cap, len(held.resident.active)) // 2)
        log.warning("frontier.halved", frontier_cap=self.cap)

    def _set_back(self) -> None:
        """Wait the longer, the more often in a row the database was there for attaching and not for a tick."""
        self.setbacks += 1
        self._pause(random.uniform(0.0, min(LONGEST_PAUSE, 0.1 * 2.0 ** min(self.setbacks, 10))))  # noqa: S311

    def _why_not(self, held: Held) -> str:
        """Return why nothing may be moved just now, or nothing."""
        if self._paused.is_set():
            return "it was asked to"
        count, nodes = held.resident.quarantined, len(held.resident.ids)
        return f"{count} of {nodes} nodes are quarantined: see `stridegraph check`" if _unsound(held) else ""

    def _rest(self, held: Held, until: float, why: str) -> None:
        """Move nothing, and keep the lease, as long as that is so and until it is time to read the graph anew."""
        self._state("paused", why=why)
        finish(held)
        while not self._interrupted(held) and (left := until - self.clock()) > 0 and self._why_not(held) == why:
            self._pause(min(left, held.ttl / 3))
            self._renew(held)
            ledger = self.graph.ledger()
            held.stale = ledger is not None and ledger.revision != held.ledger.revision

    def _interrupted(self, held: Held) -> bool:
        """Tell whether it is to stop, or to read the graph anew."""
        return self._over() or held.stale or self._anew.is_set()

    def _renew(self, held: Held) -> None:
        self._leased = self.clock()
        self.graph.renew(held.ledger.fence, held.ttl)

    def _shutdown(self, held: Held) -> None:
        """Give the lease back, so that whoever comes next need not wait for it to run out."""
        self._state("stopping", tick=held.ledger.tick)
        try:
            detach(held)
        except (Unreachable, TooLarge) as error:
            # it runs out by itself; and whoever comes next closes a tick that is not closed
            log.warning("lease.kept", why=_first_line(error))
        self.held = None

    def _wait(self, held: Held) -> None:
        """Wait until the next tick is due, or a stimulus is (SPEC §11); and keep the lease meanwhile."""
        if self.pacer.left > 0:
            finish(held)
        self._compact()
        renewal = self.clock() + held.ttl / 3
        while not self._over() and (left := self.pacer.left) > 0:
            self._pause(max(0.0, min(left, self.pacer.until_poll, renewal - self.clock())))
            if self._over() or self._paused.is_set() or self._anew.is_set() or self.pacer.left <= 0:
                return
            if self.clock() >= renewal:
                self._renew(held)
                renewal = self.clock() + held.ttl / 3
            if self.pacer.until_poll <= 0:
                self.pacer.polled(waiting=self.graph.waiting())
            self._compact()

    def _compact(self) -> None:
        """Now and then, drop stimuli that were kept for long enough: by batches between polls, so that none waits long."""
        if self.clock() < self._compact_at:
            return
        try:
            dropped, more = self.graph.compact(self.settings.stimulus.keep, COMPACT_BATCH)
        except Busy:  # another may delete the same just now: it is in no hurry
            self.met["Busy"] += 1
            dropped, more = 0, False
        self._dropped += dropped
        if more:
            return
        self._compact_at = self.clock() + COMPACT_EVERY
        if self._dropped:
            log.info("queue.compacted", dropped=self._dropped)
            self._dropped = 0

    def _over(self) -> bool:
        return self._stop.is_set() or (self.ticks is not None and self.done >= self.ticks)

    def _pause(self, seconds: float) -> None:
        """Wait, unless it is told something: all waiting is here, so that who moves `clock` can wait by it too."""
        self.health.beat(self.graph.name, seconds)
        self._wake.wait(seconds)
        if not self._stop.is_set():
            self._wake.clear()

    def _unreachable(self, error: BaseException | None) -> None:
        self.held = None
        self.met[type(error).__name__] += 1
        self._state("waiting for database", why=" ".join(str(error).split()))

    def _audit(self, frame: Frame) -> None:
        """Hold the tick to the books (SPEC §13). Raises BooksError where over 1 % is unaccounted for."""
        error = abs(frame.conservation_error)
        if error <= TOLERANCE * max(1.0, frame.energy_total):
            return
        log.error("books.off", conservation_error=frame.conservation_error)
        if error > PAUSE * max(1.0, frame.energy_total):
            message = (
                f"tick {frame.frame} changed the graph's energy by {frame.conservation_error} that nothing accounts for"
            )
            raise BooksError(message, "this is a bug: please report it; nothing more is moved")

    def _report(self, held: Held) -> None:
        """Name, once each, what the physics will not take."""
        for found in held.resident.rejected:
            log.warning("input.rejected", what=found.what, identity=found.identity[:200], why=found.why[:200])
        self.named.update(row for row in held.resident.rejected if row.what != "stimulus")  # each of those is met once
        held.resident.rejected.clear()

    def _state(self, state: str, **detail: object) -> None:
        self.state = state
        self.health.enter(self.graph.name, state)
        log.info("worker.state", state=state, **detail)
        self.sink.state(state, "; ".join(f"{key}: {value}" for key, value in detail.items()))


def _unsound(held: Held) -> bool:
    """Tell whether so many of the nodes that are held are quarantined that what the others do says little."""
    count = held.resident.quarantined
    return count > FEW and count > QUARANTINED * len(held.resident.ids)


def _first_line(error: BaseException | None) -> str:
    return str(error).splitlines()[0]
