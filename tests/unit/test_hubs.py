"""A hub's links in memory (SPEC §4): how many are read, how often, and that the strides are those of the whole hub."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.property.worlds import bits, strides
from tests.unit.test_memory_tick import Small
from worker.graph.attach import attach
from worker.graph.resident import Resident

BUFFER = 22


@pytest.fixture
def rankings(monkeypatch):
    """How many links each ranking asked for, in their order."""
    asked, read = [], Resident.read_best

    def noted(self, graph, i, limit, ranking):
        asked.append(limit)
        read(self, graph, i, limit, ranking)

    monkeypatch.setattr(Resident, "read_best", noted)
    return asked


def small(size=130, hub=100, log_weight=lambda _: 0.3, **settings):
    made = Small(fanout={"hub": hub}, select={"topk": "all"}, **settings)
    made.node("hub", energy=1e6)
    for k in range(size):
        made.node(f"leaf{k:03}", type="Memory", threshold=1e7)
        made.link("hub", f"leaf{k:03}", log_weight(k))
    return made


def both(ticks, change=lambda _, number: None, **how):
    """Run a hub, ranked and whole; return the ranked one, and how often strides ended at each leaf."""
    traces, graphs, ended = [], [], Counter()
    for hub in (100_000, 100):
        made, trace = small(hub=hub, **how), []
        for number in range(ticks):
            change(made, number)
            frame = made.tick()
            assert frame.mean_degree_active == 130
            trace.append(strides(made.held, frame))
        traces.append(trace)
        graphs.append(bits(made.graph))
    assert traces[0] == traces[1]
    assert graphs[0] == graphs[1]
    ended.update(row[1] for rows in traces[1] for row in rows)
    return made, ended


@pytest.mark.parametrize("gate", ["off", "tiered"])
def test_s4_a_hub_whose_links_are_alike_goes_round_all_of_them(rankings, gate):
    made, ended = both(120, learning={"gate": gate, "rate": 1e-3})
    assert set(rankings) == {BUFFER}
    assert len(rankings) < 40
    assert made.held.resident["degree"][0] == BUFFER
    if gate == "off":
        assert set(ended.values()) <= {4, 5}
        assert len(ended) == 130


def test_s4_links_of_few_different_weights(rankings):
    both(80, log_weight=lambda k: 0.25 * (k % 3), learning={"gate": "off"})
    assert set(rankings) == {BUFFER}
    assert len(rankings) < 40


def test_s4_a_best_that_stays_the_best_is_ranked_once(rankings):
    both(60, log_weight=lambda k: 0.02 * k, valence={"novelty_weight": 0.0})
    assert rankings == [BUFFER]


def test_s4_statistics_that_move_are_seen_by_the_bound(rankings):
    """As where links of one type learn elsewhere, so that those of the hub cost more."""

    def change(made, number):
        if not number:
            for k in range(1, 130, 2):
                made.graph.link[made.graph._out[made.key["hub"]][k]].type = "S"
        else:
            made.held.stats["S"] = made.held.stats["S"]._replace(mean=0.3 + 0.01 * number)

    both(40, change)
    assert set(rankings) == {BUFFER}
    assert 1 < len(rankings) < 30


def test_s4_quarantined_targets_that_rank_best_are_passed_by(rankings):
    ends = []
    for hub in (100_000, 100):
        made = small(hub=hub)
        for k in range(40):
            made.of(f"leaf{k:03}")["energy"] = -1.0
        frame = made.tick()
        ends.append([row[1] for row in strides(made.held, frame)])
    assert ends[0] == ends[1] == [f"leaf{k:03}" for k in range(40, 45)]
    assert rankings == [22, 44, 88]


def test_s4_what_is_no_link_takes_no_place(rankings):
    made = small()
    for k, weight in enumerate((float("nan"), float("inf"), "heavy", True, 1e101, None)):
        made.node(f"bad{k}", type="Memory")
        made.link("hub", f"bad{k}", weight)
    made.link("hub", "hub", 9.0)
    made.graph.add_link(made.key["hub"], made.graph.add_node(energy=0.0), "R", log_weight=9.0)
    assert made.tick().mean_degree_active == 130
    assert rankings == [BUFFER]
    assert made.held.resident["degree"][0] == BUFFER


def test_s4_a_node_is_a_hub_from_one_link_more_on(rankings):
    for size, expected in ((100, []), (101, [BUFFER])):
        made = small(size)
        made.tick()
        assert rankings == expected


def test_s4_a_hub_that_lost_its_links_is_read_whole(rankings):
    made = small()
    made.tick()
    for key in list(made.graph.link)[:100]:
        made.graph.delete_link(key)
    made.held = attach(made.graph, made.settings, "me")
    assert made.tick().mean_degree_active == 30
    assert rankings == [BUFFER]


def test_s4_links_of_a_hub_that_others_write_are_read_again(rankings):
    made = small(learning={"rate": 1.0})
    made.tick()
    key = int(made.held.resident.link("key")[made.held.resident["start"][0] + 5])
    made.graph.link[key].properties["log_weight"] = -3.0
    for _ in range(10):
        made.tick()
    assert made.graph.link[key].properties["log_weight"] == -3.0
    assert len(rankings) > 1


def test_replaced_links_of_a_hub_take_no_room_for_ever(rankings):
    made = small(size=400, hub=100)
    for _ in range(600):
        made.tick()
        assert made.held.resident.link_count < 1200
    assert len(rankings) > 60
