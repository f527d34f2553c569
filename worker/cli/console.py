"""What the commands share: settings, a connection, one object on standard output, progress and errors on the other."""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import structlog
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from worker.database import local_server
from worker.graph.connection import Connection
from worker.graph.migrate import migrate
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.errors import StrideError

Graph = Annotated[
    str | None, typer.Option("--graph", help="The graph; by default that of STRIDE_GRAPH.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]

WIDE = 120  # columns of what is no terminal
out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, highlight=False)


def fail(error: StrideError) -> None:
    """Print an error that has a name: what went wrong, and what to do."""
    err.print(f"[bold red]stridegraph:[/] {escape(str(error))}", soft_wrap=True)


def print_json(result: dict[str, Any]) -> None:
    """Print one object on standard output, on one line."""
    print(orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY).decode())


def progress() -> Progress:
    """Return progress bars for what takes over a second: on the terminal, never on standard output."""
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=False, disable=not err.is_terminal)


def say(text: str) -> None:
    """Tell of a step that takes time, on standard error."""
    err.print(f"[dim]{escape(text)}[/]", soft_wrap=True)


def connection_of(settings: Settings) -> Connection:
    """Return a connection to the database of the settings; where none is named, start the local server first.

    Raises DatabaseError.
    """
    return Connection(settings.neo4j if settings.neo4j.uri else local_server(settings.database).up(say, progress))


def connect(settings: Settings) -> Connection:
    """Connect to the database of the settings, and find out whether it answers. Raises Unreachable, Refused, DatabaseError."""
    with ExitStack() as on_failure:
        connection = on_failure.enter_context(connection_of(settings))
        connection.verify()
        on_failure.pop_all()
        return connection


@contextmanager
def open_graph(settings: Settings) -> Iterator[Neo4jGraph]:
    """Connect, and bring the schema to what this program needs. Raises SchemaError, and what `connect` raises."""
    with connect(settings) as connection:
        migrate(connection, say=say)
        yield Neo4jGraph(connection, settings.graph)


def configure_log(*, as_json: bool) -> None:
    """Send the log to standard error: for people, or as JSON lines."""
    logging.getLogger("neo4j").addHandler(logging.NullHandler())  # what the driver has to say, it raises as well
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=err.is_terminal),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def settings_of(graph: str | None, **changes: Any) -> Settings:
    """Read the settings, with a command's own flags on top; None leaves a setting as it is."""
    chosen = {"graph": graph, **changes}
    return Settings.read(**{key: value for key, value in chosen.items() if value is not None})
