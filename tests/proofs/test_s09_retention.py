"""§9: consolidated and resistant nodes keep their energy longer; no half-life that changes moves, makes or loses energy."""

from __future__ import annotations

import pytest

from tests.proofs.graphs import energies
from tests.unit.test_memory_tick import Small
from worker.errors import Unreachable
from worker.graph import settle as settling
from worker.graph.attach import attach
from worker.physics.parameters import Parameters
from worker.physics.retention import kind, split

HOUR = 3600.0
ON = {"consolidation": {"enabled": True}, "resistance": {"enabled": True, "degree": 3}}
HALF_LIFE = {"decay": {"half_life": {"*": HOUR}, "settle": 60.0}, "guards": {"min_strides": 0}}


def resting(**settings):
    """Nodes under their threshold, so that nothing moves: one of each kind of tie."""
    small = Small(**{**HALF_LIFE, **settings})
    for name, own in {
        "plain": {}, "moving": {"emotion": [0.6, 0.6]}, "calm": {"emotion": [0.4, 0.4]}, "needed": {}, "done": {}, "busy": {},
        "both": {"emotion": [1.0, 0.0]}, "shared": {}, "lone": {},
    }.items():  # fmt: skip
        small.node(name, energy=0.8, type="Odd", **own)
    small.node("goal", type="Goal")
    small.node("past", type="Goal", resolved=True)
    small.link("goal", "needed")
    small.link("past", "done")
    for target in ("plain", "calm", "done"):
        small.link("busy", target)
    for target in ("busy", "goal", "past"):
        small.link(target, "both")
    groups = [small.graph.add_entity(id=name) for name in "xy"]
    for entity in groups:
        small.graph.add_member(small.key["shared"], entity)
    small.graph.add_member(small.key["lone"], groups[0])
    return small


def now(small):
    return energies(small.graph, small.settings.physics)


def kept(small):
    return {name: small.of(name).get("retention", 1.0) for name in small.key}


def test_s09_each_tie_keeps_energy_longer_by_its_factor():
    small = resting(**ON)
    small.tick(60.0)
    expected = {"moving": 2.0, "needed": 2.0, "busy": 1.5, "both": 3.0, "shared": 1.5}
    assert kept(small) == dict.fromkeys(small.key, 1.0) | expected
    before = now(small)
    for _ in range(60):
        small.tick(60.0)
    after = now(small)
    for name in ("plain", "calm", "done", "lone", *expected):
        assert after[name] / before[name] == pytest.approx(2.0 ** (-1.0 / expected.get(name, 1.0)), rel=1e-9)
    small.assert_sound()


def test_s09_what_fades_is_booked_and_told_by_node_type():
    small = resting(**ON)
    for _ in range(5):
        frame = small.tick(60.0)
        assert list(frame.energy_decay) == ["Odd"]
        assert abs(frame.conservation_error) < 1e-12
    assert sum(now(small).values()) == pytest.approx(small.graph.kept.books.total, rel=1e-12)
    assert small.graph.kept.books.external == (0.0, 0.0)


@pytest.mark.parametrize("switch", ["consolidation", "resistance"])
def test_s09_each_is_off_by_default_and_on_by_itself(switch):
    small = resting()
    small.tick(60.0)
    assert set(kept(small).values()) == {1.0}
    small = resting(**{switch: ON[switch]})
    small.tick(60.0)
    assert set(kept(small).values()) == {1.0, {"consolidation": 2.0, "resistance": 1.5}[switch]}


def test_s09_a_goal_that_is_resolved_lets_go():
    small = resting(**ON)
    small.tick(60.0)
    small.of("goal")["resolved"] = True
    before = now(small)["needed"]
    small.tick(60.0)
    assert kept(small)["needed"] == 1.0
    assert "retention" not in small.of("needed")
    assert now(small)["needed"] == pytest.approx(
        before * 2.0 ** (-60.0 / (2.0 * HOUR)), rel=1e-12
    )  # faded by the old one


def test_s09_switched_off_all_keep_energy_as_long_as_their_type_again():
    small = resting(**ON)
    small.tick(60.0)
    small.settings = resting().settings
    small.held = attach(small.graph, small.settings, "me")
    total = small.graph.kept.books.total
    small.tick(60.0)
    assert set(kept(small).values()) == {1.0}
    assert sum(now(small).values()) == pytest.approx(small.graph.kept.books.total, rel=1e-12)
    assert small.graph.kept.books.total < total


@pytest.mark.parametrize("size", [2, 10_000])
@pytest.mark.parametrize("breaks", [None, 0, 1, 3])
def test_s09_another_half_life_settles_first(monkeypatch, size, breaks):
    """Wherever it is broken off: what has faded has faded by the old one, what will fade by the new."""
    monkeypatch.setattr(settling, "SETTLE_BATCH", size)
    small = resting(decay={"half_life": {"*": HOUR}, "settle": 1e9})
    for _ in range(10):
        small.tick(60.0)
    before, books = now(small), small.graph.kept.books
    small.settings = resting(decay={"half_life": {"*": 10 * HOUR}, "settle": 1e9}).settings
    settle, left = small.graph.settle, iter(range(breaks if breaks is not None else 99))

    def breaking(*arguments):
        if next(left, None) is None:
            raise Unreachable("gone")
        settle(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(small.graph, "settle", breaking)
        if breaks is None or breaks > 9 / size:
            small.held = attach(small.graph, small.settings, "me")
        else:
            with pytest.raises(Unreachable):
                attach(small.graph, small.settings, "me")
    small.held = attach(small.graph, small.settings, "me")
    assert now(small) == pytest.approx(before, rel=1e-12)
    assert small.graph.kept.books.external == books.external == (0.0, 0.0)
    small.tick(60.0)
    left = 2.0 ** (-60.0 / (10 * HOUR))
    assert now(small) == pytest.approx({name: energy * left for name, energy in before.items()}, rel=1e-12)
    small.assert_sound()


def test_s09_a_tick_that_is_committed_fades_by_the_half_life_it_was_committed_with():
    small = resting()
    small.tick(60.0)
    before, close_tick = now(small), small.graph.decay
    small.graph.decay = lambda *_: (_ for _ in ()).throw(Unreachable("gone"))
    with pytest.raises(Unreachable):
        small.tick(60.0)
    small.graph.decay = close_tick
    small.settings = resting(decay={"half_life": {"*": 10 * HOUR}, "settle": 60.0}).settings
    small.held = attach(small.graph, small.settings, "me")
    left = 2.0 ** (-60.0 / HOUR)
    assert now(small) == pytest.approx({name: energy * left for name, energy in before.items()}, rel=1e-12)
    small.assert_sound()


@pytest.mark.parametrize("retention", ["long", 0.5, 99.0, float("nan")])
def test_s09_a_retention_that_is_none_is_named_and_taken_as_1(retention):
    small = resting()
    small.of("plain")["retention"] = retention
    small.tick()
    assert [name for name, _ in small.rejected("retention")] == ["plain"]
    small.assert_sound()


@pytest.mark.parametrize("node_type", ["Memory", "", "odd\x1f2.0", "\x1f", "a\x1fb"])
@pytest.mark.parametrize("factor", [1.0, 1.5, 3.0])
def test_s09_a_kind_tells_its_type_and_its_factor_whatever_the_type_is_called(node_type, factor):
    assert split(kind(node_type, factor)) == (node_type, factor)
    assert Parameters().half_life(kind(node_type, factor)) == factor * Parameters().half_life(kind(node_type, 1.0))
