"""Selection and transfer, compiled, against the naive twin's plain Python loop: same graph, same strides, same energies.

100 000 nodes, 1 000 000 links, 10 % active. The naive loop is given each source's links ready in a list, so that it searches
nothing; what the two compute is compared before anything is timed.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from tests import naive
from worker.physics import valence
from worker.physics.model import Frontier, Links, Nodes, Standard
from worker.physics.parameters import Parameters, Select
from worker.physics.select import select
from worker.physics.transfer import transfer

NODES, DEGREE, ACTIVE = 100_000, 10, 10_000
DT = 1.0


def measure(rounds):
    """Return how many times faster the compiled code is: K = 1, and K = 4 beside it."""
    frontier, sources = _world(np.random.default_rng(11))
    found = {}
    for topk in (1, 4):
        parameters = Parameters(select=Select(topk=topk))
        strides = _compiled(frontier, parameters)
        expected = [stride for own in sources for stride in _naive(own, parameters)]
        assert [int(link) for link in strides.link] == [stride.link.id for stride in expected]
        np.testing.assert_allclose(strides.energy, [stride.energy for stride in expected], rtol=1e-12)
        slow = [_timed(lambda p=parameters: [_naive(own, p) for own in sources]) for _ in range(3)]
        fast = [_timed(lambda p=parameters: _compiled(frontier, p)) for _ in range(rounds)]
        found[topk] = (
            statistics.median(slow) / statistics.median(fast),
            min(slow) / min(fast),
            statistics.median(fast),
            statistics.median(slow),
        )
    (ratio, minimum, fast, slow), (ratio_4, _, fast_4, _) = found[1], found[4]
    return {
        "ratio": ratio,
        "ratio_minimum": minimum,
        "kernel_ms": fast,
        "naive_ms": slow,
        "ratio_k4": ratio_4,
        "kernel_k4_ms": fast_4,
    }


def _world(rng):
    links = Links(
        target=rng.integers(0, NODES, NODES * DEGREE).astype(np.int32),
        type=rng.integers(0, 5, NODES * DEGREE).astype(np.int32),
        log_weight=rng.normal(0, 1, NODES * DEGREE),
        resonance=np.zeros(NODES * DEGREE),
        emotion=np.zeros(NODES * DEGREE),
    )
    for lo in range(0, NODES * DEGREE, DEGREE):  # a source's links lie by target
        links.target[lo : lo + DEGREE].sort()
    ones = np.ones(NODES)
    nodes = Nodes(
        energy=rng.uniform(1, 3, NODES),
        energy_at=np.zeros(NODES),
        half_life=14_400.0 * ones,
        threshold=ones,
        stickiness=ones,
        visits=rng.integers(0, 5, NODES),
        goal_cosine=np.full(NODES, np.nan),
        stimulus=np.zeros(NODES),
    )
    active = np.sort(rng.choice(NODES, ACTIVE, replace=False)).astype(np.int32)
    standard = Standard(mean=np.zeros(5), scale=np.ones(5), low_confidence=np.zeros(5, dtype=bool))
    frontier = Frontier(
        sources=active,
        start=active.astype(np.int64) * DEGREE,
        degree=np.full(ACTIVE, DEGREE, dtype=np.int32),
        retried=np.zeros(ACTIVE, dtype=np.bool_),
        active=100,
        clock=0.0,
        tick=1,
        name=active.astype(np.uint64),
        nodes=nodes,
        links=links,
        standard=standard,
    )
    return frontier, [_source(int(i), nodes, links) for i in active]


def _source(i, nodes, links):
    """Return a source as the naive twin takes it: a graph of its own links and their targets."""
    name = "{:06}".format
    own = [
        naive.Link(k, name(i), name(int(links.target[k])), str(links.type[k]), float(links.log_weight[k]))
        for k in range(i * DEGREE, (i + 1) * DEGREE)
    ]
    targets = {
        name(int(j)): naive.Node(name(int(j)), "T", visits=int(nodes.visits[j]))
        for j in links.target[i * DEGREE : (i + 1) * DEGREE]
    }
    return name(i), float(nodes.energy[i]), naive.NaiveGraph(targets, own)


def _compiled(frontier, parameters):
    terms = valence.terms(parameters, DT)
    return transfer(frontier, select(frontier, terms, parameters), terms, parameters)


def _naive(own, parameters):
    source, energy, graph = own
    return naive.strides_of(
        source, energy, 1.0, 100, graph, lambda link: max(-3.0, min(3.0, link.log_weight)), parameters, DT, 1
    )


def _timed(work):
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3
