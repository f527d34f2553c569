"""Boundaries (SPEC §13): what strides carry from one entity to another. It explains a tick, and changes nothing in it."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from worker.physics.model import Floats, Int32s, Strides


class Boundary(NamedTuple):
    """All strides of a tick from the nodes of one main entity to those of another."""

    source: int  # code of the entity
    target: int
    beams: int  # strides
    energy: float  # Σ ΔE
    max_phi: float
    hunger: float  # median G/Θ of the nodes that they end at, each once


def hunger(energy: Floats, threshold: Floats) -> Floats:
    """Return G/Θ, G = max(0, Θ − E) before the tick: 1 for a node without energy, 0 for one at its threshold."""
    return np.maximum(0.0, threshold - energy) / threshold


def boundaries(strides: Strides, entity: Int32s, phi: Floats, hungry: Floats) -> list[Boundary]:
    """Return a boundary for each ordered pair of different main entities that strides cross.

    `entity` (N,) is the code of each node's main entity, under 0 where it has none; `phi`, `hungry` (M,) of each stride.
    """
    source, target = entity[strides.source], entity[strides.target]
    crossing = np.flatnonzero((source >= 0) & (target >= 0) & (source != target))
    crossed = defaultdict(list)
    for k, pair in zip(
        crossing.tolist(), zip(source[crossing].tolist(), target[crossing].tolist(), strict=True), strict=True
    ):
        crossed[pair].append(k)
    return [_boundary(pair, np.array(which), strides, phi, hungry) for pair, which in crossed.items()]


def _boundary(pair: tuple[int, int], which: np.ndarray, strides: Strides, phi: Floats, hungry: Floats) -> Boundary:
    _, first = np.unique(strides.target[which], return_index=True)
    return Boundary(
        *pair,
        beams=len(which),
        energy=math.fsum(strides.energy[which].tolist()),
        max_phi=float(phi[which].max()),
        hunger=median(hungry[which[first]].tolist()),
    )
