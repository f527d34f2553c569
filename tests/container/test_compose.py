"""docker-compose.yml for real: Neo4j gets healthy, the worker is built, ticks, and ends when it is told to."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING

import docker
import pytest
from pydantic import SecretStr

from tests.container.neo4j import IMAGE, ROOT
from worker.graph.connection import Connection
from worker.settings import Neo4jSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.container, pytest.mark.timeout(1500)]

PASSWORD = secrets.token_hex(16)
ENVIRONMENT = {
    "COMPOSE_PROJECT_NAME": f"stridegraph-test-{secrets.token_hex(4)}",
    "NEO4J_PASSWORD": PASSWORD,
    "NEO4J_BOLT_PORT": "",  # any free one
    "NEO4J_HTTP_PORT": "",
    "NEO4J_IMAGE": IMAGE,
}


def find() -> list[str]:
    """The compose to use: docker's plugin, or the docker-compose of Debian."""
    plugin = ["docker", "compose"]
    if (
        shutil.which("docker")
        and subprocess.run([*plugin, "version"], capture_output=True, check=False).returncode == 0
    ):
        return plugin
    return ["docker-compose"]


COMPOSE = find()
LOGS = ("logs", "--no-color", "--tail", "40", "worker")


def compose(*arguments: str, without: str = "") -> str:
    """Run it on our docker-compose.yml and return what it prints."""
    environment = {name: value for name, value in (os.environ | ENVIRONMENT).items() if name != without}
    command = [*COMPOSE, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout.strip()


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.5)
    return False


@pytest.fixture(autouse=True)
def _here(pytestconfig: pytest.Config):
    if "container" not in pytestconfig.databases:
        pytest.skip("there is no Docker engine here")
    if not shutil.which(COMPOSE[0]) and not os.environ.get("CI"):
        pytest.skip("there is no docker compose here")


@pytest.fixture
def services() -> Iterator[Connection]:
    """Both services up, and a connection to the server."""
    try:
        compose("up", "--detach", "--build")
        uri = "bolt://" + compose("port", "neo4j", "7687")
        with Connection(Neo4jSettings(uri=uri, password=SecretStr(PASSWORD))) as connection:
            yield connection
    finally:
        compose("down", "--volumes", "--timeout", "0")


def test_the_worker_ticks_takes_a_stimulus_and_ends_when_told_to(services: Connection):
    def tick() -> int:
        rows = services.statement("MATCH (l:Ledger {graph: 'default'}) RETURN l.tick AS tick")
        return rows[0]["tick"] if rows else -1

    def energy() -> float:
        return services.statement("MATCH (n:Node {graph: 'default', id: 'a'}) RETURN coalesce(n.energy, 0) AS e")[0][
            "e"
        ]

    assert wait_for(lambda: tick() >= 1, 300), compose(*LOGS)

    services.statement("CREATE (:Node {graph: 'default', id: 'a'})")
    services.statement("CREATE (:Stimulus {graph: 'default', id: 's', node: 'a', delta: 7.0, created_at: datetime()})")
    assert wait_for(lambda: energy() > 6.9, 300), compose(*LOGS)

    with closing(docker.from_env()) as engine:
        worker = engine.containers.get(compose("ps", "--quiet", "worker"))
        worker.stop(timeout=15)
        assert worker.wait()["StatusCode"] == 0, compose(*LOGS)


def test_without_a_password_nothing_is_started():
    assert "stop_grace_period" in compose("config")
    with pytest.raises(AssertionError, match="password of 8 characters"):
        compose("config", without="NEO4J_PASSWORD")
