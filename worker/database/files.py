"""Files of the local server: written whole, for this user's eyes, one process at a time."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from worker.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def using(folder: Path) -> Iterator[None]:
    """Turn a disk's refusal into one line with a remedy."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            remedy = "free 1 GB, or set STRIDE_DATABASE__HOME to a folder on another disk"
            raise DatabaseError(f"no space is left for {folder}", remedy) from error
        where = error.filename or folder
        remedy = "give this user the right to it, or set STRIDE_DATABASE__HOME to another folder"
        raise DatabaseError(f"cannot read or write {where}: {error.strerror or error}", remedy) from error


def write(path: Path, text: str) -> None:
    """Write a file for this user's eyes, whole or not at all, whatever dies."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


@contextmanager
def locked(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock file; wait for another process that holds it. The lock falls with its holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is at work on the local server: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
