"""Decay (SPEC §9): energy fades by a clock, so that nothing need be written for it to have faded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from worker.physics.kernels import decayed, pow2s

if TYPE_CHECKING:
    from worker.physics.model import Floats, Frontier, Int32s, Nodes
    from worker.physics.parameters import Decay

NOTICEABLE = 1e-3  # share of an energy that the clock must have moved for it to be worth a write


def factors(seconds: Floats, half_life: Floats) -> Floats:
    """Return 2^(−seconds / half_life): what is left of an energy after so many decayed seconds (both (N,), s)."""
    left: Floats = pow2s(-seconds / half_life)
    return left


def stored(nodes: Nodes, which: Int32s, clock: float) -> Floats:
    """Return the energies of the nodes `which`, decayed to the reading `clock`, without stimuli."""
    energy: Floats = decayed(nodes, which, clock)
    return energy


def energies(frontier: Frontier, which: Int32s) -> Floats:
    """Return E of the nodes `which` as the whole tick reads it: decayed to now, stimuli added."""
    return stored(frontier.nodes, which, frontier.clock) + frontier.nodes.stimulus[which]


def epoch(clock: float, parameters: Decay) -> float:
    """Return the last multiple of `decay.settle` that the clock has passed: what energies are written as of, s.

    Never ahead of the clock, even by rounding: an energy of a later reading is none.
    """
    return min(float(np.floor(clock / parameters.settle) * parameters.settle), clock)


def rewound(energy: Floats, clock: float, at: float, half_life: Floats) -> Floats:
    """Return what to write as of the reading `at` for nodes that have `energy` at the reading `clock`."""
    return energy * factors(np.full(len(energy), at - clock), half_life)


def settled(nodes: Nodes, which: Int32s, at: float, parameters: Decay) -> tuple[Int32s, Floats]:
    """Return which of the nodes must be written out at the epoch `at`, and the energy of each.

    Those that the clock has moved by over 0.1 % since they were written; under `decay.floor` · Θ the energy is 0.
    """
    which = which[(nodes.energy[which] > 0.0) & (nodes.energy_at[which] < at)]
    left = factors(at - nodes.energy_at[which], nodes.half_life[which])
    moved = left < 1.0 - NOTICEABLE
    which, energy = which[moved], (nodes.energy[which] * left)[moved]
    return which, np.where(energy < parameters.floor * nodes.threshold[which], 0.0, energy)
