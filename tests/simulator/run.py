"""One seed: workers, faults and others over one store; and what must be true of it in the end."""

from __future__ import annotations

import math
import random
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from unittest.mock import patch

import structlog

from tests.simulator import world
from tests.simulator.connection import Connection, Direct, Faults, alone
from tests.simulator.mutants import MUTANTS
from tests.simulator.scheduler import MOST_TURNS, Endless, Killed, Scheduler
from tests.stores import state
from worker.errors import Fenced
from worker.graph import settle
from worker.graph.neo4j import Neo4jGraph
from worker.graph.port import IDLE
from worker.loop import Worker

TOLERANCE = 1e-9
CHANCES = (0.02, 0.05, 0.1, 0.2)  # that a request goes wrong
MOST_FAULTS = 8
GIFTS = 0.15  # chance that others write beside a request


class Wrong(Exception):
    """Something is not as promised."""


@dataclass
class Run:
    """How a seed went; `failure` says what was not as promised."""

    seed: int
    failure: str = ""
    trace: list = field(default_factory=list)
    ends: list = field(default_factory=list)  # of the workers
    struck: list = field(default_factory=list)  # requests that went wrong, and how
    turns: int = 0


def simulate(seed, *, mutant="", traced=False):
    """Run a seed and hold it to what must be true."""
    run = Run(seed)
    try:
        _Simulation(run, mutant, traced).run()
    except Exception as error:  # noqa: BLE001  (whatever it is, the seed that leads to it is what is wanted)
        run.failure = f"{type(error).__name__}: {error}"
    return run


@contextmanager
def prepared(mutant=""):
    """Make batches small, keep the log silent, and break what a mutant breaks."""
    silent = structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(50))
    with ExitStack() as stack:
        stack.enter_context(patch("worker.loop.log", silent))
        stack.enter_context(patch.object(settle, "FORGET_BATCH", 2))
        stack.enter_context(patch.object(settle, "SETTLE_BATCH", 2))
        for target, replacement in MUTANTS[mutant].items() if mutant else ():
            stack.enter_context(patch(target, replacement))
        yield


@cache
def undisturbed(number, mutant):
    """Return the state that a world comes to when nothing goes wrong."""
    simulation = _Simulation(Run(-1 - number), mutant, traced=False)
    simulation.run()
    return state(Seen(simulation.store))


class Seen:
    """A store as `tests.stores` looks into one."""

    def __init__(self, store):
        self.store = store
        self.graph = Neo4jGraph(Direct(store), "g")

    def nodes(self):
        return self.store.node.values()

    def links(self):
        node = self.store.node
        return [
            (node[a]["id"], kind, node[b]["id"], found["log_weight"]) for a, b, kind, found in self.store.link.values()
        ]


class _Simulation:
    def __init__(self, run, mutant, traced):
        disturbed = run.seed >= 0
        self.report, self.mutant = run, mutant
        self.number = run.seed % world.WORLDS if disturbed else -1 - run.seed
        self.scheduler = Scheduler(run.seed, disturbed=disturbed, trace=run.trace if traced else None)
        rng = self.rng = self.scheduler.rng
        self.foreign = disturbed and rng.random() < 0.3
        self.settings = world.settings(self.number, self.foreign)
        self.store = world.store(self.number, self.scheduler.clock)
        self.until = world.ticks(self.number)
        self.opening = math.fsum(node.get("energy", 0.0) for node in self.store.node.values())
        self.faults = Faults(rng.choice(CHANCES), rng.randint(1, MOST_FAULTS)) if disturbed else Faults(0.0, 0)
        for _ in range(rng.choice((1, 2, 2)) if disturbed else 1):
            self._worker(rng.choice((0.0, 0.0, 2.0)) * rng.random() if disturbed else 0.0)

    def run(self):
        random.seed(self.report.seed)
        Scheduler.running = self.scheduler
        try:
            self.scheduler.run(self.store)
        finally:
            self.report.turns = self.scheduler.turns
        self._drain()
        self._check()

    def _worker(self, wake):
        name = f"worker {len(self.scheduler.clients) + 1}"
        self.scheduler.client(name, self._body, wake)

    def _body(self, client):
        """Be one process, from its start to its end, whatever that is; another is started where the work is not done."""
        connection = Connection(self.store, client, self.faults, world.TTL, self.report.struck)
        connection.beside = self._others if self.foreign else lambda: None
        graph = Neo4jGraph(connection, "g")
        worker = Worker(graph, self.settings, _Sink(self), prepare=lambda: None, clock=self.scheduler.clock)
        worker.sink.worker = worker
        worker.holder = client.name
        worker._pause = lambda seconds: client.wait(self.scheduler.now + seconds)
        try:
            worker.run()
            how = "done"
        except Fenced:
            how = "fenced"
            if self.store.ledger["fence"] == connection.fence:
                self.store.wrong.append(f"{client.name} was told that it is fenced, and is not")
        except Killed:
            how = "killed"
        self.report.ends.append(how)
        self.scheduler.say(client.name, f"ends: {how}")
        if (how != "done" or not self._finished()) and not self.scheduler.ending:
            self._worker(self.scheduler.now + self.rng.choice((0.0, 1.0)) * self.rng.random())

    def _others(self):
        """Let others write to the graph beside the worker: energies, in the order of the keys, or a link that goes."""
        rng, store = self.rng, self.store
        if rng.random() >= GIFTS:
            return
        what = rng.random()
        if what < 0.1:
            name, p = "bump", {}
        elif what < 0.25 and store.link:
            name, p = "delete", {"key": rng.choice(sorted(store.link))}
        else:
            whom = sorted(rng.sample(sorted(store.node), min(len(store.node), rng.randint(1, 3))))
            name, p = "give", {"gifts": [(key, rng.uniform(-0.5, 0.7)) for key in whom]}
        self.scheduler.start(name, alone(store.begin(), name, p))

    def _drain(self):
        """Let what is still under way in the server come to its end."""
        for _ in range(MOST_TURNS):
            if not self.scheduler.tasks:
                return
            for task in list(self.scheduler.tasks):
                task.stall = (0, 0.0)
                self.scheduler.move(task)
        raise Endless(f"{self.scheduler.tasks[0].name} waits for ever")

    def _check(self):
        store = self.store
        if store.wrong:
            raise Wrong(f"{store.wrong[0]}; {len(store.wrong)} such in all")
        if store.ticks != list(range(1, store.ledger["tick"] + 1)):
            raise Wrong(f"ticks {store.ticks}")
        if not self._finished():
            raise Wrong(f"it ended at tick {store.ledger['tick']}, {store.ledger['phase']}, not at {self.until}")
        if store.deadlocks:
            raise Wrong(f"{store.deadlocks} deadlocks among writers that all keep to one order")
        if self.foreign:
            self._add_up()
        elif self.report.seed >= 0:
            self._compare()

    def _finished(self):
        ledger = self.store.ledger
        return ledger is not None and (ledger["tick"], ledger["phase"]) == (self.until, IDLE)

    def _compare(self):
        found, expected = state(Seen(self.store)), undisturbed(self.number, self.mutant)
        apart = [name for name in expected if found[name] != expected[name]]
        if apart:
            raise Wrong(f"{', '.join(apart)} are not those of the undisturbed run")

    def _add_up(self):
        """Hold Σ energy to what came and what was given by others, by the store's own account: all as of the clock's 0."""
        store = self.store
        there = [(node.get("energy", 0.0), node.get("energy_at", 0.0)) for node in store.node.values()]
        if min(there)[0] < 0.0:
            raise Wrong(f"an energy of {min(there)[0]}")
        injected = [(found["delta"], (found["tick"] - 1) * world.PACE) for found in store.applied.values()]
        came = math.fsum((self.opening, *_at_first(injected), *_at_first(store.given)))
        error = math.fsum((*_at_first(there), -came))
        if abs(error) > TOLERANCE * max(1.0, came):
            raise Wrong(f"Σ energy is {error} off: an update was lost, or came twice")


def _at_first(energies):
    """Return what energies, each given for a reading of the decay clock, would have been at its 0."""
    return [energy * 2.0 ** (at / world.HALF_LIFE) for energy, at in energies]


class _Sink:
    """Ends a worker when there is nothing left to do; holds each tick to the books."""

    def __init__(self, simulation):
        self.simulation = simulation

    def frame(self, frame):
        if abs(frame.conservation_error) > TOLERANCE * max(1.0, frame.energy_total):
            self.simulation.store.wrong.append(f"tick {frame.frame} is {frame.conservation_error} off its books")
        self._end_if_done()

    def state(self, state, detail):
        self.simulation.scheduler.say(self.worker.holder, f"is {state} {detail}")
        if state == "attached":
            self._end_if_done()

    def _end_if_done(self):
        ledger = self.simulation.store.ledger
        if ledger["tick"] >= self.simulation.until:
            self.worker.stop()
