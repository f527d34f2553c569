"""TLS, for real: a relay in front of Neo4j that speaks it with certificates of our own making.

`+s` takes a certificate only from an authority that is trusted, for the very name that is dialled; `+ssc` takes any.
"""

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import urlparse

import pytest
import trustme

pytestmark = pytest.mark.neo4j
NOW = datetime.now(UTC)
PAST = {"not_before": NOW - timedelta(days=3), "not_after": NOW - timedelta(days=1)}


class Relay:
    """Ends TLS on the loopback interface, and passes on what is inside to the server of `uri`."""

    def __init__(self, uri, certificate):
        target = urlparse(uri)
        self.target = (target.hostname, target.port)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self.context)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard = 0  # bytes that came through TLS

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client:
            client.settimeout(30)
            with (
                self.context.wrap_socket(client, server_side=True) as inside,
                socket.create_connection(self.target) as server,
            ):
                down = threading.Thread(target=self._down, args=(server, inside), daemon=True)
                down.start()
                while data := inside.recv(65536):
                    self.heard += len(data)
                    server.sendall(data)
                server.shutdown(socket.SHUT_WR)
                down.join(5)

    def _down(self, server, inside):
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                inside.sendall(data)


@pytest.fixture
def relay(connection, tmp_path):
    """Start relays whose certificate is for a name and until a time; give each with the file of its authority."""
    with contextlib.ExitStack() as stack:

        def start(name="localhost", **times):
            authority = trustme.CA()
            authority.cert_pem.write_to_path(tmp_path / "authority.pem")
            relayed = Relay(connection.settings.uri, authority.issue_cert(name, **times))
            return stack.enter_context(relayed), tmp_path / "authority.pem"

        yield start


def status(connection, uri, **environment):
    """Run `stridegraph status` in a process of its own, since trust is read once a process."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("STRIDE", "SSL_CERT"))}
    settings = connection.settings
    env |= {"STRIDE_NEO4J__URI": uri, "STRIDE_NEO4J__USER": settings.user, "STRIDE_NEO4J__TIMEOUT": "20"}
    env |= {"STRIDE_NEO4J__PASSWORD": settings.password.get_secret_value(), **environment}
    command = [sys.executable, "-m", "worker.cli", "status", "--json"]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)


def assert_refused(done, relay):
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("stridegraph:")
    assert done.stdout == ""
    assert relay.heard == 0  # not a byte of what is inside, so no password


def test_a_certificate_that_nobody_vouches_for_is_refused_and_taken_only_where_that_is_asked_for(connection, relay):
    relayed, _ = relay()
    assert_refused(status(connection, f"bolt+s://localhost:{relayed.port}"), relayed)
    done = status(connection, f"bolt+ssc://localhost:{relayed.port}")
    assert done.returncode == 0, done.stderr
    assert relayed.heard > 0


def test_a_trusted_authority_vouches_for_the_name_that_is_dialled_and_no_other(connection, relay):
    relayed, authority = relay()
    assert_refused(status(connection, f"bolt+s://localhost:{relayed.port}"), relayed)
    assert_refused(status(connection, f"bolt+s://127.0.0.1:{relayed.port}", SSL_CERT_FILE=str(authority)), relayed)
    done = status(connection, f"bolt+s://localhost:{relayed.port}", SSL_CERT_FILE=str(authority))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("how", [{"name": "another.example"}, PAST], ids=["another name", "run out"])
def test_a_trusted_authority_does_not_help_a_certificate_that_is_wrong(connection, relay, how):
    relayed, authority = relay(**how)
    uri = f"bolt+s://localhost:{relayed.port}"
    assert_refused(status(connection, uri, SSL_CERT_FILE=str(authority)), relayed)
