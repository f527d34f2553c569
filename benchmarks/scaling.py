"""How a tick grows with its frontier and with the graph around it, and a recall with what it reaches.

What is compared takes turns: the graphs of all sizes are there at once, and each has its turn in every round, so that what the
machine does meanwhile meets all of them.
"""

from __future__ import annotations

import os
import random
import statistics
from contextlib import ExitStack
from pathlib import Path

from benchmarks.common import ROUNDS, WARM_UP, Steady, exponent, timed
from benchmarks.queries import query
from benchmarks.world import DEGREE, build, remove
from worker.api import Stridegraph
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Settings

ACTIVE = 1_000
NODES = (10_000, 100_000, 1_000_000)
FRONTIERS = (100, 1_000, 10_000, 100_000)
SEEDS = (1, 4, 16, 64, 256)
LARGE = 20_000  # sources from which on a tick takes seconds, and has fewer rounds


def growth(connection, sizes=None):
    """Return tick and raw write with one frontier in ever larger graphs. NODES=10000,100000 leaves the largest out."""
    sizes = sizes or tuple(map(int, os.environ.get("NODES", ",".join(map(str, NODES))).split(",")))
    for size in sizes:
        build(connection, f"bench-nodes-{size}", ACTIVE, size)
    with ExitStack() as stack:
        steady = [stack.enter_context(Steady(connection, f"bench-nodes-{size}", ACTIVE)) for size in sizes]
        ticks, raws = _rounds(steady, ROUNDS, WARM_UP)
    stored = _stored(connection) / sum(DEGREE * size for size in sizes)
    for size in sizes:
        remove(connection, f"bench-nodes-{size}")
    tick, raw = _medians(ticks), _medians(raws)
    ratio = [a / b for a, b in zip(tick, raw, strict=True)]
    least = [min(a) / min(b) for a, b in zip(ticks, raws, strict=True)]
    return {
        "growth": ratio[-1] / ratio[0],
        "growth_minimum": least[-1] / least[0],
        "nodes": list(sizes),
        "ratio": ratio,
        "tick_ms": tick,
        "raw_ms": raw,
        "raw_growth": raw[-1] / raw[0],
        "store_bytes_a_link": stored,
        "tick_exponent": exponent(sizes, tick),
        "raw_exponent": exponent(sizes, raw),
    }


def frontier(connection, frontiers=FRONTIERS):
    """Return tick and raw write by active nodes; over 20 000 of them there are 5 rounds, after 3 that warm up."""
    tick, raw = [], []
    for active in frontiers:
        graph, large = f"bench-frontier-{active}", active > LARGE
        build(connection, graph, active, max(10_000, 2 * active if large else 10 * active))
        with Steady(connection, graph, active) as steady:
            ticks, raws = _rounds([steady], 5 if large else ROUNDS, 3 if large else min(WARM_UP, 200_000 // active))
        remove(connection, graph)
        tick += _medians(ticks)
        raw += _medians(raws)
    return {
        "active": list(frontiers),
        "tick_ms": tick,
        "raw_ms": raw,
        "ratio": [a / b for a, b in zip(tick, raw, strict=True)],
        "tick_exponent": exponent(frontiers[1:], tick[1:]),
        "raw_exponent": exponent(frontiers[1:], raw[1:]),
    }


def recall(connection, nodes=100_000):
    """Return a recall's ms by how many nodes it reached: from seeds that nobody has recalled before."""
    build(connection, "bench-recall", 0, nodes, threshold=1.0)
    graph = Stridegraph(
        Neo4jGraph(connection, "bench-recall"), Settings(graph="bench-recall", recall={"max_nodes": nodes})
    )
    reached, took, rng = {n: [] for n in SEEDS}, {n: [] for n in SEEDS}, random.Random(7)
    for done in range(2 + ROUNDS):
        for count in SEEDS:
            seeds = [f"{i:07}" for i in rng.sample(range(nodes), count)]
            ms, found = timed(lambda seeds=seeds: graph.recall(seeds))
            assert found.results
            if done >= 2:
                reached[count].append(found.reached)
                took[count].append(ms)
    remove(connection, "bench-recall")
    reach, ms = _medians(reached.values()), _medians(took.values())
    return {"seeds": list(SEEDS), "reached": reach, "recall_ms": ms, "recall_exponent": exponent(reach, ms)}


def _stored(connection):
    """Return the bytes of the server's store on disk; nodes, ids and indexes are in it too."""
    folder = Path(connection.statement(query("data"))[0]["value"]) / "databases" / connection.settings.database
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _rounds(steady, rounds, warm_up):
    ticks, raws = [[] for _ in steady], [[] for _ in steady]
    for done in range(warm_up + rounds):
        for each, took, raw in zip(steady, ticks, raws, strict=True):
            times = each.tick(), each.raw()
            if done >= warm_up:
                took.append(times[0])
                raw.append(times[1])
    for each in steady:
        each.stages(rounds)
    return ticks, raws


def _medians(lists):
    return [statistics.median(times) for times in lists]
