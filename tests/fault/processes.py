"""Workers as processes of their own, and what must be true of a graph when they have ended, however that was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

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


class Process:
    """A `stridegraph run`, and all that it has printed; it is killed at the end, whatever happens."""

    def __init__(self, store, uri="", ticks=None, fault="", graphs=(), **settings):
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
        command = [sys.executable, "-m", "worker.cli", "run", "--json", *(["--ticks", str(ticks)] if ticks else [])]
        command += [f"--graph={graph}" for graph in graphs]
        self.lines: list[str] = []
        self._more = threading.Condition()
        self._popen = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self._popen.wait(30)
        self._reader.join(30)
        self._popen.stdout.close()

    def _read(self):
        for line in self._popen.stdout:
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
        return self._popen.pid

    @property
    def running(self):
        return self._popen.poll() is None

    def kill(self):
        self._popen.kill()

    def send(self, number):
        self._popen.send_signal(number)

    def stop(self):
        """Ask it to end, and wait until it has."""
        self.send(signal.SIGTERM)
        return self.finish()

    def finish(self, *expected, timeout=120):
        """Wait for its end, which must be as expected, by default 0; return what it has printed."""
        self._popen.wait(timeout)
        self._reader.join(30)
        assert self._popen.returncode in (expected or (0,)), self.output
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
