"""A recording while it is made: what a worker is told, in a journal, and segments of it in the background.

No tick waits for a segment, and none for the disk but at its commit, where its own inputs are not there yet. Where the disk is
full the recording ends, and the worker goes on.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import structlog

from worker.archive import segments
from worker.archive.journal import Journal
from worker.archive.listening import Listening
from worker.archive.segments import STRIDE, journal_of, numbers
from worker.archive.snapshot import settings_of
from worker.errors import InputError
from worker.physics.model import Links, Nodes
from worker.physics.valence import costs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.archive.journal import Step
    from worker.graph.moment import Frame
    from worker.graph.port import Graph
    from worker.physics.model import Frontier, Int32s, Ints, Staged, Strides, UInt16s
    from worker.physics.parameters import Parameters
    from worker.physics.valence import Terms
    from worker.settings import Settings

LOCK = ".lock"
BEHIND = 2  # segments that may wait to be written before strides are left out
NOT_TAKEN: Any = np.empty(0)  # a column that nothing is read of
STRIDE_BYTES = 200  # that a stride takes in memory

log = structlog.get_logger()


class Captured(NamedTuple):
    """The strides of a tick as they were, (M,) each; names are looked up, and costs worked out, when they are written."""

    ids: Sequence[str]
    types: Sequence[str]
    type: UInt16s
    key: Ints
    strides: Strides
    read: Frontier  # a row a stride: its target with the visits after the tick, its link
    terms: Terms
    parameters: Parameters
    staged: Staged


class Recorder:
    """Records one worker's ticks to a folder: a sink, and what its graph is to be wrapped in.

    Raises InputError where the folder is another graph's, another process's, or cannot be written.
    """

    def __init__(self, folder: Path, settings: Settings, *, strides: bool = False) -> None:
        self.folder = folder
        self.settings = settings
        self.strides = strides
        self.stopped = False
        self._header = segments.header_of(settings.graph, settings_of(settings), secrets.token_hex(8))
        self._needed = 0
        self._captured: dict[int, Captured] = {}
        self._bytes = self._ticks = 0
        self._thin = False
        self._began = time.monotonic()
        self._builder = ThreadPoolExecutor(1, "stridegraph-segments")
        self._building: list[Future[None]] = []
        try:
            self._lock = _locked(folder)
        except OSError as error:
            raise _unusable(folder, error) from error
        try:
            self._number = _recovered(folder, settings.graph) + 1
            self._journal = Journal(journal_of(folder, self._number), self._header)
        except BaseException as error:
            os.close(self._lock)
            self._builder.shutdown()
            if isinstance(error, OSError):
                raise _unusable(folder, error) from error
            raise

    def listen(self, graph: Graph) -> Graph:
        """Return the graph as the worker shall take it."""
        return Listening.to(graph, self, meaning=bool(self.settings.valence.goal))

    def tell(self, steps: Sequence[Step], *, needed: bool) -> None:
        """Take what happened."""
        if self.stopped:
            return
        if self._journal.error:
            self._stop(self._journal.error)
            return
        said = self._journal.append(steps, needed=needed)
        if needed:
            self._needed = said

    def keep(self) -> None:
        """Return once all that is needed is on the disk, or the recording has ended."""
        if not self.stopped and not self._journal.wait(self._needed) and self._journal.error:
            self._stop(self._journal.error)

    def tick_begins(self) -> None:
        """Begin another segment where it is time."""
        limits = self.settings.record
        if not self.stopped and self._ticks and (
            self._ticks >= limits.ticks
            or self._bytes + self._journal.bytes >= limits.max_bytes
            or time.monotonic() - self._began >= limits.seconds
        ):  # fmt: skip
            self._turn()
        self._ticks += 1

    def frame(self, frame: Frame) -> None:
        """Take a tick's strides, where they are asked for."""
        if not self.strides or self.stopped or self._thin:
            return
        self._captured[frame.frame] = captured(frame)
        self._bytes += STRIDE_BYTES * len(frame.moment.strides.link)

    def state(self, state: str, detail: str) -> None:
        """Say nothing: what a replay needs comes from the graph."""

    def close(self) -> None:
        """Write what is left."""
        self._journal.close()
        if self._journal.error:
            self._stop(self._journal.error)
        elif not self.stopped:
            self._build(self._number, self._captured)
        self._builder.shutdown()
        self._look()
        os.close(self._lock)

    def _turn(self) -> None:
        self._look()
        number, captured = self._number, self._captured
        self._number += 1
        self._captured, self._bytes, self._ticks, self._began = {}, 0, 0, time.monotonic()
        self._journal.turn(journal_of(self.folder, self._number), self._header, partial(self._build, number, captured))
        self._thin = self.strides and len(self._building) >= BEHIND
        if self._thin:
            log.warning("recording.thinned", folder=str(self.folder), segment=self._number)

    def _build(self, number: int, captured: dict[int, Captured]) -> None:
        self._building.append(self._builder.submit(_built, self.folder, number, captured))

    def _look(self) -> None:
        """Take note of segments that are written, and of one that could not be: its journal stays."""
        for done in [future for future in self._building if future.done()]:
            self._building.remove(done)
            error = done.exception()
            if isinstance(error, Exception):
                self._stop(error)

    def _stop(self, error: Exception) -> None:
        if not self.stopped:
            why = error.strerror if isinstance(error, OSError) else str(error).partition("\n")[0]
            log.error("recording.stopped", folder=str(self.folder), why=why)
        self.stopped = True
        self._captured = {}


class Texts:
    """Lists of texts as columns, made anew where one has grown: to take thousands of texts one by one would hold up a tick."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Sequence[str], pa.Array]] = {}

    def take(self, texts: Sequence[str], which: Int32s | UInt16s) -> pa.Array:
        """Return the texts at these places; of a list that grows at its end alone."""
        if not len(which):
            return pa.array([], pa.string())
        _, column = self._made.get(id(texts), (texts, ()))
        if len(column) <= which.max():
            column = pa.array(texts, pa.string())
            self._made[id(texts)] = texts, column
        return column.take(pa.array(which))


def stride_rows(captured: Captured, texts: Texts) -> pa.StructArray:
    """Return strides by name, with the parts of their costs."""
    strides, staged, nodes = captured.strides, captured.staged, captured.read.nodes
    ended = staged.visits[staged.target]
    read = captured.read._replace(nodes=nodes._replace(visits=nodes.visits - ended))
    parts = costs(read, np.arange(len(strides.link)), captured.terms, captured.parameters)
    columns = {
        "source": texts.take(captured.ids, strides.source),
        "target": texts.take(captured.ids, strides.target),
        "type": texts.take(captured.types, captured.type),
        "key": captured.key,
        "rank": strides.rank,
        "energy": strides.energy,
        "share": strides.share,
        "cost": strides.cost,
        **parts._asdict(),
        "phi": staged.phi,
        "z_phi": staged.z_phi,
        "learned": staged.learned,
    }
    arrays = [
        own if isinstance(own := columns[name], pa.Array) else pa.array(own, kind) for name, kind in STRIDE.items()
    ]
    return pa.StructArray.from_arrays(arrays, fields=[pa.field(*field) for field in STRIDE.items()])


def captured(frame: Frame) -> Captured:
    """Return what a tick's strides were, as it had read them: the commit has changed log-weights and visits since."""
    moment, resident = frame.moment, frame.resident
    strides, staged, frontier = moment.strides, moment.staged, moment.frontier
    nodes = Nodes(*(NOT_TAKEN,) * len(Nodes._fields))._replace(  # what `costs` goes by: a tick waits for these copies
        visits=frontier.nodes.visits[strides.target], goal_cosine=frontier.nodes.goal_cosine[strides.target]
    )
    own = np.arange(len(strides.link), dtype=np.int32)
    links = Links(
        target=own,
        type=frontier.links.type[strides.link],
        log_weight=staged.log_weight,
        feeling=own,
        resonance=frontier.links.resonance[frontier.links.feeling[strides.link]],
        emotion=NOT_TAKEN,
    )
    return Captured(
        resident.ids, resident.link_types, links.type, resident.link("key")[strides.link], strides,
        frontier._replace(nodes=nodes, links=links), moment.terms, resident.parameters, staged,
    )  # fmt: skip


def _built(folder: Path, number: int, captured: dict[int, Captured]) -> None:
    texts = Texts()
    segments.built(folder, number, {tick: stride_rows(own, texts) for tick, own in captured.items()})


def _recovered(folder: Path, graph: str) -> int:
    """Make segments of the journals that a crash has left; return the last number in use."""
    for part in folder.glob(".*.part"):
        part.unlink()
    made = numbers(folder, ".json")
    for number in made[-1:]:
        there = segments.manifest_at(folder / f"{number:0{segments.DIGITS}}.json")["graph"]
        if there != graph:
            why = f"--record {folder}: it has the recording of the graph {there!r}, not of {graph!r}"
            raise InputError(why, "name another folder")
    left = numbers(folder, ".journal")
    for number in left:
        if number in made:
            journal_of(folder, number).unlink()
        else:
            segments.built(folder, number, {})
    return max([0, *made, *left])


def _locked(folder: Path) -> int:
    """Make the folder if it is not there, and let no other process record to it."""
    folder.mkdir(exist_ok=True)
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _unusable(folder: Path, error: OSError) -> InputError:
    why = "another process records to it" if isinstance(error, BlockingIOError) else error.strerror
    return InputError(f"--record {folder}: {why}", "name a folder that can be written, with room on its disk")
