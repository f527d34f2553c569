"""A hub of ten thousand links out and in (SPEC §4): what travels is bounded, and the strides are those of the whole."""

import random

import pytest

from tests.stores import MemoryStore, Neo4jStore, state
from worker.graph.attach import attach
from worker.graph.memory import MemoryGraph
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Settings
from worker.tick import tick

pytestmark = [pytest.mark.neo4j, pytest.mark.smoke]
SIZE, BUFFER, TICKS = 10_000, 100, 30
FILL = """
CREATE (h:Node {graph: $graph, id: 'hub', type: 'Task', energy: 1e6})
WITH h
UNWIND range(0, size($weights) - 1) AS k
CREATE (n:Node {graph: $graph, id: 'leaf' + right('0000' + toString(k), 5), type: 'Memory', threshold: 1e9})
CREATE (h)-[:R {log_weight: $weights[k]}]->(n)
CREATE (n)-[:BACK {log_weight: 0.0}]->(h)
"""


def in_memory(weights):
    store = MemoryStore(MemoryGraph())
    hub = store.node(id="hub", type="Task", energy=1e6)
    leaves = [store.node(id=f"leaf{k:05}", type="Memory", threshold=1e9) for k in range(len(weights))]
    for leaf, weight in zip(leaves, weights, strict=True):
        store.link(hub, leaf, log_weight=weight)
        store.link(leaf, hub, "BACK", log_weight=0.0)
    return store


def settings(hub):
    return Settings(
        fanout={"hub": hub, "task_mode": "divergent"},
        select={"topk": "all"},
        learning={"rate": 1e-4},
        tick={"alpha": 1e-3},
    )


@pytest.mark.parametrize("alike", [True, False])
def test_s4_a_hub_of_many_links_is_not_fetched_whole(connection, alike):
    weights = [0.5 if alike else random.Random(k).gauss(0, 1) for k in range(SIZE)]
    connection.statement(FILL, graph="default", weights=weights)
    store, twin, travelled = Neo4jStore(Neo4jGraph(connection, "default")), in_memory(weights), []
    links, best = store.graph.links, store.graph.best
    store.graph.links = lambda *how: travelled.append(len((rows := links(*how))[0].key)) or rows
    store.graph.best = lambda *how: travelled.append(len((rows := best(*how))[0].key) + len(rows[1].type)) or rows
    held = attach(store.graph, settings(1000), "me")
    for number in range(TICKS):
        frame = tick(held, 1.0)
        assert (frame.mean_degree_active, frame.strides) == (SIZE, 7)
        if number == 9:
            held = attach(store.graph, settings(1000), "me")
    assert len(travelled) == (5 if alike else 4)  # twice `links`, which finds a hub, and as often as its best wore out
    assert max(travelled) <= BUFFER + 20
    assert held.resident.link_count <= 2 * BUFFER
    held = attach(twin.graph, settings(100_000), "me")
    for _ in range(TICKS):
        tick(held, 1.0)
    assert held.resident.link_count == SIZE
    assert state(store) == state(twin)
