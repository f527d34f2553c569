"""Links that are hidden, what is left of the graph without them, and what is then asked.

What is hidden is a pair of nodes with all links between them: nearly every pointer of WordNet has an inverse (a hypernym's is a hyponym),
and 97 % of its pairs are linked both ways, so that hiding one link would leave the answer in the other. Weights are worked out
anew without the hidden pointers, since a weight tells how many links of its type its ends have.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from worker.graph.memory import MemoryGraph


class Query(NamedTuple):
    """A node, and the one that it was linked to, by their places."""

    source: int
    truth: int
    kinds: tuple[str, ...]  # types of the hidden links from the one to the other
    group: int  # the pair's number: what is asked from either end is no independent evidence


class World:
    """A graph in memory, and the same as arrays: nodes by their place (N,), links by the places of their ends (L,)."""

    def __init__(self, nodes, links):
        self.nodes, self.links = nodes, links
        self.ids = nodes["id"].tolist()
        self.place = {own: i for i, own in enumerate(self.ids)}
        self.source, self.target = (links[end].map(self.place).to_numpy(np.int64) for end in ("source", "target"))
        self.kind, self.log_weight = links["type"].to_numpy(), links["log_weight"].to_numpy()
        self.graph = MemoryGraph("wordnet", now=lambda: 0.0)
        self.key = [self.graph.add_node(id=own, type=kind) for own, kind in zip(self.ids, nodes["type"], strict=True)]
        self.link = [
            self.graph.add_link(self.key[a], self.key[b], kind, log_weight=weight)
            for a, b, kind, weight in zip(
                self.source.tolist(), self.target.tolist(), self.kind, self.log_weight.tolist(), strict=True
            )
        ]
        self.graph.stats = dict(self.graph.weights())
        self.out = self.matrix(np.ones(len(self.source)))
        self.around = (self.out + self.out.T).tocsr()

    def weighing(self, log_weight):
        """Return the same with other log-weights (L,), and with no energy and no visit."""
        return World(self.nodes, self.links.assign(log_weight=log_weight))

    def matrix(self, values):
        """Return links as a matrix, source by target; those of several types between two nodes are added up."""
        return csr_array((values, (self.source, self.target)), shape=(len(self.ids),) * 2)

    def neighbours(self, node):
        """Return the nodes that are linked with one, either way."""
        return self.around.indices[self.around.indptr[node] : self.around.indptr[node + 1]]


def hide(links, share, seed):
    """Return all links of this share of the pairs that are linked at all."""
    code, ids = pd.factorize(pd.concat([links["source"], links["target"]]))
    a, b = code[: len(links)], code[len(links) :]
    pair = np.minimum(a, b) * len(ids) + np.maximum(a, b)
    linked = np.unique(pair)
    return links[np.isin(pair, np.random.default_rng(seed).choice(linked, round(share * len(linked)), replace=False))]


def pairs(links):
    """Return the pairs that these links are between."""
    return set(map(frozenset, zip(links["source"], links["target"], strict=True)))


def asked(hidden, world):
    """Return what is asked of each hidden pair, from either end, in an order that says nothing; not where an end has no link left.

    No method that goes by links can answer that: a quarter of WordNet's pairs has an end with one link, most of them leaves.
    """
    kinds = hidden.groupby(["source", "target"])["type"].agg(tuple).to_dict()
    linked = np.diff(world.around.indptr) > 0
    mixed = np.random.default_rng(0).permutation(sorted(map(sorted, pairs(hidden)))).tolist()
    return [
        Query(world.place[a], world.place[b], kinds.get((a, b), ()), number)
        for number, pair in enumerate(mixed)
        if all(linked[world.place[own]] for own in pair)
        for a, b in (pair, pair[::-1])
    ]


def answers(queries):
    """Return all right nodes of each node that is asked from: those not asked for in a query are no wrong answers to it."""
    found = defaultdict(set)
    for query in queries:
        found[query.source].add(query.truth)
    return found


def excluded(query, world, others):
    """Return the nodes that are no candidates: the one asked from, those it is linked with, and its other right ones."""
    return [query.source, *world.neighbours(query.source).tolist(), *sorted(others[query.source] - {query.truth})]
