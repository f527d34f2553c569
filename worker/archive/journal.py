"""The journal of a recording: what a worker was told, on the disk before anything is written that depends on it.

A line an entry: a checksum of eight digits, then JSON. A thread of its own writes them, and forces those that are needed to the
disk, so that a tick waits only where it comes to its commit before its inputs are there.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from worker.archive.files import force
from worker.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Step = list[Any]  # what happened, and what was told
SUM = 8  # digits of a line's checksum


class _Entries(NamedTuple):
    steps: Sequence[Step]
    needed: bool


class _Turn(NamedTuple):
    path: Path
    header: dict[str, Any]
    then: Callable[[], object]


class Journal:
    """Appends entries to a file, and goes on in another when told to. Raises OSError where the first cannot be made."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self.error: Exception | None = None
        self.bytes = 0  # in the file that is being written
        self._said, self._kept = 0, 0  # entries handed over, and those that are written
        self._wake = threading.Condition()
        self._queue: SimpleQueue[_Entries | _Turn | None] = SimpleQueue()
        self._file = _opened(path, header)
        self._thread = threading.Thread(target=self._run, name="stridegraph-journal", daemon=True)
        self._thread.start()

    def append(self, steps: Sequence[Step], *, needed: bool) -> int:
        """Hand entries over, which nobody changes from now on; return how many there have been.

        Where they are needed, they and all before them are forced to the disk.
        """
        self._said += 1
        self._queue.put(_Entries(steps, needed))
        return self._said

    def wait(self, said: int) -> bool:
        """Wait until so many are written, and forced as far as they are needed; return whether they are."""
        if self._kept < said:
            with self._wake:
                self._wake.wait_for(lambda: self._kept >= said or self.error)
        return self._kept >= said

    def turn(self, path: Path, header: dict[str, Any], then: Callable[[], object]) -> None:
        """Go on in a new file; `then` is called once the one before is complete."""
        self.bytes = 0
        self._queue.put(_Turn(path, header, then))

    def close(self) -> None:
        """Write what is left, and end."""
        self._queue.put(None)
        self._thread.join()
        os.close(self._file)

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            if self.error:
                continue
            try:
                if isinstance(first, _Turn):
                    self._turn(first)
                else:
                    self._write(first)
            except (OSError, TypeError, ValueError, RecursionError) as error:  # what a value can be at worst, too
                with self._wake:
                    self.error = error
                    self._wake.notify_all()

    def _turn(self, turn: _Turn) -> None:
        full, self._file = self._file, _opened(turn.path, turn.header)
        os.close(full)
        turn.then()

    def _write(self, entries: _Entries) -> None:
        lines = b"".join(map(_line, entries.steps))
        _write(self._file, lines)
        if entries.needed:
            os.fdatasync(self._file)
        with self._wake:
            self.bytes += len(lines)
            self._kept += 1
            self._wake.notify_all()


def read(path: Path) -> tuple[dict[str, Any], list[Step]]:
    """Return a journal's header and entries; the last line may be broken off. Raises InputError where another is damaged."""
    lines = path.read_bytes().split(b"\n")
    entries = list(map(_entry, lines))
    good = next((i for i, entry in enumerate(entries) if entry is None), len(entries))
    if any(entry is not None for entry in entries[good:]):
        raise InputError(
            f"{path}: line {good + 1} is damaged", "move it out of the folder: its ticks cannot be replayed"
        )
    if not good or not isinstance(entries[0], dict):
        return {}, []
    return entries[0], entries[1:good]


def _opened(path: Path, header: dict[str, Any]) -> int:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    try:
        _write(file, _line(header))
        os.fsync(file)
        force(path.parent)
    except OSError:
        os.close(file)
        raise
    return file


def _write(file: int, text: bytes) -> None:
    left = memoryview(text)
    while left:
        left = left[os.write(file, left) :]


def _line(entry: Step | dict[str, Any]) -> bytes:
    try:
        text = orjson.dumps(entry, default=_strange)
    except TypeError:  # an integer of over 64 bits, or half of a surrogate pair
        text = json.dumps(entry, default=_strange).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _strange(value: object) -> dict[str, str]:
    """Return what stands for a value that no JSON can hold: nothing that the physics would take, as the value itself is not."""
    return {"?": repr(value)[:100]}


def _entry(line: bytes) -> Any:
    checksum, _, text = line.partition(b" ")
    if len(checksum) != SUM or checksum != b"%08x" % zlib.crc32(text):
        return None
    return json.loads(text)
