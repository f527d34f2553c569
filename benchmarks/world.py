"""Graphs to measure on: nodes of ten links each, of which the first so many are active and stay so; the same by the same seed."""

from __future__ import annotations

import numpy as np
from neo4j.vector import Vector

from benchmarks.queries import query
from worker.graph.wire import LONGEST, Bulk

DEGREE = 10
BATCH = 20_000
DT = 0.1


def build(connection, graph, active, nodes, *, rest=0.0, threshold=1000.0):
    """Create `nodes` nodes; the first `active` have energy around 100 and lead to the others, which have `rest` and `threshold`."""
    rng = np.random.default_rng(7)
    energy = np.where(np.arange(nodes) < active, rng.uniform(90.0, 110.0, nodes), rest)
    key = np.concatenate([_nodes(connection, graph, energy, lo, active, threshold) for lo in range(0, nodes, BATCH)])
    source = np.repeat(np.arange(nodes), DEGREE)
    target = rng.integers(active, nodes, nodes * DEGREE)
    target = np.where(target == source, active + (target + 1 - active) % (nodes - active), target)
    weight = rng.normal(0.0, 1.0, nodes * DEGREE)
    source, target = key[source], key[target]
    for lo in range(0, len(source), 2 * BATCH):
        parts = range(lo, min(lo + 2 * BATCH, len(source)), LONGEST)
        chunks = [_chunk(source, target, weight, at, lo + 2 * BATCH) for at in parts]
        connection.statement(query("create_links"), links=Bulk(chunks))


def remove(connection, graph):
    """Delete a graph's nodes and links, so that the next row finds the server as the last did."""
    while connection.statement(query("remove"), graph=graph)[0]["gone"]:
        pass


def _nodes(connection, graph, energy, lo, active, threshold):
    part = energy[lo : lo + BATCH].tolist()
    numbers = {"first": lo, "last": lo + len(part) - 1, "active": active, "threshold": threshold}
    rows = connection.statement(query("create_nodes"), graph=graph, energy=Bulk(part), **numbers)
    return np.array(rows[0]["key"])


def _chunk(source, target, weight, at, end):
    part = slice(at, min(at + LONGEST, end, len(weight)))
    columns = {"source": source[part], "target": target[part], "weight": weight[part]}
    return {"first": at, **{name: Vector.from_numpy(values) for name, values in columns.items()}}
