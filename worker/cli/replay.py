"""`stridegraph replay`: ticks on a snapshot, without a database."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path  # noqa: TC003  (typer reads the annotation)
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.archive import files
from worker.archive import replay as archive
from worker.archive.load import memory
from worker.cli.compare import DT, LONGEST, TICKS
from worker.cli.console import Json, out, print_json, progress, say
from worker.cli.plain import plain
from worker.errors import InputError
from worker.events.file import FileSink
from worker.settings import EventsSettings, variable

if TYPE_CHECKING:
    from collections.abc import Mapping


def replay(
    snapshot: Annotated[
        Path, typer.Argument(metavar="SNAPSHOT", help="A folder that `stridegraph snapshot` has written.")
    ],
    ticks: Annotated[int, typer.Option(min=1, max=10_000_000, help="How many ticks.")] = TICKS,
    stimuli: Annotated[
        Path | None, typer.Option(help="Stimuli: a CSV or Parquet file with the columns tick, node, delta.")
    ] = None,
    dt: Annotated[float, typer.Option(help="Seconds of the graph's time that a tick is worth.")] = DT,
    results: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="A new folder for each tick's figures, nodes and links, as Parquet."),
    ] = None,
    events: Annotated[Path | None, typer.Option(help="A JSON-lines file for all events of the ticks.")] = None,
    json: Json = False,
) -> None:
    """Run ticks on a snapshot in memory, by the code that a worker runs: the same bits, and no database.

    Stimuli that waited when it was taken come first. The settings are those of the snapshot; one that is set here wins.
    """
    if not 0.0 < dt <= LONGEST:
        raise InputError(f"--dt {dt:g} is not a number over 0", f"give one up to {LONGEST:g}")
    if results:
        files.check_new(results)
    started = time.monotonic()
    there, tables = archive.opened(snapshot)
    settings, changed = archive.settings_for(there)
    _tell_changes(changed)
    plan = archive.Plan(ticks, dt, archive.stimuli_of(stimuli, ticks, settings.tick.energy_max) if stimuli else {})
    graph = memory(tables)
    _check_nodes(plan, graph.keys({told.node for some in plan.stimuli.values() for told in some}), snapshot)
    with ExitStack() as stack:
        sink = FileSink(EventsSettings(file=events), graph.name) if events else None
        if sink:
            stack.callback(sink.close)
        bar = stack.enter_context(progress())
        task = bar.add_task("ticking", total=ticks)
        found = archive.replay(graph, settings, plan, sink, lambda: bar.advance(task))
    if results:
        archive.write(results, graph, found)
    _tell(found, snapshot, changed, time.monotonic() - started, as_json=json)


def _tell_changes(changed: Mapping[str, tuple[Any, Any]]) -> None:
    for name, (was, now) in changed.items():
        group, _, key = name.partition(".")
        say(plain(f"{name} is {now!r}, by {variable(group, key)}; the snapshot has {was!r}"))


def _check_nodes(plan: archive.Plan, known: Mapping[str, int], snapshot: Path) -> None:
    for told in (told for some in plan.stimuli.values() for told in some):
        if told.node not in known:
            raise InputError(f"there is no node {told.node!r} in {snapshot}", "see its nodes.parquet")


def _tell(
    found: archive.Replayed, snapshot: Path, changed: Mapping[str, tuple[Any, Any]], seconds: float, *, as_json: bool
) -> None:
    last = found.frames[-1]
    if as_json:
        known = {name: last[name] for name in ("tick", "energy_total", "frontier_active")}
        settings = {name: {"snapshot": was, "here": now} for name, (was, now) in changed.items()}
        print_json({"snapshot": str(snapshot), "ticks": len(found.frames), **known, "settings": settings,
                    "seconds": seconds, "strides": last["digest"], "digest": found.digest})  # fmt: skip
        return
    for frame in found.frames[-1:]:
        out.print(
            f"tick {frame['tick']}: active {frame['frontier_active']:,}, total energy {frame['energy_total']:.6g}, "
            f"{len(found.frames):,} ticks in {seconds:.1f} s",
            soft_wrap=True,
        )
    out.print(f"digest {found.digest}", soft_wrap=True)
