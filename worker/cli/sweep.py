"""`stridegraph sweep`: many scenarios on one snapshot, in several processes, as tables."""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from pathlib import Path  # noqa: TC003  (typer reads the annotation)
from typing import Annotated, Literal

import typer

from worker.archive import plan, replay
from worker.archive import sweep as archive
from worker.cli import spark
from worker.cli.console import Json, out, print_json, progress, say
from worker.cli.plain import plain
from worker.errors import InputError


def sweep(
    snapshot: Annotated[
        Path, typer.Argument(metavar="SNAPSHOT", help="A folder that `stridegraph snapshot` has written.")
    ],
    file: Annotated[
        Path, typer.Argument(metavar="PLAN", help="A file of TOML with the settings, stimuli and seeds to run.")
    ],
    folder: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="A folder for the results; one that was begun goes on.")
    ],
    processes: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="How many at once; by default one for each core.", show_default=False),
    ] = None,
    engine: Annotated[Literal["local", "spark"], typer.Option(help="`spark`: each scenario a task of it.")] = "local",
    master: Annotated[
        str | None, typer.Option(help="Spark: where it runs; by default local[*].", show_default=False)
    ] = None,
    conf: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Spark: a setting of its own.")] = None,
    json: Json = False,
) -> None:
    """Run each of a plan's settings with each of its stimuli and seeds on a snapshot, and keep the energies that come of it.

    Every scenario is what `replay` does with the same, to the bit. What is killed goes on when it is started again.
    """
    started = time.monotonic()
    planned = plan.read(file)
    there, tables = replay.opened(snapshot)
    scenarios = plan.scenarios(planned, there, set(tables.nodes["id"].to_pylist()))
    what = archive.Sweep(folder, there, scenarios)
    archive.check(what)
    ran = [0]
    if engine == "local" and (master or conf):
        raise InputError("--master and --conf are for --engine spark", "add it, or leave them out")
    with progress() as bar, spark.scenarios(master, conf or []) if engine == "spark" else nullcontext() as by_spark:
        task = bar.add_task("running scenarios", total=len(scenarios))
        manifest = archive.sweep(
            what,
            processes or os.cpu_count() or 1,
            lambda count: bar.advance(task, count),
            lambda left: ran.insert(0, left),
            by_spark,
        )
    seconds = time.monotonic() - started
    rows = {name.removesuffix(".parquet"): found["rows"] for name, found in manifest["files"].items()}
    if json:
        print_json({"folder": str(folder), "ran": ran[0], **rows, "plan": manifest["plan"], "seconds": seconds})
        return
    if ran[0] < len(scenarios):
        say(f"{len(scenarios) - ran[0]:,} scenarios were done before")
    out.print(
        plain(f"{folder}: {rows['scenarios']:,} scenarios, {rows['energies']:,} energies"), markup=False, soft_wrap=True
    )
    out.print(f"{ran[0]:,} of them in {seconds:.1f} s", soft_wrap=True)
