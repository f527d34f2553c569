"""Entities in a real Neo4j: what is wrong with memberships is listed, and they cost nothing where there are none."""

import neo4j
import pytest

from tests.stores import Neo4jStore
from worker.graph import desk
from worker.graph.attach import attach
from worker.settings import Settings
from worker.tick import tick

LINKS = 2_000
FEW = 60  # database hits for one node, however many links it has


@pytest.fixture
def store(graph):
    return Neo4jStore(graph)


@pytest.mark.smoke
def test_check_lists_memberships_that_do_not_count(store):
    node, good = store.node(id="n", type="Task"), store.entity(id="good")
    store.member(node, good)
    store.member(node, good, weight=2)
    for weight in (float("nan"), float("inf"), 0, -1.0, "1", [1.0]):
        store.member(node, store.entity(id=repr(weight)), weight=weight)
    store.member(node, store.entity(id=7), weight=1.0)
    store.member(node, store.entity(id="far", graph="other"), weight=1.0)
    found = desk.check(store.graph, Settings())
    assert {row.what for row in found.listed} == {"member"}
    assert {row.identity.partition(" -[MEMBER_OF]-> ")[2]: row.why for row in found.listed} == {
        **dict.fromkeys(("nan", "inf", "0", "-1.0"), "weight is not a finite number over 0"),
        **dict.fromkeys(("'1'", "[1.0]"), "weight is not a number"),
        "7": "the entity's id is missing or not text",
        "far": "the entity is of another graph",
    }


@pytest.mark.smoke
@pytest.mark.parametrize("some", [False, True])
def test_a_node_of_many_links_is_read_without_looking_at_them(store, some):
    hub = store.node(id="hub", type="Task", energy=2.0)
    text = """MATCH (h) WHERE id(h) = $hub UNWIND range(1, $links) AS i
              CREATE (h)-[:R {log_weight: 0.0}]->(:Node {graph: $graph, id: toString(i)})"""
    store._one(text, hub=hub, links=LINKS)
    if some:
        store.member(hub, store.entity(id="e"), weight=1.0)
    connection = store.graph.connection
    auth = (connection.settings.user, connection.settings.password.get_secret_value())
    with neo4j.GraphDatabase.driver(connection.settings.uri, auth=auth) as driver, driver.session() as session:
        for name, most in (("load/nodes", FEW), ("attach/census", FEW + 6 * LINKS)):
            text = f"PROFILE {connection.text(name)}"
            profile = session.run(text, graph=store.graph.name, keys=[hub]).consume().profile
            assert hits(profile) < most, name
            assert expanded(profile) <= 5, name
    assert tick(attach(store.graph, Settings(), "me"), 1.0).strides > 0


def hits(plan):
    return plan["args"].get("DbHits", 0) + sum(hits(child) for child in plan.get("children", []))


def expanded(plan):
    """Rows that expanding along relationships has given, and what it cost."""
    own = plan["args"].get("DbHits", 0) if "Expand" in plan["operatorType"] else 0
    return own + sum(expanded(child) for child in plan.get("children", []))
