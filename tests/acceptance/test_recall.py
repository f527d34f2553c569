"""Recall as a user, a program and an agent ask for it, on a real Neo4j: each line of its page is run."""

import asyncio
import doctest
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from typer.testing import CliRunner

import worker.api
from stridegraph import AsyncStridegraph, InputError, Settings, StrideError, Stridegraph
from tests.stores import Neo4jStore, fill
from worker.cli.app import app
from worker.graph.neo4j import Neo4jGraph

pytestmark = pytest.mark.neo4j
NOWHERE = "http://127.0.0.1:1"
PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "recall.md").read_text()


@pytest.fixture
def environment(connection):
    settings = connection.settings
    fill(Neo4jStore(Neo4jGraph(connection, "default")))
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("STRIDE")},
        "STRIDE_NEO4J__URI": settings.uri,
        "STRIDE_NEO4J__USER": settings.user,
        "STRIDE_NEO4J__PASSWORD": settings.password.get_secret_value(),
        "STRIDE_RECALL__MAX_MS": "60000",
    }


def told(environment, *arguments, code=0):
    command = [sys.executable, "-m", "worker.cli", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def test_the_command_tells_what_comes_to_mind_and_by_which_way(environment):
    found = json.loads(told(environment, "recall", "n003", "n005=0.5", "--k", "4", "--type", "Memory", "--json"))
    assert found["seeds"] == {"n003": 20.0, "n005": 10.0}
    assert len(found["results"]) == 4
    assert {hit["type"] for hit in found["results"]} == {"Memory"}
    lines = told(environment, "recall", "n003", "--context", "--k", "6").splitlines()
    assert "× Θ" in lines[0]
    assert any("n003" in line and "a seed" in line for line in lines)
    assert re.search(r"1 seeds, \d+ nodes reached", lines[-1])
    assert "there is no node 'nobody'" in told(environment, "recall", "nobody", code=2)
    assert "there is no seed" in told(environment, "recall", code=2)


def test_an_agent_recalls_and_injects_by_the_protocols_own_client(environment):
    tools, found, done, told, *wrong = talk(
        environment,
        ("recall", {"seeds": {"n003": 1.0}, "k": 3}),
        ("inject", {"node": "n003", "energy": 2.0}),
        ("explain", {"node": "n003"}),
        ("recall", {"seeds": {"n0003": 1.0}}),
        ("explain", {"node": "n0003"}),
    )
    assert tools == {"recall", "inject", "explain"}
    assert found["results"][0]["id"] == "n003"
    assert found["results"][1]["path"][0]["source"] == "n003"
    assert done["state"] == "queued"
    assert (told["now"]["id"], told["came_from"]) == ("n003", None)
    assert "no worker serves at" in told["unknown"]
    for error in wrong:
        assert error.is_error
        assert "did you mean" in error.content[0].text


def talk(environment, *calls, options=("--url", NOWHERE)):
    """Call the tools of `stridegraph mcp` over its standard input and output; return their names and what they answer."""

    async def called():
        command = ["-m", "worker.cli", "mcp", *options]
        async with Client(StdioServerParameters(command=sys.executable, args=command, env=environment)) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            found = [await client.call_tool(*call) for call in calls]
            return names, *(one if one.is_error else one.structured_content for one in found)

    return asyncio.run(called())


def test_the_examples_of_the_interface_do_what_they_say(environment, monkeypatch):
    for name, value in environment.items():
        if name.startswith("STRIDE"):
            monkeypatch.setenv(name, value)
    found = doctest.testmod(worker.api, raise_on_error=True)
    assert found.attempted == 3
    assert found.failed == 0


def test_the_lines_of_the_page_run(environment, monkeypatch, connection):
    for name, value in environment.items():
        if name.startswith("STRIDE"):
            monkeypatch.setenv(name, value)
    store = Neo4jStore(Neo4jGraph(connection, "default"))
    ids = ("coffee.n.01", "tea.n.01")
    keys = [store.node(id=own, type="Concept", text=f"{own[:-5]}, hot", embedding=[0.1, 0.9, 0.3]) for own in ids]
    store.link(*keys, log_weight=0.0)
    for statement in re.findall(r"```cypher\n(.*?)```", PAGE, re.DOTALL)[0].split(";"):
        if statement.strip():
            connection.statement(statement)
    connection.statement("CALL db.awaitIndexes(60)")
    try:
        for line in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[0].splitlines():
            words = line.partition("#")[0]
            if words.startswith("stridegraph recall"):
                assert "nodes reached" in subprocess.run(
                    ["bash", "-c", words.replace("stridegraph", f"{sys.executable} -m worker.cli", 1)],
                    env=environment, capture_output=True, text=True, timeout=120, check=True,
                ).stdout  # fmt: skip
        for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
            exec(compile(code, "recall.md", "exec"), {"embed": lambda _: [0.1, 0.9, 0.3]})
    finally:
        connection.statement("DROP INDEX memories")
        connection.statement("DROP INDEX meanings")


def test_a_snapshot_and_what_a_worker_that_serves_tells(environment, monkeypatch, tmp_path, connection):
    settings = Settings(neo4j=connection.settings)
    recording, one = tmp_path / "recording", tmp_path / "one"
    with Stridegraph.connect(settings) as graph:
        assert graph.inject("n003", 3.0, stimulus="own") == "queued"
        manifest = graph.snapshot(one)
        assert manifest["files"]["nodes.parquet"]["rows"] == 40
        assert graph.node("n003")["id"] == "n003"
        assert graph.check().total == len(graph.check().listed)
        command = [sys.executable, "-m", "worker.cli", "run", "--serve", "--port", "0", "--json", "--record", recording]
        quick = {**environment, "STRIDE_PACE__FIXED": "0.1"}
        with subprocess.Popen(command, env=quick, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
            try:
                url = next(
                    json.loads(line)["url"] for line in run.stderr if "serve.listening" in line or '"url"' in line
                )
                with graph.subscribe(["frame.end.v1"], url=url) as events:
                    told = [next(events) for _ in range(4)]
                awaited = asyncio.run(first_frame(AsyncStridegraph(graph), url))
                served = graph.explain("n003", url=url)
                _, asked = talk(environment, ("explain", {"node": "n003", "depth": 1}), options=["--url", url])
                shown = told_here(monkeypatch, environment, "explain", "n003", "--url", url)
            finally:
                run.terminate()
                run.stderr.read()
        assert told[-1]["frame"] == told[-2]["frame"] + 1
        for event in (told[-1], awaited):
            assert event["kind"] == "frame.end.v1"
        with pytest.raises(StrideError, match="nobody serves events"), graph.subscribe(url=url):
            pass
        assert "stimulus own (api) at tick 1" in shown
        assert asked["now"]["label"] is None
        assert own(asked["came_from"]) > 0.0
        tick = served["tick"]
        again = [graph.explain("n003", tick=tick, recording=recording, snapshot=start) for start in (None, one)]
        _, recorded = talk(environment, ("explain", {"node": "n003"}), options=["--recording", str(recording)])
        assert recorded["came_from"]["since"] == 1
        ahead = graph.explain("n003", tick=1, snapshot=one)
        for found in (served, *again, ahead):
            assert math.isclose(math.fsum(found["sources"].values()), found["energy"], rel_tol=1e-9)
        assert [own(found) for found in again] == pytest.approx([own(served)] * 2, rel=1e-6)
        assert (ahead["tick"], ahead["since"]) == (1, 1)
        assert 0.0 < own(ahead) < 3.0, "a tick of 5 s has moved some of it"
        for wrong in (
            {"snapshot": one},
            {"snapshot": one, "tick": 1, "depth": 0},
            {"snapshot": one, "tick": 10**9, "recording": recording},
        ):
            with pytest.raises(InputError):
                graph.explain("n003", **wrong)


def own(found):
    """What the stimulus of the test has brought."""
    return next(root["amount"] for root in found["roots"] if root["id"] == "own")


def told_here(monkeypatch, environment, *arguments):
    """What a command tells that is run in this process."""
    with monkeypatch.context() as there:
        for name, value in environment.items():
            there.setenv(name, value)
        done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.exception
    return done.stdout


async def first_frame(graph, url):
    async with graph.subscribe(["frame.end.v1"], url=url) as events:
        async for event in events:
            if event["kind"] == "frame.end.v1":
                break
    return event
