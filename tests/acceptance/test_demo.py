"""The demo, interrupted twice and then let through, on a real Neo4j: it goes on from what is there, and the books hold."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from worker.cli.demo import GRAPH, LINKS, NODES
from worker.graph.neo4j import Neo4jGraph

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(600)]

KEYS = {
    "graph", "nodes", "links", "ticks", "active", "energy_in", "energy_transferred", "energy_decay", "energy_total",
    "conservation_error", "top", "timings_ms",
}  # fmt: skip


@pytest.fixture
def start(connection):
    settings = connection.settings
    env = {
        **os.environ,
        "STRIDE_NEO4J__URI": settings.uri,
        "STRIDE_NEO4J__USER": settings.user,
        "STRIDE_NEO4J__PASSWORD": settings.password.get_secret_value(),
    }

    def start(*arguments):
        command = [sys.executable, "-m", "worker.cli", "demo", *arguments]
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def kill_when(process, reached):
    """End a process with SIGKILL as soon as something is so, and fail if it ends before."""
    deadline = time.monotonic() + 240
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_interrupted_while_importing_and_while_ticking_it_ends_with_the_whole_of_it(start, connection):
    graph = Neo4jGraph(connection, GRAPH)

    def links():
        return connection.statement("MATCH (:Node)-[r]->() RETURN count(r) AS n")[0]["n"]

    kill_when(start(), lambda: 0 < links() < LINKS)
    kill_when(start("--ticks", "500"), lambda: (graph.ledger() or graph).__dict__.get("tick", 0) >= 3)
    ticked = graph.ledger().tick

    process = start("--json")
    output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    result = json.loads(output.splitlines()[-1])
    assert result.keys() == KEYS
    assert (result["graph"], result["nodes"], result["links"], result["ticks"]) == (GRAPH, NODES, LINKS, 30)
    assert graph.ledger().tick == ticked + 30
    assert result["energy_in"] in {80.0, 160.0}, (
        "the stimuli of this run, and of the one that was killed if it had not applied them"
    )
    assert abs(result["conservation_error"]) <= 1e-9 * result["energy_total"]
    assert result["active"] >= 10
    top = {row["id"] for row in result["top"]}
    assert {"coffee.n.01", "coffee.n.02", "coffee_bean.n.01", "brown.n.01"} <= top
    assert len([row for row in result["top"] if "coffee" in row["label"]]) >= 6
    assert set(result["timings_ms"]) == {"intake", "load", "select", "stage", "commit", "decay", "emit"}
    energies = [row["energy"] for row in result["top"]]
    assert energies == sorted(energies, reverse=True)

    process = start("--word", "xyzzy")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "'xyzzy'" in errors
