"""Bring the schema of a database to what this program needs, and refuse one that it does not know.

The chain of applied migrations in the graph is that of neo4j-migrations: its own tool reads ours as valid, and we its.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.errors import SchemaError
from worker.graph.migration_files import Applied, Migration, bundled
from worker.graph.migration_lock import locked, me, when_busy_again
from worker.graph.migration_refusals import contradiction, obstacle

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.graph.connection import Connection

    Say = Callable[[str], None]

_POLL = 0.1  # seconds between two looks at an index that is being filled
_AGAIN = "run `stridegraph migrate` again"


@dataclass(frozen=True)
class Status:
    """What a database has, and what it still needs, each oldest first."""

    applied: tuple[Applied, ...]
    pending: tuple[Migration, ...]


def status(connection: Connection, *, files: tuple[Migration, ...] | None = None) -> Status:
    """Compare the chain in the database with the files, by one query that only reads.

    Raises SchemaError where they contradict: a file changed or missing, or the schema is newer than this program.
    """
    known = bundled() if files is None else files
    applied = tuple(Applied(**row) for row in connection.run("attach/migrations_applied"))
    if refusal := contradiction(applied, known):
        raise refusal
    return Status(applied, known[len(applied) :])


def verify(connection: Connection, *, files: tuple[Migration, ...] | None = None) -> None:
    """Make sure that the schema is exactly this program's, by one query that only reads.

    Raises SchemaError where it is missing, older, newer, or not what was shipped.
    """
    state = status(connection, files=files)
    if state.pending:
        names = ", ".join(migration.source for migration in state.pending)
        what = "the schema is older than this program" if state.applied else "the database has no schema of Stridegraph"
        raise SchemaError(f"{what}: {names} not applied", "run `stridegraph migrate`")


def migrate(
    connection: Connection,
    say: Say = lambda _: None,
    *,
    files: tuple[Migration, ...] | None = None,
    patience: float = 60.0,
) -> list[Applied]:
    """Apply what is pending and return it; wait at most `patience` seconds for another migrator to finish.

    A file is one transaction; one that was broken off is run again. Raises SchemaError, Refused.
    """
    if not status(connection, files=files).pending:
        return []
    with locked(connection, say, patience) as lock:
        state = status(connection, files=files)
        previous = state.applied[-1].version if state.applied else "BASELINE"
        done = []
        for migration in state.pending:
            done.append(_apply(connection, say, migration, lock, previous))
            previous = migration.version
        return done


def _apply(connection: Connection, say: Say, migration: Migration, lock: str, previous: str) -> Applied:
    began = time.perf_counter()
    _run(connection, migration)
    _wait_for_indexes(connection, say)
    took = round(1000 * (time.perf_counter() - began))
    at = _record(connection, migration, lock=lock, previous=previous, took=took)
    say(f"applied {migration.source} in {took} ms")
    return Applied(**migration.named, at=at)


@when_busy_again
def _record(connection: Connection, migration: Migration, **place: str | int) -> str:
    connection.run("attach/migrations_unique_version")
    who = {"by": me(), "user": connection.settings.user}
    rows = connection.run("attach/migrations_record", **place, **who, **migration.named)
    if not rows:
        raise SchemaError(f"{migration.source}: the migration lock was taken away meanwhile", _AGAIN)
    return str(rows[0]["at"])


@when_busy_again
def _run(connection: Connection, migration: Migration) -> None:
    try:
        with connection.transaction() as transaction:
            for statement in migration.executable:
                transaction.statement(statement)
            transaction.commit()
    except SchemaError as error:
        raise obstacle(connection, migration, error) from error


def _wait_for_indexes(connection: Connection, say: Say) -> None:
    said: set[str] = set()
    while indexes := connection.run("attach/migrations_not_online"):
        for index in indexes:
            name = index["name"]
            if index["state"] == "FAILED":
                reason = index["reason"].splitlines()[0]
                raise SchemaError(
                    f"the index {name} is broken: {reason}", f"mend that, DROP INDEX {name}, then {_AGAIN}"
                )
            if name not in said:
                say(f"waiting for the index {name}")
                said.add(name)
        time.sleep(_POLL)
