"""`stridegraph replay`: ticks on a snapshot, without a database."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from worker.api import HOLD
from worker.archive import files, recorded
from worker.archive import replay as archive
from worker.archive.load import memory
from worker.archive.segments import ATTACH
from worker.cli import spark
from worker.cli.compare import DT, LONGEST, TICKS, Dt
from worker.cli.console import Graph, Json, out, print_json, progress, say
from worker.cli.plain import plain
from worker.errors import InputError
from worker.events.file import FileSink
from worker.settings import EventsSettings, variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from worker.archive.load import Tables
    from worker.events import Sink
    from worker.graph.memory import MemoryGraph
    from worker.settings import Settings

LOCAL = "leave out --engine, or what it cannot do"


def replay(
    where: Annotated[
        str | None,
        typer.Argument(
            metavar="SNAPSHOT",
            help="A folder that `stridegraph snapshot` has written; for Spark, its URI will do.",
            show_default=False,
        ),
    ] = None,
    recording: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Replay what `stridegraph run --record` has written there, and hold each tick to it."
        ),
    ] = None,
    expect: Annotated[
        Path | None,
        typer.Option(metavar="SNAPSHOT", help="With --recording: a later snapshot, which the replay must come to."),
    ] = None,
    ticks: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000_000,
            help=f"How many ticks; by default {TICKS}, or all that are recorded.",
            show_default=False,
        ),
    ] = None,
    stimuli: Annotated[
        Path | None, typer.Option(help="Stimuli: a CSV or Parquet file with the columns tick, node, delta.")
    ] = None,
    dt: Dt = None,
    results: Annotated[
        str | None,
        typer.Option("--out", metavar="DIR", help="A new folder for each tick's figures, nodes and links, as Parquet."),
    ] = None,
    events: Annotated[Path | None, typer.Option(help="A JSON-lines file for all events of the ticks.")] = None,
    engine: Annotated[
        Literal["local", "spark"], typer.Option(help="`spark`: for a graph that no machine holds.")
    ] = "local",
    master: Annotated[
        str | None, typer.Option(help="Spark: where it runs; by default local[*].", show_default=False)
    ] = None,
    conf: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Spark: a setting of its own.")] = None,
    checkpoints: Annotated[
        str | None, typer.Option(metavar="DIR", help="Spark: a folder or URI that all its machines reach.")
    ] = None,
    from_neo4j: Annotated[
        bool, typer.Option("--from-neo4j", help="Spark: read the graph from Neo4j instead of a snapshot.")
    ] = False,
    graph: Graph = None,
    hold: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=3600.0,
            help=f"With --from-neo4j: seconds for which a worker's tick may have to wait; by default {HOLD:g}.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Run ticks on a snapshot in memory, by the code that a worker runs: the same bits, and no database.

    Stimuli that waited when it was taken come first. The settings are those of the snapshot; one that is set here wins.
    """
    if dt is not None and not 0.0 < dt <= LONGEST:
        raise InputError(f"--dt {dt:g} is not a number over 0", f"give one up to {LONGEST:g}")
    _check_options(recording, expect, dt, stimuli)
    source = _source(where, from_neo4j=from_neo4j, graph=graph, hold=hold)
    if engine == "spark":
        if recording or expect or events:
            raise InputError("--engine spark runs ticks, and neither replays a recording nor writes events", LOCAL)
        asked = spark.Asked(source, ticks or TICKS, DT if dt is None else dt, stimuli, results)
        spark.replay(asked, spark.engine_of(master, conf or [], checkpoints), as_json=json)
        return
    if master or conf or checkpoints or not isinstance(source, str):
        what = "--master, --conf, --checkpoints and --from-neo4j"
        raise InputError(f"{what} are for --engine spark", "add it, or leave them out")
    snapshot, folder = Path(source), Path(results) if results else None
    if folder:
        files.check_new(folder)
    started = time.monotonic()
    there, tables = archive.opened(snapshot)
    settings, changed = archive.settings_for(there)
    if recording:
        if changed:
            why = f"{', '.join(changed)}: it is set here, and a recording is replayed by the settings it was made with"
            raise InputError(why, "unset it")
        replayed, found = _recorded(recording, expect, tables, settings, ticks, events)
    else:
        _tell_changes(changed)
        count = ticks or TICKS
        told = archive.stimuli_of(stimuli, count, settings.tick.energy_max) if stimuli else {}
        plan = archive.Plan(count, DT if dt is None else dt, told)
        replayed = memory(tables)
        _check_nodes(plan, replayed.keys({told.node for some in plan.stimuli.values() for told in some}), snapshot)
        with _telling(events, replayed.name, count) as (sink, done):
            found = archive.replay(replayed, settings, plan, sink, done)
    if folder:
        archive.write(folder, replayed, found)
    _tell(found, snapshot, changed, time.monotonic() - started, as_json=json)


def _source(where: str | None, *, from_neo4j: bool, graph: str | None, hold: float | None) -> str | spark.Held:
    """Return what is to be replayed. Raises InputError."""
    if from_neo4j == (where is not None):
        raise InputError("either a SNAPSHOT is replayed or, with --from-neo4j, a graph", "name one of them")
    if (graph or hold) and not from_neo4j:
        raise InputError("--graph and --hold are for --from-neo4j", "leave them out")
    return spark.Held(graph, hold or HOLD) if where is None else where


def _check_options(recording: Path | None, expect: Path | None, dt: float | None, stimuli: Path | None) -> None:
    """Refuse options that do not go together. Raises InputError."""
    if recording and not (dt is None and stimuli is None):
        raise InputError("--recording tells both stimuli and dt", "leave out --dt and --stimuli")
    if expect and not recording:
        raise InputError(
            "--expect is for --recording, and none is named", "name one, or see the digest that is printed"
        )


def _recorded(
    folder: Path, expect: Path | None, tables: Tables, settings: Settings, ticks: int | None, events: Path | None
) -> tuple[MemoryGraph, archive.Replayed]:
    """Replay a recording. Raises InputError, Diverged, NotReplayable."""
    begin = tables.snapshot.manifest["tick"]
    later = archive.opened(expect)[1] if expect else None
    until = later.snapshot.manifest["tick"] if later else ticks and begin + ticks
    plan = recorded.recording(folder, tables, until)
    if later and plan.last != until:
        raise InputError(
            f"{expect}: it is of tick {until}, and the recording ends at {plan.last}", "name an earlier one"
        )
    with _telling(events, tables.snapshot.manifest["graph"], plan.last - begin) as (sink, done):
        graph, found = recorded.replay(tables, settings, plan, sink, done)
    only = recorded.compare(graph, later) if later else 0
    if only:
        say(f"left out: {only} nodes without energy, or links, that others have added or deleted and no tick has read")
    starts = sum(part.episode.kind == ATTACH for part in plan.parts)
    say(
        plain(
            f"as recorded: ticks {plan.first} to {plan.last}, attached {starts} times, {graph.changed} changes by others"
        )
    )
    return graph, found


@contextmanager
def _telling(events: Path | None, graph: str, ticks: int) -> Iterator[tuple[Sink | None, Callable[[], object]]]:
    """Give where events go, if anywhere, and what shows that a tick is done."""
    with ExitStack() as stack:
        sink = FileSink(EventsSettings(file=events), graph) if events else None
        if sink:
            stack.callback(sink.close)
        bar = stack.enter_context(progress())
        task = bar.add_task("ticking", total=ticks)
        yield sink, lambda: bar.advance(task)


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
