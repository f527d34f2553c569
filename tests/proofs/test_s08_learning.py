"""SPEC §8: links learn by tier, within guards against chatter and runaway, and their weights have an end."""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.proofs.graphs import told
from tests.property.worlds import World, build, close, share, steps, worlds
from worker.graph.attach import attach
from worker.physics.learning import learn
from worker.physics.parameters import Learning
from worker.tick import tick

NO_RETRY = {"min_strides": 0}
EAGER = {"rate": 1.0, "kappa": 10.0, "gate": "tiered"}


def growth(target, *, energy, weight, emotion):
    """Return the event of the only link of a graph, after one tick."""
    link = ("a", "b", "R", {"log_weight": weight, "emotion": emotion})
    world = World({"a": {"energy": energy}, "b": {"energy": target}}, [link], [(1.0, [])], {"guards": NO_RETRY})
    (kinds,) = told(world)
    stride, event = kinds["stride.exec"][0], kinds["weights.updated"][0]
    assert stride["z_phi"] == 0.0
    return event["tier"], event["after"] - event["before"], stride["delta_e"]


@share(0.25)
@given(st.floats(1.0, 40.0), st.floats(-5.0, 4.5), st.lists(st.floats(-2.0, 2.0), max_size=3))
def test_s08_co_active_grows_faster_than_causal_and_causal_than_background(energy, weight, emotion):
    """Same ΔE/Θ, same rank, same link: the tier is all that differs, and the growth is as 1 : 0.6 : 0.3."""
    moved = energy * 0.02
    found = {}
    for target in (1.5, 1.0 - moved / 2.0, 0.0):
        tier, grown, energy_moved = growth(target, energy=energy, weight=weight, emotion=emotion)
        found[tier] = grown
        assert close(energy_moved, moved)
    assert list(found) == ["co_activation", "causal", "background"]
    assert found["co_activation"] > found["causal"] > found["background"] > 0.0
    assert close(found["causal"], 0.6 * found["co_activation"], 1e-9, 1e-14)
    assert close(found["background"], 0.3 * found["co_activation"], 1e-9, 1e-14)


@share(0.25)
@given(worlds(learning=EAGER, weight_decay={}))
def test_s08_no_link_grows_beyond_its_guard_nor_all_beyond_theirs_and_nothing_by_next_to_nothing(world):
    graph = build(world)
    before = log_weights(graph)
    for _, frame in steps(world, graph):
        after = log_weights(graph)
        grown = [after[key] - before[key] for key in after if after[key] != before[key]]
        assert all(1e-7 - 1e-14 <= one <= 0.05 + 1e-14 for one in grown)
        assert math.fsum(grown) <= 0.5 * math.sqrt(frame.strides) + 1e-12
        before = after


def log_weights(graph):
    return {key: link.properties["log_weight"] for key, link in graph.link.items()}


def test_s08_where_all_links_would_grow_by_the_most_they_shrink_alike():
    """40 rich sources, 4 strides each, all ends active: 160 · 0.05 = 8 would be over 0.5 · √160 = 6.3."""
    nodes = {f"{kind}{k:02}": {"energy": 50.0 if kind == "s" else 2.0} for kind in "st" for k in range(40)}
    links = [(f"s{k:02}", f"t{(k + j) % 40:02}", "R", {"log_weight": 0.0}) for k in range(40) for j in range(4)]
    still = {"fanout": {"task_mode": "methodical"}, "learning": {"rate": 1.0}, "tick": {"alpha": 1.0}}
    world = World(nodes, links, [(5.0, [])], still)
    graph = build(world)
    ((_, frame),) = steps(world, graph)
    grown = [value for value in log_weights(graph).values() if value]
    sources = [s for s in frame.moment.strides.source.tolist() if frame.resident.ids[s].startswith("s")]
    assert len(sources) == len(grown) == frame.strides == 160
    assert close(math.fsum(grown), 0.5 * math.sqrt(160), 1e-12)
    assert max(grown) == min(grown) < 0.05


@share(0.25)
@given(worlds(learning={"rate": 1.0, "gate": "newness"}, guards={"min_strides": 4}))
def test_s08_newness_learns_only_by_a_retry_that_lifts_its_target(world):
    for _, frame in steps(world, build(world)):
        strides, staged, frontier = frame.moment.strides, frame.moment.staged, frame.moment.frontier
        retried = set(frontier.sources[frontier.retried].tolist())
        target = np.searchsorted(staged.touched, strides.target)
        for k in np.flatnonzero(staged.learned).tolist():
            threshold = frame.resident["threshold"][strides.target[k]]
            assert int(strides.source[k]) in retried
            assert staged.snapshot[target[k]] < threshold <= staged.after[target[k]]


@share(0.25)
@given(worlds(learning={"rate": 1.0, "gate": "off"}, weight_decay={}))
def test_s08_off_never_learns(world):
    graph = build(world)
    before = log_weights(graph)
    for _, frame in steps(world, graph):
        assert not frame.moment.staged.learned.any()
    assert log_weights(graph) == before


TICKS = 100_000 if "FULL" in os.environ else 10_000


@pytest.mark.parametrize("rate", [0.01, 1.0])
@pytest.mark.timeout(3600)
def test_s08_weights_do_not_run_away_under_a_standing_stimulus(rate):
    """The same stimulus at every tick: 10 000 ticks here, 100 000 by `make fault ROW=standing` (the rule alone: below)."""
    ring = [(f"n{k}", f"n{(k + j) % 6}", "R", {"log_weight": 0.0}) for k in range(6) for j in (1, 2, 4)]
    settings = {"learning": {"rate": rate}, "decay": {"half_life": {"*": 30.0}}, "select": {"topk": 2}}
    world = World({f"n{k}": {} for k in range(6)}, ring, [], settings)
    graph, least = build(world), 1.0
    held = attach(graph, world.read(), "me")
    for number in range(TICKS):
        graph.add_stimulus(id=str(number), node="n0", delta=2.0, created_at=number)
        frame = tick(held, 1.0)
        assert frame.strides > 0
        graph.applied.clear()
        if number % 50 == 0:
            weights = held.resident.link("log_weight")
            assert (weights >= 0.0).all()
            assert (weights <= 5.0).all()
            least = min(least, entropy(frame))
    assert max(log_weights(graph).values()) > 0.1  # they do grow
    assert least > 0.45
    counted = [link.properties["log_weight"] for link in graph.link.values()]
    assert graph.stats["R"].mean == pytest.approx(math.fsum(counted) / 18, rel=1e-9)


def entropy(frame):
    """The least entropy of the shares of a source, relative to that of equal shares.

    |z| ≤ 3 and §5 bound two costs to differ by 3.25, so a share of two is never under 1 / (1 + e^(3.25 / 1.5)) = 0.103.
    """
    shares = defaultdict(list)
    for source, part in zip(frame.moment.strides.source.tolist(), frame.moment.strides.share.tolist(), strict=True):
        shares[source].append(part)
    assert set(Counter(map(len, shares.values()))) <= {1, 2}
    return min(
        (-math.fsum(p * math.log(p) for p in parts) / math.log(2.0) for parts in shares.values() if len(parts) == 2),
        default=1.0,
    )


@pytest.mark.parametrize("rate", [0.01, 1.0])
def test_s08_the_rule_a_hundred_thousand_times_stays_under_the_largest_weight(rate):
    """Every link the most favoured that there is: a co-activation, ΔE ≥ Θ, the best rank, all emotion."""
    weight, best = np.array([-50.0, 0.0, 4.9, 5.0, 7.0]), np.full(5, 3.0)
    start, ones, parameters = weight.copy(), np.ones(5), Learning(rate=rate)
    for _ in range(100_000):
        learned = learn(weight, ones, best, 20.0 * ones, ones, parameters)
        assert (learned >= 0.0).all()
        weight = weight + learned
    assert (weight <= np.maximum(5.0, start)).all()
    assert (weight[1:4] > 4.99).all()
    assert weight[4] == 7.0
