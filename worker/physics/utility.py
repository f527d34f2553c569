"""Utility (SPEC §7): what a stride was worth to its target, and how it ranks among the tick's strides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

if TYPE_CHECKING:
    from worker.physics.model import Floats, UInt16s

ENOUGH = 3  # values from which on a rank says something


def phi(moved: Floats, energy: Floats, threshold: Floats) -> Floats:
    """Return min(ΔE, G) / (G + 1e-6 · Θ), G = max(0, Θ − E) of the target before the tick; 0 where G = 0. All (M,)."""
    gap = np.maximum(0.0, threshold - energy)
    return np.where(gap > 0.0, np.minimum(moved, gap) / (gap + 1e-6 * threshold), 0.0)


def rank_scores(values: Floats, group: UInt16s) -> Floats:
    """Return Φ⁻¹(rank / (N + 1)) of each value within its group (M,), average ranks for ties.

    A group of fewer than 3 is ranked among all values; where these are fewer than 3, the score is 0.
    """
    if len(values) < ENOUGH:
        return np.zeros(len(values))
    ranks, sizes = _ranks(values, group)
    few = sizes < ENOUGH
    if few.any():
        everywhere, _ = _ranks(values, np.zeros_like(group))
        ranks, sizes = np.where(few, everywhere, ranks), np.where(few, len(values), sizes)
    scores: Floats = ndtri(ranks / (sizes + 1.0))
    return scores


def z_flow(moved: Floats, kinds: UInt16s) -> Floats:
    """Return the rank score of each stride's ΔE within its link type (M,): it explains a tick, and changes nothing in it."""
    return rank_scores(moved, kinds)


def _ranks(values: Floats, group: UInt16s) -> tuple[Floats, Floats]:
    """Return each value's average rank in its group, from 1, and the group's size."""
    order = np.argsort(values)  # ties may lie in any order: they get one rank. 3 times as fast as sorting by both
    order = order[np.argsort(group[order], kind="stable")] if group.any() else order
    v, g = values[order], group[order]
    place = np.arange(len(v), dtype=np.float64)
    new_group = np.concatenate(([True], g[1:] != g[:-1]))
    new_value = new_group | np.concatenate(([True], v[1:] != v[:-1]))
    first, last = _runs(place, new_value)
    start, end = _runs(place, new_group)
    ranks, sizes = np.empty(len(v)), np.empty(len(v))
    ranks[order] = (first + last) / 2.0 - start + 1.0
    sizes[order] = end - start + 1.0
    return ranks, sizes


def _runs(place: Floats, new: np.ndarray) -> tuple[Floats, Floats]:
    """Return the first and the last place of the run that each place is in."""
    heads = np.flatnonzero(new)
    run = np.cumsum(new) - 1
    return place[heads][run], np.append(place[heads][1:] - 1.0, place[-1])[run]
