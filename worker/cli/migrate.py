"""`stridegraph migrate`: bring the schema of the database to what this program needs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from worker.cli.console import Json, connect, err, out, print_json
from worker.graph import migrate as migrations
from worker.graph.migration_lock import unlock as remove_lock
from worker.settings import Settings


def migrate(
    json: Json = False,
    unlock: Annotated[str, typer.Option(metavar="LOCK", help="First remove the lock of a migrator that died.")] = "",
) -> None:
    """Bring the schema of the database to what this program needs."""
    with connect(Settings.read()) as connection:
        if unlock:
            remove_lock(connection, unlock)
        done = migrations.migrate(connection, say=_say)
        now = migrations.status(connection).applied
    if json:
        print_json({"version": now[-1].version, "applied": [asdict(step) for step in done]})
    else:
        out.print(f"the schema is at {now[-1].version}: " + (f"{len(done)} applied" if done else "nothing to do"))


def _say(text: str) -> None:
    err.print(text, style="dim", markup=False, soft_wrap=True)
