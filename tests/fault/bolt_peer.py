"""A Bolt peer between the worker and a real Neo4j, that answers as a cluster may: it follows a script, and forwards the rest.

It reads one message of the client, lets the server answer it, and only then reads the next: so what it counts, and what
it answers itself, stand in the order of the protocol. After a FAILURE it answers IGNORED until RESET, which the server gets
too, so that both are of one mind.
"""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse

from neo4j._codec.packstream.v1 import Packer

NAMES = {
    0x01: "HELLO", 0x02: "GOODBYE", 0x0F: "RESET", 0x10: "RUN", 0x11: "BEGIN", 0x12: "COMMIT", 0x13: "ROLLBACK",
    0x2F: "DISCARD", 0x3F: "PULL", 0x54: "TELEMETRY", 0x66: "ROUTE", 0x6A: "LOGON", 0x6B: "LOGOFF",
}  # fmt: skip
RECORD, SUCCESS, IGNORED, FAILURE = 0x71, b"\x70", b"\x7e", b"\x7f"
CUT, GARBAGE = "cut", "garbage"  # instead of a code: both sides are cut; an answer that is none of Bolt's
FOREVER = math.inf
MESSAGE = "as the script says"
NO_VERSION = bytes(4)  # what a server says to the handshake of a client whose versions it does not speak


@dataclass
class Strike:
    """At the `at`-th `message` that contains `text`, and `times` in a row, the answer is a FAILURE of this code.

    `after`: the server has done it by then, and its answer is lost. Else it never hears of it. `then` is called when it has
    struck. A number instead of a code: the server's own answer, so many seconds late.
    """

    message: str
    code: str | float
    at: int = 1
    times: float = 1
    after: bool = False
    text: str = ""
    then: Any = bool


class Peer:
    """Forwards Bolt to the server of `uri` but for what its strikes say, one after the other.

    `leads` is whose address a client is told to write to (`neo4j://`); `certificate`: the two files it speaks TLS with;
    `greeting`: what it says to a handshake instead of what the server does; without `listens`, it has yet to be told to.
    """

    def __init__(self, uri, *strikes, certificate=(), greeting=b"", listens=True):
        target = urlparse(uri)
        self.target = (target.hostname, target.port)
        self.strikes = deque(strikes)
        self.struck, self.forwarded, self.routed = 0, Counter(), 0
        self.greeting = greeting
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self._tls:
            self._tls.load_cert_chain(*certificate)
        self._lock = threading.Lock()
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listens = listens
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.leads = self.address
        self.uri, self.routing_uri = f"bolt://{self.address}", f"neo4j://{self.address}"
        self._sockets, self._threads = [self._listener], []

    def __enter__(self):
        if self._listens:
            self.listen()
        return self

    def __exit__(self, *_):
        for each in list(self._sockets):
            _cut(each)
        for thread in list(self._threads):
            thread.join(5)

    def listen(self):
        """Take connections, which are refused before."""
        self._listener.listen()
        self._start(self._accept)

    def heal(self):
        """Forward all that comes from now on."""
        with self._lock:
            self.strikes.clear()

    def _start(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                self._start(self._serve, client)

    def _serve(self, client):
        server = None
        with contextlib.suppress(OSError, EOFError):  # either side may go at any time
            if self._tls:
                client = self._tls.wrap_socket(client, server_side=True)
            server = socket.create_connection(self.target)
            self._sockets += [client, server]
            if self.greeting:
                _exactly(client, 20)
                client.sendall(self.greeting)
            else:
                _handshake(client, server)
                while self._exchange(client, server):
                    pass
        _cut(client)
        if server:
            _cut(server)

    def _exchange(self, client, server):
        """Pass on one message and its answer, or do what the script says; return whether the connection lives on."""
        message = _read(client)
        name = NAMES[message[1]]
        strike = self._due(name, message)
        if strike:
            strike.then()
            if isinstance(strike.code, float):
                time.sleep(strike.code)
                strike = None
        if strike is None and name == "ROUTE":
            self.routed += 1
            _send(client, _packed(SUCCESS, {"rt": self._table()}))
            return True
        if strike is None or strike.after:
            self.forwarded[name] += 1
            _send(server, message)
            _answer(server, client if strike is None else None, name)
        return name != "GOODBYE" if strike is None else self._strike(strike, client, server)

    def _due(self, name, message):
        with self._lock:
            if not self.strikes:
                return None
            strike = self.strikes[0]
            if name != strike.message or strike.text.encode() not in message:
                return None
            strike.at -= 1
            if strike.at > 0:
                return None
            self.struck += 1
            strike.times -= 1
            if strike.times <= 0:
                self.strikes.popleft()
            return strike

    def _strike(self, strike, client, server):
        if strike.code == CUT:
            return False
        if strike.code == GARBAGE:
            _send(client, _packed(b"\x55", {}))
            return True
        said = {"gql_status": "50N42", "description": MESSAGE, "neo4j_code": strike.code, "code": strike.code}
        _send(client, _packed(FAILURE, {**said, "message": MESSAGE, "diagnostic_record": {}}))
        while NAMES[(message := _read(client))[1]] != "RESET":
            _send(client, _packed(IGNORED))
        _send(server, message)
        _answer(server, client, "RESET")
        return True

    def _table(self):
        servers = [{"role": "WRITE", "addresses": [self.leads] if self.leads else []}]
        servers += [{"role": role, "addresses": [self.address]} for role in ("READ", "ROUTE")]
        return {"ttl": 300, "db": "neo4j", "servers": servers}


def _handshake(client, server):
    """Pass on the offer of versions and its answer, in both forms that there are."""
    server.sendall(_exactly(client, 20))
    chosen = _exactly(server, 4)
    client.sendall(chosen)
    if chosen[3] == 0xFF:  # the server offers in its turn, and the client chooses
        offered, count = _varint(server)
        client.sendall(offered + _exactly(server, 4 * count) + _varint(server)[0])
        server.sendall(_exactly(client, 4) + _varint(client)[0])


def _answer(server, client, name):
    """Pass on what the server answers to one message, up to and with its end; to nobody where it shall be lost."""
    if name == "GOODBYE":
        return
    while True:
        message = _read(server)
        if client:
            _send(client, message)
        if message[1] != RECORD:
            return


def _read(side):
    """Read one message: its chunks, joined; empty ones before it say only that the other side lives."""
    message = b""
    while True:
        size = int.from_bytes(_exactly(side, 2), "big")
        if size:
            message += _exactly(side, size)
        elif message:
            return message


def _send(side, message):
    chunks = (message[start : start + 0xFFFF] for start in range(0, len(message), 0xFFFF))
    side.sendall(b"".join(len(chunk).to_bytes(2, "big") + chunk for chunk in chunks) + b"\x00\x00")


def _packed(signature, *fields):
    buffer = Packer.new_packable_buffer()
    Packer(buffer).pack_struct(signature, fields)
    return bytes(buffer.data)


def _varint(side):
    """Read a number of seven bits a byte; return its bytes and what it is."""
    read, number = b"", 0
    while not read or read[-1] & 0x80:
        read += _exactly(side, 1)
        number += (read[-1] & 0x7F) << (7 * (len(read) - 1))
    return read, number


def _exactly(side, count):
    data = bytearray()
    while len(data) < count:
        got = side.recv(min(count - len(data), 1 << 20))
        if not got:
            raise EOFError
        data += got
    return bytes(data)


def _cut(side):
    with contextlib.suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    side.close()
