"""At rest a worker costs next to nothing: under 2 % of a core, at the default settings."""

import time

import psutil
import pytest

from tests.fault.test_health import running, wait_until
from tests.stores import Neo4jStore
from worker.graph.neo4j import Neo4jGraph
from worker.health.file import verdict

pytestmark = pytest.mark.neo4j
SECONDS = 20.0
SHARE = 0.02  # of a core
TRIES = 3  # a busy machine makes each query dearer: its caches are others'


def test_a_resting_worker_takes_under_two_percent_of_a_core(connection, tmp_path):
    store = Neo4jStore(Neo4jGraph(connection, "default"))
    store.add_nodes([{"id": f"n{i}", "energy": 0.5} for i in range(100)])
    path = tmp_path / "health"
    defaults = {"STRIDE_PACE__FIXED": None, "STRIDE_HEALTH__INTERVAL": None}
    with running(store, path, **defaults) as process:
        wait_until(lambda: verdict(path).ready)
        time.sleep(3.0)  # the first tick, and what it compiles
        shares = []
        while len(shares) < TRIES and not (shares and shares[-1] < SHARE):
            shares.append(share(psutil.Process(process.pid)))
        assert min(shares) < SHARE, shares
        assert verdict(path).ready


def share(process):
    """Return the share of a core that a process has taken for a while."""
    before, start = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(SECONDS)
    return (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - start)
