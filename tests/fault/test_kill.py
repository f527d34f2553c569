"""A worker that dies, or loses the answer to COMMIT, leaves the bits that an uninterrupted run leaves (RELIABILITY)."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.fault.proxy import Proxy
from tests.stores import Neo4jStore, fill, state
from worker.faults import FAULT_POINTS
from worker.graph.neo4j import Neo4jGraph

pytestmark = pytest.mark.neo4j
TICKS = 6
SETTINGS = {
    "STRIDE_PACE__FIXED": "0.02",
    "STRIDE_LEASE__TTL": "1",
    "STRIDE_DECAY__SETTLE": "0.05",
    "STRIDE_DECAY__HALF_LIFE": '{"*": 9}',
}


@pytest.fixture
def stores(connection):
    """Two graphs of the same content in one database: one for the run that nothing interrupts."""
    both = [Neo4jStore(Neo4jGraph(connection, name)) for name in ("undisturbed", "disturbed")]
    for store in both:
        fill(store)
    return both


def start(store, uri, ticks, fault=""):
    settings = store.graph.connection.settings
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith("STRIDE")},
        **SETTINGS,
        "STRIDE_GRAPH": store.graph.name,
        "STRIDE_NEO4J__URI": uri,
        "STRIDE_NEO4J__USER": settings.user,
        "STRIDE_NEO4J__PASSWORD": settings.password.get_secret_value(),
        "STRIDEGRAPH_FAULT": fault,
    }
    command = [sys.executable, "-m", "worker.cli", "run", "--ticks", str(ticks), "--json"]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process, expected=0):
    output, _ = process.communicate(timeout=120)
    assert process.returncode == expected, output
    return output


def complete(store, until=TICKS):
    """Run what is left of the ticks, by a new worker, undisturbed."""
    ledger = store.graph.ledger()
    left = until - (ledger.tick if ledger else 0)
    if left:
        finish(start(store, store.graph.connection.settings.uri, left))


def same(stores):
    """Hold the disturbed run to an undisturbed one of as many ticks, to the bit."""
    undisturbed, disturbed = stores
    until = disturbed.graph.ledger().tick
    assert until >= TICKS
    complete(undisturbed, until)
    assert state(disturbed) == state(undisturbed)


@pytest.mark.parametrize("point", [*(f"{point}@1" for point in FAULT_POINTS), "commit.answered@3", "decay.answered@2"])
def test_killed_at_a_named_point_and_restarted(stores, point):
    store = stores[1]
    finish(start(store, store.graph.connection.settings.uri, TICKS, fault=point), expected=-signal.SIGKILL)
    complete(store)
    same(stores)


@pytest.mark.parametrize("at", [1, 2, 3])  # the commits of the first ticks, or a settling
def test_killed_right_after_commit_was_sent(stores, at):
    store = stores[1]
    with Proxy(store.graph.connection.settings.uri, "sent", at) as proxy:
        process = start(store, proxy.uri, TICKS)
        proxy.act = process.kill
        finish(process, expected=-signal.SIGKILL)
        assert proxy.struck.is_set()
    complete(store)
    same(stores)


@pytest.mark.parametrize("fault", ["before", "after"])
@pytest.mark.parametrize("at", [1, 2, 5])
def test_the_answer_to_commit_is_lost_and_the_worker_goes_on(stores, fault, at):
    store = stores[1]
    with Proxy(store.graph.connection.settings.uri, fault, at) as proxy:
        finish(start(store, proxy.uri, TICKS))
        assert proxy.struck.is_set()
    same(stores)


def test_sigterm_ends_it_after_the_transaction(stores):
    store = stores[1]
    process = start(store, store.graph.connection.settings.uri, 10_000)
    process.stdout.readline()
    while '"frame"' not in process.stdout.readline():
        pass
    asked = time.monotonic()
    process.terminate()
    finish(process)
    assert time.monotonic() - asked < 10
    ledger = store.graph.ledger()
    assert ledger.phase == "idle"
    assert store.graph.take("next", 1.0) is not None, "the lease was given back"
