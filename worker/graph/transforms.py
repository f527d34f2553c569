"""From a number on a user's own relationship to a log-weight, by a named transform."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.physics.weights import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable


class Transform(NamedTuple):
    """How a number is read; `takes` says in words which numbers have a log-weight."""

    takes: str
    of: Callable[[float], float]


TRANSFORMS = {
    "log": Transform("a number over 0", math.log),
    "log1p": Transform("a number of at least 0", lambda x: math.log1p(x) if x >= 0 else math.nan),
    "logit": Transform("a number over 0 and under 1", lambda x: math.log(x) - math.log1p(-x)),
    "identity": Transform(f"a number up to {LARGEST:g}", lambda x: x),
}


def log_weight(value: Any, how: Transform) -> float | None:
    """Return the log-weight of a value as it stands in a database; None where it has none."""
    if type(value) not in {int, float}:
        return None
    try:
        found = how.of(float(value))
    except ValueError:
        return None
    return found if abs(found) <= LARGEST else None
