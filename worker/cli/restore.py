"""`stridegraph restore`: a snapshot as a graph of a new name."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003  (typer reads the annotation)
from typing import Annotated

import typer

from worker.archive import restore as archive
from worker.archive.replay import opened
from worker.cli.console import Json, open_graph, out, print_json, progress, settings_of
from worker.cli.plain import plain
from worker.cli.snapshot import rows


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `stridegraph snapshot` has written.")],
    graph: Annotated[
        str, typer.Option("--graph", help="The name of the graph that it becomes: there must be none yet.")
    ],
    json: Json = False,
) -> None:
    """Write a snapshot to the database as a graph of a new name, once every byte of it has been looked at."""
    started = time.monotonic()
    snapshot, tables = opened(folder)
    settings = settings_of(graph)
    with open_graph(settings, new=True) as there, progress() as bar:
        archive.restore(there.graph, tables, rows(bar, "writing"))
    seconds, manifest = time.monotonic() - started, snapshot.manifest
    counts = {name.removesuffix(".parquet"): found["rows"] for name, found in manifest["files"].items()}
    if json:
        known = {name: manifest[name] for name in ("tick", "digest")}
        print_json({"graph": graph, **known, "rows": counts, "seconds": seconds})
        return
    what = f"{counts['nodes']:,} nodes and {counts['links']:,} relationships, at tick {manifest['tick']}"
    out.print(plain(f"restored as {graph!r}: {what}, in {seconds:.1f} s"), markup=False, soft_wrap=True)
    out.print(f"digest {manifest['digest']}", soft_wrap=True)
