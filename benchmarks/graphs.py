"""Ticks a second of one process, by how many graphs it works on: a worker in a thread for each, as `stridegraph run` has it."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

from benchmarks.world import build, remove
from worker.graph.connection import Connection
from worker.graph.neo4j import Neo4jGraph
from worker.loop import Worker
from worker.settings import Settings

COUNTS = (1, 2, 4, 8, 16)
ACTIVE = 100
WARM_UP, SECONDS = 3.0, 8.0
PACE = 0.001  # seconds from tick to tick: as fast as it can


class Counter:
    """A sink that counts frames."""

    def __init__(self) -> None:
        self.frames = 0

    def frame(self, _) -> None:
        self.frames += 1

    def state(self, *_) -> None:
        pass


def measure(connection, counts=COUNTS):
    """Return ticks a second in all, with 100 active nodes in each graph."""
    names = [f"bench-graphs-{k:02}" for k in range(max(counts))]
    for name in names:
        build(connection, name, ACTIVE, 10 * ACTIVE)
    rates = [_rate(connection, names[:count]) for count in counts]
    for name in names:
        remove(connection, name)
    return {"graphs": list(counts), "ticks_per_second": rates, "gain": [rate / rates[0] for rate in rates]}


def _rate(connection, names):
    counter, threads, workers = Counter(), [], []
    with ExitStack() as stack:
        for name in names:
            own = stack.enter_context(Connection(connection.settings))
            settings = Settings(
                graph=name, fanout={"capacity": 100 * ACTIVE}, learning={"rate": 0.1}, pace={"fixed": PACE}
            )
            workers.append(Worker(Neo4jGraph(own, name), settings, counter, prepare=bool))
            threads.append(threading.Thread(target=workers[-1].run))
            threads[-1].start()
        time.sleep(WARM_UP)
        before, start = counter.frames, time.perf_counter()
        time.sleep(SECONDS)
        rate = (counter.frames - before) / (time.perf_counter() - start)
        for worker in workers:
            worker.stop()
        for thread in threads:
            thread.join()
    return rate
