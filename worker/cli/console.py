"""What the commands share: settings, a connection, one object on standard output, progress and errors on the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from worker.database import local_server
from worker.graph.connection import Connection

if TYPE_CHECKING:
    from worker.errors import StrideError
    from worker.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def fail(error: StrideError) -> None:
    """Print an error that has a name: what went wrong, and what to do."""
    err.print(f"[bold red]stridegraph:[/] {_escape(error)}", soft_wrap=True)


def print_json(result: dict[str, Any]) -> None:
    """Print one object on standard output, on one line."""
    print(orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY).decode())


def progress() -> Progress:
    """Return progress bars for what takes over a second: on the terminal, never on standard output."""
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=False, disable=not err.is_terminal)


def connect(settings: Settings) -> Connection:
    """Connect to the database of the settings; where none is named, start the local server first.

    Raises Unreachable, Refused, DatabaseError.
    """
    chosen = settings.neo4j if settings.neo4j.uri else local_server(settings.database).up(say=lambda text: err.print(f"[dim]{text}[/]"))
    connection = Connection(chosen)
    connection.verify()
    return connection


def _escape(error: StrideError) -> str:
    return str(error).replace("[", "\\[")
