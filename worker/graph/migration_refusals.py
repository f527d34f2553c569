"""Why a schema cannot be worked with or made: each refusal names the file or the node, and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.errors import GraphError, SchemaError
from worker.graph.migration_files import order

if TYPE_CHECKING:
    from worker.graph.connection import Connection, Row
    from worker.graph.migration_files import Applied, Migration

_REINSTALL = "install stridegraph again: an applied migration is never edited or removed"
_AGAIN = "then run `stridegraph migrate` again; nothing was changed"


def contradiction(applied: tuple[Applied, ...], known: tuple[Migration, ...]) -> SchemaError | None:
    """Return why a chain is not a beginning of the files, or None where it is."""
    files = {migration.version: migration for migration in known}
    for place, step in enumerate(applied):
        file = files.get(step.version)
        if file is None:
            return _unknown(step, known)
        if file.checksum != step.checksum:
            return _changed(step, file)
        if known[place : place + 1] != (file,):
            return SchemaError(
                f"the database has {step.source} out of order: an earlier file is not applied", _REINSTALL
            )
    return None


def obstacle(connection: Connection, migration: Migration, error: SchemaError) -> SchemaError:
    """Return what stands in the way of a migration, by the keys of the nodes where it is nodes.

    Neo4j itself names the first pair only, and by internal ids.
    """
    if not getattr(error.__cause__, "code", "").endswith("ConstraintCreationFailed"):
        remedy = f"drop what is in the way (SHOW INDEXES and SHOW CONSTRAINTS name it), {_AGAIN}"
        return SchemaError(f"{migration.source}: {error.args[0]}", remedy)
    if copies := _look(connection, "attach/migrations_duplicates"):
        lines = [f"{_key(row)}: {row['copies']} nodes" for row in copies]
        return _refusal(
            migration, "several nodes share a key that must be unique", lines, "delete or rename the copies"
        )
    if long := _look(connection, "attach/migrations_long_keys"):
        lines = [f"{_key(row)}…: {row['size']} characters" for row in long]
        return _refusal(migration, "a key is too long for an index (8 kB); the longest are", lines, "shorten them")
    return _refusal(migration, "a constraint cannot be created", [error.args[0]], "mend that")


def _unknown(step: Applied, known: tuple[Migration, ...]) -> SchemaError:
    if all(order(step.version) > order(migration.version) for migration in known):
        return SchemaError(f"the schema is newer than this program: it has {step.source}", "upgrade stridegraph")
    return SchemaError(f"{step.source} was applied, and this program lacks it", _REINSTALL)


def _changed(step: Applied, file: Migration) -> SchemaError:
    if step.source != file.source:
        what = f"the database holds another program's migrations: {step.source} where {file.source} belongs"
        return SchemaError(what, "give Stridegraph a database of its own: STRIDE_NEO4J__DATABASE")
    checksums = f"its checksum is {file.checksum}, the database has {step.checksum}"
    return SchemaError(f"{file.source} was changed after it was applied: {checksums}", _REINSTALL)


def _look(connection: Connection, name: str) -> list[Row]:
    try:
        return connection.run(name)
    except GraphError:  # too large a graph to search in one go: Neo4j's own words must do
        return []


def _refusal(migration: Migration, what: str, lines: list[str], remedy: str) -> SchemaError:
    return SchemaError("\n  ".join([f"{migration.source}: {what}:", *lines]), f"{remedy}, {_AGAIN}")


def _key(row: Row) -> str:
    return f"{row['label']} of graph {row['graph']!r}, key {row['key']!r}"
