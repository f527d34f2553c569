"""A steady tick against what a client would write without this program: a loop in Python, and one Cypher statement.

All three start from graphs of the same content, and follow one rule: the cheapest five of ten links kept, the best four taken,
shares, cap, learning by rank. The other two know the statistics of the weights beforehand, look at nobody's updates, keep no
ledger, no visits and no books, and decay nothing: they write the same energies and log-weights, and no more. After the first
tick all energies are compared; the rows written are counted in every one.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from statistics import NormalDist

import neo4j
import numpy as np

from benchmarks.common import WARM_UP, Steady, interleaved, timed
from benchmarks.queries import query
from benchmarks.world import DT, build
from worker.physics.parameters import Guards, Learning, Select, Tick

ACTIVE, KEPT = 1_000, 5
ALPHA, BETA, SELECT, MOST = Tick().alpha, Guards().beta, Select(), Learning().log_weight_max
RATE = 0.1  # as `steady_settings` has it
BACKGROUND, LEAST = 0.3, 1e-7
FEW = 20  # rounds that warm the others up: their statements are compiled within a few
QUANTILE = NormalDist().inv_cdf


def measure(connection, rounds):
    """Return how many times faster a tick is than the loop, and than the one statement."""
    graphs = {name: f"bench-{name}" for name in ("tick", "naive", "query")}
    for graph in graphs.values():
        build(connection, graph, ACTIVE, 10 * ACTIVE)
    with Steady(connection, graphs["tick"], ACTIVE, valence={"novelty_weight": 0.0}) as steady:
        naive, one = Naive(connection, graphs["naive"], steady), OneQuery(connection, graphs["query"], steady)
        ways = {"tick": steady.tick, "naive": naive.tick, "query": one.tick}
        interleaved(ways, 1)
        _agree(connection, graphs)
        for _ in range(WARM_UP):
            steady.tick()
        took = interleaved(ways, rounds, FEW)
        written = {"tick": tuple(steady.written().values()), "naive": naive.written, "query": one.written}
        for name, counts in written.items():
            assert all(abs(a - b) <= 0.03 * b for a, b in zip(counts, written["tick"], strict=True)), (name, written)
    median = {name: statistics.median(times) for name, times in took.items()}
    return {
        **{f"{name}_ms": ms for name, ms in median.items()},
        **{f"times_faster_than_{name}": median[name] / median["tick"] for name in ("naive", "query")},
        **{f"times_faster_than_{name}_minimum": min(took[name]) / min(took["tick"]) for name in ("naive", "query")},
        **{f"{name}_{what}": count for name, counts in written.items() for what, count in zip(("nodes", "links"), counts, strict=True)},
    }  # fmt: skip


class Naive:
    """Hydrated rows, a loop in Python, maps by the nodes' own ids."""

    def __init__(self, connection, graph, steady):
        self.connection, self.graph, self.written = connection, graph, (0, 0)
        self.read = neo4j.Query(query("naive_read"))
        self.write = query("naive_write")
        self.mean, self.scale = reading(steady)

    def tick(self):
        """Return the ms of a tick."""
        return timed(self._tick)[0]

    def _tick(self):
        links = defaultdict(list)
        for row in self.connection.statement(self.read.text, graph=self.graph):
            links[row["n"]].append((row["r"], row["m"]))
        strides = [stride for node in links for stride in self.strides(node["energy"], links[node], node)]
        energy = {}
        for source, _, target, moved in strides:
            energy[source["id"]] = energy.get(source["id"], source["energy"]) - moved
            energy[target["id"]] = energy.get(target["id"], target["energy"]) + moved
        row = self.connection.statement(
            self.write,
            graph=self.graph,
            nodes=[{"id": own, "energy": value} for own, value in energy.items()],
            links=[
                {"source": source["id"], "target": target["id"], "number": link["number"], "log_weight": link["log_weight"] + learned}
                for (source, link, target, _), learned in zip(strides, learn(strides), strict=True)
                if learned >= LEAST
            ],
        )[0]  # fmt: skip
        self.written = row["nodes"], row["links"]

    def strides(self, energy, links, source):
        """Return the strides of one source: (source, link, target, energy)."""
        z = [max(-3.0, min(3.0, (link["log_weight"] - self.mean) * self.scale)) for link, _ in links]
        cost = [math.log(1.0 + math.exp(-value)) for value in z]
        order = sorted(range(len(links)), key=lambda k: (cost[k], links[k][1]["id"], links[k][0].element_id))
        chosen = order[: min(KEPT, SELECT.topk)]
        parts = [math.exp(-cost[k] / SELECT.temperature) for k in chosen]
        moved = [
            energy * part / sum(parts) * math.exp(z[k]) * ALPHA * DT for k, part in zip(chosen, parts, strict=True)
        ]
        shrunk = min(1.0, BETA * energy / sum(moved))
        return [(source, *links[k], amount * shrunk) for k, amount in zip(chosen, moved, strict=True)]


class OneQuery:
    """The same tick as one statement."""

    def __init__(self, connection, graph, steady):
        mean, scale = reading(steady)
        self.connection, self.text, self.written = connection, query("one_query"), (0, 0)
        self.parameters = {
            "graph": graph, "mean": mean, "scale": scale, "topk": SELECT.topk, "temperature": SELECT.temperature,
            "flow": ALPHA * DT, "beta": BETA, "rate": RATE, "most": MOST,
        }  # fmt: skip

    def tick(self):
        """Return the ms of a tick."""
        took, rows = timed(lambda: self.connection.statement(self.text, **self.parameters))
        self.written = rows[0]["nodes"], rows[0]["links"]
        return took


def reading(steady):
    """Return the mean of the log-weights, and the factor that makes them standard scores."""
    stats = steady.held.stats["LINK"]
    return stats.mean, 1.0 / max(stats.std, 0.5)


def learn(strides):
    """Return what each stride's link learns, by the rank of what it did for its target."""
    phi = []
    for _, _, target, moved in strides:
        gap = max(0.0, target["threshold"] - target["energy"])
        phi.append(min(moved, gap) / (gap + 1e-6 * target["threshold"]) if gap else 0.0)
    rank = np.empty(len(phi))
    rank[np.argsort(phi)] = np.arange(1, len(phi) + 1)
    return [
        BACKGROUND * RATE * min(1.0, moved / target["threshold"]) * max(0.0, 1.0 + QUANTILE(place / (len(phi) + 1)))
        * (1.0 - link["log_weight"] / MOST)
        for (_, link, target, moved), place in zip(strides, rank.tolist(), strict=True)
    ]  # fmt: skip


def _agree(connection, graphs):
    """Hold the energies that all have written to each other; the tick's own are as of the start of the epoch."""
    found = {name: _energies(connection, graph) for name, graph in graphs.items()}
    for name, energies in found.items():
        assert energies.keys() == found["tick"].keys(), name
        np.testing.assert_allclose(list(energies.values()), list(found["tick"].values()), rtol=1e-9, err_msg=name)


def _energies(connection, graph):
    rows = connection.statement(query("energies"), graph=graph)
    return dict(zip(rows[0]["id"], rows[0]["energy"], strict=True))
