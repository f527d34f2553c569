"""An import of nodes and links against the fastest raw creation of the same rows.

Raw: one UNWIND and CREATE a batch, nothing looked up and nothing compared, links by the database's own keys of their
ends, in the same order and batches. Ours: `worker.graph.bulk.write`, which finds the nodes, sees what is there already,
locks and creates. Each round does both, in turns, on fresh graphs and fresh rows.
"""

from __future__ import annotations

import itertools
import statistics
import time

import numpy as np
import pandas as pd

from worker.graph import bulk

NODES, LINKS, TYPES = 20_000, 200_000, 5
WARM_UP = 1

RAW_NODES = """
UNWIND range(0, size($id) - 1) AS k
CREATE (n:Node {graph: $graph, id: $id[k], type: $type[k]})
RETURN collect(id(n)) AS key
"""
RAW_LINKS = """
UNWIND range(0, size($source) - 1) AS k
MATCH (a) WHERE id(a) = $source[k]
MATCH (b) WHERE id(b) = $target[k]
CREATE (a)-[:$($type[k]) {log_weight: $log_weight[k]}]->(b)
"""
REMOVE = "MATCH (n:Node {graph: $graph}) WITH n LIMIT 5000 DETACH DELETE n RETURN count(*) AS gone"


def tables(rng):
    """Return random tables; no link is there twice, so that both write the same rows."""
    ids = [f"node-{i:07}" for i in range(NODES)]
    pairs = rng.choice(NODES * NODES, LINKS, replace=False)
    nodes = pd.DataFrame({"id": ids, "type": rng.choice(["Concept", "Memory"], NODES)})
    links = pd.DataFrame(
        {
            "source": np.array(ids)[pairs // NODES],
            "target": np.array(ids)[pairs % NODES],
            "type": np.array([f"T{i}" for i in range(TYPES)])[rng.integers(0, TYPES, LINKS)],
            "log_weight": rng.normal(size=LINKS),
        }
    )
    return nodes, links


def raw(connection, graph, nodes, links):
    """Create the rows; return how many seconds the nodes and the links took."""
    start = time.perf_counter()
    key = {}
    for rows in _batches(nodes):
        names = rows["id"].tolist()
        found = connection.statement(RAW_NODES, graph=graph, id=names, type=rows["type"].tolist())
        key.update(zip(names, found[0]["key"], strict=True))
    middle = time.perf_counter()
    links = links.sort_values("source", kind="stable")
    ends = {"source": links["source"].map(key), "target": links["target"].map(key)}
    prepared = links.assign(**ends)
    begin = time.perf_counter()  # what is no creation is not counted against it
    for rows in _batches(prepared):
        connection.statement(RAW_LINKS, **{name: rows[name].tolist() for name in rows})
    return middle - start, time.perf_counter() - begin


def ours(connection, graph, nodes, links):
    """Import the rows; return how many seconds the nodes and the links took."""
    writer = bulk.Bulk(connection, graph)
    start = time.perf_counter()
    made = writer.nodes(nodes)
    middle = time.perf_counter()
    linked = writer.links(links)
    writer.announce()
    end = time.perf_counter()
    assert (made.created, linked.created) == (len(nodes), len(links))
    return middle - start, end - middle


def measure(connection, rounds):
    """Return links/s of the import, and its speed as a ratio to the raw creation: 1 is as fast."""
    rng = np.random.default_rng()
    took = {ours: [], raw: []}
    number = itertools.count()
    for done in range(WARM_UP + rounds):
        for way in (ours, raw) if done % 2 else (raw, ours):
            graph = f"import-{next(number)}"
            seconds = way(connection, graph, *tables(rng))
            if done >= WARM_UP:
                took[way].append(seconds)
    for graph in range(next(number)):
        _remove(connection, f"import-{graph}")
    nodes, links = ([[times[part] for times in took[way]] for way in (ours, raw)] for part in (0, 1))
    return {
        "ratio": statistics.median(b / a for a, b in zip(*links, strict=True)),
        "ratio_minimum": min(links[1]) / min(links[0]),
        "links_per_second": LINKS / statistics.median(links[0]),
        "raw_links_per_second": LINKS / statistics.median(links[1]),
        "nodes_ratio": statistics.median(b / a for a, b in zip(*nodes, strict=True)),
        "nodes_per_second": NODES / statistics.median(nodes[0]),
    }


def _batches(table):
    return [table.iloc[start : start + bulk.BATCH] for start in range(0, len(table), bulk.BATCH)]


def _remove(connection, graph):
    while connection.statement(REMOVE, graph=graph)[0]["gone"]:
        pass
