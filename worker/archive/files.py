"""A snapshot as a folder: `manifest.json`, which names every table with its rows, bytes and SHA-256, and the tables.

A folder is whole or it is none: it is written under another name, forced to the disk, and then renamed; the manifest is the
last file in it. Reading begins with looking at every byte.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from worker.archive.digest import LINKS, NODES, Digest, State, digest
from worker.archive.tables import SCHEMAS
from worker.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT = "stridegraph snapshot"
SCHEMA = 1  # of the tables; what is newer is not read
MANIFEST = "manifest.json"
DIGESTED = {"nodes": list(NODES), "links": list(LINKS)}  # columns; of other tables all
LARGEST = 16_000_000  # bytes of a manifest
_TAKE_ANOTHER = "take another snapshot, or copy it again"


class Snapshot(NamedTuple):
    """A snapshot whose every byte is as it was written."""

    folder: Path
    manifest: dict[str, Any]

    def table(self, kind: str) -> pa.Table:
        """Return a table. Raises InputError where it is not what its manifest says."""
        path = self.folder / f"{kind}.parquet"
        try:
            table = pq.read_table(path, schema=None, partitioning=None)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path}: it cannot be read: {error}", _TAKE_ANOTHER) from error
        wanted = SCHEMAS[kind]
        if table.schema.names != wanted.names or list(map(str, table.schema.types)) != list(map(str, wanted.types)):
            raise InputError(f"{path}: its columns are not those of a snapshot", _TAKE_ANOTHER)
        rows = self.manifest["files"][path.name]["rows"]
        if table.num_rows != rows:
            raise InputError(f"{path}: it has {table.num_rows} rows, and not {rows}", _TAKE_ANOTHER)
        return table


class Writer:
    """The tables of a snapshot that is being written, piece by piece."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = dict.fromkeys(SCHEMAS, 0)
        self._files = ExitStack()
        self._writers = {
            kind: self._files.enter_context(pq.ParquetWriter(folder / f"{kind}.parquet", schema))
            for kind, schema in SCHEMAS.items()
        }

    def write(self, kind: str, table: pa.Table) -> None:
        """Append rows to a table."""
        if table.num_rows:
            self._writers[kind].write_table(table, row_group_size=table.num_rows)
            self.rows[kind] += table.num_rows

    def close(self) -> None:
        """End all tables."""
        self._files.close()

    def digest(self) -> str:
        """Return the digest of what has been written, once all tables are ended: piece by piece where they have the order."""
        whole = Digest(self.folder)
        for kind in State._fields:
            with pq.ParquetFile(self.folder / f"{kind}.parquet") as file:
                for piece in range(file.num_row_groups):
                    whole.add(kind, file.read_row_group(piece, columns=DIGESTED.get(kind)))
        return whole.hexdigest() or digest(State(*map(self._table, State._fields)))

    def _table(self, kind: str) -> pa.Table:
        return pq.read_table(self.folder / f"{kind}.parquet", columns=DIGESTED.get(kind))

    def finish(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Force all tables to the disk and write the manifest after them; return it."""
        files = {}
        for kind in SCHEMAS:
            path = self.folder / f"{kind}.parquet"
            force(path)
            files[path.name] = {"rows": self.rows[kind], "bytes": path.stat().st_size, "sha256": sha256(path)}
        whole = {"format": FORMAT, "schema": SCHEMA, **manifest, "files": files}
        whole["sha256"] = seal(whole)
        (self.folder / MANIFEST).write_bytes(written(whole))
        force(self.folder / MANIFEST)
        return whole


@contextmanager
def new(folder: Path) -> Iterator[Writer]:
    """Write a snapshot to a new folder. Raises InputError."""
    with beside(folder) as part:
        writer = Writer(part)
        try:
            yield writer
        finally:
            writer.close()


@contextmanager
def beside(folder: Path) -> Iterator[Path]:
    """Give a folder's files a place under another name, and that its own once all are on the disk. Raises InputError."""
    part = folder.parent / f".{folder.name}.{secrets.token_hex(4)}.part"
    try:
        part.mkdir()
        try:
            yield part
            force(part)
            part.rename(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        force(folder.parent)
    except OSError as error:
        raise InputError(
            f"{folder}: {error.strerror or error}", "check the folder, its rights and the room there"
        ) from error


def check_new(folder: Path) -> None:
    """Refuse a folder that is there, or cannot be made, before anything is read. Raises InputError."""
    if os.path.lexists(folder):
        raise InputError(f"{folder}: it is there already", "name a folder that is not there: nothing is overwritten")
    if not folder.parent.is_dir():
        raise InputError(f"{folder}: there is no folder {folder.parent}", "make it first")


def opened(folder: Path) -> Snapshot:
    """Look at every byte of a snapshot. Raises InputError, with the file and the reason, where one is not as it was written."""
    try:
        manifest = _manifest(folder)
        for kind in SCHEMAS:
            known = manifest["files"][f"{kind}.parquet"]
            check(folder / f"{kind}.parquet", known["bytes"], known["sha256"], _TAKE_ANOTHER)
    except OSError as error:
        raise InputError(f"{error.filename or folder}: {error.strerror or error}", _TAKE_ANOTHER) from error
    return Snapshot(folder, manifest)


def described(folder: Path) -> dict[str, Any]:
    """Return a snapshot's manifest, once it has been looked at, and no table. Raises InputError."""
    return _manifest(folder)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"{folder}: there is no {MANIFEST} in it", "it is no snapshot, or one that was broken off")
    found = sealed(path, FORMAT, SCHEMA, _TAKE_ANOTHER)
    _check_contents(path, found)
    return found


def sealed(path: Path, form: str, schema: int, remedy: str) -> dict[str, Any]:
    """Return what a sealed file of JSON says: of this form, and of no newer schema. Raises InputError, OSError."""
    if path.stat().st_size > LARGEST:
        raise InputError(f"{path}: it is larger than any manifest", f"it is not of a {form}")
    text = path.read_bytes()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: it is no JSON: {str(error)[:100]}", remedy) from error
    if not isinstance(found, dict) or found.get("format") != form:
        raise InputError(f"{path}: it is not of a {form}", "it is of another program, or damaged")
    if type(found.get("schema")) is int and found["schema"] > schema:
        why = f"its schema is {found['schema']}, and this program reads up to {schema}"
        raise InputError(f"{path}: {why}", "update Stridegraph")
    if type(found.get("schema")) is int and found["schema"] < schema:
        why = f"its schema is {found['schema']}, and this program reads {schema}"
        raise InputError(f"{path}: {why}", "read it by the version that its `program` names")
    unsealed = {name: value for name, value in found.items() if name != "sha256"}
    if found.get("schema") != schema or found.get("sha256") != seal(unsealed) or text != written(found):
        raise InputError(f"{path}: it is damaged: its SHA-256 is another", remedy)
    return found


def _check_contents(path: Path, manifest: dict[str, Any]) -> None:
    """Refuse a manifest that is sealed, and does not say what one of a snapshot does. Raises InputError."""
    named, tables = manifest.get("files"), {f"{kind}.parquet" for kind in SCHEMAS}
    if not isinstance(named, dict) or named.keys() != tables or not all(map(_is_file, named.values())):
        raise InputError(f"{path}: it does not name the tables of a snapshot", "it is of another program")
    for name, kind in (("graph", str), ("settings", dict), ("digest", str), ("tick", int)):
        if not isinstance(manifest.get(name), kind):
            raise InputError(f"{path}: it does not say what its {name} is", "it is of another program")
    if not all(isinstance(group, dict) for group in manifest["settings"].values()):
        raise InputError(f"{path}: it does not say what its settings are", "it is of another program")


def _is_file(named: Any) -> bool:
    return isinstance(named, dict) and named.keys() == {"rows", "bytes", "sha256"}


def check(path: Path, size: int, checksum: str, remedy: str) -> None:
    """Look at every byte of a file. Raises InputError where it is not there, or not as it was written, OSError."""
    if not path.is_file():
        raise InputError(f"{path}: it is not there, or is no file", remedy)
    found = path.stat().st_size
    if found != size:
        raise InputError(f"{path}: it has {found} bytes, and not {size}", remedy)
    if sha256(path) != checksum:
        raise InputError(f"{path}: it is damaged: its SHA-256 is another", remedy)


def written(manifest: dict[str, Any]) -> bytes:
    """Return a manifest as it stands in its file: there is one way to write it, so that no byte can be another."""
    return (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()


def seal(manifest: dict[str, Any]) -> str:
    """Return the SHA-256 that a manifest is sealed by."""
    return hashlib.sha256(written(manifest)).hexdigest()


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def force(path: Path) -> None:
    """Force a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
