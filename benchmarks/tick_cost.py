"""A steady tick, everything on, against one raw statement that writes the same energies and log-weights.

Two graphs of the same content lie in one database. Each round does a tick on the one and, on the other, the raw write of
exactly the rows that the tick has just written: the same nodes, links and values, so fresh ones every time, waited for. It
sends lists, as clients do; `ratio_vectors` is against a raw write that sends vectors, as the tick does.
"""

from __future__ import annotations

import random
import statistics
import time

import numpy as np

from worker.graph.attach import attach
from worker.graph.neo4j import Neo4jGraph
from worker.graph.wire import chunks
from worker.settings import Settings
from worker.tick import tick

DEGREE = 10
WARM_UP = 200
DT = 0.1

NODES = """
UNWIND $rows AS row
CREATE (:Node {graph: $graph, id: row[0], type: 'Concept', energy: row[1], threshold: row[2]})
"""
LINKS = """
UNWIND $rows AS row
MATCH (a:Node {graph: $graph, id: row[0]}), (b:Node {graph: $graph, id: row[1]})
CREATE (a)-[:LINK {log_weight: row[2], number: row[3]}]->(b)
"""
KEYS = "MATCH (n:Node) WHERE n.graph = $graph AND n.id IS NOT NULL RETURN n.id AS name, id(n) AS key"
LINK_KEYS = (
    "MATCH (a:Node)-[r:LINK]->() WHERE a.graph = $graph AND a.id IS NOT NULL RETURN r.number AS name, id(r) AS key"
)
RAW = """
CALL {
  UNWIND range(0, size($node) - 1) AS k
  MATCH (n) WHERE id(n) = $node[k]
  SET n.energy = $energy[k]
}
CALL {
  UNWIND range(0, size($link) - 1) AS k
  MATCH ()-[r]->() WHERE id(r) = $link[k]
  SET r.log_weight = $log_weight[k]
}
"""


RAW_VECTORS = """
CYPHER 25
CALL () {
  UNWIND $nodes AS chunk
  WITH toIntegerList(chunk.key) AS key, toFloatList(chunk.after) AS after
  UNWIND range(0, size(key) - 1) AS k
  MATCH (n) WHERE id(n) = key[k]
  SET n.energy = after[k]
}
CALL () {
  UNWIND $links AS chunk
  WITH toIntegerList(chunk.key) AS key, toFloatList(chunk.after) AS after
  UNWIND range(0, size(key) - 1) AS k
  MATCH ()-[r]->() WHERE id(r) = key[k]
  SET r.log_weight = after[k]
}
"""


def build(connection, graph, active, nodes):
    """Create `nodes` nodes of ten links each, the first `active` of them far over their threshold and the rest far below."""
    rng = random.Random(7)
    rows = [
        [f"{i:07}", rng.uniform(90, 110) if i < active else 0.0, 0.001 if i < active else 1000.0] for i in range(nodes)
    ]
    for lo in range(0, len(rows), 20_000):
        connection.statement(NODES, graph=graph, rows=rows[lo : lo + 20_000])
    links = [
        [f"{i:07}", f"{rng.randrange(active, nodes):07}", rng.gauss(0, 1), i * DEGREE + d]
        for i in range(nodes)
        for d in range(DEGREE)
    ]
    for lo in range(0, len(links), 20_000):
        connection.statement(LINKS, graph=graph, rows=links[lo : lo + 20_000])


def measure(connection, active, rounds):
    """Return the ratio of tick to raw write, medians and minima, ms."""
    nodes = 10 * active
    ours, other = f"bench-{active}", f"bench-{active}-raw"
    for graph in (ours, other):
        build(connection, graph, active, nodes)
    node_key = {row["name"]: row["key"] for row in connection.statement(KEYS, graph=other)}
    own_number = {row["key"]: row["name"] for row in connection.statement(LINK_KEYS, graph=ours)}
    link_key = {row["name"]: row["key"] for row in connection.statement(LINK_KEYS, graph=other)}
    capacity = {"capacity": 100 * active}
    held = attach(Neo4jGraph(connection, ours), Settings(graph=ours, fanout=capacity, learning={"rate": 0.1}), "bench")
    graph, sent = held.graph, []
    commit = graph.commit
    graph.commit = lambda changes: (sent.append(changes), commit(changes))
    ticks, raws, vectors, steps = [], [], [], []
    for number in range(WARM_UP + rounds):
        took, frame = _timed(lambda: tick(held, DT))
        changes = sent.pop()
        rows = {
            "node": [node_key[name] for name in changes.nodes.id],
            "energy": changes.nodes.after.tolist(),
            "link": [link_key[own_number[key]] for key in changes.links.key.tolist()],
            "log_weight": changes.links.after.tolist(),
        }
        raw, _ = _timed(lambda rows=rows: connection.statement(RAW, **rows))
        again = {
            kind: chunks({"key": np.array(rows[kind]), "after": np.array(rows[what]) * 1.0000001}, {}, "", vectors=True)
            for kind, what in (("node", "energy"), ("link", "log_weight"))
        }
        vector, _ = _timed(lambda a=again: connection.statement(RAW_VECTORS, nodes=a["node"], links=a["link"]))
        if number >= WARM_UP:
            ticks.append(took)
            raws.append(raw)
            vectors.append(vector)
            steps.append(frame.timings_ms)
    assert frame.moment.frontier.active == active, "the frontier is not steady"
    return {
        "ratio": statistics.median(ticks) / statistics.median(raws),
        "ratio_minimum": min(ticks) / min(raws),
        "tick_ms": statistics.median(ticks),
        "raw_ms": statistics.median(raws),
        "ratio_vectors": statistics.median(ticks) / statistics.median(vectors),
        "nodes_written": len(rows["node"]),
        "links_written": len(rows["link"]),
        **{f"{step}_ms": statistics.median(s[step] for s in steps) for step in steps[0]},
    }


def _timed(work):
    start = time.perf_counter()
    result = work()
    return (time.perf_counter() - start) * 1e3, result
