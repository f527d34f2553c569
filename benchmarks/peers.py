"""One step from the same seeds on the same graph, by what people use instead: side by side, since it is not the same work.

| who | reads | writes |
| tick, matrix | nothing but the queue: the graph is held | energies, log-weights, ledger, one transaction, waited for |
| loop (`tests/naive.py`), networkx, igraph | nothing: the graph is held | nothing |
| GDS | the projection (timed by itself) | nothing; or a score on every node |

The loop does what the tick's select and transfer do, in plain Python. Personalised PageRank is run from the active nodes over the
same weights, 20 iterations in GDS, to their own tolerance in networkx and igraph. GDS runs in a server of its own.
"""

from __future__ import annotations

import statistics
from collections import defaultdict

import networkx as nx
import numpy as np

from benchmarks.clients import reading
from benchmarks.common import WARM_UP, Steady, interleaved, timed
from benchmarks.gds import gds_server
from benchmarks.queries import query
from benchmarks.world import DEGREE, DT, build, remove
from tests import naive
from worker.physics.parameters import Parameters

ACTIVE, NODES = 1_000, 10_000
FEW = 10  # rounds that warm all up, after the ticks' own


def measure(connection, rounds):
    """Return the median ms of a step by each, and what it wrote."""
    for graph in ("bench-stride", "bench-matrix"):
        build(connection, graph, ACTIVE, NODES)
    edges = connection.statement(query("edges"), graph="bench-stride")[0]
    with (
        gds_server() as other,
        Steady(connection, "bench-stride", ACTIVE) as stride,
        Steady(connection, "bench-matrix", ACTIVE, diffusion={"impl": "matrix"}) as matrix,
    ):
        build(other, "bench-gds", ACTIVE, NODES)
        ways = {
            "tick": stride.tick,
            "matrix": matrix.tick,
            **_in_memory(edges, reading(stride)),
            **_gds(other, "bench-gds"),
        }
        for _ in range(WARM_UP):
            stride.tick()
        took = interleaved(ways, rounds, FEW)
        written = {name: tuple(each.written().values()) for name, each in (("tick", stride), ("matrix", matrix))}
    for graph in ("bench-stride", "bench-matrix"):
        remove(connection, graph)
    return {
        **{f"{name}_ms": statistics.median(times) for name, times in took.items()},
        **{f"{name}_minimum_ms": min(times) for name, times in took.items()},
        **{f"{name}_{what}": count for name, counts in written.items() for what, count in zip(("nodes", "links"), counts, strict=True)},
        "gds_write_nodes": NODES,
    }  # fmt: skip


def _in_memory(edges, standard):
    import igraph  # noqa: PLC0415  (only this row needs it)

    source, target = (np.array(list(map(int, edges[end]))) for end in ("source", "target"))
    weight = np.exp(edges["log_weight"]).tolist()
    seeds = list(range(ACTIVE))
    whole = igraph.Graph(n=NODES, edges=np.column_stack((source, target)), directed=True)
    digraph = nx.MultiDiGraph()
    digraph.add_nodes_from(range(NODES))
    digraph.add_weighted_edges_from(zip(source.tolist(), target.tolist(), weight, strict=True))
    personal = dict.fromkeys(seeds, 1.0)
    loop = _loop(edges, standard)
    return {
        "loop": lambda: timed(loop)[0],
        "networkx": lambda: timed(lambda: nx.pagerank(digraph, personalization=personal))[0],
        "igraph": lambda: timed(lambda: whole.personalized_pagerank(reset_vertices=seeds, weights=weight))[0],
    }


def _loop(edges, standard):
    """Return a work that strides from every active node as `tests/naive.py` does, its links ready in a list."""
    mean, scale = standard
    own, parameters = defaultdict(list), Parameters()
    for key, source, target, weight in zip(
        *(edges[name] for name in ("key", "source", "target", "log_weight")), strict=True
    ):
        if int(source) < ACTIVE:
            own[source].append(naive.Link(key, source, target, "LINK", weight))
    nodes = {end: naive.Node(end, "Concept") for end in edges["target"]}
    graphs = [(source, naive.NaiveGraph(nodes, links)) for source, links in own.items()]

    def read(link):
        return max(-3.0, min(3.0, (link.log_weight - mean) * scale))

    def step():
        strides = [
            stride for source, graph in graphs for stride in naive.strides_of(source, 100.0, 0.001, 100, graph, read, parameters, DT, 1)
        ]  # fmt: skip
        assert len(strides) == ACTIVE * parameters.select.topk

    return step


def _gds(other, graph):
    sources = other.statement(query("seeds"), graph=graph)[0]["key"]
    assert len(sources) == ACTIVE

    def projected():
        other.statement(query("gds_drop"), graph=graph)
        took, rows = timed(lambda: other.statement(query("gds_project"), graph=graph))
        assert rows[0]["links"] == NODES * DEGREE
        return took

    def ranked():
        took, rows = timed(lambda: other.statement(query("gds_pagerank"), graph=graph, sources=sources))
        assert rows[0]["iterations"] == 20
        return took

    def written():
        took, rows = timed(lambda: other.statement(query("gds_write"), graph=graph, sources=sources))
        assert rows[0]["nodes"] == NODES
        return took

    projected()
    return {"gds_project": projected, "gds_pagerank": ranked, "gds_write": written}
