"""Maven artifacts: fetched from the public repository, each held to its SHA-256 before it gets its name."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jgo.maven import MavenContext
from jgo.util import http
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from worker.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TRIES = 3
THREADS = 6
TIMEOUT = 30
_CHUNK = 1 << 18
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


class DamagedError(DatabaseError):
    """What was fetched is not what the lock names, twice: somebody changed it on the way."""


class OfflineError(DatabaseError):
    """The repository did not answer, or broke off: worth another try."""


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
    path = folder / artifact.filename
    if not intact(artifact, folder):
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            _download(artifact, path)
    return path


def fetch_all(artifacts: Iterable[Artifact], folder: Path, done: Callable[[], None]) -> None:
    """Fetch many artifacts with a few threads; `done` is called after each. Raises what `fetch` raises, the first."""
    with ThreadPoolExecutor(THREADS) as pool:
        tasks = [pool.submit(fetch, artifact.coordinate, artifact.sha256, folder) for artifact in artifacts]
        try:
            for task in tasks:
                task.result()
                done()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def intact(artifact: Artifact, folder: Path) -> bool:
    """Say whether the folder holds the artifact, and its content is the one that the SHA-256 names."""
    try:
        with (folder / artifact.filename).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == artifact.sha256
    except FileNotFoundError:
        return False


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the errors of a disk into one line with a remedy."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise DatabaseError(
                f"no space left in {folder}", "free 1 GB, or set STRIDE_DATABASE__HOME to another disk"
            ) from error
        where = error.filename or folder
        remedy = "make the folder writable, or set STRIDE_DATABASE__HOME to one that is"
        raise DatabaseError(f"cannot write {where}: {error.strerror or error}", remedy) from error


def _download(artifact: Artifact, path: Path) -> None:
    """Download under a temporary name, compare, rename: a broken-off download never has the name of a whole one."""
    tries = Retrying(
        stop=stop_after_attempt(TRIES),
        wait=wait_exponential(multiplier=0.5),
        retry=retry_if_exception_type((OfflineError, DamagedError)),
        reraise=True,
    )
    for attempt in tries:
        with attempt:
            _download_once(artifact, path)


def _download_once(artifact: Artifact, path: Path) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{artifact.filename}.", dir=path.parent)
    part = Path(name)
    digest = hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in _chunks(artifact):
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != artifact.sha256:
            message = f"{artifact.coordinate} was refused: its SHA-256 is {digest.hexdigest()}, not {artifact.sha256}"
            raise DamagedError(message, "something between here and the repository changes files: try another network")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _chunks(artifact: Artifact) -> Iterator[bytes]:
    """Yield the artifact's bytes from the first repository that has it."""
    try:
        for base in MavenContext().remote_repos.values():
            with http.get(f"{base}/{artifact.path}", stream=True, timeout=TIMEOUT) as answer:
                answer.raise_for_status()
                yield from answer.iter_content(_CHUNK)
                return
    except OSError as error:  # what `requests` raises is an OSError, one without a number
        remedy = "check the network (HTTPS_PROXY is honoured), then run the command again: it goes on where it stopped"
        raise OfflineError(f"could not fetch {artifact.coordinate}: {_reason(error)}", remedy) from error


def _reason(error: BaseException) -> str:
    """Return the innermost reason of a network error: the outer ones only wrap it."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return str(error) or type(error).__name__
