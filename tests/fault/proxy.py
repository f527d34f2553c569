"""A TCP proxy between the worker and Neo4j that can lose the answer to COMMIT, before or after the server has it, and be slow."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from urllib.parse import urlparse

COMMIT = b"\x00\x02\xb0\x12\x00\x00"  # a Bolt chunk of two bytes: structure of no fields, message 0x12


class Proxy:
    """Forwards Bolt to the server of `uri`; at the `at`-th COMMIT it does what `fault` says, once.

    `before`: the server never sees it, both sides are cut. `after`: the server has answered, the answer is lost. `sent`:
    `act` is called as soon as the COMMIT is on its way to the server. Whatever the server sends waits for `delay` seconds, and
    both ways carry at most `rate` bytes a second.
    """

    def __init__(self, uri, fault="", at=1, act=lambda: None):
        target = urlparse(uri)
        self.target = (target.hostname, target.port)
        self.fault, self.left, self.act = fault, at, act
        self.delay, self.rate = 0.0, None
        self.bytes = 0  # carried so far, both ways
        self.struck = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"bolt://127.0.0.1:{self._listener.getsockname()[1]}"
        self._sockets = [self._listener]
        self._threads = []

    def __enter__(self):
        self._start(self._accept)
        return self

    def __exit__(self, *_):
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(5)

    def cut_all(self):
        """Break off every connection that there is."""
        self._cut(*self._sockets[1:])

    def _start(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self.target)
                self._sockets += [client, server]
                muted = threading.Event()
                self._start(self._up, client, server, muted)
                self._start(self._down, client, server, muted)

    def _up(self, client, server, muted):
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self.fault and COMMIT in data and not self.struck.is_set():
                    self.left -= 1
                    if self.left == 0:
                        self._strike(client, server, muted, data)
                        continue
                self._carry(server, data)
        self._cut(client, server)

    def _strike(self, client, server, muted, data):
        self.struck.set()
        if self.fault == "before":
            self._cut(client, server)
            return
        if self.fault == "after":
            muted.set()
        server.sendall(data)
        if self.fault == "sent":
            self.act()

    def _down(self, client, server, muted):
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if muted.is_set():
                    break
                time.sleep(self.delay)
                self._carry(client, data)
        self._cut(client, server)

    def _carry(self, to, data):
        if self.rate:
            time.sleep(len(data) / self.rate)
        to.sendall(data)
        self.bytes += len(data)

    def _cut(self, *both):
        for each in both:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
