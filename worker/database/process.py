"""The server as a process: started so that it outlives us, recognised later, asked whether it answers, stopped."""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from pathlib import Path

LOOPBACK = "127.0.0.1"
_BOLT_MAGIC = 0x6060B017
_BOLT_VERSION = 0x00000405  # 5.0 with a range of four below is in every server from 5.26 on
_HANDSHAKE = struct.pack(">5I", _BOLT_MAGIC, _BOLT_VERSION, 0, 0, 0)


def spawn(java: Path, arguments: Path, log: Path) -> int:
    """Start Java in a session of its own and return its pid; what it prints goes to the log.

    Not by `subprocess`: its handle wants to be waited for, and this child is meant to outlive us.
    """
    actions = (
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    )
    return os.posix_spawn(str(java), [str(java), f"@{arguments}"], os.environ, file_actions=actions, setsid=True)


def find(pid: int, arguments: Path) -> psutil.Process | None:
    """Return the process of a pid where it is the server with these arguments, not one that got its number later."""
    try:
        process = psutil.Process(pid)
        ours = f"@{arguments}" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return process if ours else None


def stop(process: psutil.Process, seconds: float) -> bool:
    """Ask the process to end, kill it when the time is over; return whether it ended by itself."""
    try:
        process.terminate()
        process.wait(seconds)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def listens(process: psutil.Process, port: int) -> bool:
    """Say whether it is this process that listens on the port."""
    try:
        sockets = process.net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in sockets)


def answers(port: int) -> bool:
    """Say whether a Bolt server on the port agrees on a version."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(_HANDSHAKE)
            return any(connection.recv(4))
    except OSError:
        return False


def is_free(port: int) -> bool:
    """Say whether a server could listen on the port."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
