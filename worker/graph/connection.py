"""One driver to one database: named queries in, rows or an error of our tree out."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self

import neo4j
from neo4j import exceptions

from worker.errors import Busy, CommitUnknown, ForeignChange, GraphError, Refused, SchemaError, TooLarge, Unreachable
from worker.graph.queries import query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from worker.settings import Neo4jSettings

Row = dict[str, Any]
VECTORS = (6, 0)  # the version of Bolt that carries them

_REFUSED = {
    "Neo.ClientError.Security.Unauthorized": "check STRIDE_NEO4J__USER and STRIDE_NEO4J__PASSWORD",
    "Neo.ClientError.Security.AuthenticationRateLimit": "too many wrong passwords: wait a few seconds, then check them",
    "Neo.ClientError.Security.CredentialsExpired": "the password must be changed first: ALTER CURRENT USER SET PASSWORD",
    "Neo.ClientError.Security.Forbidden": "give the user the rights to read, write and change the schema",
    "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase": "the database is read-only: choose one that is not",
    "Neo.ClientError.Database.DatabaseNotFound": "check STRIDE_NEO4J__DATABASE against SHOW DATABASES",
}

_FOREIGN = {  # what a statement that compares and writes fails with: see cypher/commit/apply
    "Neo.ClientError.Statement.ArithmeticError": "an energy or a log-weight is not what this tick has read",
    "Neo.ClientError.Statement.EntityNotFound": "a node or link that this tick has read is gone",
}


def translate(error: Exception) -> GraphError | None:
    """Return the error of our tree that a driver's error stands for, or None where it is worth a traceback."""
    code = getattr(error, "code", None) or ""
    message = str(getattr(error, "message", None) or error)
    if isinstance(error, exceptions.IncompleteCommit):
        return CommitUnknown("the connection was lost after COMMIT was sent")
    if code in _REFUSED:
        return Refused(f"Neo4j refuses: {message}", _REFUSED[code])
    if code in _FOREIGN:
        return ForeignChange(_FOREIGN[code])
    if code.startswith("Neo.TransientError.General.MemoryPool") or code.endswith("TransactionOutOfMemoryError"):
        return TooLarge(f"the transaction needs more memory than the database gives: {message}")
    if code.startswith(("Neo.ClientError.Schema", "Neo.DatabaseError.Schema")):
        return SchemaError(message, "see `stridegraph check`")
    if isinstance(error, exceptions.ConfigurationError):
        return Refused(f"the connection is not configured rightly: {message}", "check STRIDE_NEO4J__URI")
    if isinstance(error, exceptions.TransientError):
        return Busy(f"Neo4j asks to try again: {message}")
    if isinstance(error, exceptions.ServiceUnavailable | exceptions.SessionExpired | OSError):
        return Unreachable(f"Neo4j does not answer: {message}", "is it running? `stridegraph db status`")
    if getattr(error, "is_retryable", bool)():
        return Unreachable(f"Neo4j asks to try again: {message}")
    return None


@contextmanager
def _ours() -> Iterator[None]:
    try:
        yield
    except (exceptions.Neo4jError, exceptions.DriverError, OSError) as error:
        ours = translate(error)
        if ours is None:
            raise
        raise ours from error


class Transaction:
    """One explicit transaction: everything in it happens, or nothing."""

    def __init__(self, transaction: neo4j.Transaction, text: Callable[[str], str]) -> None:
        self._transaction = transaction
        self._text = text

    def run(self, name: str, **parameters: Any) -> list[Row]:
        """Run the query `cypher/<name>.cypher` and return all its rows."""
        return self.statement(self._text(name), **parameters)

    def statement(self, text: str, **parameters: Any) -> list[Row]:
        """Run a text that stands in a file of `cypher/` or `migrations/`."""
        with _ours():
            return self._transaction.run(text, parameters).data()

    def commit(self) -> None:
        """Make it stand. Raises CommitUnknown where the answer was lost."""
        with _ours():
            self._transaction.commit()


class Connection:
    """A database that answers: what the rest of `worker.graph` sends its queries through."""

    def __init__(self, settings: Neo4jSettings) -> None:
        self.settings = settings
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stridegraph-close")
        with _ours():
            self._driver = neo4j.GraphDatabase.driver(
                settings.uri,
                auth=(settings.user, settings.password.get_secret_value()),
                user_agent=f"stridegraph/{version('stridegraph')}",
                notifications_min_severity="OFF",
                max_transaction_retry_time=0,
                connection_acquisition_timeout=settings.timeout,
                connection_timeout=settings.timeout,
                telemetry_disabled=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back every socket."""
        self._beside.shutdown()
        self._driver.close()

    def verify(self) -> None:
        """Ask the database for one row. Raises Unreachable or Refused."""
        self.run("inspect/ping")

    @cached_property
    def vectors(self) -> bool:
        """Whether the server takes vectors as parameters: those from 2025.10 on do, which know Cypher 25."""
        with _ours():
            return self._driver.get_server_info().protocol_version >= VECTORS

    def text(self, name: str) -> str:
        """Return the text of a query in the newest Cypher that this server has."""
        return query(name) if self.vectors else query(name).replace("CYPHER 25\n", "CYPHER 5\n", 1)

    def run(self, name: str, **parameters: Any) -> list[Row]:
        """Run the query `cypher/<name>.cypher` as a transaction of its own, wait for it, and return all its rows."""
        return self.statement(self.text(name), **parameters)

    def begin(self, name: str, **parameters: Any) -> Future[list[Row]]:
        """Run a query as `run` does, beside what the caller goes on to do."""
        return self._beside.submit(self.run, name, **parameters)

    def statement(self, text: str, **parameters: Any) -> list[Row]:
        """Run a text that stands in a file of `cypher/` or `migrations/` as a transaction of its own."""
        with _ours(), self._session() as session:
            return session.run(neo4j.Query(text), parameters).data()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open an explicit transaction; without a `commit()` inside it is rolled back."""
        with _ours(), self._session() as session, session.begin_transaction() as transaction:
            yield Transaction(transaction, self.text)

    def _session(self) -> neo4j.Session:
        return self._driver.session(database=self.settings.database, fetch_size=-1)
