"""What systemd is told of a service of `Type=notify`: that it is ready, goes on, or stops (sd_notify(3)).

A dozen lines of a stable protocol: the library for it, sdnotify, has had no release since 2017 and passes over every error.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Self

from worker.health import Beat, judge

if TYPE_CHECKING:
    from collections.abc import Mapping

WATCHED = "WATCHDOG_USEC"  # set by systemd where the unit has WatchdogSec


class Systemd:
    """The socket of NOTIFY_SOCKET. The watchdog is always set to the deadline of the graph that is due first."""

    def __init__(self, address: str) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)  # noqa: FBT003
        self._watched = WATCHED in os.environ
        self._ready = False
        self._status = ""

    @classmethod
    def of_environment(cls) -> Self | None:
        """Return it where systemd, or another that speaks its protocol, waits to be told."""
        address = os.environ.get("NOTIFY_SOCKET", "")
        return cls(address) if address else None

    def tell(self, beats: Mapping[str, Beat], now: float) -> None:
        """Tell what has changed; and that it goes on, unless one of its graphs does not."""
        found = judge(beats, now)
        left = max(1, int(1e6 * (min(beat.deadline for beat in beats.values()) - now)))  # µs
        lines = [f"STATUS={found.why}"] if found.why != self._status else []
        if all(beat.state == "stopping" for beat in beats.values()):
            lines.append("STOPPING=1")
        elif found.ready and not self._ready:
            lines.append("READY=1")
        elif found.healthy and not self._ready:
            lines.append(f"EXTEND_TIMEOUT_USEC={left}")
        if found.healthy and self._watched:
            lines += [f"{WATCHED}={left}", "WATCHDOG=1"]
        self._send(lines)
        self._status, self._ready = found.why, self._ready or found.ready

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _send(self, lines: list[str]) -> None:
        if lines:
            self._socket.sendto("\n".join(lines).encode(), self._address)
