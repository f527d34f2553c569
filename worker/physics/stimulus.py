"""Stimuli by budget (SPEC §10): so much energy, given to candidates by what each lacks and by how similar each is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from worker.physics.kernels import exps, logs

if TYPE_CHECKING:
    from worker.physics.model import Floats

WIDTH = 0.27  # of Θ: how far from its threshold a node is neither near nor far
POWER = 1.3  # of the similarity
MOST = 1.0 / 3.0  # of Θ: what one budget gives a node
OVER = 1.0 + 1e-12  # what is over a bound by rounding alone is not over it
LEAST = float(np.finfo(np.float64).tiny)  # of the largest similarity: under it a logarithm is none


def distribute(energy: Floats, threshold: Floats, similarity: Floats, budget: float) -> Floats:
    """Return what each of the candidates gets (C,); all arguments (C,), the budget in the unit of energy.

    Floor: λB by σ((Θ − E) / 0.27 Θ), each at most its gap. Amplifier: (1 − λ)B by s^1.3. Both together at most Θ/3.
    What a cap leaves is not given out, so the sum is at most B. Sums are exact: the order of candidates changes no bit.
    """
    gap = np.maximum(0.0, threshold - energy)
    with np.errstate(over="ignore"):
        lack = 1.0 / (1.0 + exps((energy / threshold - 1.0) / WIDTH))
    alike = exps(POWER * logs(np.maximum(similarity / similarity.max(), LEAST)))
    part = floor_part(gap, threshold, similarity)
    floor = np.minimum(part * budget * _shares(lack), gap)
    amplifier = (1.0 - part) * budget * _shares(alike)
    return _within(np.minimum(floor + amplifier, MOST * threshold), budget)


def floor_part(gap: Floats, threshold: Floats, similarity: Floats) -> float:
    """Return λ = 0.6 + 0.2 · [mean gap > Θ̄/3] − 0.2 · [Σ ŝ² > 0.2]; the bounds of §10, 0.3 and 0.8, it cannot pass."""
    count = len(gap)
    empty = math.fsum(gap / count) > OVER * math.fsum(threshold / count) / 3.0
    focused = math.fsum(_shares(similarity) ** 2) > OVER * 0.2
    return 0.6 + 0.2 * empty - 0.2 * focused


def _shares(values: Floats) -> Floats:
    return values / math.fsum(values)


def _within(given: Floats, budget: float) -> Floats:
    """Return what is given, shrunk by what rounding has put on top of the budget."""
    total = math.fsum(given)
    return given * (budget / total * (1.0 - 2.0**-50)) if total > budget else given
