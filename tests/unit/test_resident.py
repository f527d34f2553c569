"""What is held in memory: read once, read again where others wrote, links in order, the active set by id."""

from __future__ import annotations

import numpy as np
import pytest

from worker.graph.memory import MemoryGraph
from worker.graph.resident import FAR, UNREAD, Resident
from worker.physics.parameters import Parameters


@pytest.fixture
def graph():
    made = MemoryGraph("g")
    for name in ("a", "b", "c"):
        made.add_node(id=name, energy=2.0)
    made.add_link(1, 3, "R", log_weight=0.3)
    made.add_link(1, 2, "S", log_weight=0.2)
    made.add_link(1, 2, "R", log_weight=0.1)
    made.add_link(2, 3, "R", log_weight=0.4)
    return made


@pytest.fixture
def resident(graph):
    made = Resident(Parameters(), clock=1e6)
    made.add(graph.nodes([1, 2]))
    return made


def of(*indices):
    return np.array(indices, np.int32)


def links(resident, i):
    start, degree = int(resident["start"][i]), int(resident["degree"][i])
    return [
        (
            resident.ids[resident.link("target")[k]],
            resident.link_types[resident.link("type")[k]],
            resident.link("log_weight")[k],
        )
        for k in range(start, start + degree)
    ]


def test_links_by_target_type_and_key_and_their_targets(graph, resident):
    resident.read_links(graph, of(0, 1))
    assert links(resident, 0) == [("b", "R", 0.1), ("b", "S", 0.2), ("c", "R", 0.3)]
    assert links(resident, 1) == [("c", "R", 0.4)]
    assert resident.ids == ["a", "b", "c"]


def test_links_are_read_once(graph, resident):
    resident.read_links(graph, of(0))
    graph.links = None  # would fail
    resident.read_links(graph, of(0))
    assert resident.link_count == 3


def test_node_without_links_is_not_asked_again(graph, resident):
    resident.read_links(graph, of(0))
    resident.read_links(graph, of(2))
    assert resident["degree"][2] == 0
    graph.links = None
    resident.read_links(graph, of(2))


def test_read_again(graph, resident):
    resident.read_links(graph, of(0))
    graph.node[1]["energy"] = 7.0
    graph.delete_link(next(iter(graph.link)))
    resident.read_again(graph, of(0))
    assert resident["energy"][0] == 7.0
    assert resident["degree"][0] == UNREAD
    resident.read_links(graph, of(0))
    assert links(resident, 0) == [("b", "R", 0.1), ("b", "S", 0.2)]


@pytest.mark.parametrize("how", ["gone", "another", "bad"])
def test_read_again_finds_none(graph, resident, how):
    if how == "gone":
        graph.delete_node(1)
    elif how == "another":
        graph.node[1]["id"] = "x"
    else:
        graph.node[1]["energy"] = "much"
    resident.look(of(0, 1), 0.0)
    resident.read_again(graph, of(0))
    assert not resident["valid"][0]
    assert resident["energy"][0] == 0.0
    on, off = resident.look(of(0), 0.0)
    assert (on.tolist(), off.tolist(), resident.active.tolist()) == ([], [0], [1])


def test_active_set_in_ascending_id(graph):
    resident = Resident(Parameters(), clock=1e6)
    resident.add(graph.nodes([3, 1, 2]))
    on, _ = resident.look(of(0, 1, 2), 0.0)
    assert sorted(on.tolist()) == [0, 1, 2]
    assert [resident.ids[i] for i in resident.active] == ["a", "b", "c"]
    _, off = resident.look(resident.active, 14_401.0)  # a half-life later, under Θ
    assert sorted(off.tolist()) == [0, 1, 2]
    assert len(resident.active) == 0


def test_code_points_order_ids(graph):
    resident = Resident(Parameters(), clock=1e6)
    keys = [graph.add_node(id=name) for name in ("é", "z", "Z", "10", "9", "\U0001f600", "\uffff")]
    resident.add(graph.nodes(keys))
    order = resident.in_order(np.arange(len(keys), dtype=np.int32))
    assert [resident.ids[i] for i in order] == ["10", "9", "Z", "z", "é", "\uffff", "\U0001f600"]


def test_stimuli_last_one_tick(resident):
    resident.stimulate(of(0, 0, 1), np.array([0.5, 0.25, 1.0]))
    assert resident["stimulus"].tolist() == [0.75, 1.0]
    resident.stimulate(of(1), np.array([2.0]))
    assert resident["stimulus"].tolist() == [0.0, 2.0]


def test_hops_from_the_seeds(graph, resident):
    resident.read_links(graph, of(0, 1))
    resident.stimulate(of(0), np.array([1.0]))
    resident.reach(of(0), of(1))
    assert resident["hops"].tolist() == [0, 1, FAR]
    resident.stimulate(of(), np.array([]))
    resident.reach(of(1), of(2))
    assert resident["hops"].tolist() == [0, 1, 2]


def test_shadow(graph, resident):
    resident.read_links(graph, of(0, 1))
    resident.look(of(0), 0.0)
    assert resident.shadow(of(0)) == 2
    resident.look(of(1), 0.0)
    assert resident.shadow(of(0)) == 1


def test_forgotten_links_are_read_anew(graph, resident):
    resident.read_links(graph, of(0, 1))
    resident.forget_links()
    assert (resident.link_count, resident["degree"].tolist()) == (0, [UNREAD] * 3)
    resident.read_links(graph, of(0))
    assert len(links(resident, 0)) == 3


def test_links_replaced_over_and_over_take_no_room(graph):
    for _ in range(400):
        graph.add_link(1, 2, "R", log_weight=0.5)
    resident = Resident(Parameters(), clock=1e6)
    resident.add(graph.nodes([1, 2, 3]))
    for _ in range(50):
        resident.read_links(graph, of(0))
        assert resident.link_count < 3000
        resident.read_again(graph, of(0))
        if resident.wasteful:
            resident.forget_links()


def test_more_than_a_few_nodes(graph):
    keys = [graph.add_node(id=f"n{k:04}", energy=float(k)) for k in range(2000)]
    resident = Resident(Parameters(), clock=1e6)
    for lo in range(0, 2000, 300):
        resident.add(graph.nodes(keys[lo : lo + 300]))
    assert resident["energy"].tolist() == [float(k) for k in range(2000)]
    assert len(resident.energetic()) == 1999
    resident.add(graph.nodes([]))
    assert len(resident.ids) == 2000


def test_emotion_is_the_links_else_the_targets(graph):
    graph.node[2]["emotion"] = [3.0, 4.0]
    graph.add_link(3, 2, "R", log_weight=0.0, emotion=[0.0, 1.0])
    graph.add_link(3, 2, "S", log_weight=0.0)
    resident = Resident(Parameters(), clock=1e6)
    resident.add(graph.nodes([1, 2, 3]))
    resident.read_links(graph, of(2))
    assert resident.links.emotion[resident.link("feeling")].tolist() == [1.0, 5.0]


def test_feelings_of_links_that_are_forgotten_are_not_kept(graph):
    graph.node[2]["emotion"] = [3.0, 4.0]
    graph.add_link(3, 2, "R", log_weight=0.0, emotion=[0.0, 1.0])
    graph.add_link(3, 2, "S", log_weight=0.0)
    resident = Resident(Parameters(), clock=1e6)
    resident.add(graph.nodes([1, 2, 3]))
    for _ in range(3):
        resident.read_links(graph, of(2))
        assert resident.links.emotion[resident.link("feeling")].tolist() == [1.0, 5.0]
        assert resident.links.emotion.tolist() == [0.0, 5.0, 1.0]
        resident.forget_links()
    assert resident.links.emotion.tolist() == [0.0, 5.0]
    assert resident.emotion(of(0, 1, 2)).tolist() == [0.0, 5.0, 0.0]
