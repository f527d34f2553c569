"""Ticks on a copy: the graph stays as it is, the same twice is the same, and `stride` without cuts is `matrix`."""

from __future__ import annotations

import numpy as np
import pytest

from tests.property.worlds import bits
from tests.stores import MemoryStore, fill
from worker.compare import report
from worker.errors import InputError
from worker.graph.attach import attach
from worker.graph.copies import Original
from worker.graph.memory import MemoryGraph
from worker.settings import Settings, assigned
from worker.tick import tick
from worker.trial import named, steady, trial

STIMULI = (("n007", 5.0), ("n011", 1.0))
PLAN = steady(12, 2.0, STIMULI)
UNCUT = ("select.topk=all", "fanout.task_mode=methodical")


@pytest.fixture
def graph():
    made = MemoryGraph()
    fill(MemoryStore(made), nodes=60, links=400)
    made.queue.clear()
    return made


def run(graph, *changes, plan=PLAN):
    return trial(Original(graph), Settings.read(**assigned(changes)), plan)


def test_a_trial_is_what_a_worker_does_and_leaves_the_graph_as_it_is(graph):
    before = [repr(found) for found in (graph.node, graph.link, graph.stats, graph.noted, graph.kept)]
    found = run(graph, *UNCUT)
    assert [repr(found) for found in (graph.node, graph.link, graph.stats, graph.noted, graph.kept)] == before
    held = attach(graph, Settings.read(**assigned(UNCUT)), "me")
    for number in range(12):
        for k, (node, delta) in enumerate(STIMULI):
            graph.add_stimulus(id=f"{number:03}.{k}", node=node, delta=delta, created_at=number)
        frame = tick(held, 2.0)
    assert frame.energy_total == found.course.energy[-1]
    assert [link.properties["log_weight"] for link in graph.link.values()] == found.log_weight.tolist()
    assert found.active.sum() == len(held.resident.active) > 0
    assert found.energy.sum() == pytest.approx(frame.energy_total, rel=1e-12)


def test_a_copy_shares_nothing_with_the_graph(graph):
    held = attach(graph, Settings(), "me")
    graph.add_stimulus(id="s", node="n001", delta=2.0, created_at=0)
    tick(held, 1.0)
    graph.add_stimulus(id="waits", node="n002", delta=1.0, created_at=1)
    original = Original(graph)
    was = bits(graph)
    for _ in range(2):  # what one copy does, the next does not see
        copy = original.copy()
        assert bits(copy) == was
        assert (list(copy.queue), copy.holder) == (list(graph.queue), None)
        again = attach(copy, Settings(weight_decay={"enabled": True, "every": 1.0}), "you")
        for _ in range(3):
            tick(again, 100.0)
        copy.delete_node(copy.keys({"n003"})["n003"])
        copy.add_link(copy.add_node(id="new"), copy.keys({"n004"})["n004"], "R", log_weight=1.0)
        assert bits(graph) == was != bits(copy)
        assert (len(copy.node), len(list(copy.node)), copy.queue) == (len(graph.node), len(graph.node), {})
        assert copy.weights() == MemoryGraph(link=dict(copy.link.items())).weights() != graph.weights()
        assert sorted(copy.energetic()) == sorted(MemoryGraph(node=dict(copy.node.items())).energetic())


def test_the_same_settings_twice_differ_in_nothing(graph):
    found = report(named(graph), run(graph), run(graph, "select.topk=4"), 50, 1e-6)
    assert (found.l1, found.largest, found.rank_correlation) == (0.0, 0.0, 1.0)
    assert found.top_overlap == found.top_union > 10
    assert found.links.differing == 0 < found.links.count


def test_stride_without_cuts_is_matrix(graph):
    cut = report(named(graph), run(graph), run(graph, "diffusion.impl=matrix"), 50, 1e-6)
    uncut = report(named(graph), run(graph, *UNCUT), run(graph, "diffusion.impl=matrix"), 50, 1e-6)
    assert uncut.l1_relative <= 1e-12 < 1e-3 < cut.l1_relative
    assert uncut.links.largest <= 1e-12 < cut.links.largest
    assert (
        max(uncut.a.conservation_error, uncut.b.conservation_error, uncut.a.books_error, uncut.b.books_error) <= 1e-12
    )


@pytest.mark.parametrize(("once", "injected"), [(True, 6.0), (False, 72.0)])
def test_stimuli_come_once_or_in_every_tick(graph, once, injected):
    found = run(graph, plan=steady(12, 2.0, STIMULI, once=once))
    assert found.course.injected.sum() == injected
    assert (found.course.injected > 0).sum() == (1 if once else 12)
    assert found.rejected == 0


def test_a_constant_stimulus_comes_to_a_steady_state(graph):
    short = run(graph, 'decay.half_life={"*": 20}', plan=steady(250, 2.0, STIMULI))
    found = report(named(graph), short, run(graph), 50, 1e-6)
    assert found.a.steady
    assert 50 < found.a.steady_since < 250
    assert not found.b.steady


def test_stimuli_that_no_tick_takes_are_counted(graph):
    assert run(graph, "tick.energy_max=10", plan=PLAN).rejected > 0


def test_settings_that_allow_no_such_tick_are_refused(graph):
    with pytest.raises(InputError, match="a product of at most 1"):
        run(graph, "diffusion.impl=legacy", "tick.alpha=1")


def test_nodes_are_named_in_ascending_id():
    graph = MemoryGraph()
    for name in ("b", "n10", "a", "n2"):
        graph.add_node(id=name, type="Task" if name == "a" else 7, energy=2.0 if name == "n2" else None)
    assert named(graph) == (["a", "b", "n10", "n2"], ["Task", None, None, None])
    assert np.flatnonzero(run(graph, plan=steady(1, 1.0)).energy).tolist() == [3]


def test_a_graph_in_memory_finds_nodes_by_the_id_that_they_have_now():
    graph = MemoryGraph()
    key = graph.add_node(id="a")
    assert graph.keys({"a", "b"}) == {"a": key}
    graph.node[key]["id"] = "b"
    assert graph.keys({"a", "b"}) == {"b": key}
    graph.delete_node(key)
    assert graph.keys({"b"}) == {}
