"""Events in a file, one JSON object a line (JSON Lines), rotated by size: `events.jsonl`, then `events.jsonl.1` and so on.

The standard library's RotatingFileHandler was weighed, and is not used: it buffers text, so that after a full disk half a line
stands in the file and is written again later; and it rotates between two records, so that a tick may stand in two files.
"""

from __future__ import annotations

import fcntl
import json
import os
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson
import structlog

from worker.errors import SettingsError
from worker.events.build import Event, events, state_event
from worker.settings import variable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import FileIO

    from worker.graph.moment import Frame
    from worker.settings import EventsSettings

KEY = variable("events", "file")
GRAPH = "{graph}"  # stands in the file's name for that of the graph
BEGINNING = b'{"kind":'  # of every line
BATCH = 250  # events encoded at a time: what they take stays in the nearest cache
BLOCK = 65_536  # bytes read at a time in search of the last line

log = structlog.get_logger()


class FileSink:
    """The file of `events.file`: whole lines, all of a tick in one write and in one file.

    Where it cannot be written, events are dropped and counted in `dropped`, with one line in the log when that begins and
    one when it ends. One process at a time may write to it. Raises SettingsError where it cannot be opened at all.
    """

    label = "file"

    def __init__(self, settings: EventsSettings, graph: str) -> None:
        self.dropped = 0
        self._graph = graph
        self._tick = 0
        self._failing = False
        self._most = settings.max_bytes
        path = Path(str(settings.file or "").replace(GRAPH, named(graph))).resolve()
        self._paths = [path, *(path.parent / f"{path.name}.{i}" for i in range(1, settings.keep + 1))]
        try:
            self._file = _opened(path)
        except OSError as error:
            why = "another process writes to it" if isinstance(error, BlockingIOError) else error.strerror
            raise SettingsError(f"{KEY} = {path}: {why}", "name a file that can be written, or none") from None

    def frame(self, frame: Frame) -> None:
        """Write all events of a tick."""
        self._tick = frame.frame
        self._write(lines(events(frame, frame.resident.rejected)))

    def state(self, state: str, detail: str) -> None:
        """Write that the worker has entered a state."""
        self._write(lines([state_event(self._graph, self._tick, datetime.now(UTC), state, detail)]))

    def close(self) -> None:
        """Close the file, and let another process have it."""
        self._file.close()

    def _write(self, text: bytes) -> None:
        try:
            size = os.fstat(self._file.fileno()).st_size
            if size and size + len(text) > self._most:
                self._rotate()
            _append(self._file, text)
        except OSError as error:
            if not self._failing:
                log.error("events.dropped", file=str(self._paths[0]), why=error.strerror)  # noqa: TRY400  (it has a name)
            self._failing = True
            self.dropped += text.count(b"\n")
        else:
            if self._failing:
                log.info("events.resumed", file=str(self._paths[0]), dropped=self.dropped)
            self._failing = False

    def _rotate(self) -> None:
        """Rename each file to the next one's name, the last one's place taken, and begin anew.

        Where a try before has renamed them and could not begin, or somebody else has taken the file away, nothing is renamed.
        """
        path = self._paths[0]
        if path.exists() and os.path.samestat(path.stat(), os.fstat(self._file.fileno())):
            for newer, older in reversed(list(pairwise(self._paths))):
                if newer.exists():
                    newer.replace(older)
        full, self._file = self._file, _opened(path)
        full.close()


def named(graph: str) -> str:
    """Return the name of a graph as a part of a file's name: without separators, and never `..`."""
    return quote(graph, safe="").replace(".", "%2E")


def lines(made: Iterable[Event]) -> bytes:
    """Return events as JSON Lines."""
    left = iter(made)
    return b"".join(_lines(some) for some in iter(lambda: list(islice(left, BATCH)), []))


def _lines(made: list[Event]) -> bytes:
    """Return some events as JSON Lines.

    Written as one array and then parted where one object ends and the next begins, 10 × faster than one by one: within a text
    a quote is escaped, and no event holds a list of objects that begin with `kind`, so the mark stands nowhere else.
    """
    try:
        array = orjson.dumps(made)
    except TypeError:  # text that is no Unicode: half of a surrogate pair. Only the standard library escapes it
        array = json.dumps(made, separators=(",", ":")).encode()
    return array[1:-1].replace(b"}," + BEGINNING, b"}\n" + BEGINNING) + b"\n"


def _append(file: FileIO, text: bytes) -> None:
    """Write all of it or nothing."""
    size, left = os.fstat(file.fileno()).st_size, memoryview(text)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError:
        file.truncate(size)
        raise


def _opened(path: Path) -> FileIO:
    """Open a file for nobody else to write to, mend it, and see that it takes a byte."""
    if path.exists() and not path.is_file():
        raise OSError(0, "not a regular file")
    file = path.open("a+b", buffering=0)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        size = _mended(file)
        _append(file, b"\n")
        file.truncate(size)
    except OSError:
        file.close()
        raise
    return file


def _mended(file: FileIO) -> int:
    """Cut off a last line that a crash has left broken, or end it where it is none of ours; return the file's size."""
    end = file.seek(0, os.SEEK_END)
    whole, tail = end, b""
    while whole and b"\n" not in tail:
        whole = max(0, whole - BLOCK)
        file.seek(whole)
        tail = file.read(end - whole)
    broken = tail[tail.rfind(b"\n") + 1 :]
    if broken and BEGINNING.startswith(broken[: len(BEGINNING)]):
        return file.truncate(end - len(broken))
    if broken:
        _append(file, b"\n")
        return end + 1
    return end
