"""Criticality (SPEC §12): whether activity dies out, holds, or feeds itself. Measured in every tick.

    branching = energy reaching nodes that stay or become active / (energy leaving active nodes + decay of active nodes)
    growth    = active nodes after the tick / active nodes before

Both are exponential means over 20 ticks, kept in the ledger: so a restart changes no bit of them. Where it is enabled, a
controller multiplies the decay by 2^u, u = proportional · e + integral · ∫e dt in [-1, 1], e = branching − target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from worker.physics.decay import energies, factors
from worker.physics.kernels import pow2
from worker.physics.sums import summed

if TYPE_CHECKING:
    from worker.physics.model import Floats, Frontier, Int32s, Staged, Strides
    from worker.physics.parameters import Criticality as Parameters

TICKS = 20  # that the means reach back
SHARE = 2.0 / (TICKS + 1)  # of the newest sample
HYSTERESIS = 5  # ticks in a row that branching must be off its target to the same side before anything is done
OCTAVES = 1.0  # that the multiplier may be from 1, either way


class Criticality(NamedTuple):
    """The two ratios of one tick, or their means; None where there has been nothing to divide by."""

    branching: float | None
    growth: float | None


class Control(NamedTuple):
    """The controller's state, kept in the ledger."""

    multiplier: float = 1.0  # of the decay
    octaves: float = 0.0  # that the integral has come to
    streak: int = 0  # ticks in a row that branching was over its target; under it, less than 0


def controlled(before: Control, branching: float | None, dt: float, parameters: Parameters) -> Control:
    """Return the control of a tick of `dt` seconds, from the mean branching ratio of the ticks before it.

    The integral stands still where the multiplier is at a bound that it would push against.
    """
    if not parameters.enabled:
        return Control()
    if branching is None:
        return before
    error = branching - parameters.target
    streak = _streak(before.streak, error)
    if abs(streak) < HYSTERESIS:
        return before._replace(streak=streak)
    octaves = before.octaves + parameters.integral * error * dt
    wanted = parameters.proportional * error + octaves
    if abs(wanted) > OCTAVES and wanted * error > 0.0:
        octaves = before.octaves
    return Control(pow2(min(max(wanted, -OCTAVES), OCTAVES)), octaves, streak)


def _streak(before: int, error: float) -> int:
    """Return the ticks in a row on one side, with a sign for the side."""
    side = (error > 0.0) - (error < 0.0)
    return before + side if before * side > 0 else side


def measured(frontier: Frontier, strides: Strides, staged: Staged, active: Int32s, faded: float) -> Criticality:
    """Return the ratios of a tick that decays by `faded` seconds; `active` (A,) are the nodes that were before its stimuli.

    Sums are exact, so that neither order nor what else is loaded changes a bit.
    """
    nodes, touched = frontier.nodes, staged.touched
    threshold = nodes.threshold[touched]
    was, stays = staged.snapshot >= threshold, staged.after >= threshold
    marks = np.zeros(len(nodes.energy), dtype=np.bool_)
    marks[active] = True
    active = np.concatenate((active, touched[was & ~marks[touched]]))  # those that stimuli have lifted too
    kept = strides.energy * nodes.stickiness[strides.target]
    reaching, leaving = summed(kept[stays[staged.target]]), summed(strides.energy[was[staged.source]])
    fading = summed(
        _after(frontier, staged, active) * (1.0 - factors(np.full(len(active), faded), nodes.half_life[active]))
    )
    count = len(active)
    return Criticality(
        branching=reaching / (leaving + fading) if leaving + fading > 0.0 else None,
        growth=(count + int(stays.sum()) - int(was.sum())) / count if count else None,
    )


def mean(before: Criticality, sample: Criticality) -> Criticality:
    """Return the means once they have taken in a sample; a ratio that has none stays as it was."""
    return Criticality(*(_mean(old, new) for old, new in zip(before, sample, strict=True)))


def _mean(before: float | None, sample: float | None) -> float | None:
    if before is None or sample is None:
        return before if sample is None else sample
    return before + SHARE * (sample - before)


def _after(frontier: Frontier, staged: Staged, which: Int32s) -> Floats:
    """Return the energies of nodes after all strides, before decay."""
    energy = energies(frontier, which)
    place = np.minimum(np.searchsorted(staged.touched, which), max(len(staged.touched) - 1, 0))
    if len(staged.touched):
        hit = staged.touched[place] == which
        energy[hit] = staged.after[place[hit]]
    return energy
