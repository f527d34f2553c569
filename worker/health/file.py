"""The file of `health.file`: how a process stands, for a probe that is another process on the same machine."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from worker.errors import SettingsError
from worker.health import Beat, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "STRIDE_HEALTH__FILE"
BOOT = Path("/proc/sys/kernel/random/boot_id")  # a monotonic clock says nothing to whoever comes after the next start


class HealthFile:
    """A small JSON file that is always whole: each is written beside it, and takes its name.

    Raises SettingsError where it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._next = self._path.with_name(f".{path.name}.new")
        self._boot = _boot()
        try:
            self._next.touch()
        except OSError as error:
            raise SettingsError(
                f"{KEY} = {path}: {error.strerror}", "name a file in a folder that can be written to"
            ) from None

    def tell(self, beats: Mapping[str, Beat], now: float) -> None:  # noqa: ARG002  (who reads it looks at the clock then)
        """Write what was last heard of each graph."""
        self._next.write_text(json.dumps({"boot": self._boot, "graphs": beats}), encoding="utf-8")
        self._next.replace(self._path)

    def close(self) -> None:
        """Take the file away: who has ended is not stuck, and not there."""
        self._next.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)


def verdict(path: Path) -> Verdict:
    """Return how the process stands that writes this file, by the clock of this machine."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        beats = {graph: Beat(*beat) for graph, beat in found["graphs"].items()}
    except FileNotFoundError:
        return _not_there(f"there is no {path}: no worker runs, or it has another {KEY}")
    except OSError as error:
        return _not_there(f"{path} cannot be read: {error.strerror}")
    except (ValueError, KeyError, TypeError, AttributeError):
        return _not_there(f"{path} is not a file that a worker has written")
    if found.get("boot") != _boot():
        return _not_there(f"{path} was written before this machine last started")
    return judge(beats, time.monotonic())


def _not_there(why: str) -> Verdict:
    return Verdict(healthy=False, ready=False, why=why)


def _boot() -> str:
    return BOOT.read_text(encoding="ascii").strip() if BOOT.exists() else ""
