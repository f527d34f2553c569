"""A Neo4j in a container, started by testcontainers: the official image, or the one that `images` has made."""

from __future__ import annotations

import gc
import os
import secrets
import sys
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import docker
import yaml
from docker.errors import DockerException
from pydantic import SecretStr
from testcontainers.community.neo4j import Neo4jContainer

from worker.settings import Neo4jSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OFFICIAL = COMPOSE["services"]["neo4j"]["image"].removeprefix("${NEO4J_IMAGE:-").removesuffix("}")

# graphs of tests come and go, and a database plans each query anew when its graph has changed: not every ten seconds here
REPLAN = "dbms.cypher.min_replan_interval=1h"
IMAGE = os.environ.get("TEST_NEO4J_IMAGE", OFFICIAL)


def engine_answers() -> bool:
    """Say whether there is a Docker engine here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # docker forgets the socket that could not connect
        with suppress(DockerException):
            docker.from_env().close()
            return True
        gc.collect()
    return False


@contextmanager
def container() -> Iterator[Neo4jSettings]:
    """Start a fresh Neo4j, yield how to connect to it, and take it away with its data."""
    neo4j = Neo4jContainer(IMAGE, username="neo4j", password=secrets.token_hex(16))
    neo4j.with_env("NEO4J_server_memory_heap_max__size", "1g")
    neo4j.with_env("NEO4J_dbms_cypher_min__replan__interval", "1h")
    neo4j.with_env("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
    try:
        neo4j.start()
    except Exception:
        _show_logs(neo4j)
        neo4j.stop()
        raise
    try:
        yield Neo4jSettings(uri=neo4j.get_connection_url(), user=neo4j.username, password=SecretStr(neo4j.password))
    finally:
        neo4j.stop()


def _show_logs(neo4j: Neo4jContainer) -> None:
    if neo4j.get_wrapped_container() is not None:
        for stream in neo4j.get_logs():
            sys.stderr.write(stream.decode(errors="replace"))
