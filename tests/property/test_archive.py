"""A snapshot at any time, in any world, goes on as the world does."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.property.worlds import build, queue, share, worlds
from worker.archive import replay
from worker.archive.digest import digest
from worker.archive.load import memory
from worker.archive.snapshot import state_of, take
from worker.graph.attach import attach, detach
from worker.graph.export import MemoryExport
from worker.tick import tick

# who explores draws by the names of nodes (SPEC §6): other names, other draws
KINDS = st.booleans().flatmap(lambda anonymous: st.tuples(worlds(ticks=4, explore=not anonymous), st.just(anonymous)))


@share(0.025)
@given(KINDS, st.integers(0, 3), st.integers(0, 2**20))
def test_s2_a_snapshot_taken_at_any_tick_gives_the_same_bits(kind, taken, seed):
    world, anonymous = kind
    graph, settings = build(world, seed), world.read()
    run(graph, settings, world.ticks[:taken])
    queue(graph, 0, world.ticks[taken][1])
    with tempfile.TemporaryDirectory() as folder:
        take(nullcontext(MemoryExport(graph)), Path(folder) / "a", settings, anonymous=anonymous)
        snapshot, tables = replay.opened(Path(folder) / "a")
    assert replay.settings_for(snapshot)[0].physics == settings.physics
    copy = memory(tables)
    dts = [dt for dt, _ in world.ticks[taken:]]
    (ours, frames), (theirs, same) = (run(each, settings, [(dt, []) for dt in dts]) for each in (graph, copy))
    assert figures(frames) == figures(same)
    assert ours.ledger.books == theirs.ledger.books
    if not anonymous:
        assert ours.ledger.digest == theirs.ledger.digest
        assert digest(state_of(MemoryExport(graph))) == digest(state_of(MemoryExport(copy)))


def run(graph, settings, ticks):
    held = attach(graph, settings, "me")
    frames = []
    for number, (dt, stimuli) in enumerate(ticks):
        queue(graph, 100 + number, stimuli)
        frames.append(tick(held, dt))
    detach(held)
    return held, frames


def figures(frames):
    return [(f.energy_total, f.energy_transferred, f.strides, f.frontier_active, f.branching) for f in frames]
