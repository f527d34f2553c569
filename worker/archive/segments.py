"""A recording as a folder: segments of Parquet, each with a manifest beside it that seals it and names the one before.

A segment is made of a journal, which it replaces: what a crash leaves is a journal, and a segment once the next worker starts.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from worker.archive import files, journal
from worker.archive.tables import NUMBER, TEXT, WHOLE
from worker.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from worker.archive.journal import Step

FORMAT = "stridegraph recording"
SCHEMA = 1  # what is newer is not read
DIGITS = 6  # of a segment's number, so that names have the order of numbers
ATTACH, TICK = "attach", "tick"
STRIDE = {
    "source": TEXT, "target": TEXT, "type": TEXT, "key": WHOLE, "rank": WHOLE, "energy": NUMBER, "share": NUMBER,
    "cost": NUMBER, "weight": NUMBER, "goal": NUMBER, "novelty": NUMBER, "multiplier": NUMBER, "phi": NUMBER,
    "z_phi": NUMBER, "learned": NUMBER,
}  # fmt: skip
COLUMNS = pa.schema(
    {
        "place": WHOLE,
        "kind": TEXT,
        "tick": WHOLE,
        "dt": NUMBER,
        "digest": TEXT,
        "steps": TEXT,
        "strides": pa.list_(pa.field("element", pa.struct(STRIDE))),
    }
)
_REPEATED = [
    "kind",
    *(f"strides.list.element.{name}" for name in ("source", "target", "type", "rank", "goal", "novelty", "multiplier")),
]  # of the others hardly a value comes twice
_MOVE = "move it out of the folder: what follows on it cannot be replayed"
_NAMED = {"graph": str, "settings": dict, "session": str, "number": int, "previous": str, "first_tick": int, "last_tick": int,
          "follows": str, "digest": str, "rows": int, "bytes": int, "file_sha256": str}  # fmt: skip


class Episode(NamedTuple):
    """An attaching, or a tick, with all that the graph has answered."""

    kind: str
    tick: int  # its number; of an attaching, that of the tick before
    dt: float | None  # None where it was broken off before its commit
    digest: str | None  # of the strides up to it
    steps: list[Step]

    def has(self, what: str) -> bool:
        """Tell whether something happened in it."""
        return any(step[0] == what for step in self.steps)


class Segment(NamedTuple):
    """Some episodes that follow on each other, and the manifest of the file that they stand in."""

    path: Path
    manifest: dict[str, Any]
    episodes: list[Episode] | None = None  # of one that is a journal yet


def journal_of(folder: Path, number: int) -> Path:
    """Return the file of a journal."""
    return folder / f"{number:0{DIGITS}}.journal"


def header_of(graph: str, settings: Mapping[str, Any], session: str) -> dict[str, Any]:
    """Return what every file of a recording says of the worker that it is of."""
    return {"format": FORMAT, "schema": SCHEMA, "program": version("stridegraph"), "graph": graph, "settings": settings,
            "settings_sha256": hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest(),
            "session": session}  # fmt: skip


def numbers(folder: Path, suffix: str) -> list[int]:
    """Return the numbers of all files of a kind, ascending."""
    return sorted(int(path.stem) for path in folder.glob(f"*{suffix}") if path.stem.isdecimal())


def built(folder: Path, number: int, strides: Mapping[int, pa.StructArray]) -> None:
    """Make a segment of a journal, and drop that; one without a whole entry is dropped alone. Raises OSError, InputError."""
    source = journal_of(folder, number)
    header, steps = journal.read(source)
    before = _before(folder, number)
    rows = episodes(steps, before)
    if rows:
        path = folder / f"{number:0{DIGITS}}.parquet"
        table = pa.table(
            [
                pa.array(range(len(rows)), WHOLE),
                *(pa.array([getattr(row, name) for row in rows], COLUMNS.field(name).type)
                  for name in ("kind", "tick", "dt", "digest")),
                pa.array([json.dumps(row.steps, separators=(",", ":")) for row in rows], TEXT),
                _lists(rows, strides),
            ],
            schema=COLUMNS,
        )  # fmt: skip
        part = folder / f".{path.name}.part"
        pq.write_table(table, part, compression="zstd", use_dictionary=_REPEATED, write_statistics=["tick"])
        files.force(part)
        manifest = {
            **header,
            **_told(number, rows, before),
            "rows": len(rows),
            "bytes": part.stat().st_size,
            "file_sha256": files.sha256(part),
        }
        part.rename(path)
        _seal(path.with_suffix(".json"), manifest)
    source.unlink()
    files.force(folder)


def episodes(steps: Iterable[Step], before: Mapping[str, Any]) -> list[Episode]:
    """Part what happened into attachings and ticks."""
    parts: list[list[Step]] = []
    for step in steps:
        over = step[0] == "intake" and (not parts or parts[-1][0][0] == "take" or ["committed"] in parts[-1])
        if step[0] == "take" or over:
            parts.append([])
        if parts:  # what has no beginning is of a worker whose recording had begun to fail
            parts[-1].append(step)
    found: list[Episode] = []
    tick = before.get("last_tick", 0)
    for part in parts:
        told = next((step[1] for step in reversed(part) if step[0] == "commit"), None)
        if part[0][0] == "take":
            taken = part[0][1]
            tick = taken["tick"]
            found.append(Episode(ATTACH, tick, None, taken["digest"], part))
        elif told:
            tick = told["tick"]
            found.append(Episode(TICK, tick, told["dt"], told["digest"], part))
        else:
            found.append(Episode(TICK, tick + 1, None, None, part))
    return found


def opened(folder: Path) -> list[Segment]:
    """Look at every byte of a recording, the journals after its last segment too.

    Raises InputError, with the file and the reason, where one is not as it was written.
    """
    try:
        found = [_segment(folder / f"{number:0{DIGITS}}.json") for number in numbers(folder, ".json")]
        left = set(numbers(folder, ".parquet")) - {segment.manifest["number"] for segment in found}
        for number in numbers(folder, ".journal"):
            if not found or number > found[-1].manifest["number"]:
                found += _unfinished(folder, number, found[-1].manifest if found else {})
                left -= {number}
    except OSError as error:
        raise InputError(f"{error.filename or folder}: {error.strerror or error}", "copy it again") from error
    if left:
        path = folder / f"{min(left):0{DIGITS}}.json"
        raise InputError(f"{path}: it is not there", "copy it again; a worker that starts there makes it anew")
    if not found:
        raise InputError(
            f"{folder}: there is no segment in it", "name a folder that `stridegraph run --record` has written"
        )
    _check_chain(found)
    return found


def rows(segment: Segment) -> list[tuple[Episode, pa.StructArray | None]]:
    """Return a segment's episodes, each with its strides if they were recorded. Raises InputError."""
    if segment.episodes is not None:
        return [(episode, None) for episode in segment.episodes]
    try:
        table = pq.read_table(segment.path, partitioning=None)
        if table.schema.names != COLUMNS.names or table.num_rows != segment.manifest["rows"]:
            raise InputError(f"{segment.path}: its columns or rows are not those of a segment", _MOVE)
        plain = table.drop_columns(["place", "strides"]).to_pylist()
        strides = table["strides"]
        return [
            (Episode(**{**row, "steps": json.loads(row["steps"])}), strides[i].values if strides[i].is_valid else None)
            for i, row in enumerate(plain)
        ]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{segment.path}: it cannot be read: {error}", _MOVE) from error


def manifest_at(path: Path) -> dict[str, Any]:
    """Return a segment's manifest. Raises InputError, OSError."""
    found = files.sealed(path, FORMAT, SCHEMA, _MOVE)
    if not all(type(found.get(name)) is kind for name, kind in _NAMED.items()) or found["number"] != int(path.stem):
        raise InputError(f"{path}: it does not say what a segment's does", "it is of another program")
    return found


def _segment(path: Path) -> Segment:
    manifest, table = manifest_at(path), path.with_suffix(".parquet")
    files.check(table, manifest["bytes"], manifest["file_sha256"], _MOVE)
    return Segment(table, manifest)


def _unfinished(folder: Path, number: int, before: Mapping[str, Any]) -> list[Segment]:
    """Return what is in a journal: one that a crash has left, or that a worker is writing."""
    path = journal_of(folder, number)
    header, steps = journal.read(path)
    found = episodes(steps, before)
    if not found:
        return []
    if header.get("format") != FORMAT or header.get("schema") != SCHEMA:
        raise InputError(f"{path}: it is not of a recording, or of another version", _MOVE)
    return [Segment(path, {**header, **_told(number, found, before)}, found)]


def _told(number: int, rows: list[Episode], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a manifest tells of a segment's contents."""
    first = rows[0]
    digests = [row.digest for row in rows if row.digest is not None]
    return {
        "number": number,
        "previous": before.get("sha256", ""),
        "first_tick": first.tick + (first.kind == ATTACH),
        "last_tick": rows[-1].tick,
        "follows": first.digest if first.kind == ATTACH else before.get("digest", ""),
        "digest": digests[-1] if digests else before.get("digest", ""),
    }


def _check_chain(found: list[Segment]) -> None:
    """Refuse segments that are not of one graph, or do not follow on each other. Raises InputError."""
    first, *others = found
    for before, after in zip(found, others, strict=False):
        path, was, now = after.path, before.manifest, after.manifest
        if now["graph"] != first.manifest["graph"]:
            raise InputError(f"{path}: it is of the graph {now['graph']!r}, not {was['graph']!r}", _MOVE)
        if now["previous"] != was.get("sha256", ""):
            gap = f"segments {was['number'] + 1} to {now['number'] - 1} are not there"
            why = gap if now["number"] > was["number"] + 1 else f"it does not follow on segment {was['number']}"
            missing = f"after tick {was['last_tick']}, and before tick {now['first_tick']}"
            raise InputError(f"{path}: {why}: {missing}", "copy the folder again")


def _before(folder: Path, number: int) -> dict[str, Any]:
    """Return the manifest of the segment before this one, nothing where this is the first."""
    earlier = [other for other in numbers(folder, ".json") if other < number]
    return manifest_at(folder / f"{earlier[-1]:0{DIGITS}}.json") if earlier else {}


def _seal(path: Path, manifest: dict[str, Any]) -> None:
    whole = {**manifest, "sha256": files.seal(manifest)}
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(files.written(whole))
    files.force(part)
    part.rename(path)
    files.force(path.parent)


def _lists(rows: list[Episode], strides: Mapping[int, pa.StructArray]) -> pa.ChunkedArray:
    """Return each tick's strides as a list, None where they were not recorded; a piece each, so that nothing is copied."""
    kind = COLUMNS.field("strides").type
    found = [strides.get(row.tick) if row.kind == TICK and row.digest else None for row in rows]
    pieces = [
        pa.nulls(1, kind)
        if own is None
        else pa.ListArray.from_arrays(pa.array([0, len(own)], pa.int32()), own, type=kind)
        for own in found
    ]
    return pa.chunked_array(pieces, kind)
