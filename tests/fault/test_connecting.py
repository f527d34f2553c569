"""A worker that cannot connect: it waits for what may heal, and ends in one clear line where nothing will (RELIABILITY)."""

import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from urllib.parse import urlparse

import neo4j
import pytest

from tests.fault.bolt_peer import Peer
from tests.fault.certificates import self_signed
from tests.stores import Neo4jStore, fill
from worker.graph.neo4j import Neo4jGraph

pytestmark = pytest.mark.neo4j
WRONG = "a-wrong-password"


@pytest.fixture
def start(connection):
    """Start `stridegraph run`; no password is ever in what it prints."""
    settings = connection.settings
    fill(Neo4jStore(Neo4jGraph(connection, "default")))
    secrets = (settings.password.get_secret_value(), WRONG)
    running = []

    def start(**changes):
        env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("STRIDE")},
            "STRIDE_NEO4J__URI": settings.uri,
            "STRIDE_NEO4J__USER": settings.user,
            "STRIDE_NEO4J__PASSWORD": secrets[0],
            "STRIDE_NEO4J__TIMEOUT": "2",
            "STRIDE_PACE__FIXED": "0.02",
            **{f"STRIDE_NEO4J__{name.upper()}": value for name, value in changes.items()},
        }
        command = [sys.executable, "-m", "worker.cli", "run", "--ticks", "2", "--json"]
        process = Started(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()
        assert not [line for line in process.said for secret in secrets if secret in line]


class Started(subprocess.Popen):
    """A process whose lines are kept."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.said = []

    def until(self, text):
        """Read until a line says this."""
        while text not in (line := self.stdout.readline()):
            assert line, self.said
            self.said.append(line)
        self.said.append(line)
        return line

    def ends(self, code):
        """Read to the end."""
        self.said += self.stdout.readlines()
        assert self.wait(60) == code, self.said
        assert not [line for line in self.said if "Traceback" in line]
        return self.said


def refused(process, what, remedy):
    """It ends with 1, and its last two lines say what is wrong, and what to do."""
    *_, first, second = process.ends(1)
    assert first.startswith("stridegraph: ")
    assert what in first
    assert second.startswith("  → ")
    assert remedy in second


def test_no_database_yet(start):
    """The worker waits, and works as soon as there is one."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        process = start(uri=f"bolt://127.0.0.1:{port}")
        for _ in range(2):
            assert "does not answer" in process.until("waiting for database")
        process.terminate()
        process.ends(0)


def test_a_database_that_comes_later(start, connection):
    with Peer(connection.settings.uri, listens=False) as peer:
        process = start(uri=peer.uri)
        process.until("waiting for database")
        peer.listen()
        assert sum('"kind":"frame.end.v1"' in line for line in process.ends(0)) == 2


def test_a_host_that_no_name_server_knows_yet(start):
    """As in a composition of containers: the name comes with the container."""
    process = start(uri="neo4j://nowhere.invalid")
    assert "nowhere.invalid" in process.until("waiting for database")


def test_a_database_that_takes_connections_and_says_nothing(start):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = start(uri=f"neo4j://127.0.0.1:{silent.getsockname()[1]}")
        assert "does not answer" in process.until("waiting for database")


def test_wrong_password(start):
    refused(start(password=WRONG), "refuses the login", "check STRIDE_NEO4J__USER and STRIDE_NEO4J__PASSWORD")


def test_wrong_user(start):
    refused(start(user="nobody"), "refuses the login", "check STRIDE_NEO4J__USER and STRIDE_NEO4J__PASSWORD")


def test_a_user_that_is_locked_for_others_mistakes_is_waited_for(start, connection):
    """Neo4j locks a user for five seconds after three wrong passwords, whoever gave them; it then refuses the right one too."""
    settings, enough = connection.settings, threading.Event()

    def mistake():
        with neo4j.GraphDatabase.driver(settings.uri, auth=(settings.user, WRONG)) as driver:
            while not enough.is_set():
                with suppress(neo4j.exceptions.ClientError):
                    driver.verify_connectivity()

    other = threading.Thread(target=mistake)
    other.start()
    process = start()
    assert "locked" in process.until("waiting for database")
    enough.set()
    other.join()
    process.ends(0)


@pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
def test_wrong_database(start, connection, scheme):
    uri = connection.settings.uri.replace("bolt", scheme)
    refused(start(uri=uri, database="nowhere"), "there is no such database", "check STRIDE_NEO4J__DATABASE")


def test_a_uri_that_the_driver_does_not_take(start):
    refused(start(uri="bolt://127.0.0.1:7687?policy=eu"), "", "check STRIDE_NEO4J__URI")


@pytest.mark.parametrize("uri", ["bolt://127.0.0.1:seven", "bolt://[::1"])
def test_a_uri_that_leads_nowhere(start, uri):
    first, second = start(uri=uri).ends(2)
    assert "it names no host and port" in first
    assert second.startswith("  → ")


def test_a_port_that_speaks_something_else(start):
    with answering(b"SSH-2.0-OpenSSH_9.6\r\n") as port:
        refused(start(uri=f"bolt://127.0.0.1:{port}"), "not configured rightly", "check STRIDE_NEO4J__URI")


@pytest.mark.parametrize("scheme", ["bolt+s", "bolt+ssc", "neo4j+s"])
def test_tls_to_a_server_without(start, connection, scheme):
    """It waits: a server that is just going down, or a balancer with none behind it, breaks off in the same way."""
    line = start(uri=f"{scheme}://{urlparse(connection.settings.uri).netloc}").until("waiting for database")
    assert "breaks TLS off" in line
    assert "without +s" in line


@pytest.mark.parametrize("scheme", ["bolt+s", "neo4j+s"])
def test_tls_that_nobody_has_signed(start, connection, scheme):
    with self_signed() as certificate, Peer(connection.settings.uri, certificate=certificate) as peer:
        refused(start(uri=f"{scheme}://{peer.address}"), "certificate is not trusted", "+ssc://")


@pytest.mark.parametrize("scheme", ["bolt+ssc", "neo4j+ssc"])
def test_tls_that_is_taken_unseen(start, connection, scheme):
    with self_signed() as certificate, Peer(connection.settings.uri, certificate=certificate) as peer:
        start(uri=f"{scheme}://{peer.address}").ends(0)


def test_no_tls_to_a_server_that_wants_it(start, connection):
    with self_signed() as certificate, Peer(connection.settings.uri, certificate=certificate) as peer:
        line = start(uri=peer.uri).until("waiting for database")
        assert "does not answer" in line
        assert "with TLS or without as the URI says" in line


@contextmanager
def answering(what):
    """Listen, and say this to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.sendall(what)
                    client.recv(1000)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
