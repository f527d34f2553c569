"""What `make bench-recall` goes by: its figures, what it hides, and that its PageRank is networkx's."""

import json
import math
from collections import Counter
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from benchmarks.recall_quality import learning
from benchmarks.recall_quality.held_out import World, answers, asked, excluded, hide, pairs
from benchmarks.recall_quality.methods import breadth_first, degree, pagerank, recall
from benchmarks.recall_quality.metrics import Found, interval, judged
from benchmarks.recall_quality.tables import page

ROOT = Path(__file__).parents[2]
INVERSE = {"UP": "DOWN", "DOWN": "UP", "LIKE": "LIKE"}


@pytest.fixture(scope="module")
def tables():
    """Forty nodes, each link with its inverse; some of them also leads the other way without one."""
    rng = np.random.default_rng(4)
    ids = [f"n{i:02}" for i in range(40)]
    links = []
    for i in range(1, 40):
        for kind in rng.choice(["UP", "LIKE"], rng.integers(1, 3), replace=False):
            other = int(rng.integers(i))
            links += [(ids[i], ids[other], kind), (ids[other], ids[i], INVERSE[kind])]
    links.append((ids[7], ids[31], "CAUSE"))
    table = pd.DataFrame(links, columns=["source", "target", "type"]).drop_duplicates(ignore_index=True)
    return pd.DataFrame({"id": ids, "type": "Noun"}), table.assign(log_weight=rng.normal(size=len(table)))


def left(tables, share):
    nodes, links = tables
    hidden = hide(links, share, 1)
    gone = pairs(hidden)
    kept = links[[frozenset(ends) not in gone for ends in zip(links["source"], links["target"], strict=True)]]
    return hidden, World(nodes, kept)


def test_the_rank_of_the_right_node_among_the_candidates():
    score = np.array([9.0, 8.0, 7.0, 6.0, 5.0])
    assert judged(score, 3, []) == Found(pytest.approx(1 / 4), 1.0)
    assert judged(score, 3, [0, 2]) == Found(pytest.approx(1 / 2), 1.0)
    assert judged(np.arange(40.0), 39 - 10, []) == Found(pytest.approx(1 / 11), 0.0)


def test_among_equals_it_is_the_mean_over_all_orders():
    score = np.array([3.0] + [1.0] * 4 + [0.0] * 20)
    found = judged(score, 2, [])
    assert found == Found(pytest.approx(sum(1 / r for r in range(2, 6)) / 4), 1.0)
    found = judged(score, 24, [])
    assert found == Found(pytest.approx(sum(1 / r for r in range(6, 26)) / 20), pytest.approx(5 / 20))


def test_the_interval_grows_where_what_is_measured_comes_in_groups():
    values = np.tile([0.0, 1.0], 200)
    mean, low, high = interval(values, range(400))
    assert mean == 0.5
    assert (low, high) == (pytest.approx(0.5 - 1.96 * 0.025, abs=0.01), pytest.approx(0.5 + 1.96 * 0.025, abs=0.01))
    wide = interval(values, [i % 20 for i in range(400)])  # all of a group alike: 20 values, not 400
    assert wide[2] - wide[1] > 3 * (high - low)


def test_nothing_that_is_left_leads_from_one_end_of_a_hidden_pair_to_the_other(tables):
    hidden, world = left(tables, 0.2)
    queries = asked(hidden, world)
    assert len(queries) >= 10
    directed = set(zip(world.source.tolist(), world.target.tolist(), strict=True))
    for query in queries:
        assert not directed & {(query.source, query.truth), (query.truth, query.source)}
        assert query.truth not in excluded(query, world, answers(queries))
    everything = pairs(tables[1])
    assert len(pairs(hidden)) == round(0.2 * len(everything))
    assert len(hidden) + len(world.source) == len(tables[1])


def test_it_is_asked_from_either_end_of_what_is_linked_still(tables):
    hidden, world = left(tables, 0.2)
    queries = asked(hidden, world)
    ends = Counter((query.source, query.truth) for query in queries)
    assert set(ends.values()) == {1}
    assert {ends[query.truth, query.source] for query in queries} == {1}
    linked = {*world.source.tolist(), *world.target.tolist()}
    told = {frozenset((world.ids[query.source], world.ids[query.truth])) for query in queries}
    assert told == {pair for pair in pairs(hidden) if all(world.place[own] in linked for own in pair)}


@pytest.mark.parametrize("weighted", [False, True])
def test_pagerank_is_that_of_networkx(tables, weighted):
    _, world = left(tables, 0.1)
    means = {kind: world.log_weight[world.kind == kind].mean() for kind in set(world.kind)}
    spread = {kind: max(world.log_weight[world.kind == kind].std(), 0.5) for kind in set(world.kind)}
    few = [kind for kind in means if (world.kind == kind).sum() < 3]
    means |= dict.fromkeys(few, world.log_weight.mean())
    spread |= dict.fromkeys(few, max(world.log_weight.std(), 0.5))
    chain = nx.DiGraph()
    chain.add_nodes_from(range(40))
    for a, b, kind, own in zip(
        world.source.tolist(), world.target.tolist(), world.kind, world.log_weight.tolist(), strict=True
    ):
        z = min(max((own - means[kind]) / spread[kind], -3.0), 3.0)
        weight = math.exp(z) if weighted else 1.0
        chain.add_edge(a, b, weight=weight + chain.get_edge_data(a, b, {"weight": 0.0})["weight"])
    for node, ranks in zip((0, 9), pagerank(world, [0, 9], weighted, (0.3, 0.5)), strict=True):
        for damping, rank in zip((0.3, 0.5), ranks, strict=True):
            judge = nx.pagerank(
                chain, damping, personalization={node: 1.0}, dangling={node: 1.0}, tol=1e-14, max_iter=999
            )
            assert rank == pytest.approx(np.array([judge[i] for i in range(40)]), abs=1e-8)


def test_the_other_methods_score_what_they_say(tables):
    _, world = left(tables, 0.1)
    graph = nx.DiGraph(list(zip(world.source.tolist(), world.target.tolist(), strict=True)))
    steps = nx.single_source_shortest_path_length(graph, 3)
    (found,) = breadth_first(world, [3])
    assert found.tolist() == [1 / (1 + steps[i]) if i in steps else 0.0 for i in range(40)]
    (found,) = degree(world, [3])
    assert found.tolist() == [
        len({*graph.predecessors(i), *graph.successors(i)}) if i in graph else 0 for i in range(40)
    ]
    (found,) = recall(world, [3], {"recall": {"ticks": 1, "dt": 5.0, "energy": 10.0}})
    assert set(np.flatnonzero(found)) - {3} <= set(graph.successors(3))
    assert 0.99 * 10.0 < found.sum() < 10.0


def test_the_control_of_learning_uses_the_same_nodes_as_often_and_no_two_of_one_hypernym():
    used = [(10 * context + i, 10 * context + j) for context in range(6) for i in range(3) for j in range(3, 6)]
    control = learning.apart(used)
    assert Counter(end for pair in control for end in pair) == Counter(end for pair in used for end in pair)
    assert all(first // 10 != second // 10 for first, second in control)


def test_what_is_held_out_of_learning_was_never_used_together():
    ids = [f"n{i:04}" for i in range(25 * 30)]
    links = [(ids[30 * k], ids[30 * k + i], "HYPONYM", 0.0) for k in range(25) for i in range(1, 30)]
    links += [(b, a, "HYPERNYM", weight) for a, b, _, weight in links]
    world = World(
        pd.DataFrame({"id": ids, "type": "Noun"}),
        pd.DataFrame(links, columns=["source", "target", "type", "log_weight"]),
    )
    chosen = learning.pairs(world, 1)
    used, held = (set(map(frozenset, part)) for part in chosen)
    assert (len(used), len(held)) == (12 * 24, 12 * 4)
    assert not used & held
    assert set().union(*held) <= set().union(*used)
    assert len(learning.queries(chosen.held, world)) == 2 * 12 * 4
    few = chosen.used[:3]
    weights, ticks = learning.taught(world, few, 1)
    assert ticks == learning.ROUNDS * learning.TICKS * 3
    changed = {world.ids[i] for i in world.source[weights != world.log_weight].tolist()}
    assert {world.ids[end] for pair in few for end in pair} <= changed
    assert len(changed) < 60
    assert np.array_equal(world.weighing(weights).log_weight, weights)


def test_the_tables_of_the_page_are_those_of_the_figures_that_are_kept():
    found = json.loads((ROOT / "benchmarks" / "results" / "recall-quality.json").read_text())
    assert page(found) == (ROOT / "docs" / "explanation" / "_does_it_help.md").read_text(), "run: make bench-recall"
