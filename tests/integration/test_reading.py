"""A graph that is read into memory is the graph: the same ticks on both give the same bits."""

from __future__ import annotations

import neo4j
import pytest

from tests.integration.test_plans import operators
from tests.stores import Neo4jStore, fill
from worker.graph import reading
from worker.graph.attach import attach, detach
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


def test_a_copy_ticks_as_the_graph_does(filled):
    settings = Settings.read(valence={"goal": [1.0, 0.5, 0.0], "affect": [0.5, 0.5]}, decay={"settle": 9.0})
    ticks(filled, settings, 0)  # so that there are a ledger, statistics, visits that are only noted
    copy = reading.read(filled)
    assert copy.noted
    ours, theirs = ticks(copy, settings, 4), ticks(filled, settings, 4)
    assert ours.digest == theirs.digest
    assert ours.books == theirs.books
    store = Neo4jStore(filled)
    for key, node in copy.node.items():
        there = store.read_node(key)
        assert [node.get(name) for name in ("id", "energy", "energy_at")] == [
            there.get(name) for name in ("id", "energy", "energy_at")
        ]
    for key, link in copy.link.items():
        assert link.properties["log_weight"] == store.read_link(key)["log_weight"]


def test_pages_and_batches_change_nothing(filled, monkeypatch):
    whole, heard = reading.read(filled), []
    monkeypatch.setattr(reading, "PAGE", 7)
    monkeypatch.setattr(reading, "LINKS", 5)
    parts = reading.read(filled, heard.append)
    assert heard == [7] * 5 + [5]
    assert (parts.node, parts.link, parts.keys({"n000"})) == (whole.node, whole.link, whole.keys({"n000"}))
    assert len(whole.node) == 40
    assert len(whole.link) == 150
    assert whole.queue == {}


def test_a_page_that_is_just_full_is_the_last(filled, monkeypatch):
    monkeypatch.setattr(reading, "PAGE", 20)
    heard = []
    assert len(reading.read(filled, heard.append).node) == 40
    assert heard == [20, 20]


def test_embeddings_stay_where_they_are_unless_they_are_wanted(filled):
    assert any("embedding" in node for node in reading.read(filled).node.values())
    without = reading.read(filled, meaning=False).node.values()
    assert not any("embedding" in node for node in without)
    assert any("emotion" in node for node in without)


def test_an_empty_graph_is_one(graph):
    found = reading.read(graph)
    assert (found.node, found.link, found.kept) == ({}, {}, None)


def test_a_page_is_read_in_the_order_of_the_index(filled):
    connection, settings = filled.connection, filled.connection.settings
    auth = (settings.user, settings.password.get_secret_value())
    with neo4j.GraphDatabase.driver(settings.uri, auth=auth) as driver, driver.session() as session:
        plan = session.run(f"EXPLAIN {connection.text('inspect/page')}").consume().plan
    found = list(operators(plan))
    assert any("IndexSeek" in operator for operator in found), found
    assert not any(operator.startswith(("Sort", "Top", "PartialSort")) for operator in found), found
