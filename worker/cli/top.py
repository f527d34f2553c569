"""`stridegraph top`: the nodes with most energy."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from worker.cli.console import Graph, Json, open_graph, out, print_json, settings_of
from worker.cli.plain import shown
from worker.process import signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.api import Stridegraph

LOOK = 1.0  # seconds between two looks
NOTHING = "no node has energy: `stridegraph inject NODE ENERGY` puts some in"


def top(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="How many.")] = 20,
    live: Annotated[
        bool, typer.Option("--live", help="Look again every second, until Ctrl-C; where it is no terminal, in lines.")
    ] = False,
    graph: Graph = None,
    json: Json = False,
) -> None:
    """Show the nodes with most energy, as it is now."""
    settings = settings_of(graph)
    with open_graph(settings) as there:
        if live:
            _watch(there, limit, as_json=json)
            return
        found = there.top(limit)
    if json:
        print_json({"graph": settings.graph, "results": found})
    else:
        out.print(table(found) if found else NOTHING)


def _watch(graph: Stridegraph, limit: int, *, as_json: bool) -> None:
    """Show the nodes with most energy again and again."""
    from worker.cli.live import drawn  # noqa: PLC0415  (it draws by this module's table)

    over, rows = threading.Event(), [graph.top(limit)]
    at_hand = out.is_terminal and not as_json
    with signals(over.set), drawn(lambda: table(rows[0]) if rows[0] else NOTHING) if at_hand else nullcontext():
        while True:
            if as_json:
                print_json({"graph": graph.settings.graph, "results": rows[0]})
            elif not at_hand:
                out.print(
                    "  ".join(f"{shown(row['label'] or row['id'])} {row['energy']:.3f}" for row in rows[0]) or NOTHING,
                    soft_wrap=True,
                )
            if over.wait(LOOK):
                return
            rows[0] = graph.top(limit)


def table(rows: list[dict[str, Any]], why: Callable[[str], str] | None = None) -> Table:
    """Return nodes with their energies as a table, active ones bold; `why` says what brought a node (an id) its energy."""
    found = Table(box=None, header_style="dim", pad_edge=False, expand=why is not None)
    for name, width in (("energy", 8), ("× Θ", 6), ("type", 9)):
        found.add_column(name, justify="left" if name == "type" else "right", no_wrap=True, min_width=width)
    for name in ("node", *(["brought there by"] if why else [])):
        found.add_column(name, no_wrap=True, overflow="ellipsis", ratio=1 if why else None)
    for row in rows:
        ratio = row["energy"] / row["threshold"]
        style = "bold" if ratio >= 1.0 else "dim"
        name = row["label"] or row["id"]
        more = [why(row["id"])] if why else []
        found.add_row(
            f"{row['energy']:.3f}", f"{ratio:.2f}", shown(row["type"] or "—"), shown(name), *more, style=style
        )
    return found
