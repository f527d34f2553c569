"""SPEC §2, §6: other ids rename the result, and another unit of energy scales it (to the bit: tests/property/test_tick_bits)."""

from __future__ import annotations

import random

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.property.worlds import World, bits_as_floats, build, close, run, worlds


def alike(ours, theirs, relative, absolute):
    return len(ours) == len(theirs) and all(close(a, b, relative, absolute) for a, b in zip(ours, theirs, strict=True))


@given(worlds(budgets=False, explore=False, ties=False), st.integers(0, 2**20))
def test_s02_any_other_ids_rename_the_result_where_nothing_ties(world, seed):
    """In another order of ids every sum is taken in another order: what was equal to the bit is now equal to 1e-12."""
    assume(len(world.links) >= 3)  # fewer weigh alike, and tie
    names = [f"{k:02}" for k in range(len(world.nodes))]
    random.Random(seed).shuffle(names)
    new = dict(zip(world.nodes, names, strict=True))
    renamed = World(
        {new[name]: properties for name, properties in world.nodes.items()},
        [(new[source], new[target], *rest) for source, target, *rest in world.links],
        [(dt, [(new[node], delta) for node, delta in stimuli]) for dt, stimuli in world.ticks],
        world.settings,
    )
    graph, trace = run(world)
    again, same = run(renamed)
    for (ours, *_), (theirs, *_) in zip(trace, same, strict=True):
        renamed_rows = sorted((new[source], new[target], *rest) for source, target, *rest in ours)
        for a, b in zip(renamed_rows, sorted(theirs), strict=True):
            assert a[:4] == b[:4]  # ends, type, rank
            assert alike(a[4:7], b[4:7], 1e-11, 1e-14)  # cost, share, energy
    nodes = sorted((new[name], *rest) for name, *rest in bits_as_floats(graph))
    for a, b in zip(nodes, bits_as_floats(again), strict=True):
        assert (a[0], a[3]) == (b[0], b[3])
        assert alike(a[1:3], b[1:3], 1e-12, 1e-18)


@given(worlds(budgets=False, ties=False), st.floats(1e-3, 1e3))
def test_s06_energies_and_thresholds_scaled_by_any_factor_scale_the_result(world, factor):
    def scaled(properties):
        return {k: v * factor if k in {"energy", "threshold"} else v for k, v in properties.items()}

    larger = World(
        {name: scaled(properties) for name, properties in world.nodes.items()},
        world.links,
        [(dt, [(node, delta * factor) for node, delta in stimuli]) for dt, stimuli in world.ticks],
        {**world.settings, "threshold": {"default": factor}},
    )
    graph, trace = run(world, build(world))
    again, same = run(larger)
    for (ours, *_), (theirs, *_) in zip(trace, same, strict=True):
        assert [row[:4] for row in ours] == [row[:4] for row in theirs]
        assert alike([row[6] * factor for row in ours], [row[6] for row in theirs], 1e-12, 1e-300)
    for a, b in zip(bits_as_floats(graph), bits_as_floats(again), strict=True):
        assert a[0] == b[0]
        assert close(a[1] * factor, b[1])
        assert a[2:] == b[2:]
