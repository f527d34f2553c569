"""`stridegraph compare`: two settings on the same graph and stimuli, node by node; nothing is written to the database."""

from __future__ import annotations

import dataclasses
import math
import time
from pathlib import Path  # noqa: TC003  (typer reads the annotation)
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from worker.cli import compare_files
from worker.cli.compare_table import tell
from worker.cli.console import Graph, Json, connect, print_json, progress, settings_of
from worker.compare import Named, Outcome, Report, report
from worker.errors import InputError
from worker.graph import reading
from worker.graph.neo4j import Neo4jGraph
from worker.physics.parameters import Parameters
from worker.settings import Settings, assigned
from worker.trial import Plan, named, trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.graph.memory import MemoryGraph

TICKS = 200
DT = 5.0  # s, as in the demo
LONGEST = 3600.0  # s
STEADY = 1e-6  # change of Σ E in a tick, relative, under which it is steady
GROUPS = {field.name for field in dataclasses.fields(Parameters)} | {"stimulus", "resident"}


class Compared(NamedTuple):
    """Two settings, what they were run on, and what came of it."""

    changes: tuple[dict[str, Any], dict[str, Any]]
    plan: Plan
    graph: MemoryGraph
    read_seconds: float
    nodes: Named
    outcomes: tuple[Outcome, Outcome]
    report: Report


def compare(
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
    ticks: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many ticks each side runs.")] = TICKS,
    dt: Annotated[float, typer.Option(help="Seconds of the graph's time that a tick is worth.")] = DT,
    top: Annotated[int, typer.Option(min=2, max=100_000, help="Nodes of most energy that are ranked.")] = 50,
    steady: Annotated[float, typer.Option(help="Change of the total in a tick, relative, that is steady.")] = STEADY,
    plot: Annotated[Path | None, typer.Option(help="Draw totals, books and energies: an SVG or PNG file.")] = None,
    nodes: Annotated[Path | None, typer.Option(help="Write all nodes, side by side: a CSV or Parquet file.")] = None,
    graph: Graph = None,
    json: Json = False,
) -> None:
    """Run two settings on copies of a graph in memory, with the same stimuli, and report node by node how they differ.

    Each side is the settings in force with its changes on top. The graph is read once; nothing is written to the database.
    """
    if not a and not b:
        raise InputError("there is nothing to compare", "name a change: --b diffusion.impl=matrix")
    sides = _side(graph, a or ()), _side(graph, b or ())
    most = min(side.tick.energy_max for side in sides)
    stimuli = tuple(_stimulus(text, most) for text in stimulus or ())
    plan = Plan(ticks, _within("--dt", dt, LONGEST), stimuli, once)
    _within("--steady", steady, 1.0)
    compare_files.check(plot, compare_files.PLOTS)
    compare_files.check(nodes, compare_files.TABLES)
    there, seconds = _read(settings_of(graph), sides)
    _check_nodes(there, plan)
    outcomes, found = _run(there, sides, plan), named(there)
    changes = _chosen(sides[0], a or ()), _chosen(sides[1], b or ())
    compared = Compared(changes, plan, there, seconds, found, outcomes, report(found, *outcomes, top, steady))
    titles = _title(changes[0]), _title(changes[1])
    if nodes:
        compare_files.write_nodes(nodes, found, *outcomes)
    if plot:
        compare_files.write_plot(plot, *outcomes, titles)
    if json:
        print_json(_result(compared))
    else:
        tell(compared.report, titles, _link(there, compared.report.links.at))


def _side(graph: str | None, texts: Sequence[str]) -> Settings:
    """Return the settings in force with a side's changes on top. Raises SettingsError, InputError."""
    changes = assigned(texts)
    for group in changes.keys() - GROUPS:
        raise InputError(
            f"{group}: it has no say in what a tick computes",
            f"both sides run on copies of one graph, --dt apart; {', '.join(sorted(GROUPS))} can be compared",
        )
    return settings_of(graph, **changes)


def _chosen(settings: Settings, texts: Sequence[str]) -> dict[str, Any]:
    changes = assigned(texts)
    return {f"{group}.{name}": getattr(getattr(settings, group), name) for group in changes for name in changes[group]}


def _title(changes: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in changes.items()) or "the settings as they are"


def _within(flag: str, value: float, most: float) -> float:
    if not 0.0 < value <= most:
        raise InputError(f"{flag} {value:g} is not a number over 0", f"give one up to {most:g}")
    return value


def _stimulus(text: str, most: float) -> tuple[str, float]:
    node, _, energy = text.rpartition("=")
    try:
        amount = float(energy)
    except ValueError:
        amount = math.nan
    if not node or math.isnan(amount):
        raise InputError(f"--stimulus {text!r} is not NODE=ENERGY", "for example: --stimulus coffee.n.01=20")
    return node, _within(f"--stimulus {node}:", amount, most)


def _check_nodes(graph: MemoryGraph, plan: Plan) -> None:
    for node, _ in plan.stimuli:
        if not graph.keys({node}):
            raise InputError(
                f"there is no node {node!r} in the graph {graph.name!r}", "see `stridegraph top`, or its ids in Neo4j"
            )


def _read(settings: Settings, sides: tuple[Settings, Settings]) -> tuple[MemoryGraph, float]:
    """Read the graph as it stands, in pages. Raises what `connect` raises."""
    started = time.monotonic()
    meaning = any(side.valence.goal for side in sides)
    with connect(settings) as connection, progress() as bar:
        task = bar.add_task("reading nodes", total=None)
        found = reading.read(
            Neo4jGraph(connection, settings.graph), lambda rows: bar.advance(task, rows), meaning=meaning
        )
    return found, time.monotonic() - started


def _run(graph: MemoryGraph, sides: tuple[Settings, Settings], plan: Plan) -> tuple[Outcome, Outcome]:
    with progress() as bar:
        tasks = [bar.add_task(f"ticking {name}", total=plan.ticks) for name in "ab"]
        a, b = (
            trial(graph, side, plan, lambda task=task: bar.advance(task))  # type: ignore[misc]
            for side, task in zip(sides, tasks, strict=True)
        )
    return a, b


def _link(graph: MemoryGraph, at: int | None) -> dict[str, Any] | None:
    """Return a link by its place: its type and the ids of its ends."""
    if at is None:
        return None
    link = list(graph.link.values())[at]
    ends = (graph.node.get(key, {}).get("id") for key in (link.source, link.target))
    return {**dict(zip(("source", "target"), ends, strict=True)), "type": link.type}


def _result(compared: Compared) -> dict[str, Any]:
    found = dataclasses.asdict(compared.report)
    links = found.pop("links")
    for name, changes, run in zip("ab", compared.changes, compared.outcomes, strict=True):
        found[name] = {"changes": changes, **found[name], "course": run.course._asdict()}
    return {
        "graph": compared.graph.name,
        "nodes": len(compared.nodes.id),
        "links": links.pop("count"),
        "ticks": compared.plan.ticks,
        "dt": compared.plan.dt,
        "stimuli": [{"node": node, "energy": energy} for node, energy in compared.plan.stimuli],
        "once": compared.plan.once,
        "read_seconds": compared.read_seconds,
        **found,
        "learned": {**links, "at": _link(compared.graph, links["at"])},
    }
