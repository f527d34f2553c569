"""Tick speed (SPEC §11): how long to wait for the next tick, and how many seconds a tick stands for.

    interval = min(stimulus, activation, arousal), then an exponential mean

A new stimulus ends the wait at once, and the mean starts anew with it, at `pace.min`. So smoothing delays neither the tick
that takes the stimulus nor those that then spread its energy; it slows the return to rest, and whatever the other two
factors do between stimuli. All times are in seconds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from worker.physics.decay import stored

if TYPE_CHECKING:
    from worker.physics.model import Int32s, Nodes
    from worker.physics.parameters import Pace

QUIET, BUSY = 1.0, 10.0  # total active energy, in thresholds, at which activation asks for max and for min
CALM, AROUSED = 0.3, 0.7  # ‖A‖ under which arousal asks for max, and over which for 2 · min

IntervalReason = Literal["fixed", "stimulus", "activation", "arousal"]


class Interval(NamedTuple):
    """Seconds from the start of one tick to that of the next, and what decided them."""

    seconds: float
    reason: IntervalReason


class Signals(NamedTuple):
    """What the interval depends on."""

    since_stimulus: float  # s; inf where none has come yet
    active_energy: float  # in thresholds
    affect: float  # ‖A‖


def stimulus(since: float, parameters: Pace) -> float:
    """Return clip(seconds since the last stimulus, min, max) (§11)."""
    return min(max(since, parameters.min), parameters.max)


def activation(total: float, parameters: Pace) -> float:
    """Return an interval that is linear in the logarithm of the active energy: max at 1 · Θ, min at 10 · Θ (§11)."""
    if total <= QUIET:
        return parameters.max
    share = math.log(min(total, BUSY) / QUIET) / math.log(BUSY / QUIET)
    return _between(parameters.max, parameters.min, share)


def arousal(norm: float, parameters: Pace) -> float:
    """Return max where ‖A‖ is under 0.3, 2 · min (but not over max) where it is over 0.7, linear between (§11)."""
    share = min(max((norm - CALM) / (AROUSED - CALM), 0.0), 1.0)
    return _between(parameters.max, min(2.0 * parameters.min, parameters.max), share)


def active_energy(nodes: Nodes, active: Int32s, clock: float) -> float:
    """Return the total active energy relative to thresholds: Σ E/Θ over the active nodes; 0 where there are none (§11)."""
    return float(np.sum(stored(nodes, active, clock) / nodes.threshold[active]))


def interval(signals: Signals, before: Interval | None, parameters: Pace) -> Interval:
    """Return the interval to the next tick: smoothing · least factor + (1 − smoothing) · `before` (§11).

    The reason is the least factor; of equal ones, the first in the order of the spec. Without `before` the mean starts anew:
    before the first tick, and after each that took a stimulus. With `pace.fixed`, that.
    """
    if parameters.fixed is not None:
        return Interval(parameters.fixed, "fixed")
    factors = (
        Interval(stimulus(signals.since_stimulus, parameters), "stimulus"),
        Interval(activation(signals.active_energy, parameters), "activation"),
        Interval(arousal(signals.affect, parameters), "arousal"),
    )
    least = min(factors, key=lambda factor: factor.seconds)
    return (
        least
        if before is None
        else Interval(_between(before.seconds, least.seconds, parameters.smoothing), least.reason)
    )


def woken(parameters: Pace) -> Interval:
    """Return the interval of a tick that a new stimulus has brought on (§11)."""
    return Interval(parameters.min, "stimulus")


def dt(since_tick: float, parameters: Pace) -> float:
    """Return min(time since the last tick, `dt_max`), never below 0; with `pace.fixed`, that (§11)."""
    if parameters.fixed is not None:
        return parameters.fixed
    return min(max(since_tick, 0.0), parameters.dt_max)


def _between(start: float, end: float, share: float) -> float:
    """Return what lies at a share of the way: both ends exactly, and never beyond them."""
    return min(max((1.0 - share) * start + share * end, min(start, end)), max(start, end))
