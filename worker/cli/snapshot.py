"""`stridegraph snapshot`: a graph as it stands between two ticks, as files of Parquet."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003  (typer reads the annotation)
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.api import HOLD, Stridegraph
from worker.archive import files
from worker.cli.console import Graph, Hold, Json, connect, err, name_others, out, print_json, progress, settings_of
from worker.cli.plain import plain
from worker.graph.neo4j import Neo4jGraph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress


def snapshot(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is not there yet.")],
    anonymise: Annotated[
        bool,
        typer.Option("--anonymise", help="Replace ids by numbers, and leave out all that the physics does not need."),
    ] = False,
    hold: Hold = HOLD,
    graph: Graph = None,
    json: Json = False,
) -> None:
    """Write a graph to a folder of Parquet files, all as of one moment between two ticks; a worker may run meanwhile.

    It writes nothing to the database. The settings in force are noted in it: give those that the worker has.
    """
    files.check_new(folder)
    settings, started = settings_of(graph), time.monotonic()
    with connect(settings) as connection, progress() as bar:
        neo4j = Neo4jGraph(connection, settings.graph)
        name_others(neo4j)
        graph_there = Stridegraph(neo4j, settings)
        manifest = graph_there.snapshot(folder, anonymous=anonymise, hold=hold, done=rows(bar, "reading"))
    tell(manifest, folder, time.monotonic() - started, as_json=json)


def rows(bar: Progress, what: str) -> Callable[[str, int], object]:
    """Return what shows how many rows of each table have been done."""
    tasks: dict[str, Any] = {}

    def done(kind: str, count: int) -> None:
        if kind not in tasks:
            tasks[kind] = bar.add_task(f"{what} {kind}", total=None)
        bar.advance(tasks[kind], count)

    return done


def tell(manifest: dict[str, Any], folder: Path, seconds: float, *, as_json: bool) -> None:
    """Print what is in a snapshot."""
    counts = {name.removesuffix(".parquet"): found["rows"] for name, found in manifest["files"].items()}
    size = sum(found["bytes"] for found in manifest["files"].values())
    for line in _left_out(manifest):
        err.print(plain(line), markup=False, soft_wrap=True)
    if as_json:
        known = {name: manifest[name] for name in ("graph", "tick", "phase", "digest", "anonymous", "left_out")}
        print_json({**known, "folder": str(folder), "rows": counts, "bytes": size, "seconds": seconds})
        return
    out.print(
        plain(f"{folder}: the graph {manifest['graph']!r} at tick {manifest['tick']}"), markup=False, soft_wrap=True
    )
    for name, count in counts.items():
        out.print(f"{name:<11}{count:>12,}")
    out.print(f"{size / 1e6:.1f} MB in {seconds:.1f} s\ndigest {manifest['digest']}", soft_wrap=True)


def _left_out(manifest: dict[str, Any]) -> Iterator[str]:
    for name, count in manifest["left_out"].items():
        yield f"left out: the property {name!r} in {count:,} places, where it is no text, number, boolean or list of these"
