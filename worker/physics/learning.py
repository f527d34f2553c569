"""Learning (SPEC §8): used links grow, by what they did for their target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from worker.physics.kernels import exps
from worker.physics.sums import summed

if TYPE_CHECKING:
    from worker.physics.model import Floats, Int32s
    from worker.physics.parameters import Learning

TIERS = ("co_activation", "causal", "background")
FACTORS: Floats = np.array([1.0, 0.6, 0.3])
MOST_A_LINK = 0.05  # |Δ log w| of a link in a tick
MOST_A_TICK = 0.5  # Σ |Δ log w| of a tick, times √strides
LEAST = 1e-7  # nothing under it is written


def tiers(source_active: np.ndarray, target_active: np.ndarray, lifted: np.ndarray) -> Int32s:
    """Return the index into TIERS of each stride (M,).

    Takes whether each end was active before the tick, and whether the target was not and is after the commit.
    """
    return np.where(source_active & target_active, 0, np.where(lifted, 1, 2)).astype(np.int32)


def gate(tier: Int32s, source_active: np.ndarray, lifted: np.ndarray, parameters: Learning) -> Floats:
    """Return the factor by which each stride's link learns (M,): by tier, for new pairs only, or 0."""
    match parameters.gate:
        case "tiered":
            return FACTORS.take(tier)
        case "newness":
            return np.where(~source_active & lifted, FACTORS.take(tier), 0.0)
    return np.zeros(len(tier))


def learn(
    log_weight: Floats, moved: Floats, z_phi: Floats, emotion: Floats, factor: Floats, parameters: Learning
) -> Floats:
    """Return Δ log w of each stride's link (M,); `moved` is ΔE / Θ of the target, `emotion` ‖emotion‖.

    η · factor · min(1, ΔE / Θ) · max(0, 1 + z_phi) · (1 + κ · tanh‖emotion‖) · clip(1 − log w / w_max, 0, 1), at most 0.05
    a link and 0.5 · √M in all (all shrink alike); under 1e-7 it is 0.
    """
    tanh = 1.0 - 2.0 / (1.0 + exps(2.0 * np.minimum(emotion, 350.0)))
    room = np.clip(1.0 - log_weight / parameters.log_weight_max, 0.0, 1.0)
    change = (
        parameters.rate
        * factor
        * np.minimum(1.0, moved)
        * np.maximum(0.0, 1.0 + z_phi)
        * (1.0 + parameters.kappa * tanh)
        * room
    )
    change = np.minimum(change, MOST_A_LINK)
    total, most = summed(change), MOST_A_TICK * math.sqrt(len(change))
    if total > most:
        change = change * (most / total)
    return np.where(change >= LEAST, change, 0.0)
