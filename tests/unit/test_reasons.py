"""Why a link was chosen: each term of the cost, ties, and a slow twin on random frontiers."""

import math
from typing import get_args

import numpy as np
import pytest

from worker.events.models import Reason
from worker.graph.attach import attach
from worker.graph.memory import MemoryGraph
from worker.physics import fanout
from worker.physics.reasons import REASONS, TERMS, selected_reasons, winners
from worker.physics.select import select
from worker.physics.transfer import transfer
from worker.physics.valence import terms
from worker.settings import Settings
from worker.tick import intake, load

MOOD = {"affect": (1.0, 0.0)}
GOAL = {"goal": (1.0, 0.0)}


def frontier_of(graph, settings):
    held = attach(graph, settings, "me")
    return load(held, intake(held))


def strides_of(frontier, settings):
    numbers, parameters = terms(settings.physics, 1.0), settings.physics
    return transfer(frontier, select(frontier, numbers, parameters), numbers, parameters)


def reasons_of(graph, settings):
    frontier = frontier_of(graph, settings)
    strides = strides_of(frontier, settings)
    codes = selected_reasons(frontier, strides, terms(settings.physics, 1.0), settings.physics)
    return frontier, strides, [REASONS[code] for code in codes]


def fan(*targets, **valence):
    """One source, a link to each target (log-weight, properties of link, properties of target); its strides' reasons."""
    graph = MemoryGraph()
    source = graph.add_node(id="source", energy=5.0)
    for i, (weight, link, node) in enumerate(targets):
        graph.add_link(source, graph.add_node(id=f"t{i}", **node), "R", log_weight=weight, **link)
    _, strides, reasons = reasons_of(graph, Settings(valence=valence))
    assert strides.rank.tolist() == list(range(len(reasons)))
    return reasons


def random_graph(seed, degrees, alike):
    rng = np.random.default_rng(seed)
    graph = MemoryGraph()
    choice = [-0.7, 1.1] if alike else None

    def vector():
        return rng.choice([-1.0, 0.0, 1.0], 2).tolist() if alike else rng.normal(size=2).tolist()

    nodes = [
        graph.add_node(
            id=f"n{i:03}",
            energy=float(rng.uniform(1.0, 3.0)),
            visits=int(rng.integers(0, 2 if alike else 80)),
            **({"embedding": vector()} if rng.random() < 0.7 else {}),
            **({"emotion": vector()} if rng.random() < 0.5 else {}),
        )
        for i in range(60)
    ]
    for source in nodes:
        for target in rng.choice(nodes, rng.integers(*degrees), replace=False).tolist():
            if target != source:
                weight = float(rng.choice(choice)) if alike else float(rng.normal())
                feeling = {"emotion": vector()} if rng.random() < 0.5 else {}
                graph.add_link(source, target, str(rng.choice(["R", "S"])), log_weight=weight, **feeling)
    return graph


def test_s5_the_wire_model_knows_every_reason():
    assert set(get_args(Reason)) == set(REASONS)


def test_s5_a_single_link_is_the_only_one():
    assert fan((0.0, {}, {})) == ["only"]


def test_s5_the_heaviest_link_was_chosen_for_its_weight():
    assert fan((0.0, {}, {}), (2.0, {}, {})) == ["weight", "top_k"]


def test_s5_links_that_are_alike_fall_to_their_order_which_counts_as_weight():
    assert fan((0.3, {}, {}), (0.3, {}, {})) == ["weight", "top_k"]


def test_s5_of_links_that_weigh_alike_the_one_near_the_goal_was_chosen_for_it():
    near, far = {"embedding": [1.0, 0.0]}, {"embedding": [-1.0, 0.0]}
    assert fan((0.3, {}, far), (0.3, {}, near), **GOAL) == ["goal", "top_k"]


def test_s5_of_links_that_weigh_alike_the_one_less_visited_was_chosen_for_its_novelty():
    assert fan((0.3, {}, {"visits": 50}), (0.3, {}, {"visits": 0})) == ["novelty", "top_k"]


def test_s5_of_links_that_weigh_alike_the_one_that_feels_like_the_mood_was_chosen_for_its_resonance():
    assert fan((0.3, {}, {}), (0.3, {"emotion": [1.0, 0.0]}, {}), **MOOD) == ["resonance", "top_k"]


def test_s5_in_recovery_the_link_that_feels_the_opposite_was_chosen_for_its_complementarity():
    opposite = {"emotion": [-1.0, 0.0]}
    assert fan((0.3, {}, {}), (0.3, opposite, {}), **MOOD, context=2.0) == ["complementarity", "top_k"]


def test_s5_where_two_terms_are_each_enough_neither_decided_and_it_counts_as_weight():
    near, far = {"embedding": [1.0, 0.0], "visits": 0}, {"embedding": [-1.0, 0.0], "visits": 50}
    assert fan((0.3, {}, far), (0.3, {}, near), **GOAL) == ["weight", "top_k"]


def test_s5_a_term_that_let_the_link_become_a_candidate_decided():
    """Degree 12 keeps 5 by weight and novelty: of 12 that weigh alike, the visited last one is out but for its novelty."""
    others = [(0.3, {}, {"visits": 40, "embedding": [-1.0, 0.0]})] * 6
    first = [(0.3, {}, {"visits": 60, "embedding": [1.0, 0.0]})] * 5
    fresh = (0.3, {}, {"visits": 0, "embedding": [0.9, 0.1]})
    assert fan(*first, *others, fresh, goal=(1.0, 0.0))[0] == "novelty"


def test_s5_a_frontier_without_a_stride_has_no_reasons():
    graph = MemoryGraph()
    graph.add_node(id="alone", energy=5.0)
    assert reasons_of(graph, Settings())[2] == []


EVERYTHING = {"goal": (1.0, 0.5), "affect": (0.8, -0.4), "context": 2.0, "complementarity": 1.5, "novelty_weight": 0.6}


@pytest.mark.parametrize("alike", [False, True])
@pytest.mark.parametrize("topk", [1, 4, "all"])
@pytest.mark.parametrize("seed", range(6))
def test_s5_random_frontiers_agree_with_a_slow_twin(seed, topk, alike):
    settings = Settings(valence=EVERYTHING, select={"topk": topk}, fanout={"capacity": (70, 10_000)[seed % 2]})
    frontier, strides, reasons = reasons_of(random_graph(seed, (0, 20), alike), settings)
    place = {int(source): s for s, source in enumerate(frontier.sources)}
    first = strides.link[strides.rank == 0]
    assert set(winners(frontier, terms(settings.physics, 1.0), settings.physics)) >= set(first)
    assert len(first) == np.count_nonzero(frontier.degree)
    found = set()
    for source, link, rank, reason in zip(strides.source, strides.link, strides.rank, reasons, strict=True):
        s = place[int(source)]
        if rank:
            assert reason == "top_k"
        elif frontier.degree[s] == 1:
            assert reason == "only"
        else:
            assert cheapest(frontier, s, settings, "") == link
            deciding = (term for term in TERMS if cheapest(frontier, s, settings, term) != link)
            assert reason == next(deciding, "weight")
        found.add(reason)
    assert len(found) > 3


def cheapest(frontier, s, settings, out):
    """The cheapest candidate of source number s where the term `out` has no say."""
    valence, links, nodes, standard = settings.valence, frontier.links, frontier.nodes, frontier.standard
    kept = int(fanout.kept(frontier.degree, frontier.active, settings.physics.fanout)[s])
    strength = min(math.hypot(*valence.affect), 1.0)
    base, full = {}, {}
    for link in range(frontier.start[s], frontier.start[s] + frontier.degree[s]):
        target, kind, r = links.target[link], links.type[link], links.resonance[links.feeling[link]]
        z = max(-3.0, min(3.0, (links.log_weight[link] - standard.mean[kind]) * standard.scale[kind]))
        gap = (1.0 - nodes.goal_cosine[target]) / 2.0
        cost = math.log1p(math.exp(-z * (out != "weight")))
        cost += valence.novelty_weight * (out != "novelty") * (1.0 - math.exp(-nodes.visits[target] / 20.0))
        goal = 0.0 if math.isnan(gap) or out == "goal" else valence.goal_weight * gap
        resonance = math.exp(-valence.resonance * (out != "resonance") * r)
        opposite = valence.complementarity * (out != "complementarity") * strength * valence.context
        feeling = max(0.6, min(1.6, resonance * math.exp(-opposite * max(0.0, -r))))
        base[link], full[link] = round(cost, 12), round((cost + goal) * feeling, 12)
    candidates = sorted(base, key=lambda link: (base[link], link))[:kept]
    return min(candidates, key=lambda link: (full[link], link))
