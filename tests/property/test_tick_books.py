"""Energy is conserved: what is in the database, decayed to now, is what the ledger's books say, at every tick."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.property.worlds import (
    AS_LONG_AS_ITS_TYPE,
    bits,
    build,
    close,
    energy_now,
    queue,
    round_trip,
    run,
    share,
    steps,
    worlds,
)
from worker.errors import Unreachable
from worker.graph import settle as settling
from worker.graph.attach import attach
from worker.tick import tick


@given(worlds(ticks=6))
def test_s13_database_and_books_agree_at_every_tick(world):
    graph, settings = build(world), world.read()
    start = energy_now_before(world)
    injected = decayed = lost = 0.0
    for held, frame in steps(world, graph):
        there, books = energy_now(graph, settings), graph.kept.books
        injected += frame.energy_in
        decayed += math.fsum(frame.energy_decay.values())
        assert abs(there - books.total) <= 1e-9 * max(1.0, there)
        lost += frame.energy_lost
        assert abs(there - (start + injected - lost - decayed)) <= 1e-9 * max(1.0, there)
        assert abs(books.error) <= 1e-12 * max(1.0, there)
        assert abs(frame.conservation_error) <= 1e-12 * max(1.0, there)
        assert lost == 0.0 or settings.stickiness.enabled
        assert frame.energy_total == books.total == held.ledger.books.total
        assert all(node.get("energy", 0.0) >= 0.0 for node in graph.node.values())
        assert all(math.isfinite(node.get("energy", 0.0)) for node in graph.node.values())


def energy_now_before(world):
    return math.fsum(properties.get("energy", 0.0) for properties in world.nodes.values())


@given(worlds(tick={"alpha": 1.0}), st.sampled_from((0.05, 0.1, 0.2)))
def test_s6_a_source_never_gives_more_than_its_cap(world, beta):
    world = replace(world, settings={**world.settings, "guards": {"beta": beta}})
    for _, frame in steps(world, build(world)):
        moment = frame.moment
        strides, staged = moment.strides, moment.staged
        for source in np.unique(strides.source):
            given_away = math.fsum(strides.energy[strides.source == source])
            had = staged.snapshot[np.searchsorted(staged.touched, source)]
            assert given_away <= beta * had * (1 + 1e-12)


@given(worlds())
def test_s6_what_leaves_arrives(world):
    for _, frame in steps(world, build(world)):
        staged = frame.moment.staged
        change = math.fsum((*staged.after, *(-staged.snapshot), staged.lost))
        assert abs(change) <= 1e-12 * max(1.0, math.fsum(staged.snapshot))


@share(0.5)
@given(worlds(**AS_LONG_AS_ITS_TYPE), st.sampled_from((2, 3, 10)), st.sampled_from((0.5, 4.0, 600.0)))
def test_s9_decay_in_parts_is_decay_at_once(world, parts, dt):
    resting = replace(
        world,
        links=[],
        settings={**world.settings, "decay": {**world.settings["decay"], "floor": 0.0, "settle": 7.0}},
    )
    once, _ = run(replace(resting, ticks=[(dt, [])]))
    split, _ = run(replace(resting, ticks=[(dt / parts, [])] * parts), restart=True)
    settings = resting.read()
    assert close(energy_now(once, settings), energy_now(split, settings), 1e-9)
    for kind, energy in once.kept.books.energy.items():
        assert close(energy, split.kept.books.energy[kind], 1e-9)
    assert close(once.kept.books.decayed[0], split.kept.books.decayed[0], 1e-9, 1e-12)


@share(0.25)
@given(worlds(ticks=6), st.integers(1, 3), st.integers(1, 4))
def test_s9_settling_broken_off_and_resumed_changes_no_bit(world, size, breaks):
    settings = {**world.settings, "decay": {**world.settings["decay"], "settle": 4.0}}
    world = replace(world, settings=settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settling, "SETTLE_BATCH", size)
        graph, _ = run(world)
        broken, left = build(world), breaks
        held = attach(broken, world.read(), "me")
        settle = broken.settle
        for number, (dt, stimuli) in enumerate(world.ticks):
            queue(broken, number, stimuli)
            state = {"calls": 0}

            def fails(*arguments, state=state):
                state["calls"] += 1
                if state["calls"] > left:
                    raise Unreachable("gone")
                settle(*arguments)

            broken.settle = fails
            try:
                tick(held, dt)
            except Unreachable:
                assert broken.kept.tick == number + 1
                broken.settle = settle
                held = attach(broken, world.read(), "me")
    assert bits(graph) == bits(broken)


@share(0.25)
@given(worlds(ticks=2))
def test_s2_an_interrupted_decay_is_finished_by_the_next_worker(world):
    graph, trace = run(world)
    broken = build(world)
    held, close_tick = attach(broken, world.read(), "me"), broken.decay

    def gone(*arguments):
        raise Unreachable("gone")

    seen = []
    for number, (dt, stimuli) in enumerate(world.ticks):
        queue(broken, number, stimuli)
        broken.decay = gone
        with pytest.raises(Unreachable):
            tick(held, dt)
        assert broken.kept.phase == "committed"
        broken.decay = close_tick
        held = attach(broken, world.read(), "another" if number % 2 else "me")
        broken.holder = None
        seen.append((round_trip(held.ledger.books.total), held.ledger.digest))
    assert bits(graph) == bits(broken)
    assert [row[1:] for row in trace] == seen


@share(0.25)
@given(worlds(ticks=3))
def test_s9_a_tick_of_no_time_moves_nothing(world):
    resting = replace(world, ticks=[(0.0, []) for _ in world.ticks])
    graph = build(resting)
    assume(world.nodes)
    before = bits_of_nodes(graph)
    for _, frame in steps(resting, graph):
        assert frame.strides == 0
        assert not any(frame.energy_decay.values())
    assert bits_of_nodes(graph) == before
    assert graph.kept.tick == 3


def bits_of_nodes(graph):
    return sorted((node["id"], round_trip(node.get("energy", 0.0))) for node in graph.node.values())
