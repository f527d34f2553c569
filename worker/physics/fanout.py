"""Fanout (SPEC §4): how many of a source's links are candidates, by its out-degree and the room in working memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from worker.physics.model import Int32s
    from worker.physics.parameters import Fanout

STRATEGIES = ("exhaustive", "balanced", "selective")
PRESSURE = 0.2  # headroom under which working memory is full
PRESSED = 0.6  # share of the candidates that are kept then


def strategies(degree: Int32s, parameters: Fanout) -> Int32s:
    """Return the index into STRATEGIES of each out-degree (S,)."""
    return (degree >= parameters.low).astype(np.int32) + (degree > parameters.high)


def kept(degree: Int32s, active: int, parameters: Fanout) -> Int32s:
    """Return how many candidates are kept of each source (S,): never fewer for a larger degree, at least 1 of one."""
    balanced = np.maximum(parameters.low, (degree + 1) // 2)
    number = np.where(
        degree < parameters.low, degree, np.where(degree <= parameters.high, balanced, parameters.selective_k)
    )
    match parameters.task_mode:
        case "focused":
            number = np.minimum(number, 2)
        case "divergent":
            number = number * 3 // 2
        case "methodical":
            number = degree
    if headroom(active, parameters) < PRESSURE:
        number = np.maximum(np.floor(PRESSED * number), 1)
    kept: Int32s = np.minimum(number, degree).astype(np.int32)
    return kept


def headroom(active: int, parameters: Fanout) -> float:
    """Return the free share of working memory: 1 − active / capacity, clipped to [0, 1]."""
    return max(parameters.capacity - active, 0) / parameters.capacity
