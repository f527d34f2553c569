"""SPEC §13: the diffusion radius counts hops from the seeds, and every flip names what caused it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.proofs.graphs import chain, ends, energies, frames, leaves, star, told
from tests.property.worlds import World, build, share, steps, worlds
from worker.events.build import events

FADING = {"half_life": {"*": 10.0}}


@given(st.integers(2, 10), st.integers(1, 10))
def test_s13_along_a_chain_the_radius_grows_by_one_hop_a_tick(length, ticks):
    world = chain(length, energy=0.0, ticks=ticks)
    world.ticks[0] = (1.0, [("c000", 2.0)])
    assert [frame.diffusion_radius for frame in frames(world)] == [min(k, length - 1) for k in range(1, ticks + 1)]


def test_s13_around_a_hub_the_radius_stays_one():
    world = star(leaves(30, threshold=1e-6), energy=0.0, ticks=6)
    world.ticks[0] = (1.0, [("hub", 2.0)])
    assert [frame.diffusion_radius for frame in frames(world)] == [1] * 6


@share(0.25)
@given(worlds(budgets=False, ticks=6, tick={"alpha": 0.2}))
def test_s13_the_radius_is_that_of_a_walk_along_the_strides(world):
    """Seeds are the nodes that stimuli came to; active nodes that no stride from one has reached count for nothing."""
    graph, hops = build(world), {}
    for (held, frame), (_, stimuli) in zip(steps(world, graph), world.ticks, strict=True):
        hops |= {node: 0 for node, _ in stimuli}
        reached = {}
        for source, target in ends(frame):
            if source in hops:
                reached[target] = min(reached.get(target, hops[source] + 1), hops[source] + 1)
        hops |= {node: min(hops.get(node, far), far) for node, far in reached.items()}
        active = held.resident.names(held.resident.active)
        assert frame.diffusion_radius == max((hops[node] for node in active if node in hops), default=0)


def flips(world):
    return [
        [(event["node"], event["direction"], event["cause"]) for event in kinds.get("node.flip", [])]
        for kinds in told(world)
    ]


def test_s13_a_stimulus_that_lifts_a_node_is_the_cause():
    world = World({"a": {"energy": 0.5}}, [], [(1.0, [("a", 0.6)])], {})
    assert flips(world) == [[("a", "on", "stimulus")]]


def test_s13_a_stride_that_lifts_a_node_is_the_cause():
    world = star({"a": {"energy": 0.97}})
    assert flips(world) == [[("a", "on", "stride")]]


def test_s13_a_stimulus_that_would_not_have_been_enough_is_not_the_cause():
    world = star({"a": {"energy": 0.96}})
    world.ticks[0] = (1.0, [("a", 0.01)])
    assert flips(world) == [[("a", "on", "stride")]]


def test_s13_a_source_that_gives_its_energy_away_is_taken_off_by_a_stride():
    assert flips(star({"a": {}}, energy=1.01)) == [[("hub", "off", "stride")]]


def test_s13_energy_that_fades_is_taken_off_by_decay():
    world = World({"a": {"energy": 1.05}}, [], [(1.0, [])], {"decay": FADING})
    assert flips(world) == [[("a", "off", "decay")]]


def test_s13_a_node_that_is_lifted_and_fades_in_the_same_tick_flips_twice():
    world = World({"a": {"energy": 0.9}}, [], [(5.0, [("a", 0.2)])], {"decay": FADING})
    assert flips(world) == [[("a", "on", "stimulus"), ("a", "off", "decay")]]


@share(0.25)
@given(worlds(budgets=False, ticks=6, tick={"alpha": 0.2}))
def test_s13_the_flips_are_the_difference_between_who_was_active_and_who_is(world):
    graph, settings = build(world), world.read()
    was = crossed(world, graph, settings)
    for (_, frame), (_, stimuli) in zip(steps(world, graph), world.ticks, strict=True):
        told_of = [event for event in events(frame, []) if event["kind"] == "node.flip.v1"]
        for event in told_of:
            assert (event["node"] in was) == (event["direction"] == "off")
            was ^= {event["node"]}
            assert event["cause"] != "stimulus" or event["node"] in {node for node, _ in stimuli}
        assert was == crossed(world, graph, settings)


def crossed(world, graph, settings):
    """The nodes whose energy is at least Θ, by plain Python."""
    physics = settings.physics
    return {
        name
        for name, energy in energies(graph, physics).items()
        if energy >= (world.nodes[name].get("threshold") or physics.threshold_of(world.nodes[name]["type"]))
    }
