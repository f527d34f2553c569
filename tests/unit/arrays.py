"""Small arrays for the physics, built from plain lists."""

from __future__ import annotations

import numpy as np

from worker.graph.resident import fingerprint
from worker.physics.model import Frontier, Links, Nodes, Standard, Strides
from worker.physics.parameters import Parameters

PLAIN = Parameters()


def nodes(energy, **columns):
    """Return node columns: half-life 14 400 s, Θ = 1, nothing else, unless given."""
    n = len(energy)
    default = {
        "energy_at": 0.0, "half_life": 14_400.0, "threshold": 1.0, "stickiness": 1.0, "visits": 0,
        "goal_cosine": np.nan, "stimulus": 0.0,
    }  # fmt: skip
    filled = {k: np.broadcast_to(np.asarray(v, float), n).copy() for k, v in {**default, **columns}.items()}
    filled["visits"] = filled["visits"].astype(np.int64)
    return Nodes(energy=np.array(energy, float), **filled)


def frontier(energy, links, sources, *, active=None, clock=0.0, tick=1, mean=0.0, scale=1.0, **columns):
    """Return a frontier over links given as (source, target, log_weight[, resonance, emotion]), in order, of one type."""
    rows = [(*link, 0.0, 0.0)[:5] for link in links]
    starts = [next((k for k, row in enumerate(rows) if row[0] == s), 0) for s in sources]
    return Frontier(
        sources=np.array(sources, np.int32),
        start=np.array(starts, np.int64),
        degree=np.array([sum(row[0] == s for row in rows) for s in sources], np.int32),
        retried=np.zeros(len(sources), np.bool_),
        active=len(sources) if active is None else active,
        clock=clock,
        tick=tick,
        name=np.array([fingerprint(str(s)) for s in sources], np.uint64),
        nodes=nodes(energy, **columns),
        links=Links(
            target=np.array([row[1] for row in rows], np.int32),
            type=np.zeros(len(rows), np.uint16),
            log_weight=np.array([row[2] for row in rows], float),
            feeling=np.arange(len(rows), dtype=np.int32),
            resonance=np.array([row[3] for row in rows], float),
            emotion=np.array([row[4] for row in rows], float),
        ),
        standard=Standard(np.array([mean]), np.array([scale]), np.array([False])),
    )


def strides(rows):
    """Return strides from (source, target, link, ΔE)."""
    source, target, link, energy = (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 4
    n = len(rows)
    return Strides(
        source=np.array(source, np.int32),
        target=np.array(target, np.int32),
        link=np.array(link, np.int64),
        rank=np.zeros(n, np.int32),
        cost=np.zeros(n),
        share=np.ones(n),
        energy=np.array(energy, float),
        strategy=np.zeros(n, np.int32),
        explored=np.zeros(n, np.bool_),
    )
