"""One migrator at a time: the lock node of neo4j-migrations, which keeps its own tool out too."""

from __future__ import annotations

import os
import platform
import time
import uuid
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from worker.errors import Busy, SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.graph.connection import Connection, Row

_POLL = 0.2  # seconds between two tries

# Two who change the schema at once are a deadlock, and Neo4j undoes one of them.
when_busy_again = retry(
    retry=retry_if_exception_type(Busy),
    wait=wait_random_exponential(multiplier=0.1, max=2),
    stop=stop_after_attempt(10),
    reraise=True,
)


@contextmanager
def locked(connection: Connection, say: Callable[[str], None], patience: float) -> Iterator[str]:
    """Hold the migration lock of a database, and give its id; `patience` is in seconds.

    Raises SchemaError that names the holder, where the lock stays with another for longer than that.
    """
    lock = str(uuid.uuid4())
    try:
        _take(connection, lock, say, time.monotonic() + patience)
        yield lock
    finally:
        unlock(connection, lock)


@when_busy_again
def unlock(connection: Connection, lock: str) -> None:
    """Remove a lock: our own when we are done, or that of a migrator that did not live to do so."""
    connection.run("attach/migrations_unlock", id=lock)


def me() -> str:
    """Return who this is, as the lock and the chain say it."""
    return f"stridegraph {version('stridegraph')}, process {os.getpid()} on {platform.node()}"


@when_busy_again
def _take(connection: Connection, lock: str, say: Callable[[str], None], until: float) -> None:
    connection.run("attach/migrations_unique_lock_id")
    connection.run("attach/migrations_unique_lock_name")
    said = False
    while True:
        holder = connection.run("attach/migrations_lock", lock_name=_name(connection), id=lock, by=me())[0]
        if holder["id"] == lock:
            return
        if time.monotonic() >= until:
            raise SchemaError(
                f"the migration lock is held by {_describe(holder)}",
                f"wait for it; where it is not running any more: `stridegraph migrate --unlock {holder['id']}`",
            )
        if not said:
            say(f"waiting for the migration lock, held by {_describe(holder)}")
            said = True
        time.sleep(_POLL)


def _describe(holder: Row) -> str:
    return f"{holder['by']}, since {holder['at']}" if holder["by"] else f"another program (lock {holder['id']})"


def _name(connection: Connection) -> str:
    """Return the name that neo4j-migrations gives the lock of this database."""
    database = connection.settings.database.lower()
    return "John Doe" if database == "neo4j" else database
