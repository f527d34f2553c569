"""A worker's ticks, recorded in any world, whoever else writes to it and however often it starts again, are replayed to the bit."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from pathlib import Path

import hypothesis
from hypothesis import given
from hypothesis import strategies as st

from tests.property.test_foreign import Meddler
from tests.property.worlds import build, queue, share, worlds
from worker.archive import recorded
from worker.archive.recorder import Recorder
from worker.archive.replay import opened
from worker.archive.snapshot import take
from worker.graph.attach import attach, detach
from worker.graph.export import MemoryExport
from worker.tick import tick


def snapshot(graph, folder, settings):
    take(nullcontext(MemoryExport(graph)), folder, settings)
    return opened(folder)[1]


def live(world, graph, settings, recorder, *, restarts, meddler=None, each=lambda number: None):
    """Run a world's ticks, recorded; others may write at any time, and the worker may start again before any tick."""
    listening = recorder.listen(graph)
    held = attach(listening, settings, "me")
    for number, (dt, stimuli) in enumerate(world.ticks):
        each(number)
        queue(graph, number, stimuli)
        if meddler and meddler.rng.random() < 0.5:
            meddler.meddle()
        if number and restarts[number % len(restarts)]:
            held = attach(listening, settings, "me")
        recorder.frame(tick(held, dt))
    detach(held)


@share(0.025)
@given(
    worlds(ticks=6, record={"ticks": 2}),
    st.integers(0, 2**30),
    st.lists(st.booleans(), min_size=6, max_size=6),
    st.booleans(),
    st.booleans(),
)
def test_s2_what_is_recorded_is_replayed_to_the_bit(world, seed, restarts, strides, meddled):
    graph, settings = build(world), world.read()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = snapshot(graph, folder / "before", settings)
        meddler = Meddler(graph, seed) if meddled else None
        recorder = Recorder(folder / "rec", settings, strides=strides)
        live(world, graph, settings, recorder, restarts=restarts, meddler=meddler)
        recorder.close()
        assert not recorder.stopped
        plan = recorded.recording(folder / "rec", before)
        assert (plan.first, plan.last) == (1, 6)
        assert all((part.strides is not None) == (strides and part.episode.kind == "tick") for part in plan.parts)
        copy, found = recorded.replay(before, settings, plan)
        assert found.held.ledger.digest == graph.kept.digest
        assert found.held.ledger.books == graph.kept.books
        if not meddled:  # what others write after the last tick, or where no tick reads, is in no recording
            recorded.compare(copy, snapshot(graph, folder / "after", settings))


@hypothesis.settings(max_examples=20)  # the test above has the breadth
@given(worlds(ticks=6, record={"ticks": 2}), st.integers(1, 5), st.booleans())
def test_s2_a_snapshot_at_any_tick_of_it_will_do(world, at, restart):
    graph, settings = build(world), world.read()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        taken = {}
        recorder = Recorder(folder / "rec", settings)

        def each(number):
            if number == at:
                taken[at] = snapshot(graph, folder / "at", settings)

        live(world, graph, settings, recorder, restarts=[False, False, False, restart], each=each)
        recorder.close()
        plan = recorded.recording(folder / "rec", taken[at])
        assert (plan.first, plan.last) == (at + 1, 6)
        copy, found = recorded.replay(taken[at], settings, plan)
        recorded.compare(copy, snapshot(graph, folder / "after", settings))
        assert found.held.ledger.digest == graph.kept.digest
