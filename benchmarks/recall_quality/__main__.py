"""`python -m benchmarks.recall_quality`: does recall find what is known to belong together? Prints tables, keeps them, and the figures as JSON.

Settings and dampings are chosen on one half of the hidden pairs, and all figures are of the other. It needs no database.
"""

from __future__ import annotations

import datetime
import json
import platform
import time
from collections import defaultdict
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path
from rich.console import Console

from benchmarks.recall_quality import learning
from benchmarks.recall_quality.held_out import World, asked, hide, pairs
from benchmarks.recall_quality.methods import warm
from benchmarks.recall_quality.metrics import interval
from benchmarks.recall_quality.tables import page
from benchmarks.recall_quality.ways import DEFAULT, OTHERS, PROCESSES, WORLDS, best, measure, tuned
from worker import wordnet
from worker.database.artifacts import fetch

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "recall-quality.json"
PAGE = ROOT / "docs" / "explanation" / "_does_it_help.md"
SHARE, SEED = 0.01, 20  # of the pairs that are linked
TUNED, REPORTED = 100, 300  # questions, of one half of the pairs and of the other
STREAMS = {"used": lambda used: used, "apart": learning.apart}
RATE = 0.05  # of learning: a short stream is then as one five times as long at the default 0.01
console = Console()


def main():
    started = time.perf_counter()
    jar = fetch(wordnet.COORDINATE, wordnet.SHA256, user_cache_path("stridegraph"))
    hidden = hide(wordnet.load(jar).links, SHARE, SEED)
    left = wordnet.load(jar, pairs(hidden))
    WORLDS["untrained"] = World(left.nodes, left.links)
    warm(WORLDS["untrained"])
    queries = asked(hidden, WORLDS["untrained"])
    tuning, reported = (
        [query for query in queries if query.group % 2 == half][:most] for half, most in ((0, TUNED), (1, REPORTED))
    )
    console.print(f"{len(pairs(hidden))} pairs hidden; tuning on {len(tuning)} questions of one half …")
    tried = measure(tuned(), ["untrained"], tuning)["untrained"]
    ways = best(tried)
    console.print(f"measuring on {len(reported)} of the other …")
    ways = [DEFAULT, *(way for way in ways if way != DEFAULT)]
    found = measure([*ways, *OTHERS], ["untrained"], reported)["untrained"]
    result = {
        "at": datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "seed": SEED,
        "hidden": {
            "pairs": len(pairs(hidden)),
            "links": len(hidden),
            "answerable": len(queries),
            "tuning": len(tuning),
        },
        "tuning": {label: figures(values, tuning) for label, values in tried.items()},
        "links": {label: figures(values, reported) for label, values in found.items()},
        "better": better(found, reported),
        "types": by_type(found, reported),
    }
    keep(result, started)
    result["learning"] = teach(ways)
    keep(result, started)
    console.print(page(result), markup=False)


def keep(result, started):
    """Write down what there is so far."""
    result["seconds"] = round(time.perf_counter() - started)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    PAGE.write_text(page(result))


def figures(values, queries):
    """Return what is told of a method: each a mean with its interval."""
    groups = [query.group for query in queries]
    names = ("mrr", "hits", "mrr_with_neighbours", "hits_with_neighbours")
    return {name: interval(column, groups) for name, column in zip(names, values.T, strict=True)} | {"n": len(queries)}


def better(found, queries):
    """Return by how much each method is over the better PageRank, question by question."""
    judge = max((label for label in found if label.startswith("PageRank")), key=lambda label: found[label][:, 0].mean())
    return {label: figures(values - found[judge], queries) for label, values in found.items() if label != judge}


def by_type(found, queries):
    """Return MRR and hits@10 of each method by the type of the hidden link, from the node asked from to the right one."""
    of_type = defaultdict(list)
    for i, query in enumerate(queries):
        for kind in query.kinds:
            of_type[kind].append(i)
    return {
        kind: {label: figures(values[which], [queries[i] for i in which]) for label, values in found.items()}
        for kind, which in sorted(of_type.items(), key=lambda item: -len(item[1]))
    }


def teach(ways):
    """Return how held-out pairs are found before and after learning, and after the same use of other pairs."""
    world, ways = WORLDS["untrained"], [way for way in ways if way.arguments.get("weighted", True)]
    chosen = learning.pairs(world, SEED)
    console.print(f"{len(chosen.used)} pairs are used, each {learning.ROUNDS} times …")
    with get_context("fork").Pool(PROCESSES) as pool:
        taught = pool.starmap(_taught, [(name, chosen.used) for name in STREAMS])
    for name, (weights, _) in zip(STREAMS, taught, strict=True):
        WORLDS[name] = world.weighing(weights)
    queries = learning.queries(chosen.held, world)
    found = measure(ways, list(WORLDS), queries)
    return {
        "ticks": taught[0][1],
        "learned": {
            name: int(np.count_nonzero(weights != world.log_weight))
            for name, (weights, _) in zip(STREAMS, taught, strict=True)
        },
        "found": {
            name: {label: figures(values, queries) for label, values in of.items()} for name, of in found.items()
        },
        "lift": {
            name: {label: figures(values - found[name][label], queries) for label, values in found["used"].items()}
            for name in ("untrained", "apart")
        },
    }


def _taught(name, used):
    return learning.taught(WORLDS["untrained"], STREAMS[name](used), SEED, learning={"rate": RATE})


main()
