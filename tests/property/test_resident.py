"""What is held in memory is no matter: read anew at every tick, or with few links held, the bits are the same."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from tests.property.worlds import bits, run, share, worlds


@share(0.25)
@given(worlds())
def test_s2_holding_nothing_changes_no_bit(world):
    graph, trace = run(world)
    again, same = run(replace(world, settings={**world.settings, "resident": {"enabled": False}}))
    assert trace == same
    assert bits(graph) == bits(again)
