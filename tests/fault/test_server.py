"""The database is stopped or killed under load: nothing is lost, and ticks go on when it is back (RELIABILITY)."""

import os
import random
import signal
import time

import pytest

from tests.conftest import emptied
from tests.fault.processes import Process, complete, graph, same
from tests.stores import Neo4jStore
from worker.database import local_server
from worker.graph.connection import Connection
from worker.graph.neo4j import Neo4jGraph
from worker.settings import DatabaseSettings

pytestmark = pytest.mark.neo4j
AGAIN = 10.0  # s from Bolt answering to a tick; a server that has just started compiles its plans, so six times that on a busy machine


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    jars = local_server(DatabaseSettings()).jars
    made = local_server(DatabaseSettings(home=tmp_path_factory.mktemp("killed"), memory="512m"), jars=jars)
    made.up(say=print)
    yield made
    made.down()


@pytest.mark.rounds(2)
def test_a_server_killed_or_stopped_under_load_and_started_again(server, seed):
    with emptied(server.up(say=print)) as connection:
        store = graph(connection, seed)
    with Process(store) as process:
        process.await_line('"frame.end.v1"')
        time.sleep(random.Random(seed).uniform(0.0, 1.0))
        _end(server, seed)
        process.await_line("waiting for database")
        seen = len(process.lines)
        there = server.up(say=print)
        process.await_line(
            '"frame.end.v1"', timeout=AGAIN * (6 if os.getloadavg()[0] > os.cpu_count() else 1), after=seen
        )
        process.stop()
    with Connection(there) as connection:
        store = Neo4jStore(Neo4jGraph(connection, store.graph.name))
        complete(store)
        same(store, seed)


def _end(server, seed):
    """Kill it, as a power failure would, by even seeds; ask it to stop by odd ones."""
    if seed % 2:
        server.down()
        return
    pid = server.status().pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
