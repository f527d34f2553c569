"""`stridegraph explain`: where a node's energy came from, by what was recorded, or by what the worker that serves has done."""

from __future__ import annotations

from functools import partial
from pathlib import Path  # noqa: TC003  (typer reads the annotation)
from typing import Annotated, Any

import typer
from rich.tree import Tree

from worker.cli.console import Graph, Json, out, print_json, progress, settings_of
from worker.cli.plain import shown
from worker.errors import InputError
from worker.explain import FOREIGN, START, STIMULUS
from worker.explanations import DEEPEST, DEPTH, LEAST, Question, replayed, served

CALLED = {STIMULUS: "stimuli", FOREIGN: "written by others", START: "there at the start"}


def explain(
    node: Annotated[str, typer.Argument(metavar="NODE", help="The node's id.")],
    recording: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="What `stridegraph run --record` has written.", show_default=False),
    ] = None,
    snapshot: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Begin at this snapshot, and not where a worker attached first.", show_default=False
        ),
    ] = None,
    tick: Annotated[
        int | None,
        typer.Option(min=1, help="Its energy after this tick; by default the last there is.", show_default=False),
    ] = None,
    depth: Annotated[int, typer.Option(min=1, max=DEEPEST, help="How many links back.")] = DEPTH,
    least: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The share of its energy under which a way is not told by itself.")
    ] = LEAST,
    url: Annotated[
        str | None,
        typer.Option(help="Where a worker serves; by default as STRIDE_SERVE__HOST and PORT say.", show_default=False),
    ] = None,
    graph: Graph = None,
    json: Json = False,
) -> None:
    """Tell where a node's energy came from: by which links, back to stimuli and to energy that was there at the start.

    It asks the worker that serves the graph (`run --serve`), which holds its last ticks. With --recording the recorded ticks
    are run again in memory, each held to what was recorded; with --snapshot alone, those that `replay` would run on it.
    What has mixed in a node leaves it in proportion. Shares are of what is left of it, so they sum to its energy.
    """
    asked = Question(node, tick, depth, least)
    if not (recording or snapshot):
        found = served(settings_of(graph), asked, url)
    elif url or graph:
        raise InputError(
            "both files and a worker are named", "leave out --url and --graph, or --recording and --snapshot"
        )
    else:
        with progress() as bar:
            begin = lambda ticks: partial(bar.advance, bar.add_task("ticking", total=ticks))  # noqa: E731
            found = {"recording": recording and str(recording), **replayed(asked, recording, snapshot, begin)}
    if json:
        print_json(found)
    else:
        out.print(tree(found))


def tree(found: dict[str, Any]) -> Tree:
    """Return an explanation as a tree for the terminal."""
    energy = found["energy"]
    top = Tree(f"[bold]{shown(found['node'])}[/]  energy {energy:.6g} after tick {found['tick']}")
    if not energy > 0.0:
        top.add("it has none")
        return top
    kinds = ", ".join(f"{CALLED[kind]} {_share(x, energy).strip()}" for kind, x in found["sources"].items() if x > 0.0)
    top.add(f"[dim]in the end: {kinds}[/]")
    for branch in found["branches"]:
        _add(top, branch, energy, found["since"])
    return top


def _add(above: Tree, branch: dict[str, Any], energy: float, since: int) -> None:
    share = _share(branch["amount"], energy)
    match branch["kind"]:
        case "stimulus":
            source = f" ({shown(branch['source'])})" if branch["source"] else ""
            above.add(f"{share}  stimulus {shown(branch['id'])}{source} at tick {branch['last_tick']}")
        case "foreign":
            above.add(f"{share}  written by others before tick {branch['last_tick']}")
        case "start":
            above.add(f"{share}  was there before tick {since}")
        case "rest":
            above.add(f"[dim]{share}  by {branch['count']} more[/]")
        case _:
            below = above.add(f"{share}  {_way(branch)}")
            below.add(f"[dim]{_cost(branch['largest'])}[/]")
            for one in branch["branches"]:
                _add(below, one, energy, since)


def _way(branch: dict[str, Any]) -> str:
    first, last, count = branch["first_tick"], branch["last_tick"], branch["strides"]
    when = f"at tick {last}" if first == last else f"at ticks {first} to {last}"
    strides = "a stride" if count == 1 else f"{count} strides"
    return f"from [bold]{shown(branch['node'])}[/] by {shown(branch['link_type'])}: {strides} {when}"


def _cost(largest: dict[str, Any]) -> str:
    """Return what the stride that brought most had cost, and why it was chosen."""
    parts = " + ".join(f"{name} {largest[name]:.3g}" for name in ("weight", "novelty", "goal"))
    return (
        f"tick {largest['tick']}: moved {largest['energy']:.4g}, share {largest['share']:.2f}, "
        f"cost {largest['cost']:.3g} = ({parts}) × {largest['multiplier']:.3g}, reason: {largest['reason']}"
    )


def _share(amount: float, energy: float) -> str:
    return f"{100.0 * amount / energy:5.1f} %"
