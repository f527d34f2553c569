"""§5: a mood that lasts loses its resonance, until it changes."""

from __future__ import annotations

import math

import pytest

from tests.unit.test_memory_tick import Small
from worker.graph.attach import attach
from worker.physics.parameters import Parameters, Valence
from worker.physics.valence import lasted, terms

JOY, MELANCHOLY = (1.0, 0.0), (0.0, 1.0)


def moody(affect, *, persistence=True):
    small = Small(valence={"affect": affect, "persistence": persistence})
    small.node("a", energy=2.0)
    for name, emotion in (("glad", JOY), ("grey", MELANCHOLY)):
        small.node(name, emotion=emotion)
        small.link("a", name)
    return small


def resonance(frame):
    return frame.moment.terms.resonance


def test_s05_resonance_shrinks_from_the_twenty_first_tick_of_the_same_mood_on():
    small = moody(JOY)
    found = [resonance(small.tick()) for _ in range(30)]  # the first tick has no mood before it
    assert found[:21] == [0.6] * 21
    assert found[21:] == pytest.approx([0.6 * math.exp(-0.05 * k) for k in range(1, 10)], rel=1e-14)


def test_s05_a_mood_that_changes_resonates_anew():
    small = moody(JOY)
    for _ in range(30):
        small.tick()
    small.settings = moody(MELANCHOLY).settings
    small.held = attach(small.graph, small.settings, "me")
    assert resonance(small.tick()) == 0.6
    assert small.graph.kept.lasted == 0


def test_s05_a_restart_in_the_same_mood_goes_on_counting():
    small, other = moody(JOY), moody(JOY)
    for _ in range(25):
        small.tick()
        other.tick()
    other.held = attach(other.graph, other.settings, "me")
    assert resonance(other.tick()) == resonance(small.tick()) < 0.6


def test_s05_persistence_is_off_by_default():
    assert not Valence().persistence
    small = moody(JOY, persistence=False)
    assert [resonance(small.tick()) for _ in range(30)] == [0.6] * 30


@pytest.mark.parametrize(
    ("affect", "same"), [(JOY, True), ((1.0, 0.6), True), ((1.0, 0.7), False), (MELANCHOLY, False), ((), False)]
)
def test_s05_it_is_the_same_mood_over_a_cosine_of_085(affect, same):
    assert lasted(3, JOY, Valence(affect=affect, persistence=True)) == (4 if same else 0)


def test_s05_a_mood_that_has_worn_off_no_longer_decides():
    assert terms(Parameters(valence=Valence(affect=JOY, persistence=True)), 1.0, 10_000).resonance < 1e-200
