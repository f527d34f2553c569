"""Neo4j Graph Data Science in a server of its own. It is GPLv3: fetched for this comparison, and no part of what is shipped.

`python -m benchmarks.gds` resolves it anew and writes the lock.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path
from rich.progress import Progress

from worker.database import local_server, lock
from worker.database.artifacts import Artifact, fetch_all
from worker.database.files import locked, using
from worker.database.server import LocalServer
from worker.graph.connection import Connection
from worker.graph.migrate import migrate
from worker.settings import DatabaseSettings

VERSION = "2.26.0"
ROOTS = (f"org.neo4j.gds:proc:{VERSION}", f"org.neo4j.gds:opengds-extension:{VERSION}")
LOCK = Path(__file__).parent / "gds.lock"
CACHE = user_cache_path("stridegraph") / "gds" / VERSION
PROCEDURES = "org.neo4j.gds:proc-"  # the artifacts that hold any
PREFIX = "gds-"  # the server looks for procedures only in plugins of certain names


class GdsServer(LocalServer):
    """A local server that also has these jars, on the class path and as plugins."""

    def _classpath(self) -> list[Path]:
        return [*super()._classpath(), *(CACHE / each.filename for each in artifacts())]

    def _configuration(self, port: int) -> str:
        plugins = self.home / "plugins"
        plugins.mkdir(exist_ok=True)
        for each in artifacts():
            if each.coordinate.startswith(PROCEDURES):
                shutil.copyfile(CACHE / each.filename, plugins / f"{PREFIX}{each.filename}")
        return super()._configuration(port) + "dbms.security.procedures.unrestricted=gds.*\n"


@contextmanager
def gds_server():
    """Start such a server in a folder that goes with it, and connect to it."""
    fetch()
    with tempfile.TemporaryDirectory(prefix="stridegraph-gds-") as home:
        jars = local_server(DatabaseSettings()).jars
        server = GdsServer(DatabaseSettings(home=Path(home), memory="2g"), jars)
        try:
            with Connection(server.up(say=lambda _: None)) as connection:
                migrate(connection)
                yield connection
        finally:
            server.down()


def artifacts() -> list[Artifact]:
    """Return what the lock lists, less what the server itself brings."""
    own = {_name(each) for each in lock.read(DatabaseSettings().version)}
    listed = [Artifact(*line.split()) for line in LOCK.read_text().splitlines()]
    return [each for each in listed if _name(each) not in own]


def fetch() -> None:
    """Download every jar that is missing, each held to its SHA-256."""
    with using(CACHE), locked(CACHE / ".lock", print), Progress() as bar:
        wanted = artifacts()
        task = bar.add_task("GDS", total=len(wanted))
        fetch_all(wanted, CACHE, done=lambda: bar.advance(task))


def _name(artifact: Artifact) -> str:
    return ":".join(artifact.coordinate.split(":")[:2])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as cache:
        LOCK.write_text(lock.listed(lock.resolved(ROOTS, Path(cache))))
    sys.stdout.write(f"{LOCK}\n")
