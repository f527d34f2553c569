"""Hubs (SPEC §4): every graph ranks the links of one alike, and leaves the same bits as if it were read whole."""

import random

import pytest

from tests.conformance.test_graph import settings
from tests.stores import MemoryStore, state
from worker.graph.attach import attach
from worker.graph.memory import MemoryGraph
from worker.physics.hubs import ranking
from worker.physics.model import WeightStats
from worker.tick import tick

VISITS = [0, 3, 3.7, 800, 10**6, 10**16, 1e300, -2, "many", True, float("inf")]


def fill_hub(store, size=130, *, alike=False, visits=(0, 3, 800)):
    """Fill a store with a node of many links, and everything in them that might be ranked wrongly; return all keys."""
    rng = random.Random(9)
    nodes, links = [{"id": "hub", "type": "Task", "energy": 50.0}], []
    for k in range(size):
        name = "aZé\uffff\U0001f600"[k % 5] + f"{k:04}"
        own = {} if alike else {"visits": rng.choice(visits)}
        nodes.append({"id": name, "type": "Memory", "threshold": 1e6, **own})
        weight = 0 if alike else rng.choice([0, 1, 0.5, -20.0, 20.0, 30, rng.gauss(0, 1)])
        links.append(("R" if alike else rng.choice("RST"), {"log_weight": weight}))
    hub, *leaves = store.add_nodes(nodes)
    keys = store.add_links([(hub, leaf, *link) for leaf, link in zip(leaves, links, strict=True)])
    return [hub, *(key for pair in zip(leaves, keys, strict=True) for key in pair)]


def fill_rubbish(store, hub):
    """Add links that the physics can't take to a hub."""
    fine = store.node(id="fine", type="Task")
    for weight in (float("nan"), float("inf"), float("-inf"), "heavy", True, 1e101, [1.0]):
        store.link(hub, fine, log_weight=weight)
    store.link(hub, fine)
    store.link(hub, hub, log_weight=9.0)
    for bad in ({}, {"id": 7}):
        store.link(hub, store.node(**bad), log_weight=9.0)


def ranked_by(parameters=None):
    stats = {"R": WeightStats(50, 0.2, 1.5), "S": WeightStats(60, 0.1, 0.3), "RARE": WeightStats(1, 4.0, 0.0)}
    return ranking(stats, (parameters or settings()).physics)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("limit", "alike", "novelty"), [(22, False, 0.25), (22, False, 0.0), (200, False, 0.25), (22, True, 0.25)]
)
def test_s4_the_best_links_of_a_hub_are_those_that_rank_best_in_memory(store, limit, alike, novelty):
    twin, found = MemoryStore(MemoryGraph()), []
    for each in (store, twin):
        made = fill_hub(each, alike=alike, visits=VISITS)
        fill_rubbish(each, made[0])
        node, link = ({key: i for i, key in enumerate(keys)} for keys in ([made[0], *made[1::2]], made[2::2]))
        rows, rest = each.graph.best(made[0], limit, ranked_by(settings(valence={"novelty_weight": novelty})))
        best = [
            (rows.type[i], rows.log_weight[i], node[rows.target[i]], link[rows.key[i]]) for i in range(len(rows.key))
        ]
        others = zip(rest.type, rest.visits, rest.lightest, rest.heaviest, rest.first, rest.links, strict=True)
        groups = sorted((*row, (place[0], link[place[1]]), links) for *row, place, links in others)
        assert rows.source == [made[0]] * len(best)
        found.append((best, groups))
    assert found[0] == found[1]
    best, groups = found[0]
    assert len(best) == min(limit, 130)
    assert sum(row[-1] for row in groups) == 130 - len(best)
    assert len(set(groups)) > 1 or alike or not groups


@pytest.mark.smoke
def test_s4_links_that_cost_the_same_rank_by_target_type_and_key(store):
    hub, b, a, c = (store.node(id=name) for name in ("hub", "\U0001f600", "\uffff", "Z"))
    keys = [store.link(hub, b, "R", log_weight=1.0), *(store.link(hub, a, kind, log_weight=1.0) for kind in "SRS")]
    keys += [store.link(hub, c, "R", log_weight=-1.0), store.link(hub, b, "R", log_weight=1.0)]
    alike = ranked_by()._replace(standard={}, otherwise=(0.0, 1.0))
    rows, rest = store.graph.best(hub, 3, alike)
    assert rows.key == [keys[2], keys[1], keys[3]]
    assert sorted(map(list, rest.first)) == sorted([["Z", keys[4]], ["\U0001f600", min(keys[0], keys[5])]])
    store.delete_node(hub)
    assert [list(column) for column in store.graph.best(hub, 3, alike)[0]] == [[]] * 6


@pytest.mark.smoke
def test_s4_of_a_hub_only_its_key_is_read_with_the_links_of_others(store):
    hub, *_ = fill_hub(store, 12)
    other, gone = store.node(id="other"), store.node(id="gone")
    link = store.link(other, hub, log_weight=0.5)
    store.delete_node(gone)
    rows, hubs = store.graph.links([hub, other, gone], 11)
    assert (rows.key, hubs) == ([link], [hub])
    rows, hubs = store.graph.links([hub, other], 12)
    assert (len(rows.key), hubs) == (13, [])
    assert store.graph.links([hub], 11)[0].key == []


@pytest.mark.smoke
@pytest.mark.parametrize("alike", [True, False])
def test_s4_a_hub_that_is_ranked_in_the_database_leaves_the_same_bits_as_one_that_is_read_whole(store, alike):
    twin = MemoryStore(MemoryGraph())
    for each, hub in ((store, 100), (twin, 10_000)):
        fill_hub(each, alike=alike)
        held = attach(each.graph, settings(fanout={"hub": hub}), "me")
        for number in range(25):
            assert tick(held, 1.0).mean_degree_active == 130
            if number == 12:
                held = attach(each.graph, settings(fanout={"hub": hub}), "me")
        assert held.resident["degree"].max() == (22 if hub == 100 else 130)
    assert state(store) == state(twin)
