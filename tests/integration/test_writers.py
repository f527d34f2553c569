"""Others write while a tick commits: what they have not committed yet is waited for, and never overwritten (RELIABILITY)."""

import time
from concurrent.futures import ThreadPoolExecutor

import neo4j
import pytest

from tests.stores import Neo4jStore
from worker.graph.attach import attach
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Settings
from worker.tick import tick

pytestmark = [pytest.mark.neo4j, pytest.mark.smoke]

BLOCKED = "SHOW TRANSACTIONS YIELD status WHERE status STARTS WITH 'Blocked' RETURN status"


@pytest.fixture
def other(connection):
    """A client of the same database that knows nothing of the worker."""
    settings = connection.settings
    auth = (settings.user, settings.password.get_secret_value())
    with neo4j.GraphDatabase.driver(settings.uri, auth=auth) as driver, driver.session() as session:
        yield session


def worker(connection, **changes):
    store = Neo4jStore(Neo4jGraph(connection, "default"))
    a = store.node(id="a", type="Task", energy=5.0)
    b = store.node(id="b", type="Task", energy=0.25)
    link = store.link(a, b, log_weight=0.5)
    held = attach(store.graph, Settings(learning={"rate": 0.1}, **changes), "me")
    return store, held, (a, b, link)


def during(held, other, text, **parameters):
    """Let a tick run into a write that is not committed yet, which is committed while the tick waits."""
    with ThreadPoolExecutor(1) as pool, other.begin_transaction() as foreign:
        foreign.run(text, parameters).consume()
        ticking = pool.submit(tick, held, 1.0)
        deadline = time.monotonic() + 300.0
        while not held.graph.connection.statement(BLOCKED):
            assert not ticking.done(), "the tick did not wait for the lock"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        try:
            foreign.commit()
        finally:
            ticking.result(30.0)


def test_an_energy_that_another_is_just_writing(connection, other):
    _, held, (_, b, _) = worker(connection)
    during(held, other, "MATCH (n) WHERE id(n) = $key SET n.energy = n.energy + 100.0", key=b)
    assert held.ledger.tick == 1
    assert held.ledger.books.external[0] == pytest.approx(100.0)
    assert held.ledger.books.total == pytest.approx(105.25, abs=0.1)


def test_an_energy_that_another_is_just_writing_while_it_is_settled(connection, other):
    _, held, (a, _, _) = worker(connection, decay={"settle": 1.0, "half_life": {"*": 5.0}})
    during(held, other, "MATCH (n) WHERE id(n) = $key SET n.energy = n.energy + 100.0", key=a)
    assert held.ledger.books.external[0] == pytest.approx(100.0)


def test_a_log_weight_that_another_is_just_writing(connection, other):
    """A link's commit locks both its ends, which the tick holds by then: so it may be the other who is told to try again."""
    store, held, (_, _, link) = worker(connection)
    base = 3.0
    try:
        during(held, other, "MATCH ()-[r]->() WHERE id(r) = $key SET r.log_weight = 3.0", key=link)
    except neo4j.exceptions.TransientError:
        base = 0.5
    assert held.ledger.tick == 1
    assert base < store.read_link(link)["log_weight"] < base + 0.1


def test_a_node_that_another_is_just_deleting(connection, other):
    store, held, (_, b, _) = worker(connection)
    during(held, other, "MATCH (n) WHERE id(n) = $key DETACH DELETE n", key=b)
    assert held.ledger.tick == 1
    assert [node["id"] for node in store.nodes()] == ["a"]
    assert held.ledger.books.external[0] == pytest.approx(-0.25)
