"""A worker that is stuck is unhealthy within three intervals, and healthy again when it goes on: real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from tests.stores import Neo4jStore, fill
from worker.cli.health import KEY
from worker.graph.neo4j import Neo4jGraph
from worker.health import INTERVALS
from worker.health.file import verdict

pytestmark = pytest.mark.neo4j
INTERVAL = 1.0  # s: three of them are more than a tick takes on a busy machine
SOON = 120.0  # s after which what shall come has not come


@pytest.fixture
def there(connection):
    there = Neo4jStore(Neo4jGraph(connection, "default"))
    fill(there)
    return there


@contextmanager
def running(there, path, **changes):
    settings = there.graph.connection.settings
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith("STRIDE")},
        KEY: str(path),
        "STRIDE_HEALTH__INTERVAL": str(INTERVAL),
        "STRIDE_PACE__FIXED": "0.05",
        "STRIDE_NEO4J__URI": settings.uri,
        "STRIDE_NEO4J__USER": settings.user,
        "STRIDE_NEO4J__PASSWORD": settings.password.get_secret_value(),
        **changes,
    }
    env = {key: value for key, value in env.items() if value is not None}
    command = [sys.executable, "-m", "worker.cli", "run"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(timeout=SOON)


def wait_until(condition, seconds=SOON):
    """Return how long it took, s."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds
        time.sleep(0.02)
    return time.monotonic() - start


def test_frozen_inside_a_commit(there, tmp_path):
    path = tmp_path / "health"
    with running(there, path) as process:
        wait_until(lambda: verdict(path).ready)
        with there.graph.connection.transaction() as others:
            others.statement("MATCH (l:Ledger {graph: 'default'}) SET l.lock = -1")
            took = wait_until(lambda: not verdict(path).healthy)
            assert took <= INTERVALS * INTERVAL + 0.5, "the wait for the lock itself, and for this test to look"
            assert "default: running, and nothing was heard of it" in verdict(path).why
        wait_until(lambda: verdict(path).ready)
        assert process.poll() is None


def test_stopped_as_a_whole(there, tmp_path):
    path = tmp_path / "health"
    with running(there, path) as process:
        wait_until(lambda: verdict(path).ready)
        process.send_signal(signal.SIGSTOP)
        assert wait_until(lambda: not verdict(path).healthy) <= INTERVALS * INTERVAL + 0.5
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: verdict(path).ready)
    assert not path.exists()


def test_at_rest_it_stays_ready(there, tmp_path):
    """Its next tick is further off than three intervals: it is heard of when it looks at the queue."""
    path = tmp_path / "health"
    there.graph.connection.statement("MATCH (n:Node|Stimulus) DETACH DELETE n")
    with running(there, path, STRIDE_PACE__FIXED=None) as process:
        wait_until(lambda: verdict(path).ready)
        end = time.monotonic() + 2 * INTERVALS * INTERVAL
        while time.monotonic() < end:
            assert verdict(path).ready, verdict(path).why
            time.sleep(0.05)
        assert process.poll() is None


def test_a_standby_is_ready_and_without_a_database_nobody_is(there, tmp_path):
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    with running(there, first):
        wait_until(lambda: verdict(first).ready)
        with running(there, second), running(there, third, STRIDE_NEO4J__URI="bolt://127.0.0.1:9"):
            wait_until(lambda: verdict(second).ready)
            assert verdict(second).why == "default: waiting for lease"
            wait_until(lambda: "waiting for database" in verdict(third).why)
            assert (verdict(third).healthy, verdict(third).ready) == (True, False)


def test_the_command(there, tmp_path):
    path = tmp_path / "health"

    def ask(*arguments):
        command = [sys.executable, "-m", "worker.cli", "health", *arguments]
        return subprocess.run(command, env={**os.environ, KEY: str(path)}, capture_output=True, text=True, timeout=SOON)

    assert ask().returncode == ask("--json").returncode == 1
    assert "no worker runs" in ask().stdout
    with running(there, path):
        wait_until(lambda: verdict(path).ready)
        for arguments in ((), ("--ready",)):
            assert (ask(*arguments).stdout, ask(*arguments).returncode) == ("ready: default: running\n", 0)
        assert json.loads(ask("--json").stdout) == {"healthy": True, "ready": True, "why": "default: running"}
    with running(there, path, STRIDE_NEO4J__URI="bolt://127.0.0.1:9"):
        wait_until(lambda: "waiting for database" in verdict(path).why)
        said = ask("--ready")
        assert (ask().returncode, said.returncode) == (0, 1)
        assert said.stdout == "healthy, not ready: default: waiting for database\n"


def test_the_command_without_a_file_says_what_to_set():
    command = [sys.executable, "-m", "worker.cli", "health"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SOON)
    assert (done.returncode, done.stderr) == (
        2,
        f"stridegraph: {KEY} is not set\n  → set it to the file that the worker writes\n",
    )
