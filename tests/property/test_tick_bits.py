"""The same input gives the same bits: on threads, from a part or the whole, in any order, renamed, scaled, restarted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.property.worlds import World, bits, build, queue, round_trip, run, share, worlds

NO_RETRY = {"min_strides": 0}  # who may stride below its threshold depends on all others that are


@share(0.1)
@given(worlds())
def test_s2_two_runs_give_the_same_bits(world):
    graph, trace = run(world)
    again, same = run(world)
    assert trace == same
    assert bits(graph) == bits(again)


@share(0.1)
@given(worlds())
def test_s2_threads_change_no_bit(world):
    graph, trace = run(world)
    threads = {**world.settings, "tick": {**world.settings["tick"], "threads": 2}}
    again, same = run(replace(world, settings=threads))
    assert trace == same
    assert bits(graph) == bits(again)


@share(0.1)
@given(worlds())
def test_s2_the_whole_graph_loaded_changes_no_bit(world):
    def load_everything(held):
        resident, graph = held.resident, held.graph
        resident.add(graph.nodes(sorted(graph.node.keys() - resident.index.keys())))
        resident.read_links(graph, np.arange(len(resident.ids), dtype=np.int32))

    graph, trace = run(world)
    again, same = run(world, prepare=load_everything)
    assert trace == same
    assert bits(graph) == bits(again)


@share(0.1)
@given(worlds(lone_types=False, guards=NO_RETRY), st.integers(1, 9))
def test_s2_a_resting_part_added_changes_no_bit_of_the_rest(world, count):
    part = {f"{'am'[k % 2]}{k}": {"type": "Concept", "energy": 0.4} for k in range(count)}  # some before, some after
    ring = [(a, b, "ELSEWHERE", {"log_weight": 1.0}) for a in part for b in part if a != b]
    few = {kind for kind in {link[2] for link in world.links} if sum(link[2] == kind for link in world.links) < 3}
    ring = [] if few else ring  # fewer than 3 of a type are read by the statistics of all: no part is apart then
    larger = replace(world, nodes={**part, **world.nodes}, links=ring + world.links)
    graph, trace = run(world)
    again, same = run(larger)
    assert [strides for strides, *_ in trace] == [strides for strides, *_ in same]
    nodes, links, *_ = bits(graph)
    assert nodes == [row for row in bits(again)[0] if row[0] not in part]
    assert links == [row for row in bits(again)[1] if row[2] != "ELSEWHERE"]


@share(0.1)
@given(worlds(lone_types=False, guards=NO_RETRY, learning={"gate": "off"}), st.integers(2, 9))
def test_s6_a_busy_part_added_moves_no_other_energy(world, count):
    world = replace(
        world,
        links=[(*link[:2], "LEADS_TO", link[3]) for link in world.links],
        settings={**world.settings, "fanout": {"task_mode": world.settings["fanout"]["task_mode"]}},
    )
    if len(world.links) in {1, 2}:
        return
    part = {f"{'am'[k % 2]}{k}": {"type": "Concept", "energy": 1.0 + k} for k in range(count)}
    ring = [(a, b, "ELSEWHERE", {"log_weight": 0.1}) for a in part for b in part if a != b]
    graph, trace = run(world)
    again, same = run(replace(world, nodes={**part, **world.nodes}, links=ring + world.links))
    assert bits(graph)[0] == [row for row in bits(again)[0] if row[0] not in part]
    for (ours, *_), (theirs, *_) in zip(trace, same, strict=True):
        moved = [row[:7] for row in theirs if row[2] != "ELSEWHERE"]
        assert [row[:7] for row in ours] == moved  # ends, type, rank, cost, share, energy


@share(0.1)
@given(worlds(), st.integers(0, 2**20))
def test_s2_the_order_of_rows_changes_no_bit(world, seed):
    graph, trace = run(world)
    again, same = run(world, build(world, seed))
    assert trace == same
    assert bits(graph) == bits(again)


@share(0.1)
@given(worlds(explore=False))
def test_s2_other_ids_in_the_same_order_change_no_bit(world):
    def new(name):
        return f"x'\n`é\U0001f600{name}"

    def whom(who):
        return new(who) if isinstance(who, str) else tuple((new(name), similarity) for name, similarity in who)

    renamed = World(
        {new(name): properties for name, properties in world.nodes.items()},
        [(new(source), new(target), *rest) for source, target, *rest in world.links],
        [(dt, [(whom(who), amount) for who, amount in stimuli]) for dt, stimuli in world.ticks],
        world.settings,
    )
    graph, trace = run(world)
    again, same = run(renamed)
    assert [[(new(s), new(t), *rest) for s, t, *rest in strides] for strides, *_ in trace] == [
        strides for strides, *_ in same
    ]
    assert [(new(name), *rest) for name, *rest in bits(graph)[0]] == bits(again)[0]
    assert bits(graph)[2] == bits(again)[2]


@share(0.1)
@given(worlds(), st.sampled_from((-20, -3, 1, 9)))
def test_s6_energies_and_thresholds_scaled_scale_the_result_exactly(world, power):
    factor = 2.0**power

    def scaled(properties):
        return {k: v * factor if k in {"energy", "threshold"} else v for k, v in properties.items()}

    larger = World(
        {name: scaled(properties) for name, properties in world.nodes.items()},
        world.links,
        [(dt, [(who, amount * factor) for who, amount in stimuli]) for dt, stimuli in world.ticks],
        {**world.settings, "threshold": {"default": factor}},
    )
    graph, trace = run(world)
    again, same = run(larger)
    for (ours, *_), (theirs, *_) in zip(trace, same, strict=True):
        assert [(*row[:6], row[6] * factor, *row[7:]) for row in ours] == theirs
    for ours, theirs in zip(bits(graph)[0], bits(again)[0], strict=True):
        assert round_trip(_float(ours[1]) * factor) == theirs[1]
        assert ours[2:] == theirs[2:]
    assert bits(graph)[1:3] == bits(again)[1:3]


@share(0.1)
@given(worlds(ticks=6))
def test_s2_a_restart_after_every_tick_changes_no_bit(world):
    graph, trace = run(world)
    again, same = run(world, restart=True)
    assert trace == same
    assert bits(graph) == bits(again)


@share(0.1)
@given(worlds(ticks=3), st.data())
def test_s2_a_full_queue_is_taken_oldest_first_batch_by_batch(world, data):
    pairs = st.tuples(st.sampled_from(sorted(world.nodes)), st.floats(1e-3, 2.0))
    world = replace(
        world,
        ticks=[(dt, data.draw(st.lists(pairs, min_size=2, max_size=2))) for dt, _ in world.ticks],
        settings={**world.settings, "stimulus": {"batch": 2}},
    )
    graph, trace = run(world)
    full = build(world)
    for number, (_, stimuli) in reversed(list(enumerate(world.ticks))):
        queue(full, number, stimuli)
    again, same = run(replace(world, ticks=[(dt, []) for dt, _ in world.ticks]), full)
    assert trace == same
    assert bits(graph) == bits(again)


def _float(hexadecimal):
    return float(np.frombuffer(bytes.fromhex(hexadecimal), dtype=">f8")[0])
