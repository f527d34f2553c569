"""Hubs (SPEC §4): whether the few links that are held of a node with very many are all that its strides depend on.

A link that is not held never grows cheaper by visits, and the statistics by which weights are read are known at every tick.
So a group of such links costs no less than its heaviest would, at the visits that it was ranked by.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from worker.physics.kernels import base_costs, standard_scores
from worker.physics.model import Links
from worker.physics.weights import standard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from worker.physics.model import Bools, Floats, Frontier, Ints, UInt16s, WeightStats
    from worker.physics.parameters import Parameters
    from worker.physics.valence import Terms

    Place = tuple[str, str, int]  # id of the target, link type, key of the link: the order of ties (§2)

ROUNDING = 1e-12  # more than a cost can be off by: of two weights read almost alike, the heavier might seem dearer
SATURATED = 38.0  # visits, in units of `novelty_scale`, from which on c_novelty has the same bits


class Ranking(NamedTuple):
    """The numbers by which links are ranked where they are stored."""

    standard: Mapping[str, tuple[float, float]]  # μ and scale by link type (§3)
    otherwise: tuple[float, float]  # those of a type that the statistics don't know
    clip: float
    novelty: float
    wear: float  # visits after which novelty has fallen to 1/e
    most: int  # visits from which on it falls no more


class Rest(NamedTuple):
    """What a hub's links are that are not held: groups of one link type, their targets visited alike, (G,) each."""

    type: UInt16s  # index of the link type
    visits: Ints  # of each target, at least
    lightest: Floats  # log-weights
    heaviest: Floats
    first: Sequence[Place]  # the first in the order of ties


def ranking(stats: Mapping[str, WeightStats], parameters: Parameters) -> Ranking:
    """Return how links are to be ranked: by c_weight + c_novelty, under these statistics (§5)."""
    kinds, valence = sorted(stats), parameters.valence
    read = standard([*kinds, ""], stats, parameters.weights)
    pairs = list(zip(read.mean.tolist(), read.scale.tolist(), strict=True))
    return Ranking(
        standard=dict(zip(kinds, pairs, strict=False)),
        otherwise=pairs[-1],
        clip=parameters.weights.z_clip,
        novelty=valence.novelty_weight,
        wear=valence.novelty_scale,
        most=math.ceil(SATURATED * valence.novelty_scale) if valence.novelty_weight > 0.0 else 0,
    )


def only(frontier: Frontier, s: int) -> Frontier:
    """Return a frontier that has source s alone."""
    return frontier._replace(start=frontier.start[s : s + 1], degree=frontier.degree[s : s + 1])


def suffices(frontier: Frontier, kept: int, rest: Rest, terms: Terms, place: Callable[[int], Place]) -> bool:
    """Return whether the `kept` cheapest of the only source's links, of all it has, are among those that are held.

    That is so where no link of the rest comes before the dearest of them. Links of one group that are read alike cost the
    same to the bit, and then the order of ties decides; of others rounding might turn the order round, and is allowed for.
    """
    base = _base(frontier, terms)
    dearest = int(np.argsort(base, kind="stable")[kept - 1])
    least, alike = _least(frontier, rest, terms)
    doubtful = np.flatnonzero(np.where(alike, base[dearest] >= least, base[dearest] >= least - ROUNDING))
    here = place(int(frontier.start[0]) + dearest)
    return all(alike[g] and base[dearest] == least[g] and here < rest.first[g] for g in doubtful.tolist())


def _least(frontier: Frontier, rest: Rest, terms: Terms) -> tuple[Floats, Bools]:
    """Return what a link of each group costs at least, by weight and novelty, and whether all of it are read alike."""
    links, each = _as_links(rest, rest.heaviest), np.arange(len(rest.type))
    alone = frontier._replace(
        start=np.zeros(1, dtype=np.int64),
        degree=np.array([len(each)], dtype=np.int32),
        links=links,
        nodes=frontier.nodes._replace(visits=rest.visits),
    )
    lightest = standard_scores(_as_links(rest, rest.lightest), each, frontier.standard, terms.z_clip)
    alike: Bools = lightest == standard_scores(links, each, frontier.standard, terms.z_clip)
    return _base(alone, terms), alike


def _as_links(rest: Rest, log_weight: Floats) -> Links:
    """Return a link for each group, to a node of its own."""
    each = np.arange(len(rest.type), dtype=np.int32)
    return Links(each, rest.type, log_weight, each, np.zeros(len(each)), np.zeros(len(each)))


def _base(frontier: Frontier, terms: Terms) -> Floats:
    """Return c_weight + c_novelty of the only source's links, by the kernel that selects."""
    base = np.empty((int(frontier.degree[0]), 1))
    base_costs(frontier, np.zeros(1, dtype=np.int64), terms, base, np.empty(len(base)))
    return base.reshape(len(base))
