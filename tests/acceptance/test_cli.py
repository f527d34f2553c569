"""Every command as a user runs it, on a real Neo4j: what it prints, and what it ends with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from tests.stores import Neo4jStore, fill
from worker.cli.app import app
from worker.graph.neo4j import Neo4jGraph

pytestmark = pytest.mark.neo4j


@pytest.fixture
def run(connection):
    settings = connection.settings
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith("STRIDE")},
        "STRIDE_NEO4J__URI": settings.uri,
        "STRIDE_NEO4J__USER": settings.user,
        "STRIDE_NEO4J__PASSWORD": settings.password.get_secret_value(),
        "STRIDE_PACE__FIXED": "0.05",
    }

    def run(*arguments, code=0, told=False, **changes):
        command = [sys.executable, "-m", "worker.cli", *arguments]
        done = subprocess.run(command, env=env | changes, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert settings.password.get_secret_value() not in done.stdout + done.stderr
        return done.stderr if told or code else done.stdout

    return run


@pytest.fixture
def filled(connection):
    fill(Neo4jStore(Neo4jGraph(connection, "default")))


def test_inject_run_top_status_check(run, filled):
    first = json.loads(run("inject", "n007", "25", "--id", "mine", "--json"))
    assert first == {"id": "mine", "node": "n007", "delta": 25.0, "state": "queued"}
    assert json.loads(run("inject", "n007", "25", "--id", "mine", "--json"))["state"] == "waiting"

    frames = [json.loads(line) for line in run("run", "--ticks", "5", "--json").splitlines()]
    assert [frame["frame"] for frame in frames] == [1, 2, 3, 4, 5]
    assert frames[0]["energy_in"] == 37.0
    assert json.loads(run("inject", "n007", "25", "--id", "mine", "--json"))["state"] == "applied"

    top = json.loads(run("top", "-n", "3", "--json"))["results"]
    assert top[0]["id"] == "n007"
    assert top[0]["energy"] >= top[1]["energy"] >= top[2]["energy"]

    status = json.loads(run("status", "--json"))
    assert {"graph", "tick", "phase", "nodes", "links", "energy_total", "active"} <= status.keys()
    assert (status["tick"], status["phase"], status["nodes"]) == (5, "idle", 40)
    assert status["energy_total"] == pytest.approx(frames[-1]["energy_total"], rel=1e-12)
    assert abs(status["conservation_error"]) < 1e-9

    assert "tick" in run("run", "--ticks", "1")
    assert "n007" in run("top")
    assert "energy total" in run("status")


def test_inject_a_budget(run, filled):
    first = json.loads(run("inject", "--budget", "3", "n007=0.9", "n008=0.4", "--id", "shared", "--json"))
    assert first == {"id": "shared", "budget": 3.0, "candidates": {"n007": 0.9, "n008": 0.4}, "state": "queued"}
    assert "waiting: 3 among n007, n008" in run("inject", "--budget", "3", "n007=0.9", "n008=0.4", "--id", "shared")
    (frame,) = [json.loads(line) for line in run("run", "--ticks", "1", "--json").splitlines()]
    assert 0.0 < frame["energy_in"] - 12.0 <= 3.0
    assert [row for row in json.loads(run("check", "--json"))["problems"] if row["what"] == "stimulus"] == []
    assert "applied" in run("inject", "--budget", "3", "n007=0.9", "n008=0.4", "--id", "shared")


def test_check_names_what_the_physics_will_not_take(run, connection):
    store = Neo4jStore(Neo4jGraph(connection, "default"))
    good = store.node(id="good", type="Task", energy=1)
    bad = {
        "nan": float("nan"), "inf": float("inf"), "text": "x", "list": [1.0], "flag": True, "minus": -1.0, "huge": 1e10,
    }  # fmt: skip
    for name, energy in bad.items():
        store.node(id=name, energy=energy)
    store.node(id="flat", threshold=0.0)
    store.node(id=7)
    store.node(energy=1.0)
    store.link(good, good, log_weight=0.0)
    store.link(good, store.node(id="there"), log_weight=float("nan"))
    store.link(good, store.node(id="there2"), log_weight="heavy")
    found = json.loads(run("check", "--json"))
    named = {problem["identity"] for problem in found["problems"]}
    assert {*bad, "flat", "7", "good -[R]-> good", "good -[R]-> there", "good -[R]-> there2"} <= named
    assert found["count"] == len(found["problems"]) == 13
    assert "quarantined" in run("check")
    status = json.loads(run("status", "--json"))
    assert (status["quarantined"], status["energy_total"], status["active"]) == (len(bad), 1.0, 1)
    assert "quarantined          7" in run("status")
    assert [row["id"] for row in json.loads(run("top", "--json"))["results"]] == ["good"]
    assert json.loads(run("run", "--ticks", "1", "--json"))["quarantined"] == len(bad)


def test_an_empty_graph_is_no_error(run):
    assert json.loads(run("status", "--json"))["nodes"] == 0
    assert json.loads(run("top", "--json"))["results"] == []
    assert json.loads(run("check", "--json"))["count"] == 0
    assert json.loads(run("run", "--ticks", "1", "--json"))["energy_total"] == 0.0


def test_a_graph_without_a_node_names_those_that_there_are(run, filled):
    run("run", "--ticks", "1")
    told = run("top", "--graph", "defualt", told=True)
    assert told.splitlines()[0] == (
        "the graph 'defualt' has no node; others here: 'default'. --graph or STRIDE_GRAPH names one"
    )
    assert "others here" not in run("top", told=True)


def test_a_label_that_is_no_text_is_none(run, filled, connection):
    connection.statement("MATCH (n:Node {id: 'n000'}) SET n.label = date('2026-12-01')")
    top = json.loads(run("top", "--json"))["results"]
    assert [row["label"] for row in top if row["id"] == "n000"] == [None]


def test_migrate_a_second_time_does_nothing(run):
    assert json.loads(run("migrate", "--json"))["applied"] == []


@pytest.mark.parametrize(
    ("arguments", "changes", "code", "says"),
    [
        (("inject", "nobody", "1"), {}, 2, "there is no node 'nobody'"),
        (("inject", "nobody", "nan"), {}, 2, "not a number over 0"),
        (("inject", "nobody", "much"), {}, 2, "energy 'much' is not a number"),
        (("inject", "nobody"), {}, 2, "1 words are not a node and its energy → give a node and its energy"),
        (("inject", "--budget", "1", "nobody=0.5"), {}, 2, "there is no node 'nobody'"),
        (("inject", "--budget", "1", "nobody"), {}, 2, "'nobody' is not a candidate → give"),
        (("inject", "--budget", "1", "a=b=much"), {}, 2, "similarity 'much' is not a number"),
        (("inject", "--budget", "1", "a=0.5", "a=0.4"), {}, 2, "a candidate is named twice"),
        (("inject", "--budget", "1", "a=1.5"), {}, 2, "the similarity of 'a', 1.5, is not over 0 and at most 1"),
        (("inject", "--budget", "0", "a=0.5"), {}, 2, "budget 0.0 is not a number over 0"),
        (("top",), {"STRIDE_TICK__ALPHA": "7"}, 2, "STRIDE_TICK__ALPHA = '7': input should be less than or equal to 1"),
        (("top",), {"STRIDE_TICK__ALPH": "1"}, 2, "did you mean STRIDE_TICK__ALPHA?"),
        (("top",), {"STRIDE_NEO4J__PASSWORD": "wrong"}, 1, "STRIDE_NEO4J__PASSWORD"),
        (("top",), {"STRIDE_NEO4J__DATABASE": "nowhere"}, 1, "STRIDE_NEO4J__DATABASE"),
        (("top",), {"STRIDE_NEO4J__URI": "bolt://127.0.0.1:9"}, 1, "does not answer"),
        (("top",), {"STRIDE_NEO4J__URI": "http://127.0.0.1"}, 2, "STRIDE_NEO4J__URI"),
        (("run", "--ticks", "1"), {"STRIDE_NEO4J__PASSWORD": "wrong"}, 1, "STRIDE_NEO4J__PASSWORD"),
        (("run", "--ticks", "1"), {"STRIDE_EVENTS__FILE": "/nowhere/at/all.jsonl"}, 2, "STRIDE_EVENTS__FILE"),
        (("run", "--ticks", "0"), {}, 2, "--ticks"),
        (("fly",), {}, 2, "fly"),
    ],
)
def test_what_is_wrong_is_named_with_a_remedy(run, arguments, changes, code, says):
    assert says in " ".join(run(*arguments, code=code, **changes).split())


def test_run_writes_events_that_can_be_read_back(run, filled, tmp_path):
    file = tmp_path / "events.jsonl"
    run("run", "--ticks", "3", STRIDE_EVENTS__FILE=str(file))
    kinds = [json.loads(line)["kind"] for line in file.read_text().splitlines()]
    assert kinds.count("frame.end.v1") == 3
    assert {"frame.start.v1", "stride.exec.v1", "stimulus.injected.v1", "worker.state.v1"} <= set(kinds)


def test_run_waits_for_a_database_that_is_not_there_yet(run, connection):
    command = [sys.executable, "-m", "worker.cli", "run", "--ticks", "1"]
    env = {**os.environ, "STRIDE_NEO4J__URI": "bolt://127.0.0.1:9", "STRIDE_NEO4J__PASSWORD": "x"}
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        lines = iter(process.stderr.readline, "")
        assert any("waiting for database" in line for line in lines)
        process.terminate()
        process.communicate(timeout=120)
        assert process.returncode == 0


def test_every_command_is_in_the_readme():
    text = (Path(__file__).parents[2] / "README.md").read_text()
    for name in get_command(app).commands:
        assert f"`{name}" in text, name
