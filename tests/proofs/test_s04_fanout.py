"""SPEC §4: a hub spreads to as many targets as its fanout allows, and where sources are too many they take turns."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.proofs.graphs import chain, ends, energies, frames, leaves, star
from tests.property.worlds import World, build, queue, share
from worker.graph.attach import attach
from worker.tick import tick

DEGREE, TOPK = st.integers(1, 40), st.one_of(st.integers(1, 64), st.just("all"))
MODE = st.sampled_from(("balanced", "focused", "divergent", "methodical"))


def table(degree, mode, headroom):
    """The number of candidates that §4 keeps, from its table."""
    number = 5 if degree > 10 else max(3, math.ceil(degree / 2)) if degree >= 3 else degree
    match mode:
        case "focused":
            number = min(number, 2)
        case "divergent":
            number = math.floor(number * 1.5)
        case "methodical":
            number = degree
    return min(degree, max(1, math.floor(number * 0.6)) if headroom < 0.2 else number)


@given(DEGREE, TOPK, MODE)
def test_s04_a_hub_spreads_to_no_more_targets_in_a_tick_than_its_fanout(degree, topk, mode):
    (frame,) = frames(star(leaves(degree), fanout={"task_mode": mode}, select={"topk": topk}))
    kept = table(degree, mode, 1.0)
    assert len(ends(frame)) == len(set(ends(frame))) == (kept if topk == "all" else min(kept, topk))


@given(DEGREE, MODE, st.integers(1, 30), st.integers(1, 40))
def test_s04_pressure_on_working_memory_cuts_what_is_kept(degree, mode, active, capacity):
    """`active` nodes strive for `capacity` places: from 80 % on, 0.6 of the candidates are left, and at least one."""
    others = {f"x{k:02}": {"energy": 2.0} for k in range(active - 1)}
    made = star(leaves(degree), fanout={"task_mode": mode, "capacity": capacity}, select={"topk": "all"})
    (frame,) = frames(World({**made.nodes, **others}, made.links, made.ticks, made.settings))
    headroom = max(0, capacity - active) / capacity
    assert len(ends(frame)) == table(degree, mode, headroom)


@given(st.integers(2, 30), st.integers(1, 5), st.integers(1, 6))
def test_s04_the_reach_of_a_star_grows_by_its_fanout_a_tick_and_ends_at_its_edge(degree, topk, ticks):
    world = star(leaves(degree), ticks=ticks, select={"topk": topk})
    reached, a_tick = set(), min(topk, table(degree, "balanced", 1.0))
    for number, frame in enumerate(frames(world), 1):
        reached |= {target for _, target in ends(frame)}
        assert frame.strides == a_tick
        assert {source for source, _ in ends(frame)} == {"hub"}
        assert len(reached) <= min(degree, number * a_tick)
    graph = build(world)
    frames(world, graph)
    assert {name for name, energy in energies(graph, world.read().physics).items() if energy > 0.0} == {"hub", *reached}


@given(st.integers(2, 12), st.integers(1, 12))
def test_s04_the_reach_of_a_chain_grows_by_one_link_a_tick(length, ticks):
    world = chain(length, ticks=ticks)
    graph = build(world)
    for number, frame in enumerate(frames(world, graph), 1):
        striding = min(number, length - 1)
        assert ends(frame) == [(f"c{k:03}", f"c{k + 1:03}") for k in range(striding)]
    energy = energies(graph, world.read().physics)
    assert [name for name, there in energy.items() if there > 0.0] == [
        f"c{k:03}" for k in range(min(ticks, length - 1) + 1)
    ]


@pytest.mark.parametrize("ticks", [1, 3, 6])
def test_s04_after_as_many_ticks_a_star_holds_many_a_little_and_a_chain_few(ticks):
    spread, passed = star(leaves(30), ticks=ticks), chain(31, ticks=ticks)
    reach = {}
    for world in (spread, passed):
        graph = build(world)
        frames(world, graph)
        reach[id(world)] = sum(energy > 0.0 for energy in energies(graph, world.read().physics).values()) - 1
    assert reach[id(passed)] == ticks
    assert reach[id(spread)] == 4 * ticks  # K = 4, and those visited least come first


@share(0.25)
@given(st.integers(1, 24), st.integers(1, 24), st.integers(1, 8))
def test_s04_every_active_node_is_served_within_its_turn(active, cap, ticks):
    """Of any ⌈active / cap⌉ ticks in a row, each active node strides in one at least, and no tick has more than `cap`."""
    nodes = {f"{kind}{k:02}": {"energy": 3.0} if kind == "n" else {} for k in range(active) for kind in "nt"}
    links = [(f"n{k:02}", f"t{k:02}", "R", {"log_weight": 0.0}) for k in range(active)]
    world = World(nodes, links, [], {"learning": {"gate": "off"}})
    graph = build(world)
    held = attach(graph, world.read(), "me")
    held.frontier_cap, served = cap, []
    round_of = math.ceil(active / cap)
    for number in range(ticks + round_of):
        queue(graph, number, [])
        served.append({source for source, _ in ends(tick(held, 0.1))})
        assert len(served[-1]) == min(active, cap)
    for first in range(len(served) - round_of + 1):
        assert len(set().union(*served[first : first + round_of])) == active
