"""How well a ranking does: reciprocal rank and hits@10 of the one right node, and what they would be in another sample.

Scores (N,) are one a node, more is better. Among equal scores every order is taken to be as likely: the figures are means over all
of them, so that no method gains by how it breaks ties, and one that scores nothing comes out at chance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import digamma

AT = 10  # hits@
SAMPLES = 2000  # of a bootstrap


class Found(NamedTuple):
    """Where the right node stood."""

    reciprocal: float  # 1 ÷ rank
    hit: float  # 1: among the first 10


def judged(score, truth, out):
    """Return where `truth` stands among all nodes but those that are `out`."""
    candidates = score.astype(float)
    candidates[out] = -np.inf
    above, tied = (int(np.count_nonzero(f(candidates, score[truth]))) for f in (np.greater, np.equal))
    # the mean of 1/r over r = above + 1 … above + tied, by the harmonic numbers H(n) = ψ(n + 1) + γ
    reciprocal = float(digamma(above + tied + 1) - digamma(above + 1)) / tied
    return Found(reciprocal, min(max(AT - above, 0), tied) / tied)


def interval(values, groups, seed=0):
    """Return the mean of values and the 95 % interval of it by bootstrap over groups: those of one are no independent evidence."""
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    sums, counts = np.bincount(group, values), np.bincount(group)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(SAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return [float(np.mean(values)), *np.percentile(means, (2.5, 97.5)).tolist()]
