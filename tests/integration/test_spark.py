"""Ticks on Spark itself, in this process's own Java, against the engine that every other test is about: the same bits."""

from __future__ import annotations

import json
import os
import sys
from contextlib import nullcontext
from functools import partial

import networkx as nx
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.spark import QUICK
from tests.stores import Neo4jStore, fill
from worker.archive import plan as plans
from worker.archive import replay as local
from worker.archive import sweep
from worker.archive.load import memory
from worker.archive.replay import Plan, Told
from worker.archive.snapshot import take
from worker.archive.tables import ledger_table
from worker.cli import main
from worker.errors import DatabaseError, EngineError, HeldTooLong, InputError
from worker.graph.attach import attach, detach
from worker.graph.export import MemoryExport, held
from worker.graph.memory import MemoryGraph
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Settings
from worker.spark import neo4j as by_connector
from worker.spark import replay as by_spark
from worker.spark.kernel import RAW
from worker.spark.reading import check, given
from worker.spark.scenarios import rows
from worker.spark.session import connector, session
from worker.tick import tick

# it loads pandas, and is asked for nothing that pandas does
pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")

TYPES = ("Memory", "Task", "Concept", None)
ALL = {
    "stickiness": {"enabled": True},
    "valence": {"goal": (1.0, 0.0), "affect": (0.6, 0.8), "persistence": True},
    "fanout": {"capacity": 20, "frontier_cap": 100, "selective_k": 7},
    "select": {"topk": 3},
    "decay": {"settle": 7.0, "floor": 0.1},
    "guards": {"min_strides": 400},
    "learning": {"rate": 0.5},
}


@pytest.fixture(scope="module")
def spark():
    try:
        jars = {"spark.jars": str(connector())}
    except DatabaseError:
        if os.environ.get("CI"):
            raise
        jars = {}
    with session("local[2]", QUICK | jars) as found:
        yield found


@pytest.fixture
def miserables(tmp_path):
    """Who meets whom in Les Misérables, both ways, as a snapshot that a worker has never seen; and a few bad rows."""
    met = nx.les_miserables_graph()
    graph, keys = MemoryGraph("miserables"), {}
    for number, own in enumerate(sorted(met)):
        more = {"emotion": [0.8, 0.6]} if number % 5 == 0 else {"embedding": [1.0, number / 50]}
        own_type = {"type": TYPES[number % 4]} if TYPES[number % 4] else {}
        keys[own] = graph.add_node(id=own, energy=number % 7 / 3, **own_type, **more)
    for one, other, found in met.edges(data=True):
        for ends in ((one, other), (other, one)):
            how = {"emotion": [-0.7, 0.1]} if found["weight"] == 3 else {}
            graph.add_link(keys[ends[0]], keys[ends[1]], "MET" if found["weight"] > 1 else "SAW",
                           log_weight=found["weight"] / 10, **how)  # fmt: skip
    graph.add_link(keys["Valjean"], keys["Javert"], "HUNTED", log_weight=1.0)  # too few of its type to tell
    graph.add_link(keys["Valjean"], keys["Valjean"], "MET", log_weight=1.0)
    graph.add_link(keys["Valjean"], graph.add_node(id="ghost", energy=-3.0), "MET", log_weight=1.0)
    for number in range(140):  # active nodes over the frontier's cap, which take turns
        crowd = graph.add_node(id=f"crowd {number:03}", energy=5.0)
        graph.add_link(crowd, keys["Valjean"], "SAW", log_weight=0.0)
    graph.add_stimulus(id="waiting", budget=4.0, candidates=["Marius", "Cosette", "nobody"], similarity=[1.0, 0.7, 0.2],
                       created_at=0)  # fmt: skip
    take(nullcontext(MemoryExport(graph)), tmp_path / "snapshot", Settings())
    return tmp_path / "snapshot"


@pytest.fixture
def live(spark, graph):
    """A graph in Neo4j of all kinds of things, after two ticks: what is bad, what leads out of it, and another beside it."""
    if not spark.sparkContext.getConf().get("spark.jars"):
        pytest.skip("the Neo4j Connector for Apache Spark cannot be fetched here")
    live = Neo4jStore(graph)
    keys = fill(live)
    live.set_node(keys[3], energy="high", label="a label")
    live.set_node(keys[4], visits=-2, threshold=-1.0, embedding=["no", "number"])
    live.set_node(keys[6], visits=7, threshold=2, embedding=[1, 2.5])
    live.link(keys[0], keys[1], "R", log_weight="heavy")
    live.link(keys[0], keys[2], "KNOWS since", since=3)
    live.link(keys[0], keys[2], "KNOWS since", log_weight=1)
    nameless, number = live.node(label="no id"), live.node(id=7, energy=1.0)
    for one, other in (
        (keys[0], nameless),
        (nameless, keys[0]),
        (number, keys[0]),
        (number, number),
        (keys[0], keys[0]),
    ):
        live.link(one, other, "S", log_weight=3.0)
    live.member(keys[0], live.entity(id="E"), weight=2.0)
    there = Neo4jStore(Neo4jGraph(graph.connection, "other")).node(id="n000", energy=9.0)
    live.link(keys[1], there, "R", log_weight=1.0)
    live.link(there, keys[1], "R", log_weight=1.0)
    worker = attach(graph, Settings(), "me")
    for _ in range(2):
        tick(worker, 5.0)
    detach(worker)
    live.stimulus(minute=9, id="waiting", node="n001", delta=2.0)
    live.stimulus(minute=9, id="shared", budget=2.0, candidates=["n001", "gone"], similarity=[1.0, 0.5])
    return live


def texts(table):
    """Return the rows of a table of Spark as texts, which tell all bits and do not tell NaN from NaN."""
    return sorted(map(repr, table.toArrow().to_pylist()))


@pytest.mark.neo4j
def test_what_the_connector_reads_is_what_a_snapshot_has_and_ticks_on_it_are_the_same(
    spark, live, tmp_path, capsys, monkeypatch
):
    graph = live.graph
    assert graph.visits()
    take(held(graph, 60.0), tmp_path / "snapshot", Settings())
    one = given(spark, str(tmp_path / "snapshot"))
    with held(graph, 300.0) as export:
        many = by_connector.given(spark, export, graph.connection.settings, str(tmp_path / "read"))
    links = "key", "source", "target", "type", "log_weight", "emotion"
    for kind, which, columns in (
        ("nodes", "true", RAW),
        ("links", "log_weight is not null and source is not null", links),
        (
            "links",
            "log_weight is not null",
            ("key", "source", "type", "log_weight"),
        ),  # of no source: for its type's mean
    ):
        ours, theirs = (found.table(spark, kind).where(which).select(*columns) for found in (one, many))
        assert texts(ours) == texts(theirs)
    assert ledger_table(many.ledger).equals(ledger_table(one.ledger))  # all but the fence
    assert many.statistics == one.statistics
    assert many.queue == one.queue

    for name in ("uri", "user", "database"):
        monkeypatch.setenv(f"STRIDE_NEO4J__{name.upper()}", getattr(graph.connection.settings, name))
    monkeypatch.setenv("STRIDE_NEO4J__PASSWORD", graph.connection.settings.password.get_secret_value())
    told = []
    for words in (
        [str(tmp_path / "snapshot")],
        ["--from-neo4j", "--engine=spark", "--hold=300", f"--graph={graph.name}"],
    ):
        monkeypatch.setattr(sys, "argv", ["stridegraph", "replay", *words, "--ticks=3", "--json"])
        with pytest.raises(SystemExit, match="0"):
            main()
        told.append(json.loads(capsys.readouterr().out))
    names = ("tick", "energy_total", "frontier_active", "strides")
    assert [told[0][name] for name in names] == [told[1][name] for name in names]
    assert told[0]["tick"] == 5


@pytest.mark.neo4j
def test_a_ledger_that_could_not_be_held_to_the_end_is_told(spark, live, tmp_path):
    with pytest.raises(HeldTooLong), held(live.graph, 0.2) as export:
        by_connector.given(spark, export, live.graph.connection.settings, str(tmp_path / "read"))


def ran(spark, folder, settings, plan, checkpoints):
    """Return what both engines have made of a plan, as far as both tell it."""
    graph = memory(local.opened(folder)[1])
    one = local.replay(graph, settings, plan)
    run = by_spark.attach(spark, given(spark, str(folder)), settings, str(checkpoints))
    many = by_spark.replay(run, plan)
    names = (
        "tick",
        "strides",
        "energy_in",
        "energy_transferred",
        "energy_lost",
        "energy_decay",
        "energy_total",
        "digest",
    )
    figures = [[[frame[name] for name in names] for frame in found.frames] for found in (one, many)]
    held = one.held
    assert run.stats == held.stats
    assert run.ledger.books.energy == held.ledger.books.energy
    assert many.active == one.frames[-1]["frontier_active"]
    local.write(folder.parent / "one", graph, one)
    by_spark.write(f"{folder.parent}/many", many)
    return figures, [tables(folder.parent / name) for name in ("one", "many")], run


def tables(folder):
    """Return energies by node and log-weights by link; not of what the physics does not take, which Spark leaves out."""
    nodes = {row["id"]: (row["energy"], row["active"]) for row in pq.read_table(folder / "nodes.parquet").to_pylist()}
    nodes.pop("ghost", None)
    links = sorted(
        (row["source"], row["target"], row["type"], row["log_weight"])
        for row in pq.read_table(folder / "links.parquet").to_pylist()
        if row["source"] != row["target"] != "ghost"
    )
    return nodes, links


@pytest.mark.parametrize("changes", [{}, ALL], ids=["as it comes", "all that it carries out"])
def test_every_tick_has_the_bits_of_one_machine(spark, miserables, tmp_path, monkeypatch, changes):
    monkeypatch.setattr("worker.spark.state.MOST", 150)  # so that links are merged on the way
    told = {2: [Told("a", "Valjean", 30.0), Told("b", "Gavroche", 2.0)], 3: [Told("a", "Javert", 1.0)]}
    (one, many), (ours, theirs), run = ran(
        spark,
        miserables,
        Settings.read(**changes),
        Plan(6 if changes else 7, 5.0 if changes else 11.0, told),
        tmp_path / "checkpoints",
    )
    assert many == one
    assert theirs == ours
    assert sum(frame[1] for frame in one) > 500
    assert run.state.checkpoints > 3
    assert any("applied before" in line for line in run.rejected)
    assert any("nobody" in line for line in run.rejected)


@pytest.mark.parametrize(
    ("group", "value"),
    [
        ("select", {"epsilon": 0.1}),
        ("diffusion", {"impl": "matrix"}),
        ("criticality", {"enabled": True}),
        ("weight_decay", {"enabled": True}),
        ("consolidation", {"enabled": True}),
        ("resistance", {"enabled": True}),
    ],
)
def test_what_it_does_not_carry_out_is_refused(spark, group, value):
    with pytest.raises(InputError, match=rf"{group}\.\w+ is .*only .* is carried out"):
        check(Settings.read(**{group: value}).physics)


def test_it_listens_on_this_machine_alone(spark):
    conf = spark.sparkContext.getConf()
    assert conf.get("spark.driver.host") == conf.get("spark.driver.bindAddress") == "127.0.0.1"
    assert spark.sparkContext.uiWebUrl is None


def test_the_command_tells_what_came_of_it(spark, miserables, tmp_path, capsys, monkeypatch):
    (tmp_path / "stimuli.csv").write_text("tick,node,delta\n1,Valjean,9\n")
    words = ["replay", miserables.as_uri(), "--engine=spark", "--ticks=1", "--json",
             f"--stimuli={tmp_path / 'stimuli.csv'}", f"--out={tmp_path / 'tried'}"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["stridegraph", *words])
    with pytest.raises(SystemExit, match="0"):
        main()
    told = json.loads(capsys.readouterr().out)
    assert told["ticks"] == told["tick"] == 1
    assert pq.read_table(tmp_path / "tried" / "ticks.parquet")["energy_in"].to_pylist()[0] > 9


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--master=local[2]",), "are for --engine spark"),
        (("--engine=spark", "--master=spark://there:7077"), "its machines need a folder that all of them reach"),
        (("--engine=spark", "--conf=memory=8g"), "it is not spark.KEY=VALUE"),
        (("--from-neo4j", "--engine=spark"), "either a SNAPSHOT is replayed or, with --from-neo4j, a graph"),
        (("--graph=mine",), "--graph and --hold are for --from-neo4j"),
        (("--engine=spark", "--recording=there"), "neither replays a recording nor writes events"),
    ],
)
def test_options_that_do_not_go_together_are_refused(words, why, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["stridegraph", "replay", "there", *words])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert why in " ".join(capsys.readouterr().err.split())


def test_where_spark_is_not_installed_the_remedy_is_told(monkeypatch):
    monkeypatch.setattr("worker.spark.session.find_spec", lambda _: None)
    with pytest.raises(EngineError, match=r"pip install 'stridegraph\[spark\]'"), session("local[2]", {}):
        pass


def test_a_sweep_is_the_same_whoever_runs_its_scenarios(spark, miserables, tmp_path):
    (tmp_path / "plan.toml").write_text(
        "ticks = 3\ndt = 5.0\nseeds = [1, 2]\n[settings.plain]\n[settings.bold]\nselect.epsilon = 0.5\n"
        "[stimuli]\none = {Valjean = 5}\n"
    )
    there, tables = local.opened(miserables)
    scenarios = plans.scenarios(plans.read(tmp_path / "plan.toml"), there, set(tables.nodes["id"].to_pylist()))
    sweep.sweep(sweep.Sweep(tmp_path / "here", there, scenarios), 1)
    sweep.sweep(sweep.Sweep(tmp_path / "spark", there, scenarios), 1, engine=partial(rows, spark))
    for kind in ("scenarios", "energies"):
        here, there = (pd.read_parquet(tmp_path / name / f"{kind}.parquet") for name in ("here", "spark"))
        pd.testing.assert_frame_equal(
            *(each.drop(columns=["ms", "seconds"], errors="ignore") for each in (here, there))
        )
