"""Every command of `stridegraph`, in the order in which `--help` shows them."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from worker.cli import (
    adopt,
    check,
    compare,
    db,
    demo,
    explain,
    health,
    import_,
    inject,
    mcp,
    migrate,
    recall,
    replay,
    restore,
    run,
    serve,
    snapshot,
    status,
    sweep,
    top,
)

app = typer.Typer(
    name="stridegraph",
    help="Moves activation through a knowledge graph that lives in Neo4j.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("serve")(serve.serve)
app.command("inject")(inject.inject)
app.command("recall")(recall.recall)
app.command("top")(top.top)
app.command("mcp")(mcp.mcp)
app.command("status")(status.status)
app.command("health")(health.health)
app.command("explain")(explain.explain)
app.command("check")(check.check)
app.command("compare")(compare.compare)
app.command("snapshot")(snapshot.snapshot)
app.command("restore")(restore.restore)
app.command("replay")(replay.replay)
app.command("sweep")(sweep.sweep)
app.command("import")(import_.import_)
app.command("adopt")(adopt.adopt)
app.command("migrate")(migrate.migrate)
app.add_typer(db.app, name="db")


@app.callback(invoke_without_command=True)
def stridegraph(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Move activation through a knowledge graph that lives in Neo4j."""
    if show_version:
        print(version("stridegraph"))
        raise typer.Exit
