"""A worker that runs for long neither grows nor slows down (RELIABILITY). Each seed is twice as long as the one before."""

import math
import time

import numpy as np
import psutil
import pytest

from tests.fault.processes import Process
from tests.stores import Neo4jStore, fill
from worker.graph import desk
from worker.graph.neo4j import Neo4jGraph

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(0)]
MINUTES = (5, 10, 20, 40, 80, 160, 480)
MOST_TICKS = 30_000  # over which the pace is slower, so that what the test itself keeps is bounded
SAMPLE = 2.0  # s
MB = 2.0**20


@pytest.mark.rounds(1)
def test_neither_memory_nor_time_of_a_tick_grows(connection, seed):
    store = Neo4jStore(Neo4jGraph(connection, "soak"))
    fill(store)
    hours = MINUTES[seed] / 60
    pace = max(0.2, hours * 3600 / MOST_TICKS)
    with Process(store, fresh=True, STRIDE_PACE__FIXED=str(pace), STRIDE_RESIDENT__REFRESH="30") as process:
        process.await_line('"frame.end.v1"')
        rss = sampled(process, store, time.monotonic() + hours * 3600)
        process.stop()
    later = rss[len(rss) // 2 :]
    slope = np.polyfit(np.linspace(0.0, hours / 2, len(later)), later, 1)[0]  # bytes an hour
    assert slope * hours / 2 < max(1.0, hours / 2) * MB, f"grows by {slope / MB:.1f} MB an hour"
    took = np.array([sum(frame["timings_ms"].values()) for frame in process.frames])
    parts = np.array_split(took, max(5, math.ceil(hours)))
    worst, most = (0.99, 1.2) if hours > 1 else (0.5, 3.0)  # in minutes, the 99th percentile tells of the machine alone
    first, last = (np.quantile(part, worst) for part in (parts[1], parts[-1]))
    assert last < most * first, f"{worst:.0%} of the ticks went from {first:.1f} to {last:.1f} ms"
    frames = [frame["frame"] for frame in process.frames]
    assert frames == list(range(1, len(frames) + 1))
    assert store.graph.ledger().books.error == pytest.approx(0.0, abs=1e-9)


def sampled(process, store, until):
    """Give stimuli until then, and return the memory of the process as it went, in bytes."""
    watched, rss = psutil.Process(process.pid), []
    while time.monotonic() < until:
        desk.inject(store.graph, desk.Direct(f"n{len(rss) % 40:03}", 1.0), f"soak {len(rss)}", "soak", 1e9)
        rss.append(watched.memory_info().rss)
        assert process.running
        time.sleep(SAMPLE)
    return np.array(rss)
