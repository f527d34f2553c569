"""Recall on WordNet, with a worker that ticks beside it in a process of its own, as fast as its pace allows.

Words in turn, of which each was recalled before (`warm`), and words that nobody has recalled yet (`new`); apart from the context, and
with it. Milliseconds of the whole call, seeds by id and labels included.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

import numpy as np
from platformdirs import user_cache_path

from worker import wordnet
from worker.api import Stridegraph
from worker.database.artifacts import fetch
from worker.graph import bulk
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Settings

WARM = ("coffee", "tea", "violin", "river", "bank", "love", "war", "computer", "bread", "doctor")
NEW = (
    "horse",
    "winter",
    "physics",
    "tower",
    "poem",
    "salt",
    "engine",
    "justice",
    "island",
    "music",
    "finger",
    "cloud",
    "mirror",
    "fear",
)
TURNS = 30


def measure(connection):
    """Return p50 and p95 of warm recalls apart from the context, ms, against 50 and 150 (`ratio`: the worse of the two)."""
    words = wordnet.load(fetch(wordnet.COORDINATE, wordnet.SHA256, user_cache_path("stridegraph")))
    bulk.write(connection, "wordnet", words.nodes, words.links)
    settings = Settings(graph="wordnet")
    graph = Stridegraph(Neo4jGraph(connection, "wordnet"), settings)
    env = {
        **os.environ,
        "STRIDE_NEO4J__URI": connection.settings.uri,
        "STRIDE_NEO4J__USER": connection.settings.user,
        "STRIDE_NEO4J__PASSWORD": connection.settings.password.get_secret_value(),
    }
    command = [sys.executable, "-m", "worker.cli", "run", "--graph", "wordnet", "--json"]
    found = {}
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as beside:
        try:
            for word in WARM:
                graph.inject(f"{word}.n.01", 20.0)
            time.sleep(15)  # until it ticks, and Java has compiled what it needs
            before = (graph.graph.ledger().tick, time.perf_counter())
            for context, name in ((False, ""), (True, "context_")):
                for word in WARM:
                    graph.recall(f"{word}.n.01", context=context)
                times = [_ms(graph, word, context=context) for _ in range(TURNS) for word in WARM]
                new = [_ms(graph, word, context=context) for word in NEW]
                found |= {f"{name}p50_ms": statistics.median(times), f"{name}p95_ms": float(np.percentile(times, 95)),
                          f"{name}new_p50_ms": statistics.median(new), f"{name}new_max_ms": max(new)}  # fmt: skip
            ticks = (graph.graph.ledger().tick - before[0]) / (time.perf_counter() - before[1])
        finally:
            beside.terminate()
    ratio = max(found["p50_ms"] / 50.0, found["p95_ms"] / 150.0)
    return {"ratio": ratio, "ratio_minimum": ratio, **found, "ticks_a_second": ticks}


def _ms(graph, word, *, context):
    start = time.perf_counter()
    assert graph.recall(f"{word}.n.01", context=context).results
    return (time.perf_counter() - start) * 1e3
