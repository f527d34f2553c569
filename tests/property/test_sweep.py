"""Copies that cost what they touch: in any world, what one does is what a graph of its own would do, and no other sees it."""

from __future__ import annotations

from contextlib import nullcontext

from hypothesis import given
from hypothesis import strategies as st

from tests.property.test_archive import figures, run
from tests.property.worlds import build, share, worlds
from worker.archive import load
from worker.archive.digest import digest
from worker.archive.snapshot import state_of
from worker.graph.copies import Original
from worker.graph.export import MemoryExport


@share(0.025)
@given(worlds(ticks=3), worlds(ticks=3), st.integers(0, 2**20))
def test_s2_scenarios_on_copies_give_the_bits_of_graphs_of_their_own(world, other, seed):
    graph, settings = build(world, seed), world.read()
    run(graph, settings, world.ticks)
    with nullcontext(MemoryExport(graph)) as export:
        original = Original(load.read(export))
        whole = digest(state_of(export))
        for each in (settings, other.read(), settings):
            ours, theirs = original.copy(), load.read(export)
            (held, frames), (same, expected) = (run(copy, each, world.ticks) for copy in (ours, theirs))
            assert figures(frames) == figures(expected)
            assert (held.ledger.digest, held.ledger.books) == (same.ledger.digest, same.ledger.books)
            assert digest(state_of(MemoryExport(ours))) == digest(state_of(MemoryExport(theirs)))
            assert digest(state_of(MemoryExport(original.graph))) == whole
