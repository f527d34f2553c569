"""Criticality (SPEC §12): what the two ratios say of a graph that dies out, holds, or feeds itself."""

import pytest

from tests.unit.test_memory_tick import Small
from worker.events import build
from worker.graph.attach import attach
from worker.physics.criticality import Criticality, mean


def fan(width, energy=4.0, threshold=1.0, **settings):
    """Return one active source with links to `width` nodes that are just below their threshold."""
    small = Small(**{"fanout": {"task_mode": "methodical"}, "select": {"topk": "all"}, **settings})
    small.node("a", energy=energy, threshold=threshold)
    for i in range(width):
        small.node(f"t{i}", energy=0.99, threshold=1.0)
        small.link("a", f"t{i}")
    return small


def test_s12_all_that_leaves_reaches_nodes_that_become_active():
    frame = fan(3, tick={"alpha": 0.2}).tick()
    leaving, fading = frame.energy_transferred, (4.0 - frame.energy_transferred) * (1.0 - 2.0 ** (-1.0 / 14_400.0))
    assert frame.branching == pytest.approx(leaving / (leaving + fading), rel=1e-12)
    assert frame.growth == 4.0


def test_s12_energy_that_lifts_nobody_counts_for_nothing():
    small = Small()
    small.node("a", energy=4.0)
    small.node("b")
    small.link("a", "b")
    assert small.tick().branching == 0.0


def test_s12_nothing_active_leaves_the_means_as_they_are():
    small = fan(2, guards={"min_strides": 0})
    first = small.tick()
    small.of("a")["energy"] = 0.0
    for name in ("t0", "t1"):
        small.of(name)["energy"] = 0.0
    small.held = None
    again = small.tick()
    assert again.frontier_active == 0
    assert (again.branching, again.growth) == (first.branching, first.growth)


def test_s12_an_empty_graph_has_no_ratios():
    frame = Small().tick()
    assert (frame.branching, frame.growth, frame.spectral) == (None, None, None)
    assert build.frame_end(frame)["branching"] is None


def test_s12_the_mean_takes_in_two_of_twenty_one_parts_a_tick():
    before = Criticality(1.0, 2.0)
    assert mean(before, Criticality(22.0, None)) == Criticality(3.0, 2.0)
    assert mean(Criticality(None, None), Criticality(0.5, 3.0)) == Criticality(0.5, 3.0)


def test_s12_a_standing_source_that_lifts_nobody_brings_the_mean_to_nothing_by_that_share():
    small = fan(1, energy=400.0)
    small.tick()  # lifts t0
    first = small.held.ledger.growth
    for _ in range(20):
        small.tick()
    assert small.held.ledger.growth == pytest.approx(1.0 + (first - 1.0) * (19.0 / 21.0) ** 20, rel=1e-12)


def test_s12_a_restart_keeps_the_means():
    small, other = fan(3), fan(3)
    for _ in range(5):
        small.tick()
        other.tick()
        other.held = attach(other.graph, other.settings, "me")
    assert other.graph.kept.branching == small.graph.kept.branching
    assert other.graph.kept.growth == small.graph.kept.growth


def test_s12_the_spectral_radius_is_what_decay_leaves_of_the_slowest():
    small = Small(decay={"half_life": {"Task": 10.0, "*": 20.0}})
    small.node("a", energy=4.0, type="Task")
    small.node("b", energy=4.0, type="Odd")
    assert small.tick(5.0).spectral == pytest.approx(2.0 ** (-5.0 / 20.0), rel=1e-15)
