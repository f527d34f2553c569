"""Selection and transfer, compiled, against the naive twin's plain Python loop: same graph, same strides, same energies.

100 000 nodes, 1 000 000 links, 10 % active. The naive loop is given each source's links ready in a list, and remembers each
cosine, so that it searches nothing and works out nothing that the kernel finds ready; what the two compute is compared before
anything is timed. `measure_bound` holds ten times as large a graph against the rate at which this machine reads random lines of memory.
"""

from __future__ import annotations

import functools
import statistics
import time
from dataclasses import replace

import numba
import numpy as np

from tests import naive
from worker.graph.resident import fingerprint
from worker.physics import valence
from worker.physics.model import Frontier, Links, Nodes, Standard
from worker.physics.parameters import Parameters, Select, Valence
from worker.physics.select import select
from worker.physics.transfer import transfer

NODES, DEGREE, ACTIVE = 100_000, 10, 10_000
LINES = 8.6  # lines of memory that a stride must read, in columns, if each comes once
DT = 1.0
NAME = "{:06}".format
FEELING = Valence(goal=(1.0, 0.3), affect=(0.6, 0.8))


def measure(rounds):
    """Return how many times faster the compiled code is: K = 1, K = 4, and K = 4 with a goal and a mood (`complete`).

    `kernel_first_ms` is what it takes right after the loop, which has left little of the graph in the processor's caches.
    """
    frontier, sources = _world(np.random.default_rng(11))
    naive.cosine, naive.norm = functools.cache(naive.cosine), functools.cache(naive.norm)
    found = {
        "": _race(frontier, sources, Parameters(select=Select(topk=1)), rounds),
        "_k4": _race(frontier, sources, Parameters(select=Select(topk=4)), rounds),
        "_complete": _race(frontier, sources, Parameters(select=Select(topk=4), valence=FEELING), rounds),
    }
    figures = {what.format(row): value for row, values in found.items() for what, value in values.items()}
    return {
        **figures,
        "k4_stride_in_k1_strides": figures["kernel_ms_k4"] / 4.0 / figures["kernel_ms"],
        "complete_in_k4": figures["kernel_ms_complete"] / figures["kernel_ms_k4"],
    }


def measure_bound(rounds):
    """Return how many times as long K = 1 takes at 10⁷ links as reading LINES random lines of memory a stride would."""
    rng, parameters = np.random.default_rng(11), Parameters(select=Select(topk=1))
    frontier = _plain(rng, 1_000_000, 100_000)
    places = rng.integers(0, len(frontier.links.log_weight), 1_000_000).astype(np.uint64)
    _gathered(frontier.links.log_weight, places), _compiled(frontier, parameters)
    kernel, line = [], []
    for _ in range(rounds):
        kernel.append(_timed(lambda: _compiled(frontier, parameters)))
        line.append(_timed(lambda: _gathered(frontier.links.log_weight, places)) / len(places))
    bound = [LINES * len(frontier.sources) * ms for ms in line]
    return {
        "ratio": statistics.median(kernel) / statistics.median(bound), "ratio_minimum": min(kernel) / min(bound),
        "kernel_ms": statistics.median(kernel), "bound_ms": statistics.median(bound),
        "lines_per_us": 1e-3 / statistics.median(line),
    }  # fmt: skip


@numba.njit(error_model="numpy")
def _gathered(values, places):
    total = 0.0
    for place in places:
        total += values[place]
    return total


def _race(frontier, sources, parameters, rounds):
    _agree(frontier, sources, replace(parameters, select=replace(parameters.select, epsilon=0.1)))
    _agree(frontier, sources, parameters)
    slow, fast, first = [], [], []
    for n in range(rounds):  # in turns of one length: both meet what else the machine does; the loop over a tenth each
        part = _timed(lambda part=sources[n % 10 :: 10]: [_naive(own, parameters) for own in part])
        turn = [_timed(lambda: _compiled(frontier, parameters))]
        while sum(turn) < part:
            turn.append(_timed(lambda: _compiled(frontier, parameters)))
        slow.append(10 * part)
        fast += turn
        first.append(turn[0])
    return {
        "ratio{}": statistics.median(slow) / statistics.median(fast),
        "ratio{}_minimum": min(slow) / min(fast),
        "kernel_ms{}": statistics.median(fast),
        "kernel_first_ms{}": statistics.median(first),
        "naive_ms{}": statistics.median(slow),
    }


def _agree(frontier, sources, parameters):
    strides = _compiled(frontier, parameters)
    expected = [stride for own in sources for stride in _naive(own, parameters)]
    assert [int(link) for link in strides.link] == [stride.link.id for stride in expected]
    assert strides.explored.tolist() == [stride.explored for stride in expected]
    np.testing.assert_allclose(strides.energy, [stride.energy for stride in expected], rtol=1e-12)


def _world(rng):
    """Return a frontier whose sources' links and targets feel and mean something, and its sources as the naive loop takes them."""
    frontier = _plain(rng, NODES, ACTIVE)
    nodes, own = frontier.nodes, np.arange(NODES * DEGREE, dtype=np.int32)
    links = frontier.links._replace(feeling=own, resonance=np.zeros(len(own)), emotion=np.zeros(len(own)))
    embedding, emotion = _vectors(rng, NODES), _vectors(rng, NODES * DEGREE)
    nodes.goal_cosine[:] = [valence.cosine(FEELING.goal, vector) for vector in embedding]
    for k in (k for i in frontier.sources for k in range(i * DEGREE, (i + 1) * DEGREE)):
        links.resonance[k] = valence.resonance(FEELING.affect, emotion[k])
    return frontier._replace(links=links), [_source(int(i), nodes, links, embedding, emotion) for i in frontier.sources]


def _plain(rng, count, active):
    """Return a frontier without goal and mood: ten links a node, a tenth of the nodes active."""
    target = rng.integers(0, count, (count, DEGREE)).astype(np.int32)
    target.sort(axis=1)  # a source's links lie by target
    links = Links(
        target=target.ravel(),
        type=rng.integers(0, 5, count * DEGREE).astype(np.uint16),
        log_weight=rng.normal(0, 1, count * DEGREE),
        feeling=np.zeros(count * DEGREE, dtype=np.int32),
        resonance=np.zeros(1),
        emotion=np.zeros(1),
    )
    ones = np.ones(count)
    nodes = Nodes(
        energy=rng.uniform(1, 3, count),
        energy_at=np.zeros(count),
        half_life=14_400.0 * ones,
        threshold=ones,
        stickiness=ones,
        visits=rng.integers(0, 5, count),
        goal_cosine=np.full(count, np.nan),
        stimulus=np.zeros(count),
    )
    which = np.sort(rng.choice(count, active, replace=False)).astype(np.int32)
    return Frontier(
        sources=which,
        start=which.astype(np.int64) * DEGREE,
        degree=np.full(active, DEGREE, dtype=np.int32),
        retried=np.zeros(active, dtype=np.bool_),
        active=100,
        clock=0.0,
        tick=1,
        name=np.array([fingerprint(NAME(i)) for i in which], dtype=np.uint64),
        nodes=nodes,
        links=links,
        standard=Standard(mean=np.zeros(5), scale=np.ones(5), low_confidence=np.zeros(5, dtype=bool)),
    )


def _vectors(rng, count):
    """Return short vectors; every twentieth is missing."""
    return [tuple(row) if k % 20 else () for k, row in enumerate(rng.normal(size=(count, 2)).tolist())]


def _source(i, nodes, links, embedding, emotion):
    """Return a source as the naive twin takes it: a graph of its own links and their targets."""
    own = [
        naive.Link(k, NAME(i), NAME(int(links.target[k])), str(links.type[k]), float(links.log_weight[k]), emotion[k])
        for k in range(i * DEGREE, (i + 1) * DEGREE)
    ]
    targets = {
        NAME(int(j)): naive.Node(NAME(int(j)), "T", embedding=embedding[j], visits=int(nodes.visits[j]))
        for j in links.target[i * DEGREE : (i + 1) * DEGREE]
    }
    return NAME(i), float(nodes.energy[i]), naive.NaiveGraph(targets, own)


def _compiled(frontier, parameters):
    terms = valence.terms(parameters, DT)
    return transfer(frontier, select(frontier, terms, parameters), terms, parameters)


def _naive(own, parameters):
    source, energy, graph = own
    return naive.strides_of(
        source, energy, 1.0, 100, graph, lambda link: max(-3.0, min(3.0, link.log_weight)), parameters, DT, 1
    )


def _timed(work):
    start = time.thread_time()
    work()
    return (time.thread_time() - start) * 1e3
