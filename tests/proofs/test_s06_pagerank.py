"""An outside judge: under a constant stimulus, ticks converge to the personalised PageRank that networkx works out.

The derivation stands in `docs/explanation/pagerank.md`; each test names its part. Ticks are real ones, over a graph in memory. What
they are held to is put together here from the formulas of §3, §5 and §6 by plain Python, and solved by others.
"""

from __future__ import annotations

import math
import random
import statistics
from collections import defaultdict
from itertools import islice, pairwise

import networkx as nx
import pytest
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import spsolve

from worker.graph.attach import attach
from worker.graph.memory import MemoryGraph
from worker.settings import Settings
from worker.tick import tick

BETA, TEMPERATURE, STD_FLOOR, Z_CLIP = 0.2, 1.5, 0.5, 3.0
SINK = "sink"  # of the judge's graph: where what is lost goes
HALF_LIFE = 4.0  # s; a tick of 1 s leaves 0.84
MOST_TICKS = 600


def random_world():
    """Sixty nodes and three link types of different scale; every eighth node leads nowhere; some links are parallel."""
    rng = random.Random(7)
    names = [f"n{i:02}" for i in range(60)]
    scales = {"LEADS_TO": (0.0, 1.2), "RELATES_TO": (4.0, 0.3), "RARE": (-2.0, 0.0)}
    links = [
        (source, target, kind, rng.gauss(*scales[kind]))
        for i, source in enumerate(names)
        if i % 8
        for target in rng.sample([name for name in names if name != source], rng.randrange(1, 7))
        for kind in rng.sample(sorted(scales), rng.choice((1, 1, 2)))
    ]
    return links, {"n01": 0.7, "n17": 0.2, "n16": 0.1}


def karate_world():
    """Zachary's karate club: a link both ways for each tie, by how often the two met."""
    ties = nx.karate_club_graph().edges(data="weight")
    links = [(f"{a:02}", f"{b:02}", "MET", math.log(w)) for x, y, w in ties for a, b in ((x, y), (y, x))]
    return links, {"00": 1.0, "33": 0.25}


def wordnet_world():
    """A small taxonomy with senses: up, down and across, the types of WordNet; the parts lead nowhere."""
    kinds = {
        "drink": ("coffee", "tea", "wine", "cocoa"),
        "coffee": ("espresso", "mocha", "cappuccino"),
        "tea": ("oolong", "sencha"),
        "wine": ("claret", "port"),
        "plant": ("shrub", "vine"),
        "shrub": ("coffee tree", "tea plant"),
    }
    links = [
        link
        for up, downs in kinds.items()
        for down in downs
        for link in ((up, down, "HYPONYM", -0.5), (down, up, "HYPERNYM", 0.8))
    ]
    links += [
        ("coffee tree", "coffee bean", "PART", 0.3),
        ("vine", "grape", "PART", 0.4),
        ("port", "wine", "ALSO", 1.0),
    ]
    links += [
        ("coffee", "coffee tree", "DERIVES", 0.2),
        ("tea", "tea plant", "DERIVES", 0.6),
        ("wine", "vine", "DERIVES", -1.0),
    ]
    return links, {"coffee": 2.0, "wine": 0.5}


WORLDS = {"random": random_world, "karate": karate_world, "wordnet": wordnet_world}


def settings(impl, flow, **changes):
    """Neutral valence, no learning, all links, thresholds so small that every node that has energy is active."""
    return Settings.read(
        graph="g",
        **{
            "diffusion": {"impl": impl},
            "select": {"topk": "all"},
            "fanout": {"task_mode": "methodical"},
            "tick": {"alpha": flow},
            "valence": {"novelty_weight": 0.0},
            "learning": {"gate": "off"},
            "threshold": {"default": 1e-30, "types": {}},
            "decay": {"half_life": {"*": HALF_LIFE}},
            **changes,
        },
    )


def readings(links, stimulus, config, kind=lambda name: "Word"):
    """Run ticks of 1 s, the same stimulus in each; yield after each what the next one reads: E + s by node."""
    graph = MemoryGraph("g", now=lambda: 0.0)
    key = {name: graph.add_node(id=name, type=kind(name)) for name in nodes(links)}
    for source, target, type_, log_weight in links:
        graph.add_link(key[source], key[target], type_, log_weight=log_weight)
    held = attach(graph, config, "me")
    for number in range(MOST_TICKS):
        for name, delta in stimulus.items():
            graph.add_stimulus(id=f"{number}.{name}", node=name, delta=delta, created_at=number)
        tick(held, 1.0)
        clock = graph.kept.decay_clock
        yield {n["id"]: now(n, clock, config) + stimulus.get(n["id"], 0.0) for n in graph.node.values()}


def settled(*world):
    """Run ticks until nothing changes; return what each then reads."""
    for before, energy in pairwise(readings(*world)):
        if apart(energy, before) < 1e-14:
            return energy
    raise AssertionError(f"still moving after {MOST_TICKS} ticks")


def now(node, clock, config):
    half_life = config.physics.half_life(node["type"])
    return node.get("energy", 0.0) * 2.0 ** (-(clock - node.get("energy_at", 0.0)) / half_life)


def nodes(links):
    return sorted({end for link in links for end in link[:2]})


def stride_step(links, flow):
    """Return M of `matrix` and `stride` by (source, target), from §3, §5 and §6."""
    of_type, out = defaultdict(list), defaultdict(list)
    for _, _, type_, log_weight in links:
        of_type[type_].append(log_weight)
    everything = [log_weight for *_, log_weight in links]
    used = {type_: values if len(values) >= 3 else everything for type_, values in of_type.items()}
    mean = {type_: statistics.fmean(values) for type_, values in used.items()}
    std = {type_: max(statistics.pstdev(values), STD_FLOOR) for type_, values in used.items()}
    for source, target, type_, log_weight in links:
        z = min(max((log_weight - mean[type_]) / std[type_], -Z_CLIP), Z_CLIP)
        out[source].append((target, math.exp(z), math.exp(-math.log(1.0 + math.exp(-z)) / TEMPERATURE)))
    step = {}
    for source, found in out.items():
        total = sum(part for *_, part in found)
        wanted = {(source, i): part / total * wide * flow for i, (_, wide, part) in enumerate(found)}
        left = min(1.0, BETA / sum(wanted.values()))
        for (_, i), share in wanted.items():
            add(step, source, found[i][0], share * left)
    return lazy(step, links)


def legacy_step(links, flow):
    """Return M of `legacy` by (source, target)."""
    total = defaultdict(float)
    for source, _, _, log_weight in links:
        total[source] += math.exp(log_weight)
    step = {}
    for source, target, _, log_weight in links:
        add(step, source, target, math.exp(log_weight) / total[source] * flow)
    return lazy(step, links)


def add(step, source, target, share):
    step[source, target] = step.get((source, target), 0.0) + share


def lazy(step, links):
    """Return the step with what each node keeps, so that every row sums to 1."""
    for name in nodes(links):
        leaving = math.fsum(share for (source, _), share in step.items() if source == name)
        step[name, name] = 1.0 - leaving
    return step


def pagerank(step, damping, stimulus):
    """Return networkx's personalised PageRank of the chain `step`, by node."""
    chain = nx.DiGraph()
    chain.add_weighted_edges_from((source, target, share) for (source, target), share in sorted(step.items()))
    return nx.pagerank(chain, alpha=damping, personalization=stimulus, tol=1e-16, max_iter=20_000)


def solved(step, damping, stimulus):
    """Return (I − d · Mᵀ)⁻¹ · s by node: a direct sparse solve, no iteration and no normalising."""
    names = sorted({source for source, _ in step})
    at = {name: i for i, name in enumerate(names)}
    rows, columns = ([at[pair[end]] for pair in step] for end in (1, 0))
    transposed = csc_array((list(step.values()), (rows, columns)), shape=(len(names),) * 2)
    found = spsolve(csc_array(eye_array(len(names)) - damping * transposed), [stimulus.get(n, 0.0) for n in names])
    return dict(zip(names, found.tolist(), strict=True))


def apart(ours, theirs):
    """Return the largest difference over nodes."""
    return max(abs(ours[name] - theirs[name]) for name in ours)


def shares(energy):
    total = math.fsum(energy.values())
    return {name: value / total for name, value in energy.items()}


STEPS = {"matrix": stride_step, "stride": stride_step, "legacy": legacy_step}
DAMPING = 2.0 ** (-1.0 / HALF_LIFE)


@pytest.mark.parametrize("flow", [0.01, 0.15, 0.9])  # no source at its cap, some, nearly all
@pytest.mark.parametrize("impl", STEPS)
@pytest.mark.parametrize("world", WORLDS)
def test_ticks_converge_to_personalised_pagerank_of_the_step(world, impl, flow):
    links, stimulus = WORLDS[world]()
    step = STEPS[impl](links, flow)
    energy = settled(links, stimulus, settings(impl, flow))
    rank = pagerank(step, DAMPING, stimulus)
    assert apart(shares(energy), rank) < 1e-8
    size = sum(stimulus.values()) / (1.0 - DAMPING)
    assert apart(energy, {name: size * share for name, share in rank.items()}) < 1e-8
    assert apart(energy, solved(step, DAMPING, stimulus)) < 1e-10


def test_of_the_cases_above_some_sources_are_at_their_cap_and_some_lead_nowhere():
    links, _ = random_world()
    kept = {flow: [stride_step(links, flow)[name, name] for name in nodes(links)] for flow in (0.01, 0.15, 0.9)}
    at_cap = {flow: sum(abs(share - (1.0 - BETA)) < 1e-9 for share in found) for flow, found in kept.items()}
    assert at_cap[0.01] == 0 < at_cap[0.15] < at_cap[0.9]
    assert kept[0.15].count(1.0) == 8


@pytest.mark.parametrize("flow", [0.01, 0.9])
def test_where_all_give_away_the_same_share_it_is_pagerank_of_the_network_itself(flow):
    """The jump chain P, damping c = d · f / (1 − d · (1 − f)): f the share that leaves. No self-loops, but at dangling nodes."""
    links, stimulus = random_world()
    jump = legacy_step(links, 1.0)
    damping = DAMPING * flow / (1.0 - DAMPING * (1.0 - flow))
    energy = settled(links, stimulus, settings("legacy", flow))
    assert apart(shares(energy), pagerank(jump, damping, stimulus)) < 1e-8
    assert apart(shares(energy), pagerank(jump, DAMPING, stimulus)) > 1e-3  # the damping must be the right one


def test_where_they_differ_each_node_has_its_own_damping():
    """y = s + Pᵀ · C · y with y = (1 − d · (1 − f)) · x, c = d · f / (1 − d · (1 − f)): f and c by node."""
    links, stimulus = random_world()
    step = stride_step(links, 0.15)
    leaving = {name: 1.0 - step[name, name] for name in nodes(links)}
    own = {name: 1.0 - DAMPING * (1.0 - f) for name, f in leaving.items()}
    jump = {
        (source, target): share * DAMPING / own[source] for (source, target), share in step.items() if source != target
    }
    y = solved({**{(name, name): 0.0 for name in own}, **jump}, 1.0, stimulus)
    energy = settled(links, stimulus, settings("matrix", 0.15))
    assert apart(energy, {name: value / own[name] for name, value in y.items()}) < 1e-10


@pytest.mark.parametrize("impl", STEPS)
def test_half_lives_by_type_and_stickiness_are_a_sink_in_the_same_chain(impl):
    """What a short half-life or stickiness takes walks into a node of the judge's own, which leads nowhere."""
    links, stimulus = random_world()
    kind = {name: ("Memory", "Task", "Word")[i % 3] for i, name in enumerate(nodes(links))}
    half_life = {"Memory": 6.0, "Task": 1.5, "*": HALF_LIFE}
    keeps = {"Memory": 0.9, "Task": 0.3, "Word": 1.0}
    config = settings(impl, 0.15, decay={"half_life": half_life}, stickiness={"enabled": True, "types": keeps})
    energy = settled(links, stimulus, config, kind.__getitem__)
    left = {name: 2.0 ** (-1.0 / config.physics.half_life(kind[name])) for name in kind}
    damping, chain = max(left.values()), {(SINK, SINK): 1.0}
    for (source, target), share in STEPS[impl](links, 0.15).items():
        kept = share * (1.0 if source == target else keeps[kind[target]]) * left[target] / damping
        add(chain, source, target, kept)
        add(chain, source, SINK, share - kept)
    rank = pagerank(chain, damping, stimulus)
    rank.pop(SINK)
    size = sum(stimulus.values()) / (1.0 - damping)
    assert apart(energy, {name: size * share for name, share in rank.items()}) < 1e-8
    assert apart(energy, solved(chain, damping, stimulus)) < 1e-10


@pytest.mark.parametrize(
    "changes",
    [
        {"select": {"topk": 2}},
        {"threshold": {"default": 0.1, "types": {}}},
        {"learning": {"gate": "tiered", "rate": 1.0}},
    ],
    ids=["K = 2", "thresholds", "learning"],
)
def test_each_condition_is_needed(changes):
    """Without any one of them, ticks are elsewhere even after 200 (some never rest): so the judge can tell."""
    links, stimulus = random_world()
    *_, energy = islice(readings(links, stimulus, settings("stride", 0.15, **changes)), 200)
    assert apart(shares(energy), pagerank(stride_step(links, 0.15), DAMPING, stimulus)) > 1e-4


def test_novelty_wears_off_and_leaves_the_same_fixed_point():
    """Once strides have ended everywhere often enough, all links cost the same for novelty: that drops out of the shares."""
    links, stimulus = random_world()
    novel = readings(links, stimulus, settings("matrix", 0.15, valence={"novelty_weight": 0.25}))
    rank = pagerank(stride_step(links, 0.15), DAMPING, stimulus)
    differences = [apart(shares(energy), rank) for energy in novel]
    assert differences[99] > 1e-6
    assert differences[-1] < 1e-8
