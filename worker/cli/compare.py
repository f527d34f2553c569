"""`stridegraph compare`: two settings on the same graph or snapshot, and the same inputs, node by node; nothing is written."""

from __future__ import annotations

import dataclasses
import math
import time
from pathlib import Path  # noqa: TC003  (typer reads the annotation)
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, cast

import typer

from worker.api import HOLD
from worker.archive import recorded, replay
from worker.archive.load import memory, read
from worker.cli import compare_files, compare_html
from worker.cli.compare_table import tell
from worker.cli.console import Graph, Hold, Json, connect, print_json, progress, settings_of
from worker.cli.snapshot import rows
from worker.compare import agreement, report
from worker.errors import InputError, nearest
from worker.graph.copies import Original
from worker.graph.export import held
from worker.graph.neo4j import Neo4jGraph
from worker.physics.parameters import Parameters
from worker.settings import Settings, assigned
from worker.trial import Input, named, steady, trial, weighed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.compare import Named, Outcome, Report
    from worker.graph.memory import MemoryGraph

TICKS = 200
DT = 5.0  # s, as in the demo
LONGEST = 3600.0  # s
MOMENTS = 100  # of all ticks, at which ranks are compared
STEADY = 1e-6  # change of Σ E in a tick, relative, under which it is steady
GROUPS = {field.name for field in dataclasses.fields(Parameters)} | {"stimulus", "resident"}


Dt = Annotated[
    float | None,
    typer.Option(
        help=f"Seconds of the graph's time that a tick is worth; by default {DT:g}, or as recorded.", show_default=False
    ),
]


class There(NamedTuple):
    """What both sides begin with, and what each tick is given."""

    original: Original
    sides: tuple[Settings, Settings]
    inputs: list[Input]
    seconds: float  # that reading took

    @property
    def graph(self) -> MemoryGraph:
        """The graph as it was read."""
        return self.original.graph


class Asked(NamedTuple):
    """What the command was given."""

    a: Sequence[str]
    b: Sequence[str]
    stimuli: tuple[tuple[str, float], ...]
    once: bool
    ticks: int | None
    dt: float | None
    source: Path | None
    recording: Path | None


def compare(
    snapshot: Annotated[
        Path | None,
        typer.Argument(
            metavar="[SNAPSHOT]", help="A folder of `stridegraph snapshot`; by default the graph in the database."
        ),
    ] = None,
    a: Annotated[
        list[str] | None, typer.Option("--a", metavar="KEY=VALUE", help="A change for side a, e.g. select.topk=all.")
    ] = None,
    b: Annotated[
        list[str] | None, typer.Option("--b", metavar="KEY=VALUE", help="A change for side b; both may be repeated.")
    ] = None,
    stimulus: Annotated[
        list[str] | None, typer.Option(metavar="NODE=ENERGY", help="Energy for a node, in every tick; may be repeated.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Put the stimuli in at the first tick only.")] = False,
    ticks: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_000_000,
            help=f"How many ticks each side runs; by default {TICKS}, or all that are recorded.",
            show_default=False,
        ),
    ] = None,
    dt: Dt = None,
    recording: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="With SNAPSHOT: give both sides the stimuli and dt that are recorded there."),
    ] = None,
    top: Annotated[int, typer.Option(min=2, max=100_000, help="Nodes of most energy that are ranked.")] = 50,
    steady: Annotated[float, typer.Option(help="Change of the total in a tick, relative, that is steady.")] = STEADY,
    plot: Annotated[Path | None, typer.Option(help="Draw totals, books and energies: an SVG or PNG file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write all of it as one page that needs nothing else.")] = None,
    nodes: Annotated[Path | None, typer.Option(help="Write all nodes, side by side: a CSV or Parquet file.")] = None,
    hold: Hold = HOLD,
    graph: Graph = None,
    json: Json = False,
) -> None:
    """Run two settings on copies of a graph in memory, with the same stimuli, and report node by node how they differ.

    The graph is that of the database, or a snapshot with what waits in its queue; nothing is written to it. Each side is the
    settings in force, for a snapshot those that it was taken with, with its changes on top.
    """
    if not a and not b:
        raise InputError("there is nothing to compare", "name a change: --b diffusion.impl=matrix")
    given = tuple(_stimulus(text) for text in stimulus or ())
    asked = Asked(a or (), b or (), given, once, ticks, dt, snapshot, recording)
    _check_options(asked, graph)
    _within("--steady", steady, 1.0)
    for file, kinds in ((plot, compare_files.PLOTS), (nodes, compare_files.TABLES), (html, compare_files.PAGES)):
        compare_files.check(file, kinds)
    there = _of_snapshot(asked) if snapshot else _of_database(asked, graph, hold)
    outcomes, found = _run(there, MOMENTS if html else 0), named(there.graph)
    made = report(found, *outcomes, top, steady)
    changes = _chosen(there.sides[0], asked.a), _chosen(there.sides[1], asked.b)
    titles = _title(changes[0]), _title(changes[1])
    result = _result(there, asked, found, outcomes, made, changes)
    if nodes:
        compare_files.write_nodes(nodes, found, *outcomes)
    if plot:
        compare_files.write_plot(plot, *outcomes, titles)
    if html:
        compare_html.write(html, made, outcomes, titles, result, agreement(len(found.id), *outcomes, top))
    if json:
        print_json(result)
    else:
        tell(made, titles, result["learned"]["at"])


def _check_options(asked: Asked, graph: str | None) -> None:
    """Refuse options that do not go together. Raises InputError."""
    if asked.dt is not None:
        _within("--dt", asked.dt, LONGEST)
    if asked.source and graph:
        raise InputError("both a snapshot and --graph are named", "leave one of them out")
    if asked.recording and not asked.source:
        raise InputError("--recording goes on from a snapshot, and none is named", "name the folder of one")
    if asked.recording and (asked.stimuli or asked.dt is not None):
        raise InputError("--recording tells both stimuli and dt", "leave out --dt and --stimulus")


def _of_snapshot(asked: Asked) -> There:
    """Read a snapshot, and a recording that goes on from it if one is named. Raises InputError, SettingsError."""
    started = time.monotonic()
    snapshot, tables = replay.opened(cast("Path", asked.source))
    a, b = (replay.settings_for(snapshot, **_changes(texts))[0] for texts in (asked.a, asked.b))
    graph = memory(tables)
    if asked.recording:
        begin = snapshot.manifest["tick"]
        plan = recorded.recording(asked.recording, tables, asked.ticks and begin + asked.ticks)
        graph.queue.clear()  # what waited then is recorded where it was taken
        inputs = recorded.inputs(plan)
    else:
        inputs = _inputs(asked, graph, (a, b))
    return There(Original(graph), (a, b), inputs, time.monotonic() - started)


def _of_database(asked: Asked, name: str | None, hold: float) -> There:
    """Read the graph of the database between two ticks, without its queue. Raises what `connect` raises, HeldTooLong."""
    sides = _side(name, asked.a), _side(name, asked.b)
    settings, started = settings_of(name), time.monotonic()
    meaning = any(side.valence.goal for side in sides)
    with (
        connect(settings) as connection,
        progress() as bar,
        held(Neo4jGraph(connection, settings.graph), hold) as export,
    ):
        graph = read(export, meaning=meaning, done=rows(bar, "reading"))
    graph.queue.clear()
    return There(Original(graph), sides, _inputs(asked, graph, sides), time.monotonic() - started)


def _inputs(asked: Asked, graph: MemoryGraph, sides: tuple[Settings, Settings]) -> list[Input]:
    most = min(side.tick.energy_max for side in sides)
    for node, energy in asked.stimuli:
        _within(f"--stimulus {node}:", energy, most)
        if not graph.keys({node}):
            raise InputError(f"there is no node {node!r} in the graph {graph.name!r}", nearest(node, graph.key_of()))
    return steady(asked.ticks or TICKS, DT if asked.dt is None else asked.dt, asked.stimuli, once=asked.once)


def _changes(texts: Sequence[str]) -> dict[str, Any]:
    """Return a side's changes. Raises SettingsError, InputError."""
    changes = assigned(texts)
    for group in changes.keys() - GROUPS:
        raise InputError(
            f"{group}: it has no say in what a tick computes",
            f"both sides run on copies of one graph, --dt apart; {', '.join(sorted(GROUPS))} can be compared",
        )
    return changes


def _side(graph: str | None, texts: Sequence[str]) -> Settings:
    """Return the settings in force with a side's changes on top. Raises SettingsError, InputError."""
    return settings_of(graph, **_changes(texts))


def _chosen(settings: Settings, texts: Sequence[str]) -> dict[str, Any]:
    changes = assigned(texts)
    return {f"{group}.{name}": getattr(getattr(settings, group), name) for group in changes for name in changes[group]}


def _title(changes: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in changes.items()) or "the settings as they are"


def _within(flag: str, value: float, most: float) -> float:
    if not 0.0 < value <= most:
        raise InputError(f"{flag} {value:g} is not a number over 0", f"give one up to {most:g}")
    return value


def _stimulus(text: str) -> tuple[str, float]:
    node, _, energy = text.rpartition("=")
    try:
        amount = float(energy)
    except ValueError:
        amount = math.nan
    if not node or math.isnan(amount):
        raise InputError(f"--stimulus {text!r} is not NODE=ENERGY", "for example: --stimulus coffee.n.01=20")
    return node, amount


def _run(there: There, moments: int) -> tuple[Outcome, Outcome]:
    with progress() as bar:
        tasks = [bar.add_task(f"ticking {name}", total=len(there.inputs)) for name in "ab"]
        a, b = (
            trial(there.original, side, there.inputs, lambda task=task: bar.advance(task), moments=moments)  # type: ignore[misc]
            for side, task in zip(there.sides, tasks, strict=True)
        )
    return a, b


def _link(graph: MemoryGraph, at: int | None) -> dict[str, Any] | None:
    """Return a link by its place: its type and the ids of its ends."""
    if at is None:
        return None
    link = weighed(graph)[at]
    ends = (graph.node.get(key, {}).get("id") for key in (link.source, link.target))
    return {**dict(zip(("source", "target"), ends, strict=True)), "type": link.type}


def _result(
    there: There,
    asked: Asked,
    nodes: Named,
    outcomes: tuple[Outcome, Outcome],
    made: Report,
    changes: tuple[dict[str, Any], dict[str, Any]],
) -> dict[str, Any]:
    found = dataclasses.asdict(made)
    links = found.pop("links")
    for name, own, run in zip("ab", changes, outcomes, strict=True):
        found[name] = {"changes": own, **found[name], "course": run.course._asdict()}
    lengths = {given.dt for given in there.inputs}
    return {
        "graph": there.graph.name,
        "snapshot": asked.source and str(asked.source),
        "recording": asked.recording and str(asked.recording),
        "nodes": len(nodes.id),
        "links": links.pop("count"),
        "ticks": len(there.inputs),
        "dt": lengths.pop() if len(lengths) == 1 else None,  # None: each tick has its own
        "stimuli": [{"node": node, "energy": energy} for node, energy in asked.stimuli],
        "once": asked.once,
        "read_seconds": there.seconds,
        **found,
        "learned": {**links, "at": _link(there.graph, links["at"])},
    }
