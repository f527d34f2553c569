"""SPEC §2: a tick commits what it has staged, and only then lets energy fade; the other way round loses energy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from tests.proofs.graphs import chain, energies
from tests.property.worlds import bits, build, close, energy_now, queue, steps, worlds
from worker import tick as ticking
from worker.errors import Fenced
from worker.graph.attach import attach
from worker.graph.port import COMMITTED, IDLE
from worker.tick import SCHEDULE, commit, decay

FADING = {"half_life": {"*": 10.0}}


def staged(held, dt):
    """What the real tick has staged when it comes to its commit, which is left out."""
    found = []

    class Stopped(Exception):
        pass

    def stop(_, moment, __):
        found.append(moment)
        raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ticking, "commit", stop)
        with pytest.raises(Stopped):
            ticking.tick(held, dt)
    return found[0]


def in_order(held, dt):
    commit(held, staged(held, dt), dt)
    decay(held)


def swapped(held, dt):
    moment = staged(held, dt)
    decay(held)
    commit(held, moment, dt)


def swapped_by_force(held, dt):
    """The two steps the other way round, and a ledger that is told whatever each of them asks for."""
    moment, ledger = staged(held, dt), held.ledger
    held.ledger = held.graph.kept = replace(ledger, phase=COMMITTED, dt=dt)
    decay(held)
    held.graph.kept = held.ledger
    assert held.ledger.phase == IDLE
    commit(held, moment, dt)


def fading():
    """Return a chain that gains and fades, attached."""
    world = chain(3, ticks=1, decay=FADING)
    graph, settings = build(world), world.read()
    held = attach(graph, settings, "me")
    queue(graph, 0, [("c001", 0.5)])
    return graph, settings, held


def test_s02_the_steps_stand_in_the_order_of_the_schedule():
    world = chain(3, ticks=1)
    ((_, frame),) = steps(world, build(world))
    assert tuple(frame.timings_ms) == SCHEDULE
    assert SCHEDULE.index("commit") + 1 == SCHEDULE.index("decay")


def test_s02_the_ledger_refuses_decay_before_commit():
    graph, _, held = fading()
    before = bits(graph)
    with pytest.raises(Fenced, match="at tick 0, idle"):
        swapped(held, 5.0)
    assert bits(graph) == before
    assert len(graph.queue) == 1


def test_s02_decay_before_commit_breaks_the_books_and_commit_before_decay_does_not():
    after = {}
    for tick in (in_order, swapped_by_force):
        graph, settings, held = fading()
        tick(held, 5.0)
        after[tick] = energies(graph, settings.physics)
        off = abs(energy_now(graph, settings) - held.ledger.books.total)
        assert off > 0.1 if tick is swapped_by_force else off < 1e-12
    left = 2.0**-0.5  # half a half-life
    assert after[in_order]["c000"] == pytest.approx((2.0 - 0.2) * left, rel=1e-12)
    assert after[in_order]["c001"] == pytest.approx((0.5 + 0.2 - 0.05) * left, rel=1e-12)
    assert after[swapped_by_force]["c000"] == pytest.approx(2.0 - 0.2, rel=1e-12)


@given(worlds(tick={"alpha": 0.2}, decay={"half_life": {"*": 7.0}, "floor": 0.0}))
def test_s02_what_a_tick_has_moved_fades_with_the_rest(world):
    """E ← (E + δ) · 2^(−Δt / half-life), and not E · 2^(−Δt / half-life) + δ: the two differ wherever a node has changed."""
    graph, settings = build(world), world.read()
    for (held, frame), (dt, _) in zip(steps(world, graph), world.ticks, strict=True):
        found, left, moment = energies(graph, settings.physics), 2.0 ** (-dt / 7.0), frame.moment.staged
        for name, before, after in zip(
            held.resident.names(moment.touched), moment.snapshot.tolist(), moment.after.tolist(), strict=True
        ):
            assert close(found[name], after * left)
            if not math.isclose(before, after, rel_tol=1e-6):
                assert not close(found[name], before * left + (after - before), 1e-9)


@given(worlds())
def test_s02_the_clock_stands_still_until_the_commit_stands(world):
    graph, seen = build(world), []
    commit_tick, close_tick = graph.commit, graph.decay

    def committing(changes):
        seen.append(("commit", graph.kept.tick, graph.kept.phase, graph.kept.decay_clock))
        commit_tick(changes)

    def closing(ledger, ttl):
        seen.append(("decay", graph.kept.tick, graph.kept.phase, graph.kept.decay_clock))
        return close_tick(ledger, ttl)

    graph.commit, graph.decay = committing, closing
    for _ in steps(world, graph):
        pass
    clocks = np.cumsum([0.0, *(dt for dt, _ in world.ticks)]).tolist()
    assert seen == [
        row
        for k in range(len(world.ticks))
        for row in (("commit", k, IDLE, clocks[k]), ("decay", k + 1, COMMITTED, clocks[k]))
    ]
