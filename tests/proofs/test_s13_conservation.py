"""SPEC §2, §13: E_total(after) = E_total(before) + in − lost − decay, measured on the graph's nodes, for each cause alone and all."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import given

from tests.property.worlds import build, close, energy_now, steps, worlds

ENDLESS = {"half_life": {"*": 1e12}, "floor": 0.0}  # a tick of 5 s leaves all but 3.5e-12 of an energy
CAPPED = {"alpha": 1.0}  # over 5 s, even the least w̃ of e^−3 asks for 0.249 of a source: more than any β
PLAIN = {"stickiness": {"enabled": False}, "guards": {"min_strides": 0, "beta": 0.2}}


def quiet(world):
    return replace(world, ticks=[(dt, []) for dt, _ in world.ticks])


def measured(world):
    """Run a world's ticks; give for each the frame, and Σ E of the nodes before, after the commit, and after decay."""
    graph, settings = build(world), world.read()
    before, committed, close_tick = sum_of(world), [], graph.decay

    def closing(ledger, ttl):
        committed.append(energy_now(graph, settings))
        return close_tick(ledger, ttl)

    graph.decay = closing
    for (_, frame), (_, stimuli) in zip(steps(world, graph), world.ticks, strict=True):
        after = energy_now(graph, settings)
        yield frame, math.fsum(delta for _, delta in stimuli), (before, committed[-1], after)
        before = after


def sum_of(world):
    return math.fsum(properties.get("energy", 0.0) for properties in world.nodes.values())


def lost_by(frame):
    """Σ (1 − s) · ΔE of a tick, from its strides."""
    strides, kept = frame.moment.strides, frame.resident["stickiness"]
    return math.fsum((1.0 - kept[t]) * e for t, e in zip(strides.target.tolist(), strides.energy.tolist(), strict=True))


def conserved(world):
    """Hold every tick to the equation, as a whole and on either side of its commit; return what came in, was lost, faded."""
    sums = np.zeros(3)
    for frame, came, (before, committed, after) in measured(world):
        lost = lost_by(frame)
        assert close(committed, before + came - lost, 1e-9, 1e-300)
        assert close(after, before + came - frame.energy_lost - math.fsum(frame.energy_decay.values()), 1e-9, 1e-12)
        assert close(frame.energy_in, came, 1e-14)
        assert close(frame.energy_lost, lost, 1e-13, 1e-18)
        assert close(math.fsum(frame.energy_decay.values()), committed - after, 1e-9, 1e-12)
        sums += came, lost, committed - after
    return sums.tolist()


@given(worlds(budgets=False, **PLAIN))
def test_s13_decay_alone(world):
    came, lost, faded = conserved(quiet(replace(world, links=[])))
    assert (came, lost) == (0.0, 0.0)
    assert faded > 0.0 or sum_of(world) < 1e-9


@given(worlds(budgets=False, **PLAIN, decay=ENDLESS))
def test_s13_stimuli_alone(world):
    came, lost, faded = conserved(replace(world, links=[]))
    assert close(came, math.fsum(delta for _, stimuli in world.ticks for _, delta in stimuli), 1e-14)
    assert lost == 0.0
    assert faded <= 1e-10 * (came + sum_of(world)) + 1e-12


@given(worlds(budgets=False, **PLAIN, decay=ENDLESS))
def test_s13_strides_alone(world):
    came, lost, faded = conserved(quiet(world))
    assert (came, lost) == (0.0, 0.0)
    assert faded <= 1e-10 * sum_of(world) + 1e-12


@given(
    worlds(
        budgets=False,
        guards={"min_strides": 0},
        decay=ENDLESS,
        stickiness={"enabled": True, "types": {"*": 1.0, "Concept": 0.5}},
    )
)
def test_s13_stickiness_alone(world):
    world = quiet(replace(world, nodes={name: {**node, "type": "Concept"} for name, node in world.nodes.items()}))
    _, lost, _ = conserved(world)
    transferred = math.fsum(frame.energy_transferred for _, frame in steps(world, build(world)))
    assert close(lost, 0.5 * transferred, 1e-12)


@given(worlds(budgets=False, **PLAIN, decay=ENDLESS, tick=CAPPED))
def test_s13_the_cap_alone(world):
    """α · Δt = 5: every source that strides at all is cut down to β of its energy, and nothing is made or lost by it."""
    world = replace(quiet(world), ticks=[(5.0, []) for _ in world.ticks])
    came, lost, _ = conserved(world)
    assert (came, lost) == (0.0, 0.0)
    assert_bound(world, 0.2)


@given(worlds(budgets=False, tick=CAPPED, guards={"min_strides": 0, "beta": 0.1}, stickiness={"enabled": True}))
def test_s13_all_together(world):
    world = replace(world, ticks=[(5.0, stimuli) for _, stimuli in world.ticks])
    conserved(world)
    assert_bound(world, 0.1)


def assert_bound(world, beta):
    for _, frame in steps(world, build(world)):
        moment = frame.moment
        for source in np.unique(moment.strides.source):
            had = moment.staged.snapshot[np.searchsorted(moment.staged.touched, source)]
            gave = math.fsum(moment.strides.energy[moment.strides.source == source])
            too_small_to_run = 64 * 1e-9 * frame.resident["threshold"][source]
            assert close(gave, beta * had, 1e-12, too_small_to_run)
