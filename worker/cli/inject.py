"""`stridegraph inject`: put energy on a node."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from worker.cli.console import Graph, Json, open_graph, out, print_json, settings_of
from worker.graph import desk


def inject(
    node: Annotated[str, typer.Argument(help="The node's id.")],
    energy: Annotated[float, typer.Argument(help="How much energy, over 0.")],
    stimulus: Annotated[str, typer.Option("--id", help="The stimulus's own id: sent twice, it is applied once.")] = "",
    source: Annotated[str, typer.Option(help="Where it comes from, for the record.")] = "inject",
    graph: Graph = None,
    json: Json = False,
) -> None:
    """Put energy on a node: the next tick applies it, exactly once."""
    settings = settings_of(graph)
    with open_graph(settings) as there:
        done = desk.inject(there, node, energy, stimulus or secrets.token_hex(8), source, settings.tick.energy_max)
    if json:
        print_json(done._asdict())
    else:
        out.print(f"{done.state}: {done.delta:g} for {done.node} (stimulus {done.id})", markup=False)
