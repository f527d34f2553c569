"""Recall as a user, a program and an agent ask for it, on a real Neo4j: each line of its page is run."""

import asyncio
import doctest
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

import worker.api
from stridegraph import AsyncStridegraph, Settings, StrideError, Stridegraph
from tests.stores import Neo4jStore, fill
from worker.graph.neo4j import Neo4jGraph

pytestmark = pytest.mark.neo4j
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
    async def talk():
        command = StdioServerParameters(command=sys.executable, args=["-m", "worker.cli", "mcp"], env=environment)
        async with Client(command) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            found = await client.call_tool("recall", {"seeds": {"n003": 1.0}, "k": 3})
            done = await client.call_tool("inject", {"node": "n003", "energy": 2.0})
            wrong = await client.call_tool("recall", {"seeds": {"n0003": 1.0}})
            return tools, found.structured_content, done.structured_content, wrong

    tools, found, done, wrong = asyncio.run(talk())
    assert tools == {"recall", "inject"}
    assert found["results"][0]["id"] == "n003"
    assert found["results"][1]["path"][0]["source"] == "n003"
    assert done["state"] == "queued"
    assert wrong.is_error
    assert "did you mean" in wrong.content[0].text


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


def test_a_snapshot_and_the_events_of_a_worker_that_serves(environment, monkeypatch, tmp_path, connection):
    settings = Settings(neo4j=connection.settings)
    with Stridegraph.connect(settings) as graph:
        manifest = graph.snapshot(tmp_path / "one")
        assert manifest["files"]["nodes.parquet"]["rows"] == 40
        command = [sys.executable, "-m", "worker.cli", "run", "--serve", "--port", "0", "--json"]
        quick = {**environment, "STRIDE_PACE__FIXED": "0.1"}
        with subprocess.Popen(command, env=quick, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
            try:
                url = next(
                    json.loads(line)["url"] for line in run.stderr if "serve.listening" in line or '"url"' in line
                )
                url = url.replace("http", "ws", 1)
                with graph.subscribe(["frame.end.v1"], url=url) as events:
                    told = [next(events) for _ in range(4)]
                awaited = asyncio.run(first_frame(AsyncStridegraph(graph), url))
            finally:
                run.terminate()
                run.stderr.read()
        assert told[-1]["frame"] == told[-2]["frame"] + 1
        for event in (told[-1], awaited):
            assert event["kind"] == "frame.end.v1"
        with pytest.raises(StrideError, match="nobody serves events"), graph.subscribe(url=url):
            pass


async def first_frame(graph, url):
    async with graph.subscribe(["frame.end.v1"], url=url) as events:
        async for event in events:
            if event["kind"] == "frame.end.v1":
                break
    return event
