"""A graph that is read into memory is the graph: the same ticks on both give the same bits."""

from __future__ import annotations

import time

import pytest

from tests.stores import Neo4jStore, fill
from worker.archive import load
from worker.archive.digest import digest
from worker.archive.snapshot import state_of
from worker.graph.attach import attach, detach
from worker.graph.export import MemoryExport, held
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Settings
from worker.tick import tick

pytestmark = [pytest.mark.neo4j, pytest.mark.smoke]


@pytest.fixture
def filled(graph):
    fill(Neo4jStore(graph))
    other = Neo4jStore(Neo4jGraph(graph.connection, "other"))
    other.link(other.node(id="n000"), other.node(id="n001"), log_weight=1.0)
    return graph


def ticks(graph, settings, start):
    held = attach(graph, settings, "me")
    for _ in range(4):
        tick(held, 3.0)
    detach(held)
    assert held.ledger.tick == start + 4
    return held.ledger


def read(graph, **how):
    with held(graph, 10.0) as export:
        return load.read(export, **how)


def test_a_copy_ticks_as_the_graph_does(filled):
    settings = Settings.read(
        valence={"goal": [1.0, 0.5, 0.0], "affect": [0.5, 0.5]},
        decay={"settle": 9.0},
        consolidation={"enabled": True, "goal": "Task"},
        resistance={"enabled": True, "degree": 6},
    )
    store = Neo4jStore(filled)
    at = {node["id"]: node for node in store.nodes()}
    keys = read(filled).keys(set(at))
    assert len(keys) == len(at) == 40
    live = {found["id"]: key for key, found in ((row["k"], row["p"]) for row in store._one(
        "MATCH (n:Node {graph: $graph}) RETURN id(n) AS k, properties(n) AS p"))}  # fmt: skip
    entity = store.entity(id="E")
    for own in ("n000", "n005", "n010"):
        store.member(live[own], entity, weight=1.0)
        store.set_node(live[own], resolved=True)
    for _ in range(6):
        store.link(live["n000"], live["n015"], "KNOWS")  # no link, and counted where relationships are
    ticks(filled, settings, 0)  # so that there are a ledger, statistics, visits that are only noted
    copy = read(filled)
    ours, theirs = ticks(copy, settings, 4), ticks(filled, settings, 4)
    assert (ours.digest, ours.books, ours.half_lives) == (theirs.digest, theirs.books, theirs.half_lives)
    assert any("×" in kind or kind not in {"Memory", "Concept", "Task", "Odd"} for kind in ours.half_lives)
    assert digest(state_of(MemoryExport(copy))) == digest(graph_state(filled))


def graph_state(graph):
    with held(graph, 10.0) as export:
        return state_of(export)


def test_pages_and_batches_change_nothing(filled, monkeypatch):
    whole, heard = read(filled), []
    monkeypatch.setattr("worker.graph.export.PAGE", 7)
    monkeypatch.setattr("worker.graph.export.LINKS", 5)
    parts = read(filled, done=lambda kind, rows: heard.append(rows) if kind == "nodes" else None)
    assert heard == [7] * 5 + [5]
    assert (parts.node, parts.link, parts.keys({"n000"})) == (whole.node, whole.link, whole.keys({"n000"}))
    assert (len(whole.node), len(whole.link)) == (40, 150)
    assert len(whole.queue) == 4


def test_a_page_that_is_just_full_is_the_last(filled, monkeypatch):
    monkeypatch.setattr("worker.graph.export.PAGE", 20)
    assert len(read(filled).node) == 40


def test_embeddings_stay_where_they_are_unless_they_are_wanted(filled):
    assert any("embedding" in node for node in read(filled).node.values())
    without = read(filled, meaning=False).node.values()
    assert not any("embedding" in node for node in without)
    assert any("emotion" in node for node in without)


def test_an_empty_graph_is_one(graph):
    found = read(graph)
    assert (list(found.node), list(found.link), found.kept) == ([], [], None)


def test_the_lease_is_kept_however_long_attaching_takes(graph, filled):
    """Else two workers of a large graph take it from each other for ever, and none ticks."""
    settings, other = Settings.read(lease={"ttl": 3.0}), Neo4jGraph(graph.connection, graph.name)
    weights = graph.weights

    def slowly():
        until = time.monotonic() + 7.0
        while time.monotonic() < until:
            assert other.take("another", 3.0) is None
            time.sleep(0.2)
        return weights()

    graph.weights = slowly
    held = attach(graph, settings, "me")
    tick(held, 1.0)
    assert held.ledger.fence == 1
