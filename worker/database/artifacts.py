"""Maven artifacts: fetched from the public repository, each held to its SHA-256 before it gets its name."""

from __future__ import annotations

import hashlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from worker.database.files import using
from worker.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TRIES = 3
THREADS = 6
_CONNECT_SECONDS = 10
_READ_SECONDS = 30
_CHUNK = 1 << 18


class FetchError(DatabaseError):
    """The repository did not answer, broke off, or sent something else: worth another try."""


@dataclass(frozen=True)
class Artifact:
    """One jar: `group:artifact:version[:classifier]` and the SHA-256 that it must have."""

    coordinate: str
    sha256: str

    @property
    def path(self) -> str:
        """Return where it lies in a Maven repository, from its root."""
        group, name, version, *_ = self.coordinate.split(":")
        return "/".join((group.replace(".", "/"), name, version, self.filename))

    @property
    def filename(self) -> str:
        """Return the name of its file."""
        return "-".join(self.coordinate.split(":")[1:]) + ".jar"


def fetch(coordinate: str, sha256: str, folder: Path) -> Path:
    """Return the path of one verified artifact in the folder; download it where it is missing or not the right one.

    Raises DatabaseError: no network, no space, folder not writable, or a file that is not what the SHA-256 says.
    """
    artifact = Artifact(coordinate, sha256)
    with using(folder):
        if not intact(artifact, folder):
            folder.mkdir(parents=True, exist_ok=True)
            _download(artifact, folder)
    return folder / artifact.filename


def fetch_all(artifacts: Sequence[Artifact], folder: Path, done: Callable[[], None]) -> None:
    """Fetch artifacts with a few threads; `done` is called after each. Raises the first that `fetch` raises.

    The caller holds the folder's lock: what an earlier download left behind is removed.
    """
    for part in folder.glob(".*.jar.*"):
        part.unlink(missing_ok=True)
    with ThreadPoolExecutor(THREADS) as pool:
        tasks = [pool.submit(fetch, artifact.coordinate, artifact.sha256, folder) for artifact in artifacts]
        try:
            for task in tasks:
                task.result()
                done()
        finally:
            pool.shutdown(cancel_futures=True)


def intact(artifact: Artifact, folder: Path) -> bool:
    """Say whether the folder holds the artifact, with the content that the SHA-256 names."""
    try:
        with (folder / artifact.filename).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == artifact.sha256
    except FileNotFoundError:
        return False


@retry(
    stop=stop_after_attempt(TRIES),
    wait=wait_exponential(multiplier=0.5),
    retry=retry_if_exception_type(FetchError),
    reraise=True,
)
def _download(artifact: Artifact, folder: Path) -> None:
    """Download under a temporary name, compare, rename: a broken-off download never has the name of a whole one."""
    handle, name = tempfile.mkstemp(prefix=f".{artifact.filename}.", dir=folder)
    part = Path(name)
    digest = hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in _chunks(artifact):
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != artifact.sha256:
            message = f"{artifact.coordinate} was refused: its SHA-256 is {digest.hexdigest()}, not {artifact.sha256}"
            raise FetchError(message, "something between here and the repository changes files: try another network")
        part.replace(folder / artifact.filename)
    finally:
        part.unlink(missing_ok=True)


def _chunks(artifact: Artifact) -> Iterator[bytes]:
    """Yield the artifact's bytes as the repository sends them.

    Not by jgo's own download: that writes under the final name, and a wrong checksum is only a warning to it.
    """
    from jgo.maven import MavenContext  # noqa: PLC0415  (a seventh of a worker's start, and only whoever fetches needs it)
    from jgo.util import http  # noqa: PLC0415

    (base,) = MavenContext().remote_repos.values()
    try:
        with http.get(f"{base}/{artifact.path}", stream=True, timeout=(_CONNECT_SECONDS, _READ_SECONDS)) as answer:
            answer.raise_for_status()
            yield from answer.iter_content(_CHUNK)
    except OSError as error:  # what `requests` raises is an OSError
        remedy = (
            "check the network (it goes by HTTPS_PROXY and REQUESTS_CA_BUNDLE) and run it again: what is here stays"
        )
        raise FetchError(f"could not fetch {artifact.coordinate}: {_reason(error)}", remedy) from error


def _reason(error: BaseException) -> str:
    """Return the innermost reason of a network error: the outer ones only wrap it."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return str(error) or type(error).__name__
