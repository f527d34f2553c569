"""The lock of a version: every jar of the server and its SHA-256. `python -m worker.database.lock VERSION` writes it.

A user's machine fetches what the lock lists and reads no POM, so that everyone runs the same bytes. Only whoever
raises the version resolves anew.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from worker.database.artifacts import THREADS, Artifact
from worker.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jgo.maven import Dependency

FOLDER = Path(__file__).parent / "locks"
ROOTS = ("org.neo4j.app:neo4j-server", "org.neo4j:neo4j")


def versions() -> list[str]:
    """Return every version of Neo4j that has a lock."""
    return sorted(path.stem for path in FOLDER.glob("*.lock"))


def read(version: str) -> list[Artifact]:
    """Return what the lock of a version lists. Raises DatabaseError where there is none."""
    path = FOLDER / f"{version}.lock"
    if version not in versions():  # by name: no path leads out of the folder
        remedy = f"set STRIDE_DATABASE__VERSION to one of {', '.join(versions())}"
        raise DatabaseError(f"there is no lock for Neo4j {version}", remedy)
    return [Artifact(*line.split()) for line in path.read_text().splitlines()]


def resolve(version: str, cache: Path) -> list[Artifact]:
    """Return every jar that a version of the server needs, downloaded into the cache, with its SHA-256."""
    return resolved([f"{root}:{version}" for root in ROOTS], cache)


def resolved(coordinates: Sequence[str], cache: Path) -> list[Artifact]:
    """Return these artifacts and all that they need, downloaded into the cache, each with its SHA-256.

    The `!` lets each root's own POM choose the versions, as Maven does. Without it jgo takes all roots' managed
    versions for everything, also those that Neo4j manages for its tests only.
    """
    from jgo.maven import MavenContext  # noqa: PLC0415  (as in `artifacts`)

    context = MavenContext(repo_cache=cache, timeout=60)
    roots = [context.create_dependency(f"{root}!") for root in coordinates]
    chosen, transitive = context.resolver.resolve(roots)
    with ThreadPoolExecutor(THREADS) as pool:
        return sorted(pool.map(_pin, chosen + transitive), key=lambda artifact: artifact.coordinate)


def _pin(dependency: Dependency) -> Artifact:
    parts = (dependency.groupId, dependency.artifactId, dependency.version, dependency.classifier)
    digest = hashlib.sha256(dependency.artifact.resolve().read_bytes()).hexdigest()
    return Artifact(":".join(filter(None, parts)), digest)


def write(version: str) -> Path:
    """Resolve a version and write its lock."""
    with tempfile.TemporaryDirectory() as cache:
        artifacts = resolve(version, Path(cache))
    path = FOLDER / f"{version}.lock"
    path.write_text(listed(artifacts))
    return path


def listed(artifacts: Sequence[Artifact]) -> str:
    """Return the text of a lock: one artifact a line."""
    return "".join(f"{artifact.coordinate}  {artifact.sha256}\n" for artifact in artifacts)


if __name__ == "__main__":
    sys.stdout.write(f"{write(sys.argv[1])}\n")
