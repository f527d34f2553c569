"""What it takes to hold a whole graph: attaching and reading all links; against rows, and against the server's own scan."""

from __future__ import annotations

import ctypes
import gc
import statistics

import numpy as np
import pandas as pd
import psutil

from benchmarks.common import exponent, interleaved, timed
from benchmarks.queries import query
from benchmarks.world import DEGREE, build, remove
from worker.graph import bulk
from worker.graph.attach import attach, detach
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Settings

NODES = 10_000
LINKS = (10_000, 100_000, 1_000_000)
AT_ONCE = 10_000  # sources whose links are read in one query, as a tick's frontier
REST = 0.5  # energy of every node, below its threshold: so that attaching reads them all


def whole(connection, rounds, nodes=NODES):
    """Return how many times faster a worker loads all links than a client does by rows, and than the server scans them."""
    build(connection, "bench-whole", 0, nodes, rest=REST)
    links = nodes * DEGREE
    took = interleaved(
        {
            "load": lambda: timed(lambda: _load(connection, "bench-whole", links))[0],
            "rows": lambda: timed(lambda: _rows(connection, "bench-whole", links))[0],
            "scan": lambda: timed(lambda: _scan(connection, "bench-whole", links))[0],
        },
        rounds,
        warm_up=3,
    )
    remove(connection, "bench-whole")
    median = {name: statistics.median(times) for name, times in took.items()}
    return {
        **{f"times_faster_than_{name}": median[name] / median["load"] for name in ("rows", "scan")},
        **{f"times_faster_than_{name}_minimum": min(took[name]) / min(took["load"]) for name in ("rows", "scan")},
        **{f"{name}_ms": ms for name, ms in median.items()},
        "links": links,
        "links_per_second": links / median["load"] * 1e3,
    }


def by_links(connection, sizes=LINKS):
    """Return what graphs of so many links take to import, to attach to and to load, once each, and the memory held."""
    found = {name: [] for name in ("import_s", "attach_s", "load_s", "bytes_a_link")}
    _by_links(connection, "bench-links-warm", sizes[0])  # what is compiled, here and there, is not counted
    for links in sizes:
        for name, value in _by_links(connection, f"bench-links-{links}", links).items():
            found[name].append(value)
    return {
        "links": list(sizes),
        **found,
        **{f"{name}_exponent": exponent(sizes[1:], found[f"{name}_s"][1:]) for name in ("import", "attach", "load")},
    }


def _by_links(connection, graph, links):
    nodes, table = _tables(links)
    imported, _ = timed(lambda: bulk.write(connection, graph, nodes, table))
    before = _memory()
    attached, held = timed(lambda: attach(Neo4jGraph(connection, graph), Settings(graph=graph), "bench"))
    loaded, _ = timed(lambda: _all_links(held))
    assert held.resident.link_count == links
    size = _memory() - before
    detach(held)
    remove(connection, graph)
    return {
        "import_s": imported / 1e3,
        "attach_s": attached / 1e3,
        "load_s": loaded / 1e3,
        "bytes_a_link": size / links,
    }


def _tables(links):
    """Return tables of nodes and of as many links, ten a node, none twice: each node leads to ten that lie at random distances."""
    rng = np.random.default_rng(7)
    count = links // DEGREE
    ids = np.array([f"{i:07}" for i in range(count)])
    source = np.repeat(np.arange(count), DEGREE)
    target = (source + np.tile(1 + rng.choice(count - 1, DEGREE, replace=False), count)) % count
    nodes = pd.DataFrame({"id": ids, "type": "Concept", "energy": REST})
    table = pd.DataFrame(
        {"source": ids[source], "target": ids[target], "type": "LINK", "log_weight": rng.normal(size=links)}
    )
    return nodes, table


def _load(connection, graph, links):
    held = attach(Neo4jGraph(connection, graph), Settings(graph=graph), "bench")
    _all_links(held)
    assert held.resident.link_count == links
    detach(held)


def _all_links(held):
    everyone = np.arange(len(held.resident.ids), dtype=np.int32)
    for lo in range(0, len(everyone), AT_ONCE):
        held.resident.read_links(held.graph, everyone[lo : lo + AT_ONCE])


def _rows(connection, graph, links):
    assert len(connection.statement(query("rows"), graph=graph)) == links


def _scan(connection, graph, links):
    assert connection.statement(query("scan"), graph=graph)[0]["links"] == links


def _memory():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed is given back, so that nothing new hides in it
    return psutil.Process().memory_info().rss
