"""One driver to one database: named queries in, rows or an error of our tree out."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import neo4j

from worker.errors import GraphError, Refused
from worker.graph.failures import FROM_DRIVER, translate, translate_commit
from worker.graph.queries import query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from worker.settings import Neo4jSettings

Row = dict[str, Any]
VECTORS = (6, 0)  # the version of Bolt that carries them


@contextmanager
def _ours(translated: Callable[[Exception], GraphError] = translate) -> Iterator[None]:
    try:
        yield
    except FROM_DRIVER as error:
        raise translated(error) from error


def _rows(result: neo4j.Result) -> list[Row]:
    """Return all rows. The driver's `data()` looks at every value for nodes to unfold: most of the time of a long column."""
    names = result.keys()
    return [dict(zip(names, record, strict=True)) for record in result]


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
            return _rows(self._transaction.run(text, parameters))

    def commit(self) -> None:
        """Make it stand. Raises CommitUnknown where the answer was lost, or leaves open what happened."""
        with _ours(translate_commit):
            self._transaction.commit()


class Connection:
    """A database that answers: what the rest of `worker.graph` sends its queries through."""

    def __init__(self, settings: Neo4jSettings) -> None:
        self.settings = settings
        _check(settings.uri)
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
            return _rows(session.run(neo4j.Query(text), parameters))

    @contextmanager
    def repeating(self, every: float, name: str, **parameters: Any) -> Iterator[None]:
        """Run a query every so many seconds beside what the block does. What goes wrong with it, the block will meet too."""
        over = threading.Event()

        def repeat() -> None:
            while not over.wait(every):
                with suppress(GraphError):
                    self.statement(self.text(name), **parameters)

        beside = threading.Thread(target=repeat, name=name, daemon=True)
        beside.start()
        try:
            yield
        finally:
            over.set()
            beside.join()

    @contextmanager
    def transaction(self, timeout: float | None = None) -> Iterator[Transaction]:
        """Open an explicit transaction; without a `commit()` inside it is rolled back, however its block ends.

        After `timeout` seconds the server ends it, whatever has become of this process.
        """
        with _ours(), self._session() as session:
            transaction = session.begin_transaction(timeout=timeout)
            try:
                yield Transaction(transaction, self.text)
            finally:
                transaction.close()  # the driver's own `with` would commit

    def _session(self) -> neo4j.Session:
        return self._driver.session(database=self.settings.database, fetch_size=-1)


def _check(uri: str) -> None:
    """Refuse what the driver would fail on with an error of Python's own. Raises Refused."""
    try:
        _ = urlsplit(uri).port
    except ValueError as error:
        raise Refused(f"the URI {uri!r} has no host and port: {error}", "check STRIDE_NEO4J__URI") from error
