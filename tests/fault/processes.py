"""Workers as processes of their own, and what must be true of a graph when they have ended, however that was."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading

from tests.fault.template import become
from tests.stores import Neo4jStore, fill, state
from worker.graph.neo4j import Neo4jGraph

TICKS = 6
PACE = 0.02  # s from tick to tick
TTL = 1.0  # s of a lease
SETTINGS = {
    "STRIDE_PACE__FIXED": str(PACE),
    "STRIDE_LEASE__TTL": str(TTL),
    "STRIDE_DECAY__SETTLE": "0.05",
    "STRIDE_DECAY__HALF_LIFE": '{"*": 9}',
    "STRIDE_WEIGHT_DECAY__ENABLED": "true",
    "STRIDE_WEIGHT_DECAY__EVERY": "0.05",
    "STRIDE_WEIGHT_DECAY__HALF_LIFE": '{"*": 1e-6}',
}

START = multiprocessing.get_context("forkserver")
START.set_forkserver_preload([become.__module__])


class Process:
    """A `stridegraph run`, and all that it has printed; it is killed at the end, whatever happens.

    It is a copy of a process that has all imported and compiled, or an interpreter of its own where it must be `fresh`.
    """

    def __init__(self, store, uri="", ticks=None, fault="", graphs=(), *, more=(), fresh=False, **settings):
        there = store.graph.connection.settings
        env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("STRIDE")},
            **SETTINGS,
            "STRIDE_GRAPH": store.graph.name,
            "STRIDE_NEO4J__URI": uri or there.uri,
            "STRIDE_NEO4J__USER": there.user,
            "STRIDE_NEO4J__PASSWORD": there.password.get_secret_value(),
            "STRIDEGRAPH_FAULT": fault,
            **settings,
        }
        arguments = ["run", "--json", *more, *(["--ticks", str(ticks)] if ticks else [])]
        arguments += [f"--graph={graph}" for graph in graphs]
        self.lines: list[str] = []
        self._more = threading.Condition()
        ours, its = START.Pipe(duplex=False)
        self._process = START.Process(target=become, args=(arguments, env, its, fresh))
        self._process.start()
        its.close()
        self._printed = os.fdopen(os.dup(ours.fileno()))
        ours.close()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self._process.join(30)
        self._reader.join(30)
        self._printed.close()

    def _read(self):
        for line in self._printed:
            with self._more:
                self.lines.append(line)
                self._more.notify_all()

    def await_line(self, part, timeout=150.0, after=0):
        """Wait for a line that has this in it, among those `after` the first so many; return how many there are then."""
        with self._more:
            assert self._more.wait_for(lambda: any(part in line for line in self.lines[after:]), timeout), self.output
            return len(self.lines)

    @property
    def output(self):
        return "".join(self.lines)

    @property
    def frames(self):
        return [json.loads(line) for line in self.lines if '"frame.end.v1"' in line and line.endswith("\n")]

    @property
    def pid(self):
        return self._process.pid

    @property
    def running(self):
        return self._process.is_alive()

    def kill(self):
        self._process.kill()

    def send(self, number):
        if self.running:
            os.kill(self.pid, number)

    def stop(self):
        """Ask it to end, and wait until it has."""
        self.send(signal.SIGTERM)
        return self.finish()

    def finish(self, *expected, timeout=120):
        """Wait for its end, which must be as expected, by default 0; return what it has printed."""
        self._process.join(timeout)
        self._reader.join(30)
        assert self._process.exitcode in (expected or (0,)), self.output
        return self.output


def run(*args, expected=0, **keywords):
    """Run a worker to its end."""
    with Process(*args, **keywords) as process:
        return process.finish(expected)


def complete(store, until=TICKS, **keywords):
    """Run what is left of the ticks, by a new worker, undisturbed; nothing, where there are as many already."""
    ledger = store.graph.ledger()
    left = until - (ledger.tick if ledger else 0)
    if left > 0:
        run(store, ticks=left, **keywords)


def same(store, seed=5, **settings):
    """Hold a disturbed run to an undisturbed one of as many ticks, to the bit."""
    until = store.graph.ledger().tick
    assert until >= TICKS
    assert state(store) == undisturbed(store.graph.connection, until, seed, **settings)


_states = {}


def undisturbed(connection, until, seed, **settings):
    """Return the state that nothing interrupts the way to; each is worked out once, in a graph of its own."""
    what = (until, seed, *sorted(settings.items()))
    if what not in _states:
        store = graph(connection, seed, "undisturbed")
        run(store, ticks=until, **settings)
        _states[what] = state(store)
    return _states[what]


def graph(connection, seed=5, name="disturbed"):
    """Return a small random graph, by its seed."""
    store = Neo4jStore(Neo4jGraph(connection, name))
    fill(store, seed)
    return store
