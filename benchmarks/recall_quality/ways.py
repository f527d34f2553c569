"""Methods with their settings, by the name that they are told by: what is tuned, what is reported, and how it is run."""

from __future__ import annotations

from multiprocessing import get_context
from typing import Any, NamedTuple

import numpy as np

from benchmarks.recall_quality import methods
from benchmarks.recall_quality.held_out import answers, excluded
from benchmarks.recall_quality.metrics import judged

PROCESSES, PARTS = 2, 4  # a method's questions are worked on in so many parts
DAMPINGS = (0.1, 0.3, 0.5, 0.7, 0.85)
SPREADS = ((200.0, 8, 5.0), (2000.0, 8, 5.0), (2000.0, 8, 10.0))  # energy, ticks, dt of a recall
WORLDS = {}  # by name: put here before processes begin, which share it


class Way(NamedTuple):
    """A function of `methods`, what it is called with, and what each row of its scores is told as."""

    method: str
    arguments: dict[str, Any]
    labels: tuple[str, ...]


DEFAULT = Way("recall", {"changes": {}}, ("recall: defaults",))
OTHERS = (Way("breadth_first", {}, ("breadth first",)), Way("degree", {}, ("degree",)))


def recall(spread, *, all_links):
    own = dict(zip(("energy", "ticks", "dt"), spread, strict=True))
    told = ", ".join(f"{key} {value:g}" for key, value in own.items())
    kind, physics = ("recall, all links", methods.ALL_LINKS) if all_links else ("recall", {})
    return Way("recall", {"changes": {"recall": own, **physics}}, (f"{kind}: {told}",))


def pagerank(weighted, dampings):
    kind = f"PageRank, {'weighted' if weighted else 'unweighted'}"
    return Way(
        "pagerank", {"weighted": weighted, "dampings": dampings}, tuple(f"{kind}: damping {d:g}" for d in dampings)
    )


def tuned():
    """Return all that is tried."""
    return [
        DEFAULT,
        *(recall(spread, all_links=False) for spread in SPREADS),
        *(recall(spread, all_links=True) for spread in ((20.0, 8, 5.0), *SPREADS)),
        *(pagerank(weighted, DAMPINGS) for weighted in (False, True)),
    ]


def best(tried):
    """Return of each kind the way that had the highest MRR."""
    ways = {label: _single(way, i) for way in tuned() for i, label in enumerate(way.labels)}
    kinds = dict.fromkeys(label.partition(":")[0] for label in ways)
    return [ways[max((w for w in ways if w.startswith(f"{k}:")), key=lambda w: tried[w][:, 0].mean())] for k in kinds]


def measure(ways, worlds, queries):
    """Return by world and label, for each query (Q, 4): reciprocal rank and hits@10, and both with known neighbours as candidates."""
    jobs = [(way, world, queries, part) for world in worlds for way in ways for part in range(PARTS)]
    with get_context("fork").Pool(PROCESSES) as pool:
        done = iter(pool.map(_part, jobs, chunksize=1))
    found = {}
    for world in worlds:
        found[world] = {}
        for way in ways:
            rows = np.concatenate([next(done) for _ in range(PARTS)])
            found[world] |= {label: rows[:, row] for row, label in enumerate(way.labels)}
    return found


def _single(way, row):
    if "dampings" not in way.arguments:
        return way
    return way._replace(
        arguments=way.arguments | {"dampings": (way.arguments["dampings"][row],)}, labels=(way.labels[row],)
    )


def _part(job):
    way, name, queries, part = job
    world, others = WORLDS[name], answers(queries)
    mine = [queries[i] for i in np.array_split(np.arange(len(queries)), PARTS)[part]]
    scores = getattr(methods, way.method)(world, [query.source for query in mine], **way.arguments)
    return np.array(
        [
            [
                [*judged(row, query.truth, excluded(query, world, others)), *judged(row, query.truth, [query.source])]
                for row in np.atleast_2d(score)
            ]
            for query, score in zip(mine, scores, strict=True)
        ]
    )
