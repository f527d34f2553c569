"""What a link costs in the worker's memory: the process's resident pages, before and after a graph is taken in.

300 000 nodes and 3 000 000 links as a neighbourhood is read, in chunks, by the worker's own way in; what a chunk was read from is
given back. Names of nodes and the map from keys to them are Python's own objects, and are told apart.
"""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys

import numpy as np
import psutil

from worker.graph.port import LinkRows, NodeRows
from worker.graph.resident import Resident
from worker.physics.parameters import Parameters

NODES, DEGREE, CHUNK = 300_000, 10, 5_000
AIM = 28.0


class Source:
    """A graph that makes up what is read of it: nodes with energy, ten links each."""

    rng = np.random.default_rng(11)

    def nodes(self, keys):
        n = len(keys)
        return NodeRows(
            key=list(keys), id=[f"node-{key:07}" for key in keys], type=["Concept"] * n, energy=[1.0] * n,
            energy_at=[0.0] * n, threshold=[None] * n, visits=[None] * n, embedding=[None] * n, emotion=[None] * n,
            entities=[[]] * n, retention=[None] * n,
        )  # fmt: skip

    def links(self, keys, _):
        source = np.repeat(np.array(keys), DEGREE)
        target = (source + self.rng.integers(1, NODES, len(source))) % NODES
        rows = LinkRows(
            key=(source * DEGREE + np.tile(np.arange(DEGREE), len(keys))).tolist(), source=source.tolist(),
            target=target.tolist(), type=["RELATES"] * len(source), log_weight=self.rng.normal(size=len(source)).tolist(),
            emotion=[None] * len(source),
        )  # fmt: skip
        return rows, np.empty(0, dtype=np.int64)


def measure(_):
    """Return bytes a link: of the links in resident pages (`ratio`: of 28), as columns, and with all nodes."""
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory"], check=True, capture_output=True, text=True
    ).stdout
    columns, links, whole = map(float, found.split())
    return {"ratio": links / AIM, "ratio_minimum": links / AIM, "links_bytes": links, "columns_bytes": columns, "with_nodes_bytes": whole}  # fmt: skip


def main():
    graph, resident = Source(), Resident(Parameters(), clock=0.0)
    bare = _pages()
    for lo in range(0, NODES, CHUNK):
        resident.add(graph.nodes(range(lo, lo + CHUNK)))
    before = _pages()
    for lo in range(0, NODES, CHUNK):
        resident.read_links(graph, np.arange(lo, lo + CHUNK, dtype=np.int32))
    after, count = _pages(), resident.link_count
    columns = sum(resident.link(name).itemsize for name in ("key", "target", "type", "log_weight", "feeling"))
    print(columns, (after - before) / count, (after - bare) / count)


def _pages():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return psutil.Process().memory_info().rss


if __name__ == "__main__":
    main()
