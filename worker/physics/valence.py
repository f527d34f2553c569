"""Cost (SPEC §5): what a stride along a link costs, by its weight, the goal, novelty and the mood."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from worker.errors import InputError
from worker.physics.kernels import exp, exps, logs
from worker.physics.weights import scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.physics.model import Floats, Frontier, Ints
    from worker.physics.parameters import Parameters, Valence

MOST_WORN = 2048  # visits up to which c_novelty is looked up
NEUTRAL = 0.05  # a norm under it is no feeling at all
LASTING = 0.85  # cosine of the moods of two ticks over which it is the same mood
PATIENCE = 20  # ticks that a mood may last before its resonance shrinks
FATIGUE = 0.05  # by which it then shrinks a tick, as a power of e


class Terms(NamedTuple):
    """The numbers of the cost and of the transfer, as compiled code takes them."""

    z_clip: float
    goal_weight: float
    novelty_weight: float
    novelty_scale: float
    worn: Floats  # (V,) c_novelty by visits, from 0 on: looked up rather than worked out for every link
    resonance: float  # λ_res
    complementarity: float  # λ_comp · min(‖A‖, 1) · g_ctx
    temperature: float
    epsilon: float
    seed: int
    beta: float
    flow: float  # α · Δt


@cache
def _worn(weight: float, scale: float) -> Floats:
    """Return c_novelty by visits, as far as it still grows, and no further than stays in the nearest cache."""
    visits = np.arange(min(math.ceil(38.0 * scale) + 1, MOST_WORN), dtype=np.float64)
    worn: Floats = weight * (1.0 - exps(-visits / scale))
    return worn


class Costs(NamedTuple):
    """The parts of a stride's cost, (M,) each: c = (weight + novelty + goal) · multiplier."""

    weight: Floats
    goal: Floats
    novelty: Floats
    multiplier: Floats

    @property
    def full(self) -> Floats:
        """The cost itself, added up in the kernel's order: so it has the same bits."""
        return (self.weight + self.novelty + self.goal) * self.multiplier


def terms(parameters: Parameters, dt: float, lasted: int = 0) -> Terms:
    """Return the numbers of the cost for a tick of `dt` seconds, in a mood that has `lasted` so many ticks.

    Raises InputError where `dt` is no such number.
    """
    if not 0.0 <= dt < math.inf:
        raise InputError(f"a tick of {dt!r} seconds", "dt is a number of seconds, 0 or more")
    valence = parameters.valence
    strength = min(math.hypot(*valence.affect), 1.0) if valence.affect else 0.0
    return Terms(
        z_clip=parameters.weights.z_clip,
        goal_weight=valence.goal_weight if valence.goal else 0.0,
        novelty_weight=valence.novelty_weight,
        novelty_scale=valence.novelty_scale,
        worn=_worn(valence.novelty_weight, valence.novelty_scale),
        resonance=valence.resonance * exp(-FATIGUE * max(0, lasted - PATIENCE)) if valence.affect else 0.0,
        complementarity=valence.complementarity * strength * valence.context,
        temperature=parameters.select.temperature,
        epsilon=parameters.select.epsilon,
        seed=parameters.select.seed,
        beta=parameters.guards.beta,
        flow=parameters.tick.alpha * dt,
    )


def lasted(before: int, previous: Sequence[float], valence: Valence) -> int:
    """Return for how many ticks in a row the mood has been the same, after the `before` that ended with the mood `previous`."""
    return before + 1 if valence.persistence and cosine(valence.affect, previous) > LASTING else 0


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """Return cos(a, b); NaN where either is missing or zero, or their lengths differ. Sums by `math.fsum`.

    Each is brought to length 1 first, so that no product leaves the range of doubles; rounding leaves no cosine over 1.
    """
    if len(a) != len(b) or not any(a) or not any(b):
        return math.nan
    cos = math.fsum(x * y for x, y in zip(_direction(a), _direction(b), strict=True))
    return min(max(cos, -1.0), 1.0)


def _direction(a: Sequence[float]) -> list[float]:
    """Return the vector of length 1 along a vector that is not zero."""
    exponent = math.frexp(max(map(abs, a)))[1]
    scaled = [math.ldexp(x, -exponent) for x in a]  # exact
    size = math.hypot(*scaled)
    return [x / size for x in scaled]


def resonance(affect: Sequence[float], emotion: Sequence[float]) -> float:
    """Return r = cos(A, emotion); 0 where either is missing, neutral or of another length."""
    if len(affect) != len(emotion) or min(math.hypot(*affect), math.hypot(*emotion)) < NEUTRAL:
        return 0.0
    return cosine(affect, emotion)


def costs(frontier: Frontier, link: Ints, terms: Terms, parameters: Parameters) -> Costs:
    """Return the parts of the cost of each of the links `link` (M,): the kernel's, in the open."""
    links, nodes = frontier.links, frontier.nodes
    target = links.target[link]
    r, distance = links.resonance[links.feeling[link]], (1.0 - nodes.goal_cosine[target]) / 2.0
    exponent = -terms.resonance * r - terms.complementarity * np.maximum(0.0, -r)
    return Costs(
        weight=logs(1.0 + exps(-scores(links, link, frontier.standard, parameters.weights))),
        goal=np.where(np.isnan(distance), 0.0, terms.goal_weight * distance),
        novelty=terms.novelty_weight * (1.0 - exps(-nodes.visits[target] / terms.novelty_scale)),
        multiplier=np.clip(exps(exponent), 0.6, 1.6),
    )
