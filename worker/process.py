"""What is of the process as a whole: its name, and the signals that stop it."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def signals(stop: Callable[[], object]) -> Iterator[None]:
    """Let SIGTERM and SIGINT stop what runs on the main thread, and put back what was there before; elsewhere do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: stop()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def process_name() -> str:
    """Return a name for who holds a lease, that nobody had before."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
