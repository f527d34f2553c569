"""The arrays that the physics takes and gives: shapes, units, and nothing that changes in place.

Named tuples, because compiled code takes them as they are. S sources, M strides, N loaded nodes, L loaded links,
T link types, U touched nodes. Energies in the user's unit, times in seconds, log-weights without unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Int32s = NDArray[np.int32]
    UInt16s = NDArray[np.uint16]
    UInts = NDArray[np.uint64]
    Bools = NDArray[np.bool_]


class Nodes(NamedTuple):
    """Columns over all loaded nodes, (N,) each."""

    energy: Floats  # as of the clock reading `energy_at` (§9)
    energy_at: Floats  # s of the decay clock
    half_life: Floats  # s
    threshold: Floats  # Θ (§10)
    stickiness: Floats  # share of what arrives that is kept (§6)
    visits: Ints  # strides that have ended here (§5)
    goal_cosine: Floats  # cos(goal, embedding); NaN where either is missing (§5)
    stimulus: Floats  # energy that this tick's stimuli add (§2)


class Links(NamedTuple):
    """Columns over all loaded links, (L,) each; a node's out-links lie side by side, by target id, type, link id."""

    target: Int32s  # index of the node that the link points to
    type: UInt16s  # index of the link's type: a store has at most 65 536
    log_weight: Floats
    feeling: Int32s  # index into `resonance` and `emotion`: most links feel as their target does, or nothing
    resonance: Floats  # (V,) cos(A, emotion); 0 where neutral or missing (§5)
    emotion: Floats  # (V,) ‖emotion‖ (§8)

    def some(self, which: Ints) -> Links:
        """Return a copy of the links `which` (M,)."""
        return self._replace(
            target=self.target[which],
            type=self.type[which],
            log_weight=self.log_weight[which],
            feeling=self.feeling[which],
        )


class Standard(NamedTuple):
    """How log-weights of each type are read (§3), (T,) each."""

    mean: Floats
    scale: Floats  # 1 / max(σ, std_floor); 0 where there are too few links to tell
    low_confidence: Bools


class Frontier(NamedTuple):
    """What one tick reads: its sources in ascending id, and views of everything loaded."""

    sources: Int32s  # (S,) indices of nodes
    start: Ints  # (S,) each source's first out-link
    degree: Int32s  # (S,) number of out-links
    retried: Bools  # (S,) below its threshold, and a source all the same (§6)
    active: int  # active nodes, of which the sources are at most `frontier_cap`
    clock: float  # reading of the decay clock, s
    tick: int  # number of the tick that this is read for
    name: UInts  # (S,) 64 bits that stand for each source's own id
    nodes: Nodes
    links: Links
    standard: Standard


class Strides(NamedTuple):
    """The links that energy moves along, (M,) each: sources in ascending id, each one's strides in ascending cost."""

    source: Int32s  # index of a node
    target: Int32s  # index of a node
    link: Ints  # index of a link
    rank: Int32s  # place among its source's strides, from 0
    cost: Floats  # c (§5); of `legacy`, how far log w is under the source's largest (§6)
    share: Floats  # π (§6)
    energy: Floats  # ΔE (§6)
    strategy: Int32s  # index into fanout.STRATEGIES (§4)
    explored: Bools  # tried by chance, in place of one that was chosen (§5)


class Staged(NamedTuple):
    """Everything that a tick will change, and what explains it."""

    touched: Int32s  # (U,) indices of nodes whose energy changes, ascending
    before: Floats  # (U,) E, decayed to now, before stimuli
    snapshot: Floats  # (U,) E with stimuli: what the tick reads
    after: Floats  # (U,) E
    visits: Ints  # (U,) how many strides ended at each
    lost: float  # energy that stickiness did not keep
    phi: Floats  # (M,) share of the target's gap that the stride fills (§7)
    z_phi: Floats  # (M,)
    tier: Int32s  # (M,) index into learning.TIERS (§8)
    log_weight: Floats  # (M,) log w of each stride's link, before
    learned: Floats  # (M,) Δ log w, 0 where nothing is written
    source: Ints  # (M,) each stride's ends, as places among `touched`
    target: Ints  # (M,)


class WeightStats(NamedTuple):
    """Count, mean and standard deviation of the log-weights of one link type (§3)."""

    n: int
    mean: float
    std: float
