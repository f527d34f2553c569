"""What a user feels: from the moment a stimulus is sent to the commit of its tick; and the worst ticks, with their causes.

A worker runs at its default pace on a graph with 1 000 active nodes, or with none; another process sends the stimuli and notes
when, by the clock that all processes of a machine share. At rest one comes every 0.7 s; under load 1 000 in a second, fifty at a
time. `SECONDS=600 make bench ROW=latency` is the full length; the default is 60 s under load and half of that at rest.
"""

from __future__ import annotations

import gc
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np

from benchmarks.queries import query
from benchmarks.world import build, remove
from worker.graph.connection import Connection
from worker.graph.neo4j import Neo4jGraph
from worker.loop import Worker
from worker.settings import Neo4jSettings, Settings

ACTIVE, NODES = 1_000, 10_000
SECONDS = float(os.environ.get("SECONDS", "60"))
WARM_UP = 10.0
REST, LOAD = (1, 0.7), (50, 0.05)  # stimuli at a time, s between them
WORST = 5
EVENTS = {  # in the server's log: what held it up, and for how long
    "a checkpoint": re.compile(r"heckpoint completed in (?:(?P<m>\d+)m ?)?(?:(?P<s>\d+)s ?)?(?:(?P<ms>\d+)ms)?"),
    "the server's Java stood still": re.compile(r"stop-the-world pause: \{pauseTime=(?P<ms>\d+)"),
}


class Watch:
    """A sink and a wrapped commit: when each stimulus was committed, how long each tick took, and what happened meanwhile."""

    def __init__(self, graph) -> None:
        self.committed, self.ticks, self.pauses = {}, [], []
        self._answered = self._collecting = 0.0
        self._settles = 0
        commit, settle = graph.commit, graph.settle

        def committing(changes) -> None:
            commit(changes)
            self._answered = time.monotonic()

        def settling(*arguments) -> None:
            self._settles += 1
            settle(*arguments)

        graph.commit, graph.settle = committing, settling

    def frame(self, frame) -> None:
        end, took = time.monotonic(), sum(frame.timings_ms.values())
        for stimulus in frame.moment.stimuli.applied:
            self.committed[stimulus.id] = self._answered
        self.ticks.append((end - took / 1e3, end, took, frame.timings_ms, self._settles))
        self._settles = 0

    def state(self, *_) -> None:
        pass

    def collected(self, phase, _) -> None:
        """Note a pause of Python's garbage collector."""
        if phase == "start":
            self._collecting = time.monotonic()
        else:
            self.pauses.append((self._collecting, time.monotonic()))


def measure(connection):
    """Return p50 and p99 from stimulus to commit, ms, and the worst ticks."""
    log = Path(connection.statement(query("logs"))[0]["value"]) / "debug.log"
    found = {}
    for name, active, load, seconds in (("rest", 0, REST, SECONDS / 2), ("load", ACTIVE, LOAD, SECONDS)):
        build(connection, f"bench-{name}", active, NODES)
        latency, watch = _run(connection, f"bench-{name}", load, seconds)
        remove(connection, f"bench-{name}")
        found |= {f"{name}_p50_ms": float(np.percentile(latency, 50)), f"{name}_p99_ms": float(np.percentile(latency, 99)),
                  f"{name}_stimuli": len(latency), f"{name}_sample_ms": [round(float(ms), 2) for ms in np.percentile(latency, range(101))]}  # fmt: skip
    return {**found, **_worst(watch, _events(log)), "seconds": SECONDS}


def _run(connection, graph, load, seconds):
    """Return how long each stimulus took to its commit, ms, and what was watched after the warm-up."""
    with Connection(connection.settings) as own:
        port = Neo4jGraph(own, graph)
        watch = Watch(port)
        settings = Settings(graph=graph, fanout={"capacity": 100 * ACTIVE}, learning={"rate": 0.1})
        worker = Worker(port, settings, watch, prepare=bool)
        thread = threading.Thread(target=worker.run)
        with _collector(watch):
            thread.start()
            sent = _send(connection.settings, graph, load, WARM_UP + seconds)
            _await(lambda: sent.keys() <= watch.committed.keys(), 60.0)
            worker.stop()
            thread.join()
    begun = min(sent.values()) + WARM_UP
    watch.ticks = [tick for tick in watch.ticks if tick[0] >= begun]
    missing = sent.keys() - watch.committed.keys()
    assert not missing, f"{len(missing)} of {len(sent)} stimuli were never committed"
    return [(watch.committed[own] - at) * 1e3 for own, at in sent.items() if at >= begun], watch


@contextmanager
def _collector(watch):
    gc.callbacks.append(watch.collected)
    try:
        yield
    finally:
        gc.callbacks.remove(watch.collected)


def _await(true, seconds):
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.05)


def _send(neo4j, graph, load, seconds):
    """Let another process send stimuli; return when it sent each, by the machine's monotonic clock."""
    told = {"uri": neo4j.uri, "user": neo4j.user, "password": neo4j.password.get_secret_value()}
    job = json.dumps(
        {"neo4j": told, "graph": graph, "many": load[0], "every": load[1], "seconds": seconds, "nodes": NODES}
    )
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.latency"], input=job, text=True, capture_output=True, check=True
    )
    return json.loads(done.stdout)


def send(neo4j, graph, many, every, seconds, nodes):
    """Send stimuli in time, however long the server takes for each lot, and return when each was sent."""
    sent = {}
    with Connection(Neo4jSettings(**neo4j)) as connection:
        start = time.monotonic()
        for lot in range(int(seconds / every)):
            time.sleep(max(0.0, start + lot * every - time.monotonic()))
            ids = [f"{lot}-{k}" for k in range(many)]
            rows = [[own, f"{(lot * many + k) * 7919 % nodes:07}", 0.01] for k, own in enumerate(ids)]
            sent |= dict.fromkeys(ids, time.monotonic())
            connection.statement(query("stimuli"), graph=graph, rows=rows)
    return sent


def _worst(watch, events):
    """Return the worst tick over the median, and what was the matter with each of the worst."""
    median = statistics.median(took for _, _, took, _, _ in watch.ticks)
    usual = {step: statistics.median(tick[3][step] for tick in watch.ticks) for step in watch.ticks[0][3]}
    worst = sorted(watch.ticks, key=lambda tick: -tick[2])[:WORST]
    return {
        "ticks": len(watch.ticks),
        "tick_median_ms": median,
        "tick_p99_ms": float(np.percentile([tick[2] for tick in watch.ticks], 99)),
        "worst_over_median": worst[0][2] / median,
        "worst_ms": [tick[2] for tick in worst],
        "worst_causes": [_cause(tick, usual, watch.pauses, events) for tick in worst],
        "collector_pauses_ms": sorted(((b - a) * 1e3 for a, b in watch.pauses), reverse=True)[:WORST],
    }


def _cause(tick, usual, pauses, events):
    """Return what a tick spent more on than is usual, and what happened meanwhile."""
    start, end, _, timings, settles = tick
    stage = max(timings, key=lambda step: timings[step] - usual[step])
    told = [f"{stage} {timings[stage]:.0f} ms (usually {usual[stage]:.0f})"]
    collecting = sum(max(0.0, min(end, b) - max(start, a)) for a, b in pauses) * 1e3
    if collecting > 1.0:
        told.append(f"garbage collection {collecting:.0f} ms")
    if settles:
        told.append(f"{settles} batches of settling")
    told += sorted({what for what, a, b in events if a < end and b > start})
    return ", ".join(told)


def _events(log):
    """Return what the server's log tells of: what, its begin and end by the machine's monotonic clock."""
    offset = time.monotonic() - time.time()
    found = []
    for line in log.read_text(errors="replace").splitlines():
        for what, pattern in EVENTS.items():
            if match := pattern.search(line):
                end = datetime.strptime(json.loads(line)["time"], "%Y-%m-%d %H:%M:%S.%f%z").timestamp() + offset
                part = {unit: int(value or 0) for unit, value in match.groupdict().items()}
                found.append((what, end - 60 * part.get("m", 0) - part.get("s", 0) - part["ms"] / 1e3, end))
    return found


if __name__ == "__main__":
    print(json.dumps(send(**json.load(sys.stdin))))
