"""The implementations of §6: `matrix` is `stride` with K = `all`, `legacy` is its own dense formula."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import naive
from tests.property.worlds import (
    AS_LONG_AS_ITS_TYPE,
    World,
    bits,
    build,
    close,
    run,
    share,
    steps,
    strides,
    twin,
    worlds,
)
from worker.graph.attach import attach

UNCUT = {"task_mode": "methodical", "capacity": 10_000}  # no fanout cut, and room in working memory
SOME_FANOUT = st.sampled_from(("balanced", "focused", "divergent", "methodical"))


def by(world, impl, **changes):
    return replace(world, settings={**world.settings, "diffusion": {"impl": impl}, **changes})


def energies(graph, parameters):
    """Return E of each node in the database, decayed to the ledger's clock, by plain Python."""
    clock = graph.kept.decay_clock
    return {
        node["id"]: node.get("energy", 0.0)
        * 2.0
        ** (-(clock - node.get("energy_at", 0.0)) / (node.get("retention", 1.0) * parameters.half_life(node["type"])))
        for node in graph.node.values()
    }


def log_weights(graph):
    return {key: link.properties["log_weight"] for key, link in graph.link.items()}


def assert_alike(ours, theirs):
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert close(value, theirs[key]), key


@share(0.25)
@given(worlds(fanout=UNCUT), st.sampled_from((0.05, 0.1, 0.2)))
def test_s6_stride_with_k_all_equals_matrix(world, beta):
    """To 1e-12 relative, ties included: both add a row up in the order of §2, so that equal transfers are equal in both."""
    select = {**world.settings["select"], "topk": "all"}
    one, other = (by(world, impl, select=select, guards={"beta": beta}) for impl in ("stride", "matrix"))
    parameters, graphs = world.read().physics, (build(one), build(other))
    for (held, frame), (held_too, frame_too) in zip(steps(one, graphs[0]), steps(other, graphs[1]), strict=True):
        assert_alike(*(energies(graph, parameters) for graph in graphs))
        assert_alike(*(log_weights(graph) for graph in graphs))
        ours, theirs = strides(held, frame), strides(held_too, frame_too)
        assert [row[:4] for row in ours] == [row[:4] for row in theirs]  # ends, type, rank
        assert np.allclose([row[4:] for row in ours], [row[4:] for row in theirs], rtol=1e-12, atol=1e-13)


@share(0.25)
@given(worlds(), SOME_FANOUT, st.one_of(st.integers(1, 6), st.just("all")))
def test_s6_matrix_takes_all_links_whatever_k_and_fanout_are(world, mode, topk):
    select = {**world.settings["select"], "topk": topk}
    graph, trace = run(by(world, "matrix"))
    again, same = run(by(world, "matrix", select=select, fanout={"task_mode": mode}))
    assert trace == same
    assert bits(graph) == bits(again)


def dense(world, graph, parameters, flow, stimuli):
    """Return E + α Δt (Pᵀ − I) E by node id: the formula with whole matrices; a node without links stays as it is."""
    ids = sorted(world.nodes)
    at = {name: i for i, name in enumerate(ids)}
    energy, weight = np.zeros(len(ids)), np.zeros((len(ids), len(ids)))
    for name, value in energies(graph, parameters).items():
        energy[at[name]] = value
    for who, amount in stimuli:
        e = dict(zip(ids, energy.tolist(), strict=True))
        theta = {name: naive.threshold(node, parameters) for name, node in twin(world, graph).nodes.items()}
        for node, delta in [(who, amount)] if isinstance(who, str) else naive.distributed(who, amount, e, theta):
            energy[at[node]] += delta
    for link in graph.link.values():
        source, target = (at[graph.node[key]["id"]] for key in (link.source, link.target))
        weight[source, target] += math.exp(link.properties["log_weight"])
    total = weight.sum(axis=1, keepdims=True)
    p = np.where(total > 0.0, weight / np.where(total > 0.0, total, 1.0), np.eye(len(ids)))
    after = energy + flow * (p.T - np.eye(len(ids))) @ energy
    return dict(zip(ids, after.tolist(), strict=True)), math.fsum(energy)


@share(0.25)
@given(
    worlds(
        stickiness={},
        decay={"settle": 4.0, "floor": 0.0, "half_life": {"Memory": 64_800.0, "Concept": 50.0, "*": 400.0}},
        **AS_LONG_AS_ITS_TYPE,
    )
)
def test_s6_legacy_is_the_old_step(world):
    world = by(world, "legacy")
    graph, parameters = build(world), world.read().physics
    ticks = steps(world, graph, held=attach(graph, world.read(), "me"))
    for dt, stimuli in world.ticks:
        flow = parameters.tick.alpha * dt
        after, total = dense(world, graph, parameters, flow, stimuli)
        next(ticks)
        for name, energy in energies(graph, parameters).items():
            left = 2.0 ** (-dt / parameters.half_life(world.nodes[name]["type"]))
            kept = 2e-9 * total if flow == 1.0 else 1e-300  # at 1 a source keeps 1e-9 of its energy
            assert close(energy, after[name] * left, absolute=kept), name


@share(0.25)
@given(worlds())
def test_s6_legacy_conserves_energy(world):
    for _, frame in steps(by(world, "legacy"), build(world)):
        staged = frame.moment.staged
        size = max(1.0, math.fsum(staged.snapshot))
        assert abs(math.fsum((*staged.after, *(-staged.snapshot), staged.lost))) <= 1e-12 * size
        assert abs(frame.conservation_error) <= 1e-12 * max(1.0, frame.energy_total)
        assert (staged.after >= 0.0).all()


@share(0.25)
@given(worlds(), st.sampled_from(("matrix", "legacy")), st.integers(0, 2**20))
def test_s2_neither_order_nor_restarts_nor_an_empty_memory_change_a_bit(world, impl, seed):
    world, forgetful = by(world, impl), by(world, impl, resident={"enabled": False})
    graph, trace = run(world)
    again, same = run(forgetful, build(world, seed), restart=True)
    assert trace == same
    assert bits(graph) == bits(again)


HUB = World(
    {"a": {"type": "Task", "energy": 3.0}, "b": {"type": "Task", "energy": 0.4}}
    | {f"t{k}": {"type": "Concept", "visits": 9 * k} for k in range(7)},
    [("a", f"t{k}", "LEADS_TO", {"log_weight": 0.4 * k}) for k in range(7)]
    + [("b", "a", "RELATES_TO", {"log_weight": 1.0})],
    [(1.0, [])] * 2,
    {"graph": "w"},
)


@pytest.mark.parametrize(("impl", "other"), [("stride", "matrix"), ("stride", "legacy"), ("matrix", "legacy")])
def test_s6_another_implementation_gives_another_result(impl, other):
    parameters, found = HUB.read().physics, []
    for name in (impl, other):
        graph, trace = run(by(HUB, name))
        found.append((energies(graph, parameters), log_weights(graph), [len(rows) for rows, *_ in trace]))
    assert all(ours != theirs for ours, theirs in zip(*found, strict=True))
