"""What the commands share: settings, a connection, one object on standard output, progress and errors on the other."""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack, contextmanager
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import orjson
import structlog
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from worker.cli.plain import IN_JSON, Screen, plain
from worker.database import local_server
from worker.graph import desk
from worker.graph.connection import Connection
from worker.graph.migrate import migrate
from worker.graph.neo4j import Neo4jGraph
from worker.graph.values import in_json
from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from structlog.typing import EventDict

    from worker.api import Stridegraph
    from worker.errors import StrideError

Graph = Annotated[
    str | None, typer.Option("--graph", help="The graph; by default that of STRIDE_GRAPH.", show_default=False)
]
Hold = Annotated[
    float, typer.Option(min=0.1, max=3600.0, help="Seconds for which a worker's tick may have to wait, at most.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]

WIDE = 120  # columns of what is no terminal
out = Screen(highlight=False, emoji=False, width=None if sys.stdout.isatty() else WIDE)
log = structlog.get_logger()
err = Screen(stderr=True, highlight=False, emoji=False)


def fail(error: StrideError) -> None:
    """Print an error that has a name: what went wrong, and what to do."""
    err.print(f"[bold red]stridegraph:[/] {escape(str(error))}", soft_wrap=True)


def print_json(result: dict[str, Any]) -> None:
    """Print one object on standard output, on one line."""
    text = orjson.dumps(result, default=in_json, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE).decode()
    sys.stdout.write(text.translate(IN_JSON))
    sys.stdout.flush()


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
    _warn_of_clear_text(settings.neo4j.uri)
    return Connection(settings.neo4j if settings.neo4j.uri else local_server(settings.database).up(say, progress))


@cache
def _warn_of_clear_text(uri: str) -> None:
    """Say, once a process, that what is sent to another machine can be read on the way: the password too."""
    parts = urlsplit(uri)
    if not uri or "+" in parts.scheme or _is_loopback(parts.hostname or ""):
        return
    remedy = f"{parts.scheme}+s:// encrypts: see docs/how-to/secure.md"
    if structlog.is_configured():
        log.warning("connection.unencrypted", host=parts.hostname, remedy=remedy)
    else:
        say(f"the connection to {parts.hostname} is not encrypted: {remedy}")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def connect(settings: Settings) -> Connection:
    """Connect to the database of the settings, and find out whether it answers. Raises Unreachable, Refused, DatabaseError."""
    with ExitStack() as on_failure:
        connection = on_failure.enter_context(connection_of(settings))
        connection.verify()
        on_failure.pop_all()
        return connection


@contextmanager
def open_graph(settings: Settings, *, new: bool = False) -> Iterator[Stridegraph]:
    """Connect, and bring the schema to what this program needs, as `Stridegraph.connect` does; tell of it on the way.

    Where the graph has no node, and is not to be filled by the command (`new`), the others are named.

    Raises SchemaError, and what `connect` raises.
    """
    from worker.api import Stridegraph  # noqa: PLC0415  (`run` waits for nothing that no tick needs)

    with connect(settings) as connection:
        migrate(connection, say=say)
        graph = Neo4jGraph(connection, settings.graph)
        if not new:
            name_others(graph)
        yield Stridegraph(graph, settings)


def name_others(graph: Neo4jGraph) -> None:
    """Tell which graphs there are, where this one has no node."""
    if found := desk.others(graph):
        names = ", ".join(map(repr, found))
        say(plain(f"the graph {graph.name!r} has no node; others here: {names}. --graph or STRIDE_GRAPH names one"))


def configure_log(*, as_json: bool) -> None:
    """Send the log to standard error: for people, or as JSON lines."""
    logging.getLogger("neo4j").addHandler(logging.NullHandler())  # what the driver has to say, it raises as well
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.JSONRenderer()] if as_json else [_plain, _for_people()]),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )


def _plain(_: object, __: str, event: EventDict) -> EventDict:
    """Write out what a terminal would obey, in every text of a line of the log."""
    return {key: plain(value) if isinstance(value, str) else value for key, value in event.items()}


def _for_people() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(colors=err.is_terminal)


def settings_of(graph: str | None, **changes: Any) -> Settings:
    """Read the settings, with a command's own flags on top; None leaves a setting as it is."""
    chosen = {"graph": graph, **changes}
    return Settings.read(**{key: value for key, value in chosen.items() if value is not None})
