"""Shadow retry (SPEC §6): who may stride below its threshold, when, and that it is said."""

import pytest

from tests.unit.test_memory_tick import Small
from worker.events import build


def resting(energies, **settings):
    """Return nodes n0, n1, … below Θ = 1 with these energies, each linked to `t`."""
    small = Small(**settings)
    small.node("t", type="Event")
    for i, energy in enumerate(energies):
        small.node(f"n{i}", energy=energy, threshold=1.0)
        small.link(f"n{i}", "t", 0.0)
    return small


def sources(small, frame):
    return [small.held.resident.ids[i] for i in frame.moment.strides.source]


def test_s6_where_nothing_is_active_the_nearest_to_their_threshold_stride():
    small = resting([0.1, 0.9, 0.5])
    frame = small.tick()
    assert sources(small, frame) == ["n0", "n1", "n2"]
    assert [event["selected_reason"] for event in build.strides(frame)] == ["shadow_retry"] * 3
    assert frame.frontier_active == frame.frontier_shadow == 0
    assert frame.conservation_error == pytest.approx(0.0, abs=1e-15)


def test_s6_at_most_the_budget_and_those_with_the_largest_share_of_their_threshold():
    small = resting([0.1, 0.9, 0.5, 0.7], guards={"shadow_budget": 2})
    assert sources(small, small.tick()) == ["n1", "n3"]


def test_s6_equal_ones_go_by_id():
    small = resting([0.5] * 12)
    assert sources(small, small.tick()) == [f"n{i}" for i in (0, 1, 10, 11, 2, 3, 4, 5)]


def test_s6_by_share_of_the_threshold_not_by_energy():
    small = resting([0.9], guards={"shadow_budget": 1})
    small.node("big", energy=5.0, threshold=10.0)
    small.link("big", "t", 0.0)
    assert sources(small, small.tick()) == ["n0"]


def test_s6_not_where_active_nodes_have_strides_enough():
    small = resting([0.9])
    small.node("a", energy=5.0, threshold=1.0)
    small.link("a", "t", 0.0)
    assert sources(small, small.tick()) == ["a"]


def test_s6_beside_active_ones_where_these_have_too_few():
    small = resting([0.9], guards={"min_strides": 2})
    small.node("a", energy=5.0, threshold=1.0)
    small.link("a", "t", 0.0)
    frame = small.tick()
    assert sources(small, frame) == ["a", "n0"]
    assert [event["selected_reason"] for event in build.strides(frame)] == ["only", "shadow_retry"]
    assert frame.frontier_active == 1


@pytest.mark.parametrize("guards", [{"min_strides": 0}, {"shadow_budget": 0}])
def test_s6_can_be_switched_off(guards):
    small = resting([0.9], guards=guards)
    assert small.tick().strides == 0


def test_s6_nodes_without_energy_or_outside_the_physics_never():
    small = resting([0.0, float("nan"), -5.0])
    assert small.tick().strides == 0


def test_s6_a_stimulus_that_does_not_reach_the_threshold_counts():
    small = resting([0.0])
    small.stimulate("n0", 0.5)
    assert sources(small, small.tick()) == ["n0"]


def test_s8_newness_learns_from_a_retry_that_lifts_its_target():
    small = Small(learning={"gate": "newness", "rate": 1.0}, tick={"alpha": 0.2})
    small.node("a", energy=0.9, threshold=1.0)
    small.node("b", energy=0.95, threshold=1.0)
    small.link("a", "b", 0.0)
    frame = small.tick(5.0)
    assert small.held.resident.ids[frame.flips.on[0]] == "b"
    assert frame.moment.staged.learned[0] > 0.0
