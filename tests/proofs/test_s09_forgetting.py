"""§9: links forget on a clock of their own: towards the mean of their type, by half in a half-life, exactly once."""

from __future__ import annotations

import pytest

from tests.unit.test_memory_tick import Small
from worker.graph import settle as settling
from worker.graph.attach import attach
from worker.physics.weights import count

DAY = 86_400.0


def linked(weights, *, half_life=1.0, every=3600.0, enabled=True, **settings):
    """Return a graph whose links have these log-weights, by type, and nothing that moves energy."""
    kinds = {"*": half_life} | {kind: half_life * (i + 1) for i, kind in enumerate(weights)}
    small = Small(weight_decay={"enabled": enabled, "every": every, "half_life": kinds}, **settings)
    small.node("a")
    keys = {}
    for kind, values in weights.items():
        for i, value in enumerate(values):
            small.node(f"{kind}{i}")
            keys[kind, i] = small.link("a", f"{kind}{i}", value, kind)
    return small, lambda kind: [
        small.graph.link[keys[kind, i]].properties["log_weight"] for i in range(len(weights[kind]))
    ]


def test_s09_a_half_life_brings_a_link_half_way_to_the_mean_of_its_type():
    small, weights = linked({"R": [-1.0, 0.0, 4.0], "S": [2.0, 6.0]}, every=DAY)
    small.tick(DAY)
    assert weights("R") == pytest.approx([0.0, 0.5, 2.5], rel=1e-12)  # S has twice the half-life
    assert weights("S") == pytest.approx([4.0 - 2.0 * 2.0**-0.5, 4.0 + 2.0 * 2.0**-0.5], rel=1e-12)


@pytest.mark.parametrize("parts", [1, 4, 1024])  # of which a day is a sum without rounding
def test_s09_one_forgetting_or_a_thousand_come_to_the_same(parts):
    small, weights = linked({"R": [-1.0, 0.0, 4.0]}, every=DAY / parts)
    for _ in range(parts):
        small.tick(DAY / parts)
    assert weights("R") == pytest.approx([0.0, 0.5, 2.5], rel=1e-9)


def test_s09_the_mean_of_a_type_stays_and_its_spread_halves():
    small, weights = linked({"R": [-1.0, 0.25, 4.0, 0.5]}, every=DAY)
    before = count(weights("R"))
    small.tick(DAY)
    after = small.held.stats["R"]
    assert after == small.graph.stats["R"] == count(weights("R"))
    assert after.mean == pytest.approx(before.mean, rel=1e-12)
    assert after.std == pytest.approx(before.std / 2.0, rel=1e-12)


def test_s09_nothing_is_forgotten_between_two_readings_nor_where_it_is_off():
    small, weights = linked({"R": [-1.0, 0.0, 4.0]}, every=10.0)
    small.tick(9.0)
    assert weights("R") == [-1.0, 0.0, 4.0]
    small.tick(1.0)
    assert weights("R") != [-1.0, 0.0, 4.0]
    small, weights = linked({"R": [-1.0, 0.0, 4.0]}, every=10.0, enabled=False)
    small.tick(1000.0)
    assert weights("R") == [-1.0, 0.0, 4.0]
    assert small.graph.kept.weight_clock == 0.0


def test_s09_what_is_held_in_memory_forgets_too():
    small, _ = linked({"R": [-1.0, 0.0, 4.0]}, every=5.0)
    small.stimulate("a", 3.0)
    for _ in range(12):
        small.tick()
    held, links = small.held.resident.link, small.graph.link
    kept = {int(key): weight for key, weight in zip(held("key"), held("log_weight"), strict=True)}
    assert len(kept) == 3
    assert kept == {key: links[key].properties["log_weight"] for key in kept}


def test_s09_decay_that_is_slowed_or_hurried_leaves_the_clock_of_weights_alone():
    small, _ = linked({"R": [-1.0, 0.0, 4.0]}, every=1e6, criticality={"enabled": True, "proportional": 2.0})
    small.stimulate("a", 3.0)
    for _ in range(20):
        small.tick()
    assert small.graph.kept.decay_clock != 20.0
    assert small.graph.kept.weight_clock == 20.0


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_s09_a_forgetting_that_is_broken_off_goes_on_where_it_was(monkeypatch, batches):
    monkeypatch.setattr(settling, "FORGET_BATCH", 2)
    values = {"R": [-1.0, 0.0, 4.0, 0.3], "S": [2.0, 6.0, 1.0]}
    (whole, _), (broken, weights) = linked(values, every=5.0), linked(values, every=5.0)
    whole.tick(5.0)
    forget, left = broken.graph.forget, iter(range(batches))

    def break_off(*args):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return forget(*args)

    with monkeypatch.context() as patch:
        patch.setattr(broken.graph, "forget", break_off)
        with pytest.raises(KeyboardInterrupt):
            broken.tick(5.0)
    assert broken.graph.kept.tick == 1
    assert broken.graph.kept.forgotten == 0.0
    broken.held = attach(broken.graph, broken.settings, "me")
    assert {k: link.properties for k, link in broken.graph.link.items()} == {
        k: link.properties for k, link in whole.graph.link.items()
    }
    assert broken.graph.stats == whole.graph.stats
    assert broken.graph.kept.forgotten == whole.graph.kept.forgotten == 5.0
    assert weights("R") != values["R"]
