"""A hub is not fetched whole (SPEC §4), and yet its strides have the bits that they would have if it were."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.property.worlds import bits, build, run, share, worlds

HUB = {"hub": 100}
BUFFER = 22  # twice 11 links, from which on no more are kept


@st.composite
def hubs(draw, *, ticks=12, **fixed):
    """A world in which a few nodes have some hundred links each, to others that are many, alike or not."""
    world = draw(worlds(ticks=ticks, explore=False, **fixed))
    rng = random.Random(draw(st.integers(0, 2**40)))
    few = draw(st.sampled_from((1, 3, 60)))  # distinct log-weights of a hub's links
    weights = [rng.choice((rng.uniform(-3, 3), 0.1 * rng.randrange(-9, 9))) for _ in range(few)]
    size = len(world.settings["valence"]["affect"])
    nodes = dict(world.nodes)
    leaves = [f"leaf{k}" for k in range(draw(st.sampled_from((2, 40, 130))))]
    for name in leaves:
        nodes[name] = {"type": rng.choice(("Memory", "Task"))}
        if rng.random() < draw(st.sampled_from((0.0, 0.5))):
            nodes[name]["visits"] = rng.choice((1, 3, 900, 1000))
    links = list(world.links)
    for source in ("hub", "hub2", *rng.sample(sorted(world.nodes), 1)):
        nodes[source] = {**nodes.get(source, {}), "type": "Memory", "energy": rng.uniform(1.0, 8.0)}
        for k in range(rng.choice((99, 101, 130))):
            own = {"log_weight": rng.choice(weights)}
            if size and rng.random() < 0.4:
                own["emotion"] = [rng.uniform(-1, 1) for _ in range(size)]
            kind = rng.choices(("LEADS_TO", "RELATES_TO", "RARE"), (10, 5, 0.05))[0]
            links.append((source, leaves[k % len(leaves)], kind, own))
    rng.shuffle(links)
    steps = [(dt, [*stimuli, ("hub", 1.0), (rng.choice(leaves), 0.3)]) for dt, stimuli in world.ticks]
    forgetting = {"enabled": draw(st.booleans()), "every": 3.0, "half_life": {"*": 1e-3}}
    return replace(
        world, nodes=nodes, links=links, ticks=steps, settings={**world.settings, "weight_decay": forgetting}
    )


def ranked(world, **fanout):
    return replace(world, settings={**world.settings, "fanout": {**world.settings["fanout"], **fanout}})


@share(0.05)
@given(hubs(), st.booleans())
def test_s4_ranking_a_hub_in_the_database_changes_no_bit(world, restart):
    graph, trace = run(world)
    again, same = run(ranked(world, **HUB), restart=restart)
    assert trace == same
    assert bits(graph) == bits(again)


@share(0.05)
@given(hubs(ticks=5), st.integers(0, 2**20))
def test_s4_nor_does_another_order_of_rows_or_holding_nothing(world, seed):
    world = ranked(world, **HUB)
    graph, trace = run(world)
    again, same = run(world, build(world, seed))
    assert (trace, bits(graph)) == (same, bits(again))
    again, same = run(replace(world, settings={**world.settings, "resident": {"enabled": False}}))
    assert (trace, bits(graph)) == (same, bits(again))
