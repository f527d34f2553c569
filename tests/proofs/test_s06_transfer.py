"""SPEC §6: what a stride moves is in proportion to Δt as long as no cap binds, and not where one does."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.proofs.graphs import chain, energies, frames, leaves, moved, star
from tests.property.worlds import build, close, worlds

STEP = st.sampled_from((0.1, 1.0, 3.7, 5.0))
FREE = {"min_strides": 0}


def given_away(frame):
    """Return what each source has given, and what it had."""
    gave, staged = defaultdict(list), frame.moment.staged
    for (source, _, _), energy in moved(frame).items():
        gave[source].append(energy)
    had = dict(zip(frame.resident.names(staged.touched), staged.snapshot.tolist(), strict=True))
    return {source: (math.fsum(parts), had[source]) for source, parts in gave.items()}


def both(world, dt, share):
    """The first tick of a world for `dt` seconds, and for a share of them."""
    return (frames(replace(world, ticks=[(seconds, world.ticks[0][1])]))[0] for seconds in (dt, dt * share))


@given(worlds(ticks=1, guards=FREE), STEP, st.sampled_from((0.5, 0.25, 0.1, 0.3)))
def test_s06_a_share_of_the_time_moves_that_share_of_the_energy_where_no_cap_binds(world, dt, share):
    long, short = both(world, dt, share)
    ours, theirs, found = moved(long), moved(short), given_away(long)
    free = {source for source, (gave, had) in found.items() if gave < 0.2 * had * (1 - 1e-6)}
    for key, energy in ours.items():
        if key[0] in free and energy * share > 1.01e-9 * 2.0:  # under 1e-9 · Θ a transfer is skipped
            assert close(theirs[key], energy * share)


@given(worlds(ticks=1, guards=FREE, tick={"alpha": 1.0}), STEP, st.sampled_from((0.5, 0.25, 0.1)))
def test_s06_where_the_cap_binds_it_does_not(world, dt, share):
    """A source that gives β · E in the shorter time already gives as much in the longer, and moves as much along each link."""
    long, short = both(world, dt, share)
    bound = {source for source, (gave, had) in given_away(short).items() if close(gave, 0.2 * had, 1e-13)}
    ours, theirs = moved(long), moved(short)
    for key, energy in ours.items():
        if key[0] in bound:
            assert close(theirs[key], energy)
            assert not close(theirs[key], energy * share, 0.1)


@given(st.integers(1, 30), st.floats(1.0, 100.0), st.floats(0.01, 5.0), st.floats(0.001, 1.0))
def test_s06_what_a_hub_gives_is_shared_among_its_targets_and_what_a_chain_gives_is_not(degree, energy, dt, alpha):
    """Weights alike, w̃ = 1: E · α · Δt or β · E leaves the source, whatever its degree."""
    settings = {"energy": energy, "dt": dt, "tick": {"alpha": alpha}, "select": {"topk": "all"}}
    hub, line = star(leaves(degree), **settings), chain(2, ticks=1, **settings)
    (spread,), (passed,) = frames(hub), frames(line)
    out = energy * min(alpha * dt, 0.2)
    assert close(math.fsum(moved(spread).values()), out)
    assert close(math.fsum(moved(passed).values()), out)
    assert all(close(part, out / spread.strides) for part in moved(spread).values())


@given(st.integers(2, 10), st.integers(1, 10), st.floats(0.01, 0.2))
def test_s06_a_chain_passes_energy_on_one_link_a_tick(length, ticks, flow):
    """After n ticks link k of a chain holds E₀ · C(n, k) · f^k · (1 − f)^(n − k): a front that moves a link a tick."""
    world = chain(length + ticks, ticks=ticks, tick={"alpha": flow}, decay={"half_life": {"*": 1e12}, "floor": 0.0})
    graph = build(world)
    frames(world, graph)
    for k, energy in enumerate(energies(graph, world.read().physics).values()):
        expected = 2.0 * math.comb(ticks, k) * flow**k * (1.0 - flow) ** (ticks - k) if k <= ticks else 0.0
        assert close(energy, expected, 1e-9)
