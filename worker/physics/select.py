"""Selection (SPEC §4–§6): from each source, the K cheapest of its candidate links, and the shares they get."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from worker.physics import fanout
from worker.physics.kernels import choose, choose_lightest

if TYPE_CHECKING:
    from worker.physics.model import Bools, Floats, Frontier, Int32s, Ints
    from worker.physics.parameters import Parameters
    from worker.physics.valence import Terms


class Chosen(NamedTuple):
    """The chosen links: those of source s stand from offset[s] to offset[s + 1], in ascending cost."""

    offset: Ints  # (S + 1,)
    link: Ints  # (M,)
    target: Int32s  # (M,) index of the node that it points to
    z: Floats  # (M,) how its log-weight stands among those of its type (§3)
    cost: Floats  # (M,) c (§5)
    share: Floats  # (M,) π, the softmax of −c / T over a source's strides (§6)
    source: Int32s  # (M,) index into the frontier's sources
    rank: Int32s  # (M,) place among the source's strides, 0 the cheapest
    explored: Bools  # (M,) tried by chance, in place of one that was chosen (§5)
    strategy: Int32s  # (S,) index into fanout.STRATEGIES


def select(frontier: Frontier, terms: Terms, parameters: Parameters) -> Chosen:
    """Choose each source's strides. The bits depend neither on the number of threads nor on what else is loaded."""
    kept = fanout.kept(frontier.degree, frontier.active, parameters.fanout)
    topk = parameters.select.topk
    taken = kept if topk == "all" else np.minimum(kept, topk)
    offset = np.zeros(len(kept) + 1, dtype=np.int64)
    np.cumsum(taken, out=offset[1:])
    size = offset[-1]
    chosen = Chosen(
        offset=offset,
        link=np.empty(size, dtype=np.int64),
        target=np.empty(size, dtype=np.int32),
        z=np.empty(size),
        cost=np.empty(size),
        share=np.empty(size),
        source=np.empty(size, dtype=np.int32),
        rank=np.empty(size, dtype=np.int32),
        explored=np.zeros(size, dtype=np.bool_),
        strategy=fanout.strategies(frontier.degree, parameters.fanout),
    )
    bounds = np.linspace(0, len(kept), parameters.tick.threads + 1).astype(np.int64)
    parts = [(lo, hi) for lo, hi in pairwise(bounds.tolist()) if lo < hi]
    if len(parts) <= 1:
        if topk == 1 and terms.epsilon == 0.0 and terms.goal_weight + terms.resonance + terms.complementarity == 0.0:
            choose_lightest(frontier, (0, len(kept)), terms, chosen)
        else:
            choose(frontier, (0, len(kept)), kept, terms, chosen)
    else:
        with ThreadPoolExecutor(len(parts)) as pool:
            list(pool.map(lambda part: choose(frontier, part, kept, terms, chosen), parts))
    return chosen
