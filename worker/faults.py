"""Named places at which a test may end or freeze this process, as a power failure would (RELIABILITY); free when unused.

`STRIDEGRAPH_FAULT=commit.written` kills at the first time that place is reached, `…@7` at the seventh; `…@7:SIGSTOP` sends
itself that signal instead.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

FAULT_POINTS = (
    "lease.taken",
    "load.read",
    "select.done",
    "stage.done",
    "commit.begun",
    "commit.written",
    "commit.answered",
    "decay.begun",
    "decay.answered",
    "settle.written",
    "forget.written",
    "emit.begun",
    "emit.written",
    "lease.renewing",
    "lease.releasing",
)
_name, _, _when = os.environ.get("STRIDEGRAPH_FAULT", "").partition("@")
_times, _, _signal = _when.partition(":")
_reached: Counter[str] = Counter()


def asked() -> bool:
    """Return whether a test has asked for a fault, which only the worker's own ticks may meet."""
    return bool(_name)


def fault_point(name: str) -> None:
    """Send this process a signal here, SIGKILL if no other is named, if a test has asked for it."""
    if name == _name:
        _reached[name] += 1
        if _reached[name] == int(_times or 1):
            os.kill(os.getpid(), signal.Signals[_signal or "SIGKILL"])
