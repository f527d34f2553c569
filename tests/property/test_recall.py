"""A recall is the ticks of a worker on a copy of the graph, to the bit, and leaves the graph as it was."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.property.worlds import World, build, queue, share, steps, worlds
from worker.graph.attach import attach
from worker.graph.copies import Original
from worker.physics.decay import stored
from worker.recall import Recaller, Seed
from worker.tick import tick


def settings_of(world, **recall):
    settings = world.read()
    return settings.model_copy(update={"recall": settings.recall.model_copy(update={"fresh": 0.0, **recall})})


def seeds_of(graph, data):
    ids = sorted(node["id"] for node in graph.node.values())
    chosen = data.draw(st.dictionaries(st.sampled_from(ids), st.sampled_from((0.5, 3.0, 20.0)), min_size=1, max_size=3))
    keys = graph.keys(chosen.keys())
    return [Seed(own, keys[own], energy) for own, energy in chosen.items()]


def all_of(graph):
    """Return everything that a graph in memory holds."""
    return copy.deepcopy({name: value for name, value in vars(graph).items() if name not in {"now", "_key_of", "_out"}})


def ticks_of_a_copy(graph, settings, seeds, ticks):
    """Run a worker's ticks on a copy, with the seeds as stimuli; return the energy of each node that has any."""
    one = Original(graph).copy()
    one.queue, one.applied = {}, {}  # a recall has a queue of its own
    one.noted = Counter()  # visits count once they are given to their nodes
    one.member, one.entity = copy.deepcopy(graph.member), copy.deepcopy(graph.entity)
    for seed in seeds:
        one.add_stimulus(id=seed.id, created_at=0, node=seed.id, delta=seed.energy)
    held = attach(one, settings, "a copy")
    for _ in range(ticks):
        tick(held, 5.0)
    everyone = np.arange(len(held.resident.ids), dtype=np.int32)
    energy = stored(held.resident.nodes, everyone, held.ledger.decay_clock).tolist()
    return {own: e for own, e in zip(held.resident.ids, energy, strict=True) if e > 0.0}


def result(found):
    return {row.id: row.energy for row in found.results}


@share(0.1)
@given(worlds(weight_decay={"enabled": False}), st.data())
def test_with_context_it_is_the_ticks_of_a_copy_and_leaves_nothing(world, data):
    graph, settings = build(world), settings_of(world, ticks=4)
    for _ in steps(world, graph):  # so that energies stand there, at another reading of the clock
        pass
    queue(graph, 99, [(next(iter(world.nodes)), 1.0)])
    seeds, before = seeds_of(graph, data), all_of(graph)
    recaller = Recaller(graph, settings)
    found = recaller.recall(seeds, 1000, context=True)
    assert all_of(graph) == before
    assert result(found) == ticks_of_a_copy(graph, settings, seeds, 4)
    assert recaller.recall(seeds, 1000, context=True)._replace(ms=0) == found._replace(ms=0)


@share(0.1)
@given(worlds(weight_decay={"enabled": False}), st.data())
def test_apart_from_the_context_it_is_the_ticks_of_a_copy_without_energies(world, data):
    """And whatever was recalled before from the same memory of the graph changes no bit of it."""
    graph, settings = build(world), settings_of(world, ticks=4, fresh=1000.0)
    bare = build(world)
    for node in bare.node.values():
        node.pop("energy", None)
    seeds = seeds_of(graph, data)
    recaller = Recaller(graph, settings)
    recaller.recall(seeds_of(graph, data), 3, context=data.draw(st.booleans()))
    found = recaller.recall(seeds, 1000)
    assert result(found) == ticks_of_a_copy(bare, settings, seeds, 4)
    assert found._replace(ms=0) == Recaller(graph, settings).recall(seeds, 1000)._replace(ms=0)


def test_of_a_hub_only_the_best_links_are_read_and_no_bit_is_another():
    """Its links are ranked and read again within a recall, and what was learned in it stays learned."""
    world = World(
        {"hub": {"energy": 3.0}} | {f"n{i:03}": {"visits": i % 7, "energy": 0.9} for i in range(300)},
        [("hub", f"n{i:03}", "R", {"log_weight": (i % 11) / 10}) for i in range(300)]
        + [(f"n{i:03}", "hub", "R", {"log_weight": 0.0}) for i in range(300)],
        [],
        {"fanout": {"hub": 100}, "tick": {"alpha": 0.2}, "learning": {"rate": 1.0}},
    )
    graph, settings = build(world), settings_of(world, ticks=12)
    keys = graph.keys({"hub", "n000"})
    seeds = [Seed("hub", keys["hub"], 20.0), Seed("n000", keys["n000"], 3.0)]
    recaller, before = Recaller(graph, settings), all_of(graph)
    found = recaller.recall(seeds, 1000, context=True)
    assert result(found) == ticks_of_a_copy(graph, settings, seeds, 12)
    assert recaller.recall(seeds, 1000, context=True)._replace(ms=0) == found._replace(ms=0)
    assert all_of(graph) == before


def test_an_energy_that_was_written_out_while_it_reads_still_counts():
    """A worker that settles between the reading of the ledger and that of a node is ahead of the recall's clock."""
    world = World(
        {"a": {"energy": 5.0, "energy_at": 130.0}, "b": {}}, [("a", "b", "R", {"log_weight": 0.0})], [(1.0, [])], {}
    )
    graph = build(world)
    for _ in steps(world, graph):
        pass
    graph.kept = replace(graph.kept, decay_clock=100.0)
    found = Recaller(graph, settings_of(world)).recall([Seed("b", graph.keys({"b"})["b"], 1.0)], 9, context=True)
    assert {hit.id: hit.before > 0.0 for hit in found.results} == {"a": True, "b": True}


@share(0.1)
@given(worlds(), st.data())
def test_paths_lead_from_a_seed_along_links_that_are_there(world, data):
    graph = build(world)
    seeds = seeds_of(graph, data)
    found = Recaller(graph, settings_of(world)).recall(seeds, 1000)
    links = {(source, kind, target) for source, target, kind, _ in world.links}
    ranks = [(-row.energy, row.id) for row in found.results]
    assert ranks == sorted(ranks)
    for row in found.results:
        assert bool(row.path) != (row.id in found.seeds)
        ends = [(step.source, step.target) for step in row.path]
        assert all((step.source, step.type, step.target) in links and step.energy > 0.0 for step in row.path)
        assert all(one[1] == other[0] for one, other in pairwise(ends))
        if ends:
            assert ends[0][0] in found.seeds
            assert ends[-1][1] == row.id


@share(0.1)
@given(worlds(), st.data())
def test_vectors_of_the_same_seeds_are_one_and_any_two_lie_between_nothing_and_that(world, data):
    graph = build(world)
    recaller = Recaller(graph, settings_of(world, fresh=1000.0))
    one, other = (recaller.activation(seeds_of(graph, data)) for _ in range(2))
    assert abs(one.cosine(one) - 1.0) < 1e-12
    assert 0.0 <= one.cosine(other) <= 1.0
    assert abs(one.cosine(other) - other.cosine(one)) < 1e-12
    assert (one.cosine(other) > 0.0) == bool(one.energy.keys() & other.energy.keys())
