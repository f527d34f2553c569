"""Reading weights (SPEC §3): standard scores by link type, and the statistics they stand on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from worker.physics.kernels import exps, standard_scores
from worker.physics.model import Standard, WeightStats
from worker.physics.sums import summed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from worker.physics.model import Floats, Ints, Links
    from worker.physics.parameters import Weights

LARGEST = 1e100  # a log-weight beyond it is none: sums of its square would leave the range of doubles
ENOUGH = 3  # links from which on a type has statistics of its own
NONE = WeightStats(0, 0.0, 0.0)


def standard(types: Sequence[str], stats: Mapping[str, WeightStats], parameters: Weights) -> Standard:
    """Return how log-weights of each type are read: μ_T and 1 / max(σ_T, std_floor).

    A type with fewer than 3 links is read by the statistics of all links, flagged; fewer than 3 of all: w̃ = 1.
    """
    everything = merge(stats[kind] for kind in sorted(stats))
    used = [stats.get(kind, NONE) for kind in types]
    low = np.array([s.n < ENOUGH for s in used], dtype=np.bool_)
    used = [everything if s.n < ENOUGH else s for s in used]
    return Standard(
        mean=np.array([s.mean for s in used], dtype=np.float64),
        scale=np.array(
            [1.0 / max(s.std, parameters.std_floor) if s.n >= ENOUGH else 0.0 for s in used], dtype=np.float64
        ),
        low_confidence=low,
    )


def scores(links: Links, which: Ints, standard: Standard, parameters: Weights) -> Floats:
    """Return z = clip((log w − μ_T) / max(σ_T, std_floor), ±z_clip) of the links `which` (M,)."""
    z: Floats = standard_scores(links, which, standard, parameters.z_clip)
    return z


def widths(links: Links, which: Ints, standard: Standard, parameters: Weights) -> Floats:
    """Return w̃ = e^z of the links `which` (M,)."""
    widths: Floats = exps(scores(links, which, standard, parameters))
    return widths


def count(values: Sequence[float]) -> WeightStats:
    """Return the statistics of log-weights up to LARGEST, each sum exact: the same bits whatever the order."""
    values = [value for value in values if abs(value) <= LARGEST]
    if not values:
        return NONE
    n, mean = len(values), math.fsum(values) / len(values)
    return WeightStats(n, mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / n))


def merge(parts: Iterable[WeightStats]) -> WeightStats:
    """Return the statistics of all parts together (Chan's merge of counts, means and squared deviations)."""
    parts = [part for part in parts if part.n]
    n = sum(part.n for part in parts)
    if n == 0:
        return NONE
    mean = math.fsum(part.n * part.mean for part in parts) / n
    squares = math.fsum(part.n * (part.std**2 + (part.mean - mean) ** 2) for part in parts)
    return WeightStats(n, mean, math.sqrt(squares / n))


def replace(stats: WeightStats, before: Floats, after: Floats) -> WeightStats:
    """Return the statistics after some of the links' log-weights have gone from `before` to `after`, exactly.

    Chan's merge for a group that leaves and one of the same size that comes. Sums are exact: no order matters.
    """
    apart = (after - before) * (after + before - 2.0 * stats.mean)
    shift = summed(after - before) / stats.n
    squares = stats.n * stats.std**2 + summed(apart) - stats.n * shift**2
    return WeightStats(stats.n, stats.mean + shift, math.sqrt(max(squares, 0.0) / stats.n))


def drift(kept: WeightStats, counted: WeightStats) -> float:
    """Return how far kept statistics are from counted ones, relative to the larger of |μ|, σ and 1.

    Squared deviations are compared, not their roots: rounding of 1e-17 in σ² is 3e-9 in a σ that should be 0.
    """
    if kept.n != counted.n:
        return math.inf
    size = max(1.0, abs(counted.mean), counted.std)
    return max(abs(kept.mean - counted.mean) / size, abs(kept.std**2 - counted.std**2) / size**2)
