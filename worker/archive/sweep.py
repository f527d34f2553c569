"""Many scenarios on one snapshot, in several processes; where it was broken off, it goes on.

Scenarios are done in chunks that depend on the plan alone. A chunk is two files of Parquet in `parts`, each written under
another name, forced and renamed, the one of scenarios last: it is there or it is not. What is being done is sealed in
`sweep.json` first; once all chunks are there, they become two tables, in the order of scenarios, and the parts go.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from worker.archive import files
from worker.archive.scenario import ENERGIES, SCENARIOS, Rows, Scenario, original, run
from worker.errors import InputError, StrideError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from worker.archive.files import Snapshot

    Engine = Callable[[Snapshot, Sequence[Sequence[Scenario]], Sequence[int]], Iterator[tuple[int, Rows]]]

FORMAT = "stridegraph sweep"
SCHEMA = 1  # of the tables
MANIFEST, LOCK, PARTS = "sweep.json", ".lock", "parts"
TABLES = {"energies": ENERGIES, "scenarios": SCENARIOS}  # in the order in which they are written
CHUNK = 16  # scenarios done between two writes, at least
MOST_CHUNKS = 2000
DIGITS = 6
_ELSEWHERE = "name another --out, or delete that folder"


@dataclass(frozen=True)
class Sweep:
    """What is to be done."""

    folder: Path
    snapshot: Snapshot
    scenarios: Sequence[Scenario]

    @property
    def chunks(self) -> list[Sequence[Scenario]]:
        """The scenarios in chunks, whatever processes there are."""
        size = max(CHUNK, -(-len(self.scenarios) // MOST_CHUNKS))
        return [self.scenarios[lo : lo + size] for lo in range(0, len(self.scenarios), size)]

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What is sealed before anything is done: two sweeps of the same manifest have the same rows."""
        whole = hashlib.sha256()
        for scenario in self.scenarios:
            whole.update(json.dumps(scenario, sort_keys=True).encode())
        return {
            "format": FORMAT,
            "schema": SCHEMA,
            "program": version("stridegraph"),
            "snapshot": self.snapshot.manifest["sha256"],
            "plan": whole.hexdigest(),
            "scenarios": len(self.scenarios),
        }


def sweep(
    what: Sweep,
    processes: int,
    done: Callable[[int], object] = lambda _: None,
    runs: Callable[..., object] | None = None,
    engine: Engine | None = None,
) -> dict[str, Any]:
    """Do all scenarios that are not done yet, and return the manifest; `done` hears how many are, at first and as they come.

    `runs` is told how many were left; an `engine` runs them in place of processes of this machine. Raises InputError where
    the folder is of something else, or another process works in it.
    """
    with _folder(what) as finished:
        if finished:
            done(len(what.scenarios))
            return finished
        parts, chunks = what.folder / PARTS, what.chunks
        there = {number for number in range(len(chunks)) if _part(parts, "scenarios", number).is_file()}
        left = [number for number in range(len(chunks)) if number not in there]
        done(sum(len(chunks[number]) for number in there))
        if runs:
            runs(sum(len(chunks[number]) for number in left))
        if engine:
            _by_engine(what, chunks, engine(what.snapshot, chunks, left), done)
        else:
            _run(what, chunks, left, processes, done)
        return _finish(what, len(chunks))


def rows(snapshot: tuple[str, str], chunk: Sequence[Scenario]) -> Rows:
    """Run scenarios on a snapshot, by its folder and its manifest's SHA-256, which is read once in each process."""
    found = [run(original(*snapshot), scenario) for scenario in chunk]
    return Rows(*(pa.concat_tables(tables) for tables in zip(*found, strict=True)))


def check(what: Sweep) -> None:
    """Refuse a folder that is of something else. Raises InputError."""
    if not os.path.lexists(what.folder):
        files.check_new(what.folder)
        return
    try:
        if any(path.name[0] != "." for path in what.folder.iterdir()):
            _known(what)
    except OSError as error:
        raise InputError(f"{what.folder}: {error.strerror or error}", "name a folder that can be written") from error


def _by_engine(
    what: Sweep, chunks: Sequence[Sequence[Scenario]], found: Iterator[tuple[int, Rows]], done: Callable[[int], object]
) -> None:
    """Write chunks as they come."""
    for number, tables in found:
        _write(tables, str(what.folder / PARTS), number)
        done(len(chunks[number]))


def _run(
    what: Sweep,
    chunks: Sequence[Sequence[Scenario]],
    left: Sequence[int],
    processes: int,
    done: Callable[[int], object],
) -> None:
    source, parts = (str(what.snapshot.folder), what.snapshot.manifest["sha256"]), str(what.folder / PARTS)
    if min(processes, len(left)) <= 1:
        for number in left:
            _chunk(source, chunks[number], parts, number)
            done(len(chunks[number]))
        return
    workers = ProcessPoolExecutor(min(processes, len(left)), get_context("spawn"), _begin)
    try:
        waiting = {workers.submit(_chunk, source, chunks[number], parts, number): number for number in left}
        for future in as_completed(waiting):
            future.result()
            done(len(chunks[waiting[future]]))
    except BrokenProcessPool as error:
        why = f"{what.folder}: a process of the sweep has ended, it may have lacked memory"
        raise StrideError(why, "start it again: it goes on; with fewer --processes it takes less memory") from error
    finally:
        workers.shutdown(cancel_futures=True)


def _begin() -> None:
    """Let a process end with the one that began it: nobody would take what it does."""
    parent = parent_process()

    def wait() -> None:
        connection.wait([parent.sentinel] if parent else [])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _chunk(source: tuple[str, str], chunk: Sequence[Scenario], parts: str, number: int) -> None:
    """Run a chunk and write it."""
    _write(rows(source, chunk), parts, number)


def _write(found: Rows, parts: str, number: int) -> None:
    """Write what came of a chunk; the scenarios' file last."""
    for kind in TABLES:
        path = _part(Path(parts), kind, number)
        _put(getattr(found, kind), path)
    files.force(path.parent)


def _put(table: pa.Table, path: Path) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    pq.write_table(table, part, compression="zstd")
    files.force(part)
    part.rename(path)


def _part(parts: Path, kind: str, number: int) -> Path:
    return parts / f"{number:0{DIGITS}}.{kind}.parquet"


@contextmanager
def _folder(what: Sweep) -> Iterator[dict[str, Any] | None]:
    """Hold a sweep's folder; gives its manifest where all is done. Raises InputError."""
    check(what)
    folder = what.folder
    try:
        folder.mkdir(exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not (folder / MANIFEST).is_file():
                _seal(folder, what.manifest)
            known = _known(what)
            if "files" in known:
                shutil.rmtree(folder / PARTS, ignore_errors=True)  # where it was killed while they went
                yield known
            else:
                (folder / PARTS).mkdir(exist_ok=True)
                yield None
        finally:
            os.close(lock)
    except BlockingIOError as error:
        raise InputError(f"{folder}: another process is at this sweep", "let it end, or name another --out") from error
    except OSError as error:
        raise InputError(
            f"{error.filename or folder}: {error.strerror or error}", "check the folder, its rights and the room there"
        ) from error


def _known(what: Sweep) -> dict[str, Any]:
    """Return the manifest that is in a folder. Raises InputError where it is of another snapshot or plan, OSError."""
    path = what.folder / MANIFEST
    if not path.is_file():
        raise InputError(f"{what.folder}: it is there, and is no sweep", "name a folder that is not there")
    found, ours = files.sealed(path, FORMAT, SCHEMA, _ELSEWHERE), what.manifest
    for name, told in (("snapshot", "another snapshot"), ("plan", "another plan"), ("program", "another version")):
        if found.get(name) != ours[name]:
            why = f"it was begun with {told}: {str(found.get(name))[:12]}, and not {ours[name][:12]}"
            remedy = f"{_ELSEWHERE}; settings of the environment are part of a plan"
            raise InputError(f"{what.folder}: {why}", remedy)
    for name, known in found.get("files", {}).items():
        files.check(what.folder / name, known["bytes"], known["sha256"], _ELSEWHERE)
    return found


def _finish(what: Sweep, count: int) -> dict[str, Any]:
    """Make both tables of the parts, seal them, and drop the parts."""
    folder, made = what.folder, {}
    for kind, schema in TABLES.items():
        path = folder / f"{kind}.parquet"
        part = path.with_name(f".{path.name}.part")
        size = 0
        with pq.ParquetWriter(part, schema, compression="zstd") as writer:
            for number in range(count):
                size += _append(_part(folder / PARTS, kind, number), writer)
        files.force(part)
        part.rename(path)
        made[path.name] = {"rows": size, "bytes": path.stat().st_size, "sha256": files.sha256(path)}
    manifest = _seal(folder, {**what.manifest, "files": made})
    shutil.rmtree(folder / PARTS)
    return manifest


def _append(path: Path, writer: pq.ParquetWriter) -> int:
    """Append a part to a table, and return its rows. Raises InputError."""
    try:
        table = pq.read_table(path, partitioning=None)
    except pa.ArrowException as error:
        raise InputError(f"{path}: it is damaged: {error}", "delete it, and start again: it is done anew") from error
    writer.write_table(table)
    return int(table.num_rows)


def _seal(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    whole = {**manifest, "sha256": files.seal(manifest)}
    part = folder / f".{MANIFEST}.part"
    part.write_bytes(files.written(whole))
    files.force(part)
    part.rename(folder / MANIFEST)
    files.force(folder)
    return whole
