"""SPEC §9: energy halves in its half-life, in however many steps, whenever it is settled, and whoever restarts between."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.proofs.graphs import energies
from tests.property.worlds import World, build, close
from worker.graph.attach import attach
from worker.physics.parameters import HALF_LIVES
from worker.tick import tick

HALF_LIFE, SETTLE = st.floats(0.1, 1e6), st.floats(0.01, 1e6)


def fade(half_life, seconds, steps, settle, restart, energy=3.0):
    """Return the energy of a lone node after `seconds` in so many ticks, with a new worker after every `restart` of them."""
    decay = {"half_life": {"*": half_life}, "settle": settle, "floor": 0.0}
    world = World({"a": {"energy": energy}}, [], [], {"decay": decay})
    graph, settings = build(world), world.read()
    for number in range(steps):
        if number % restart == 0:
            held = attach(graph, settings, "me")
        tick(held, seconds / steps)
    found = energies(graph, settings.physics)["a"]
    assert close(held.ledger.books.total, found, 1e-9)
    return found


@given(HALF_LIFE, SETTLE, st.integers(1, 12), st.integers(1, 12), st.floats(1e-3, 1e6))
def test_s09_energy_halves_in_its_half_life(half_life, settle, steps, restart, energy):
    assert close(fade(half_life, half_life, steps, settle, restart, energy), energy / 2.0, 1e-9)


@given(HALF_LIFE, SETTLE, st.integers(1, 12), st.floats(0.0, 40.0))
def test_s09_whatever_the_time_one_formula_holds(half_life, settle, steps, halvings):
    assert close(fade(half_life, half_life * halvings, steps, settle, 3), 3.0 * 2.0**-halvings, 1e-9)


@pytest.mark.parametrize(("settle", "restart"), [(60.0, 1000), (7.0, 1000), (1e6, 1000), (600.0, 9)])
def test_s09_a_thousand_steps_are_one(settle, restart):
    """Nodes of all types side by side, over the longest half-life of any: one formula, to 1e-9."""
    seconds, once, thousand = max(HALF_LIVES.values()), *(all_types(settle) for _ in range(2))
    for (graph, settings), steps in ((once, 1), (thousand, 1000)):
        for number in range(steps):
            if number % restart == 0:
                held = attach(graph, settings, "me")
            tick(held, seconds / steps)
        for kind, energy in energies(graph, settings.physics).items():
            assert close(energy, 5.0 * 2.0 ** (-seconds / HALF_LIVES[kind]), 1e-9)


def all_types(settle):
    """Return a graph with a node of each type, and its settings."""
    nodes = {kind: {"type": kind, "energy": 5.0} for kind in HALF_LIVES}
    world = World(nodes, [], [], {"decay": {"settle": settle, "floor": 0.0}})
    return build(world), world.read()


def test_s09_a_type_outlives_another_by_the_ratio_of_their_half_lives():
    """The time from E₀ to the same fraction of it: so Memory takes 9 times as long as Task, whatever the fraction."""
    (graph, settings), dt, times = all_types(60.0), 300.0, {}
    held = attach(graph, settings, "me")
    while len(times) < 3 * len(HALF_LIVES):
        before = energies(graph, settings.physics)
        tick(held, dt)
        for kind, energy in energies(graph, settings.physics).items():
            for fraction in (0.9, 0.5, 0.25):
                if energy <= 5.0 * fraction and (kind, fraction) not in times:
                    part = math.log(before[kind] / (5.0 * fraction)) / math.log(before[kind] / energy)  # of the tick
                    times[kind, fraction] = held.ledger.decay_clock - dt * (1.0 - part)
    for (kind, fraction), seconds in times.items():
        assert seconds / times["Task", fraction] == pytest.approx(HALF_LIVES[kind] / HALF_LIVES["Task"], rel=1e-9)
        assert seconds == pytest.approx(-HALF_LIVES[kind] * math.log2(fraction), rel=1e-9)
    assert times["Memory", 0.5] / times["Task", 0.5] == pytest.approx(9.0, rel=1e-9)
