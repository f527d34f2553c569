"""§12: the controller brings a dying and an exploding graph to its target, by decay alone and within its bounds."""

from __future__ import annotations

import random

import pytest

from tests.unit.test_memory_tick import Small
from worker.graph.attach import attach
from worker.physics.criticality import Control, controlled
from worker.physics.parameters import Criticality

TARGET = 0.7
HALF_LIFE = 60.0
NODES = 40


def world(energy, stimulus, **settings):
    """Run 800 ticks of a graph whose nodes begin with `energy`, and which is given `stimulus` a node and second."""
    rng = random.Random(1)
    small = Small(
        decay={"half_life": {"*": HALF_LIFE}}, guards={"min_strides": 0}, tick={"alpha": 0.05}, learning={"gate": "off"},
        **settings,
    )  # fmt: skip
    names = [f"n{i:02}" for i in range(NODES)]
    for name in names:
        small.node(name, energy=energy)
    for name in names:
        for target in rng.sample([other for other in names if other != name], 6):
            small.link(name, target, rng.gauss(0, 0.5))
    frames = []
    for number in range(800):
        for k in range(4):
            small.stimulate(names[(7 * number + 3 * k) % NODES], stimulus * NODES / 4)
        frames.append(small.tick())
    return small, frames


CONTROLLED = {"criticality": {"enabled": True, "target": TARGET, "integral": 0.02}}
DYING, EXPLODING = (1.2, 0.0093), (3.0, 0.0174)


@pytest.mark.parametrize(("start", "slower"), [(DYING, True), (EXPLODING, False)], ids=("dying", "exploding"))
def test_s12_the_controller_brings_the_graph_to_its_target(start, slower):
    _, alone = world(*start)
    _, held = world(*start, **CONTROLLED)
    assert (alone[-1].branching < 0.6 * TARGET) if slower else (alone[-1].branching > 1.1 * TARGET)
    last = held[-300:]
    assert sum(frame.branching for frame in last) / len(last) == pytest.approx(TARGET, rel=0.01)
    assert all(abs(frame.branching / TARGET - 1.0) < 0.1 for frame in last)
    multipliers = [frame.decay_multiplier for frame in last]
    assert 0.55 < min(multipliers) <= max(multipliers) < 1.9, "the actuator is pinned"
    assert (max(multipliers) < 1.0) == slower


def test_s12_a_dying_graph_dies_without_the_controller():
    assert world(*DYING)[1][-1].frontier_active == 0
    assert world(*DYING, **CONTROLLED)[1][-1].frontier_active > 0


def test_s12_the_multiplier_is_of_decay_alone_and_books_include_it():
    small, frames = world(*EXPLODING, **CONTROLLED)
    clock = sum(frame.dt * frame.decay_multiplier for frame in frames)
    assert small.graph.kept.decay_clock == pytest.approx(clock, rel=1e-12)
    assert max(abs(frame.conservation_error) for frame in frames) < 1e-9
    small.assert_sound()


def test_s12_off_it_leaves_decay_alone():
    small, frames = world(*EXPLODING)
    assert {frame.decay_multiplier for frame in frames} == {1.0}
    assert small.graph.kept.decay_clock == pytest.approx(800.0, rel=1e-12)


def test_s12_a_restart_keeps_the_controller_and_a_committed_tick_its_multiplier():
    small, other = (world(*EXPLODING, **CONTROLLED)[0] for _ in range(2))
    other.held = attach(other.graph, other.settings, "me")
    assert [small.tick().decay_multiplier for _ in range(3)] == [other.tick().decay_multiplier for _ in range(3)]
    assert small.graph.kept.decay_clock == other.graph.kept.decay_clock


def test_s12_nothing_is_done_until_branching_was_five_ticks_to_one_side():
    parameters, control = Criticality(enabled=True, target=0.5, proportional=1.0, integral=0.0), Control()
    for branching in (0.9, 0.9, 0.9, 0.9, 0.1, 0.9, 0.9, 0.9, 0.9):
        control = controlled(control, branching, 1.0, parameters)
        assert control.multiplier == 1.0
    assert controlled(control, 0.9, 1.0, parameters).multiplier == pytest.approx(2.0**0.4)


def test_s12_the_integral_does_not_wind_up_at_a_bound():
    parameters, control = Criticality(enabled=True, target=0.5, integral=1.0), Control()
    for _ in range(1000):
        control = controlled(control, 1.0, 1.0, parameters)
    assert control.multiplier == 2.0
    assert control.octaves <= 1.0
    for _ in range(10):
        control = controlled(control, 0.1, 1.0, parameters)
    assert control.multiplier < 1.0


def test_s12_what_rests_leaves_the_controller_as_it_is():
    before = Control(1.5, 0.2, 7)
    assert controlled(before, None, 1.0, Criticality(enabled=True)) == before
