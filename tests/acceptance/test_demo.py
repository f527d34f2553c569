"""The demo, interrupted twice and then let through, on a real Neo4j: it goes on from what is there, and the books hold."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from worker.cli.demo import GRAPH, LINKS, NODES
from worker.graph.neo4j import Neo4jGraph

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(1500)]

ROOT = Path(__file__).parents[2]
KEYS = {
    "graph", "nodes", "links", "ticks", "active", "energy_in", "energy_transferred", "energy_decay", "energy_total",
    "conservation_error", "top", "timings_ms",
}  # fmt: skip


@pytest.fixture
def environment(connection):
    settings = connection.settings
    return {
        "STRIDE_NEO4J__URI": settings.uri,
        "STRIDE_NEO4J__USER": settings.user,
        "STRIDE_NEO4J__PASSWORD": settings.password.get_secret_value(),
    }


@pytest.fixture
def start(environment):
    """Start a command; what has not been waited for is ended with the test, so that only that test fails."""
    with ExitStack() as stack:

        def start(*arguments):
            command = [sys.executable, "-m", "worker.cli", *arguments]
            env = os.environ | environment
            process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def told(start):
    """Run a command to its end, and return what it prints."""

    def told(*arguments, code=0, stream=0):
        process = start(*arguments)
        said = process.communicate(timeout=600)
        assert process.returncode == code, said
        return said[stream]

    return told


def kill_when(process, reached):
    """End a process with SIGKILL as soon as something is so, and fail if it ends before."""
    deadline = time.monotonic() + 600
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_interrupted_while_importing_and_while_ticking_it_ends_with_the_whole_of_it(
    start, told, connection, environment, monkeypatch, capsys
):
    graph = Neo4jGraph(connection, GRAPH)

    def links():
        return connection.statement("MATCH (:Node)-[r]->() RETURN count(r) AS n")[0]["n"]

    kill_when(start("demo"), lambda: 0 < links() < LINKS)
    kill_when(start("demo", "--ticks", "500"), lambda: (graph.ledger() or graph).__dict__.get("tick", 0) >= 3)
    ticked = graph.ledger().tick

    result = json.loads(told("demo", "--json").splitlines()[-1])
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

    assert "'xyzzy'" in told("demo", "--word", "xyzzy", code=2, stream=1)
    follow_the_quickstart(told, environment, monkeypatch, capsys)


def follow_the_quickstart(told, environment, monkeypatch, capsys):
    """Each line of the page, on the graph that the demo has loaded."""
    page = (ROOT / "docs" / "quickstart.md").read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert [shlex.split(line, comments=True) for line in lines[:2]] == [
        ["pip", "install", "."],
        ["stridegraph", "demo"],
    ]
    said = {line: told(*shlex.split(line)[1:]) for line in lines[1:]}
    assert re.search(r"coffee.*a seed", said["stridegraph recall --graph wordnet coffee.n.01"])
    assert "tea" in said["stridegraph top --graph wordnet"]
    assert "tea" in said["stridegraph recall --graph wordnet violin.n.01 --context"]
    assert re.search(r"conservation error +-?\d", said["stridegraph status --graph wordnet"])
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    exec(compile(code, "quickstart.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 5
