"""`stridegraph explain`: where a node's energy came from, by what was recorded."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  (typer reads the annotation)
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.tree import Tree

from worker.archive import recorded
from worker.archive import replay as archive
from worker.cli.console import Json, out, print_json, progress
from worker.cli.plain import shown
from worker.errors import InputError, nearest
from worker.events.trail import Trail
from worker.explain import FOREIGN, START, STIMULUS, Course, explanation
from worker.physics.decay import stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.graph.held import Held
    from worker.settings import Settings

DEPTH, LEAST = 4, 0.01
CALLED = {STIMULUS: "stimuli", FOREIGN: "written by others", START: "there at the start"}


def explain(
    node: Annotated[str, typer.Argument(metavar="NODE", help="The node's id.")],
    recording: Annotated[
        Path, typer.Option(metavar="DIR", help="What `stridegraph run --record` has written.", show_default=False)
    ],
    snapshot: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Begin at this snapshot, and not where a worker attached first.", show_default=False
        ),
    ] = None,
    tick: Annotated[
        int | None,
        typer.Option(min=1, help="Its energy after this tick; by default the last one recorded.", show_default=False),
    ] = None,
    depth: Annotated[int, typer.Option(min=1, max=50, help="How many links back.")] = DEPTH,
    least: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The share of its energy under which a way is not told by itself.")
    ] = LEAST,
    json: Json = False,
) -> None:
    """Tell where a node's energy came from: by which links, back to stimuli and to energy that was there at the start.

    The recorded ticks are run again in memory, each held to what was recorded. What has mixed in a node leaves it
    in proportion. Shares are of what is left of it, so they sum to its energy.
    """
    trail = Trail(eager=True)
    held = _replayed(recording, snapshot, tick, trail)
    resident = held.resident
    if node not in resident.ids:
        raise InputError(f"no tick in {recording} has read a node {node!r}", nearest(node, resident.ids))
    which = np.array([resident.ids.index(node)], dtype=np.int32)
    energy = float(stored(resident.nodes, which, held.ledger.decay_clock)[0])
    found = explanation(Course(trail.accounts()), node, energy, depth, least)
    if json:
        print_json({"recording": str(recording), **found})
    else:
        out.print(tree(found))


def _replayed(recording: Path, snapshot: Path | None, tick: int | None, trail: Trail) -> Held:
    """Run the recorded ticks again. Raises InputError, Diverged, NotReplayable."""
    if snapshot is None:
        graph, kept, plan = recorded.alone(recording, tick)
        settings = _settings(*archive.settings_over(kept))
        return _shown(plan, lambda done: recorded.replay_alone(graph, settings, plan, trail, done)).held
    there, tables = archive.opened(snapshot)
    settings = _settings(*archive.settings_for(there))
    plan = recorded.recording(recording, tables, tick if tick and tick > there.manifest["tick"] else None)
    if tick not in {None, plan.last}:
        why = f"tick {tick} is not in {recording} after {snapshot}: they have ticks {plan.first} to {plan.last}"
        raise InputError(why, "name one of these")
    return _shown(plan, lambda done: recorded.replay(tables, settings, plan, trail, done)[1]).held


def _settings(settings: Settings, changed: dict[str, tuple[Any, Any]]) -> Settings:
    if changed:
        why = f"{', '.join(changed)}: it is set here, and a recording is replayed by the settings it was made with"
        raise InputError(why, "unset it")
    return settings


def _shown(plan: recorded.Recording, run: Callable[[Callable[[], object]], archive.Replayed]) -> archive.Replayed:
    """Run with a bar on the terminal."""
    with progress() as bar:
        task = bar.add_task("ticking", total=len(plan.parts))
        return run(lambda: bar.advance(task))


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
