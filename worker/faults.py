"""Named places at which a test may end this process, as a power failure would (RELIABILITY); free when unused.

`STRIDEGRAPH_FAULT=commit.written` kills at the first time that place is reached, `…@7` at the seventh.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

FAULT_POINTS = (
    "lease.taken",
    "load.read",
    "stage.done",
    "commit.begun",
    "commit.written",
    "commit.answered",
    "decay.begun",
    "decay.answered",
    "settle.written",
    "emit.begun",
)
_name, _, _times = os.environ.get("STRIDEGRAPH_FAULT", "").partition("@")
_reached: Counter[str] = Counter()


def fault_point(name: str) -> None:
    """End this process here with SIGKILL, if a test has asked for it."""
    if name == _name:
        _reached[name] += 1
        if _reached[name] == int(_times or 1):
            os.kill(os.getpid(), signal.SIGKILL)
