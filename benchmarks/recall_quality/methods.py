"""What is compared: each takes a world and the nodes to ask from, and yields for each node a score of every node (N,).

Recall is `worker.recall` itself on a graph in memory, whose ticks are those on Neo4j to the bit (`tests/property/test_recall.py`,
`tests/conformance`). The others get the same links and, where they use any, the same weights.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from worker.physics.weights import standard
from worker.recall import Limits, Recaller, Seed
from worker.settings import Settings

TERMS = 30  # of PageRank's series: at damping 0.85 that leaves out 0.8 % of the whole, at 0.7 two in a hundred thousand
BATCH = 32  # nodes that PageRank works on at once
ALL_LINKS = {"fanout": {"task_mode": "methodical"}, "select": {"topk": "all"}}  # neither the cut of §4 nor that of §6
NO_LIMITS = Limits(10**9, 1e12)


def warm(world):
    """Have the compiled code loaded that recall needs, so that processes begun from here on need not."""
    for changes in ({}, ALL_LINKS):
        Recaller(world.graph, Settings.read(graph="wordnet", **changes))


def recall(world, nodes, changes):
    """Yield the energies that a recall with these changes of the settings brings."""
    settings = Settings.read(graph="wordnet", **changes)
    recaller, energy = Recaller(world.graph, settings), settings.recall.energy * settings.threshold.default
    for node in nodes:
        activation = recaller.activation([Seed(world.ids[node], world.key[node], energy)], limits=NO_LIMITS)
        score = np.zeros(len(world.ids))
        score[[world.place[own] for own in activation.energy]] = list(activation.energy.values())
        yield score


def pagerank(world, nodes, weighted, dampings):
    """Yield personalised PageRank (len(dampings), N): Σ_k (1 − d) d^k Pᵀ^k v. From a node without links it goes back to v."""
    step, dangling = _step(world, weighted=weighted)
    for first in range(0, len(nodes), BATCH):
        batch = nodes[first : first + BATCH]
        term = np.zeros((len(world.ids), len(batch)))
        term[batch, range(len(batch))] = 1.0
        rank = np.multiply.outer(1.0 - np.array(dampings), term)
        for k in range(1, TERMS):
            lost = term[dangling].sum(axis=0)
            term = step @ term
            term[batch, range(len(batch))] += lost
            for i, damping in enumerate(dampings):
                rank[i] += (1.0 - damping) * damping**k * term
        for column in range(len(batch)):
            yield rank[:, :, column]


def breadth_first(world, nodes):
    """Yield 1 ÷ (1 + steps to it), 0 for what is out of reach."""
    for node in nodes:
        yield 1.0 / (1.0 + dijkstra(world.out, indices=node, unweighted=True))


def degree(world, nodes):
    """Yield how many nodes each is linked with: the same for all."""
    found = np.diff(world.around.indptr).astype(float)
    for _ in nodes:
        yield found


def _step(world, *, weighted):
    """Return the transposed transition matrix, of links alike or by w̃ = e^z as ticks read them (SPEC §3), and who has no links."""
    values = np.exp(_z(world)) if weighted else np.ones(len(world.source))
    links = world.matrix(values).tocsr()
    total = links.sum(axis=1)
    shares = links.data / np.repeat(total, np.diff(links.indptr))
    return csr_array((shares, links.indices, links.indptr), shape=links.shape).T.tocsr(), total == 0.0


def _z(world):
    settings = Settings.read(graph="wordnet").weights
    kinds, code = np.unique(world.kind, return_inverse=True)
    found = standard(kinds.tolist(), world.graph.weights(), settings)
    return np.clip((world.log_weight - found.mean[code]) * found.scale[code], -settings.z_clip, settings.z_clip)
