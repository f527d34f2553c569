"""What a worker holds stays bounded where the frontier wanders through a graph that is larger; and no bit depends on it."""

import gc
import tracemalloc

import pytest

from tests.stores import MemoryStore, digest
from worker.events import Sinks
from worker.graph.attach import attach
from worker.graph.memory import MemoryGraph
from worker.loop import Worker
from worker.settings import Settings
from worker.tick import tick

NODES, OUT, TICKS = 12_000, 6, 300
LEAST = 1000  # of either setting


def wandering(**resident):
    """Yield what is held after each tick of a stimulus that goes round a ring, where each node leads to the next few."""
    graph = MemoryGraph("g")
    keys = [graph.add_node(id=f"a node of some length: {i:06}", type="Task") for i in range(NODES)]
    for i, key in enumerate(keys):
        for step in range(1, OUT + 1):
            graph.add_link(key, keys[(i + step) % NODES], "R", log_weight=0.01 * step)
    held = attach(graph, settings(**resident), "me")
    for at in range(TICKS):
        for i in range(10):
            node = f"a node of some length: {(40 * at + 4 * i) % NODES:06}"
            graph.add_stimulus(id=f"{at}.{i}", node=node, delta=3.0, created_at=at)
        assert tick(held, 1.0).strides
        yield held


def settings(**resident):
    return Settings(graph="g", decay={"half_life": {"*": 1.0}, "settle": 5.0}, resident=resident)


def test_nodes_and_links_stay_bounded_and_no_bit_depends_on_it():
    most_nodes = most_links = room = 0
    for held in wandering(max_nodes=LEAST, max_links=LEAST):
        resident = held.resident
        most_nodes, most_links = max(most_nodes, len(resident.ids)), max(most_links, resident.link_count)
        room = max(room, len(next(iter(resident._nodes._arrays.values()))))
        assert len(resident.ids) == len(resident.index) == len(resident["key"])
    bounded = digest(MemoryStore(held.graph))
    *_, held = wandering()
    assert len(held.resident.ids) > 0.9 * NODES, "it has wandered, or the bound was no bound"
    assert held.resident.link_count > 10 * LEAST
    assert most_nodes < 2.5 * LEAST
    assert room < 5 * LEAST
    assert most_links < 5 * LEAST
    assert bounded == digest(MemoryStore(held.graph))


def test_memory_itself_stays_bounded():
    """Of all that a worker's own modules have allocated, a third of the way and at the end."""
    own = [
        tracemalloc.Filter(inclusive=True, filename_pattern=f"*/graph/{name}.py") for name in ("resident", "columns")
    ]
    sizes = []
    tracemalloc.start()
    try:
        for at, _ in enumerate(wandering(max_nodes=LEAST, max_links=LEAST)):
            if at % 100 == 99:
                gc.collect()
                traces = tracemalloc.take_snapshot().filter_traces(own)
                sizes.append(sum(found.size for found in traces.statistics("filename")))
    finally:
        tracemalloc.stop()
    assert 0 < sizes[-1] < 1.5 * sizes[0] + 100_000


@pytest.mark.parametrize("energetic", [900, 1500])
def test_where_most_would_stay_nothing_is_dropped(energetic):
    graph = MemoryGraph("g")
    keys = [graph.add_node(id=f"{i:05}", energy=5.0, type="Task") for i in range(energetic)]
    for i, key in enumerate(keys):
        graph.add_link(key, keys[i - 1], "R", log_weight=0.0)
    held = attach(graph, settings(max_nodes=LEAST), "me")
    ids = held.resident.ids
    for _ in range(3):
        tick(held, 0.1)
    assert held.resident.ids is ids


def test_a_worker_does_not_remember_each_stimulus_that_it_has_rejected():
    """Each is met once; a node that is quarantined is met again, and is named once."""
    graph = MemoryGraph("g")
    graph.add_node(id="bad", energy="much")
    for i in range(100):
        graph.add_stimulus(id=f"s{i}", node="nobody", delta=1.0, created_at=i)
    worker = Worker(graph, Settings(graph="g", pace={"fixed": 0.01}), Sinks(), prepare=lambda: None, ticks=2)
    worker.run()
    assert len(graph.rejected) == 100
    assert {row.what for row in worker.named} == {"node"}
