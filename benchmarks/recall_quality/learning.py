"""Whether use teaches: a stream of pairs that are used together, and then pairs of the same kind that never were.

The kind: two hyponyms of one hypernym, both among the few of its hyponyms that somebody works with. Of such pairs some are used, each as
one event: a stimulus for both, and then ticks with learning. The others are held out: neither is linked with the other, and only
what both have in common can lead from the one to the other. `apart` is the control: the same events for the same nodes, as often, but each
with a partner of another hypernym. What a held-out pair gains over that, it gains by who was used with whom.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from benchmarks.recall_quality.held_out import Query
from worker.graph.copies import Original
from worker.settings import Settings
from worker.trial import Input, attached, ticks

CONTEXTS, USED = 12, 8  # hypernyms, and hyponyms of each that are in use
FEWEST, MOST = 16, 60  # hyponyms that such a hypernym has
HELD = 4  # pairs of each that are held out, of 28
ROUNDS, TICKS, DT = 3, 6, 5.0  # every pair so often; ticks of an event, s
ENERGY, HALF_LIFE = 5.0, 60.0  # Θ for each of the two; s: what came before fades from one event to the next


class Pairs(NamedTuple):
    """Pairs of places."""

    used: list[tuple[int, int]]
    held: list[tuple[int, int]]  # of the same members as those that are used


def pairs(world, seed):
    """Choose hypernyms, members and pairs."""
    rng = np.random.default_rng(seed)
    down = world.kind == "HYPONYM"
    parents, count = np.unique(world.source[down], return_counts=True)
    found = Pairs([], [])
    for parent in rng.choice(parents[(count >= FEWEST) & (count <= MOST)], CONTEXTS, replace=False):
        members = rng.permutation(world.target[down & (world.source == parent)]).tolist()
        both = rng.permutation(list(combinations(members[:USED], 2))).tolist()
        found.held.extend(map(tuple, both[:HELD]))
        found.used.extend(map(tuple, both[HELD:]))
    return found


def apart(used):
    """Return the control: all firsts and seconds as they were, no two of one hypernym together."""
    half = len(used) // 2
    return [(first, second) for (first, _), (_, second) in zip(used, used[half:] + used[:half], strict=True)]


def queries(chosen, world):
    """Return what is asked of pairs, from either end; of those that are not linked. Those of one hypernym are a group."""
    return [
        Query(a, b, (), number // HELD)
        for number, pair in enumerate(chosen)
        for a, b in (pair, pair[::-1])
        if b not in world.neighbours(a)
    ]


def taught(world, used, seed, **changes):
    """Return the log-weights (L,) after the events, in an order by `seed`, and how many ticks that took."""
    settings = Settings.read(graph="wordnet", decay={"half_life": {"*": HALF_LIFE}}, **changes)
    graph = Original(world.graph).copy()
    held = attached(graph, settings, "benchmark")
    done = sum(1 for _ in ticks(held, graph, _events(world, used, seed)))
    return np.array([graph.link[key].properties["log_weight"] for key in world.link]), done


def _events(world, used, seed):
    rng = np.random.default_rng(seed)
    for number in range(ROUNDS):
        for place in rng.permutation(len(used)).tolist():
            names = [world.ids[node] for node in used[place]]
            stimuli = [
                {"id": f"{number}.{place}.{own}", "node": own, "delta": ENERGY, "source": "use"} for own in names
            ]
            yield Input(DT, stimuli)
            yield from [Input(DT)] * (TICKS - 1)
