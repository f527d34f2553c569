"""A snapshot of a graph in Neo4j is the graph: ticks on it, in memory or restored, give the bits that the graph itself gets."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.stores import Neo4jStore, fill
from worker.archive import replay, restore
from worker.archive.load import memory
from worker.archive.snapshot import take
from worker.errors import HeldTooLong, InputError, Refused
from worker.graph import export
from worker.graph.attach import attach, detach
from worker.graph.neo4j import Neo4jGraph
from worker.graph.port import RESTORING
from worker.settings import Settings
from worker.tick import tick

pytestmark = [pytest.mark.neo4j, pytest.mark.smoke]
HOW = {
    "decay": {"settle": 5.0, "half_life": {"*": 60.0}},
    "weight_decay": {"enabled": True, "every": 6.0, "half_life": {"*": 1e-3}},
    "consolidation": {"enabled": True, "goal": "Task"},
    "resistance": {"enabled": True, "degree": 8},
    "valence": {"goal": [1.0, 0.5, 0.0], "affect": [0.5, 0.5]},
    "learning": {"rate": 0.1},
}
DT = 2.5


@pytest.fixture
def settings():
    return Settings.read(**HOW)


@pytest.fixture
def live(graph):
    """A graph of all kinds of things: what is bad, what leads out of it, and another graph beside it."""
    live = Neo4jStore(graph)
    keys = fill(live)
    for number, (own, weight) in enumerate((("E1", 2.0), ("E2", "heavy"), (None, 1.0))):
        entity = live.entity(**({"id": own, "name": "an entity"} if own else {}))
        live.member(keys[number], entity, weight=weight, since="then")
        live.member(keys[7], entity)
    live.set_node(keys[3], energy="high", label="a label", resolved=True)
    live.set_node(keys[4], visits=-2, threshold=-1.0, embedding=["no", "number"])
    live.link(keys[0], keys[1], "R", log_weight="heavy", note="x")
    live.link(keys[0], keys[2], "KNOWS", since=3)
    for _ in range(2):
        live.link(keys[5], keys[6], "R", log_weight=0.25)
    nameless, number = live.node(label="no id"), live.node(id=7, energy=1.0)
    live.link(keys[0], nameless, "S", log_weight=-2.0)
    live.link(number, keys[0], "S", log_weight=3.0)
    other = Neo4jStore(Neo4jGraph(graph.connection, "other"))
    there = other.node(id="n000", energy=9.0)
    for _ in range(9):
        live.link(keys[1], there, "R", log_weight=1.0)
    return live


def stimulate(live, number):
    live.stimulus(minute=10 + number, id=f"late{number}", node=f"n{number:03}", delta=1.5)


def ticks(live, settings, first, last, *, restart=False):
    held = attach(live.graph, settings, "me")
    for number in range(first, last + 1):
        if number % 3 == 0:
            stimulate(live, number)
        tick(held, DT)
        if restart:
            detach(held)
            held = attach(live.graph, settings, "you")
    detach(held)
    return held.ledger


def snapshot(graph, folder, settings, **how):
    return take(export.held(graph, 60.0), folder, settings, **how)


def test_replayed_restored_and_live_are_the_same_to_the_bit(live, settings, tmp_path):
    ticks(live, settings, 1, 5)
    live.stimulus(minute=5, id="odd", node="n001", delta="much")
    live.stimulus(minute=6, id="shared", budget=2.0, candidates=["n001", "gone", "n002"], similarity=[1.0, 0.5, 0.5])
    manifest = snapshot(live.graph, tmp_path / "a", settings)
    assert (manifest["tick"], manifest["files"]["nodes.parquet"]["rows"]) == (5, 40)
    there, tables = replay.opened(tmp_path / "a")
    assert replay.settings_for(there)[0].physics == settings.physics

    again = Neo4jStore(Neo4jGraph(live.graph.connection, "again"))
    restore.restore(again.graph, tables)
    assert snapshot(again.graph, tmp_path / "b", settings)["digest"] == manifest["digest"]
    with pytest.raises(InputError, match="there is a graph 'again' already"):
        restore.restore(again.graph, tables)

    ledger = ticks(live, settings, 6, 14, restart=True)
    told = {number - 5: [replay.Told(f"late{number}", f"n{number:03}", 1.5)] for number in (6, 9, 12)}
    copy = memory(tables)
    found = replay.replay(copy, settings, replay.Plan(9, DT, told))
    assert found.frames[-1]["digest"] == ledger.digest
    later = snapshot(live.graph, tmp_path / "c", settings)
    assert later["digest"] == found.digest != manifest["digest"]
    assert {node["id"]: node.get("energy") for node in copy.node.values() if "id" in node} == {
        node["id"]: node.get("energy") for node in live.nodes() if isinstance(node.get("id"), str)
    }

    third = Neo4jStore(Neo4jGraph(live.graph.connection, "third"))
    restore.restore(third.graph, replay.opened(tmp_path / "c")[1])
    for place in (live, third):  # what leads out of a graph is not restored, and counts where much of it resists decay
        ticks(place, settings.model_copy(update={"resistance": Settings().resistance}), 15, 17)
    ours, theirs = (snapshot(place.graph, tmp_path / place.graph.name, settings) for place in (live, third))
    assert ours["tick"] == 17
    assert ours["digest"] == theirs["digest"]


def test_it_writes_nothing_and_holds_the_tick_that_comes(live, settings, tmp_path):
    held = attach(live.graph, settings, "me")
    tick(held, DT)
    detach(held)
    before = repr(live.graph.connection.statement("MATCH (n) RETURN labels(n), properties(n) ORDER BY id(n)"))
    with ThreadPoolExecutor(1) as pool, export.held(live.graph, 10.0) as reading:
        ticking = pool.submit(ticks, live, settings, 2, 2)
        time.sleep(0.3)
        assert not ticking.done()
        manifest = take(_already(reading), tmp_path / "a", settings)
    assert ticking.result(10.0).tick == 2
    assert manifest["tick"] == 1
    nobody = Neo4jGraph(live.graph.connection, "nobody")
    assert snapshot(nobody, tmp_path / "b", settings)["tick"] == 0
    assert nobody.ledger() is None
    assert memory(replay.opened(tmp_path / "b")[1]).kept is None
    snapshot(live.graph, tmp_path / "c", settings)
    assert "snapshot" not in before + repr(live.graph.connection.statement("MATCH (l:Ledger) RETURN properties(l)"))


class _already:
    """A graph that is held by another."""

    def __init__(self, reading):
        self.reading = reading

    def __enter__(self):
        return self.reading

    def __exit__(self, *_):
        return False


def test_one_that_takes_too_long_lets_go_and_leaves_nothing(live, settings, tmp_path):
    with pytest.raises(HeldTooLong, match=r"takes longer than 0\.2 s") as told:
        take(export.held(live.graph, 0.2), tmp_path / "a", settings, done=lambda *_: time.sleep(0.15))
    assert "--hold" in told.value.remedy
    with live.graph.connection.transaction() as others:
        others.statement("MERGE (l:Ledger {graph: 'default'}) SET l.lock = 1")
        with pytest.raises(HeldTooLong, match=r"takes longer than 0\.3 s"):  # ended by the server: we only wait
            take(export.held(live.graph, 0.3), tmp_path / "a", settings)
    assert list(tmp_path.iterdir()) == []
    held = attach(live.graph, settings, "me")
    assert tick(held, DT).frame == 1
    detach(held)


def test_links_that_are_just_forgetting_are_waited_for(live, settings, tmp_path):
    ticks(live, settings, 1, 1)
    graph = live.graph
    graph.connection.statement("MATCH (l:Ledger {graph: 'default'}) SET l.forgetting = 'n001'")
    with pytest.raises(HeldTooLong, match=r"forgetting for 0\.2 s"):
        take(export.held(graph, 0.2), tmp_path / "a", settings)
    finish = "MATCH (l:Ledger {graph: 'default'}) SET l.forgetting = ''"
    waits = []
    with export.held(graph, 5.0, lambda: waits.append(graph.connection.statement(finish))) as reading:
        assert reading.ledger.tick == 1
    assert len(waits) == 1


def test_a_graph_that_is_restored_in_part_is_ticked_by_nobody_and_restored_anew(live, settings, tmp_path, monkeypatch):
    live.stimulus(minute=5, id=None, node="n001", delta=1.0)
    taken = snapshot(live.graph, tmp_path / "a", settings)
    tables = replay.opened(tmp_path / "a")[1]
    part, beside = (Neo4jGraph(live.graph.connection, name) for name in ("part", "beside"))
    restore.restore(beside, tables)
    monkeypatch.setattr(restore, "BATCH", 7)
    monkeypatch.setattr(restore, "CLEARED", 11)

    def fails_at(wanted):
        def fails(kind, _):
            if kind == wanted:
                raise Refused("the cable was cut")

        return fails

    for wanted in ("links", "stimuli", "what broke off"):  # there is some of everything; it is cleared in part
        with pytest.raises(Refused, match="'part' is restored in part, and no worker will take it: the cable was cut"):
            restore.restore(part, tables, fails_at(wanted))
        assert part.ledger().phase == RESTORING
        for who in ("me", "you"):  # nobody keeps the lease of it
            with pytest.raises(Refused, match="restored in part"):
                attach(part, settings, who)
    fence = part.take("another restorer", 60.0).fence
    with pytest.raises(InputError, match="just being restored by another process"):
        restore.restore(part, tables)
    part.release(fence)
    restore.restore(part, tables)
    anew, at_once = (snapshot(graph, tmp_path / graph.name, settings) for graph in (part, beside))
    assert anew["digest"] == at_once["digest"] == taken["digest"]
    for name, found in at_once["files"].items():  # no node, no link, no stimulus of one before is there
        assert anew["files"][name]["rows"] == found["rows"]
    with pytest.raises(InputError, match="there is a graph 'part' already"):
        restore.restore(part, tables)
