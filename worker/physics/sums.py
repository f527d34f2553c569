"""Exact sums: rounded once, so that no order of their terms changes a bit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from worker.physics.kernels import exact_sum

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.physics.model import Floats


def summed(terms: Floats | Iterable[float], *more: float) -> float:
    """Return the sum that `math.fsum` returns; of an array, 6 times as fast: no list need be made of it."""
    if isinstance(terms, np.ndarray):
        found = float(exact_sum(np.append(terms, more) if more else terms))
        if math.isfinite(found):
            return found
    return math.fsum((*terms, *more))
