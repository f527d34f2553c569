"""`stridegraph db`: the local server, started, stopped, looked at."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from worker.cli.console import Json, out, print_json, progress, say
from worker.cli.plain import plain
from worker.database import local_server
from worker.settings import Settings

if TYPE_CHECKING:
    from worker.database import LocalServer

app = typer.Typer(help="The local server: a real Neo4j on this machine, without Docker.", no_args_is_help=True)


@app.command()
def up(json: Json = False) -> None:
    """Start the local server; at the first time, fetch it."""
    server = _server()
    server.up(say, bars=progress)
    _show(server, json)


@app.command()
def down(json: Json = False) -> None:
    """Stop the local server; its data stay."""
    stopped = _server().down()
    if json:
        print_json({"stopped": stopped})
    else:
        out.print("stopped" if stopped else "it was not running")


@app.command()
def status(json: Json = False) -> None:
    """Show whether the local server runs, and where everything is."""
    _show(_server(), json)


def _server() -> LocalServer:
    return local_server(Settings.read().database)


def _show(server: LocalServer, json: bool) -> None:
    found = asdict(server.status())
    if json:
        print_json(found)
        return
    for name, value in found.items():
        out.print(
            f"{name.replace('_', ' '):<14} {'—' if value in {None, ''} else plain(value)}", markup=False, soft_wrap=True
        )
