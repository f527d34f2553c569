"""Selection (SPEC §4–§6): candidates by weight and novelty, strides by the full cost, shares by softmax."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.arrays import PLAIN, frontier
from worker.physics.fanout import STRATEGIES, kept
from worker.physics.kernels import choose
from worker.physics.parameters import Fanout, Select, Tick, Valence, Weights
from worker.physics.select import Chosen, select
from worker.physics.valence import terms


def with_(topk=4, temperature=1.5, threads=1, mode="balanced", **valence):
    return replace(
        PLAIN,
        tick=Tick(threads=threads),
        select=Select(topk, temperature),
        fanout=Fanout(task_mode=mode),
        valence=Valence(**valence),
    )


def hub(weights, parameters, **columns):
    """Select from one source with links to nodes 1, 2, … of these log-weights; return what was chosen and its targets."""
    made = frontier([2.0] + [0.0] * len(weights), [(0, k + 1, w) for k, w in enumerate(weights)], [0], **columns)
    chosen = select(made, terms(parameters, 1.0), parameters)
    return chosen, made.links.target[chosen.link].tolist()


def test_s6_cheapest_first():
    chosen, targets = hub([0.0, 3.0, 1.0], with_(topk=2))
    assert targets == [2, 3]
    assert chosen.cost.tolist() == pytest.approx([math.log(1 + math.exp(-3)), math.log(1 + math.exp(-1))])


def test_s6_shares_are_a_softmax():
    parameters = with_(topk=3)
    chosen, _ = hub([0.0, 3.0, 1.0], parameters)
    parts = [math.exp(-c / 1.5) for c in chosen.cost]
    assert chosen.share.tolist() == pytest.approx([p / sum(parts) for p in parts], rel=1e-14)


def test_s6_one_stride_takes_all():
    assert hub([0.0, 3.0, 1.0], with_(topk=1))[0].share.tolist() == [1.0]


@pytest.mark.parametrize(("temperature", "shares"), [(1e-9, [1.0, 0.0, 0.0]), (1e12, [1 / 3] * 3), (1e9, [1 / 3] * 3)])
def test_s6_extreme_temperatures(temperature, shares):
    found = hub([0.0, 3.0, 1.0], with_(topk=3, temperature=temperature))[0].share.tolist()
    assert found == pytest.approx(shares, rel=1e-8, abs=1e-100)


@pytest.mark.parametrize("temperature", [1e-9, 1.5])
def test_s6_equal_costs_share_alike_at_any_temperature(temperature):
    chosen, targets = hub([1.0] * 4, with_(topk=4, temperature=temperature))
    assert targets == [1, 2, 3]
    assert chosen.share.tolist() == [1 / 3] * 3


@pytest.mark.parametrize("topk", [1, 2, 4, "all"])
@pytest.mark.parametrize("mode", ["balanced", "methodical"])
def test_s2_equal_costs_fall_to_the_first_targets(topk, mode):
    _, targets = hub([1.0] * 12, with_(topk=topk, mode=mode))
    kept = 12 if mode == "methodical" else 5
    assert targets == list(range(1, min(kept, 12 if topk == "all" else topk) + 1))


def test_s5_all_costs_huge():
    made = with_(topk=3, goal=(1.0,), goal_weight=10.0, affect=(1.0,), temperature=1e-9)
    chosen, targets = hub([-99.0] * 3, made, goal_cosine=-1.0)
    assert targets == [1, 2, 3]
    assert math.fsum(chosen.share) == pytest.approx(1.0, rel=1e-15)


def test_s4_candidates_are_kept_by_weight_and_novelty_alone():
    """Of a hub's 12 links 5 are kept by weight; the goal chooses among these, though it would love one that was cut."""
    weights = [3.0, 2.5, 2.0, 1.5, 1.0] + [0.9] * 7
    cosines = [-1.0, 0.0, 0.0, 0.0, 0.0, 0.5, *([1.0] * 7)]  # that of the source comes first
    _, targets = hub(weights, with_(topk=5, goal=(1.0,), goal_weight=10.0), goal_cosine=cosines)
    assert sorted(targets) == [1, 2, 3, 4, 5]
    assert targets[0] == 5


@pytest.mark.parametrize("topk", [2, 3, 5])
def test_s4_fewer_strides_than_candidates_than_links(topk):
    weights = [3.0, 2.5, 2.0, 1.5, 1.0] + [0.9] * 7
    r = [0.0, -0.5, 0.1, 0.9, 0.0]
    links = [(0, k + 1, w, r[k] if k < 5 else 1.0, 0.0) for k, w in enumerate(weights)]
    made = frontier([2.0] + [0.0] * 12, links, [0])
    parameters = with_(topk=topk, affect=(1.0,))
    chosen = select(made, terms(parameters, 1.0), parameters)
    cost = [
        math.log(1 + math.exp(-w)) * min(max(math.exp(-0.6 * r[k] - 0.8 * max(0, -r[k])), 0.6), 1.6)
        for k, w in enumerate(weights[:5])
    ]
    assert chosen.link.tolist() == sorted(range(5), key=cost.__getitem__)[:topk]
    assert chosen.cost.tolist() == pytest.approx(sorted(cost)[:topk], rel=1e-14)


def test_s4_visited_targets_lose_their_place_to_fresh_ones():
    visits = [0, 50, 50, 50, 50, 50, *([0] * 7)]
    _, targets = hub([1.0] * 12, with_(topk=5), visits=visits)
    assert targets == [6, 7, 8, 9, 10]


@pytest.mark.parametrize("degree", [64, 65, 66, 200])
@pytest.mark.parametrize("alike", [True, False])
def test_s6_all_by_sorting_as_by_insertion(degree, alike):
    """More than 64 chosen are sorted, fewer are inserted: the first of the many are the few."""
    rng = np.random.default_rng(degree)
    weights = (rng.integers(0, 3, degree) if alike else rng.normal(size=degree)).astype(float).tolist()
    everything, targets = hub(weights, with_(topk="all", mode="methodical"))
    few, first = hub(weights, with_(topk=64, mode="methodical"))
    assert first == targets[:64]
    assert few.cost.tolist() == everything.cost[:64].tolist()
    expected = sorted(range(degree), key=lambda k: (everything.cost[targets.index(k + 1)], k))
    assert targets == [k + 1 for k in expected]


def test_s6_all_by_sorting_with_a_goal():
    rng = np.random.default_rng(1)
    cosines = rng.uniform(-1, 1, 101)
    parameters = with_(topk="all", mode="methodical", goal=(1.0,))
    chosen, targets = hub([0.0] * 100, parameters, goal_cosine=cosines)
    assert targets == sorted(range(1, 101), key=lambda k: -cosines[k])
    assert (np.diff(chosen.cost) >= 0).all()


def test_s4_strategy_is_named():
    links = [(0, 3, 0.0)] * 2 + [(1, 3, 0.0)] * 5 + [(2, 3, 0.0)] * 20
    made = frontier([2.0] * 4, links, [0, 1, 2])
    chosen = select(made, terms(PLAIN, 1.0), PLAIN)
    assert [STRATEGIES[k] for k in chosen.strategy] == ["exhaustive", "balanced", "selective"]
    assert np.diff(chosen.offset).tolist() == [2, 3, 4]


@pytest.mark.parametrize("threads", [1, 2, 3, 8, 64])
@pytest.mark.parametrize("least", [0, 18], ids=["every degree", "two degrees"])
def test_s2_threads_change_no_bit(threads, least):
    rng = np.random.default_rng(2)
    links = [
        (s, int(t), float(w), float(r))
        for s in range(20)
        for t, w, r in zip(*rng.integers(20, 40, (1, max(s, least))), *rng.normal(size=(2, max(s, least))), strict=True)
    ]
    made = frontier([2.0] * 40, links, list(range(20)), goal_cosine=rng.uniform(-1, 1, 40))
    parameters = with_(topk=4, threads=threads, goal=(1.0,), affect=(1.0,))
    alone = with_(topk=4, goal=(1.0,), affect=(1.0,))
    found, expected = select(made, terms(parameters, 1.0), parameters), select(made, terms(alone, 1.0), alone)
    for a, b in zip(found, expected, strict=True):
        assert a.tolist() == b.tolist()


@pytest.mark.parametrize("threads", [1, 4])
def test_s2_no_sources(threads):
    parameters = with_(threads=threads)
    chosen = select(frontier([], [], []), terms(parameters, 1.0), parameters)
    assert (chosen.offset.tolist(), len(chosen.link), len(chosen.strategy)) == ([0], 0, 0)


def test_s2_sources_without_links():
    parameters = with_()
    made = frontier([2.0, 2.0, 0.0], [(1, 2, 0.0)], [0, 1])
    chosen = select(made, terms(parameters, 1.0), parameters)
    assert chosen.offset.tolist() == [0, 0, 1]


TIED = (0.0, 1e-16, 0.5, 0.5, 3.0)


@pytest.mark.parametrize("novelty", [0.0, 0.25, 10.0])
@pytest.mark.parametrize("z_clip", [0.4, 3.0, 10.0])
def test_s5_the_way_for_one_stride_chooses_as_the_way_for_many(novelty, z_clip):
    rng = np.random.default_rng(5)
    degree = [0, 1, 2, 9, 10, 10, 0, 40, 3000, 7, 0]
    links = [
        (s, int(t), float(rng.normal(0, 3) if tie else rng.choice(TIED)))
        for s, d in enumerate(degree)
        for t, tie in zip(np.sort(rng.integers(11, 60, d)), rng.integers(0, 2, d), strict=True)
    ]
    made = frontier([2.0] * 60, links, list(range(11)), visits=rng.choice([0, 1, 3, 500, 5000], 60))
    parameters = replace(with_(topk=1, novelty_weight=novelty), weights=Weights(z_clip=z_clip))
    numbers = terms(parameters, 1.0)
    found = select(made, numbers, parameters)
    expected = Chosen._make(np.zeros_like(column) for column in found)._replace(
        offset=found.offset, strategy=found.strategy
    )
    choose(made, (0, 11), kept(made.degree, made.active, parameters.fanout), numbers, expected)
    for name, a, b in zip(Chosen._fields, found, expected, strict=True):
        assert a.tolist() == b.tolist(), name
