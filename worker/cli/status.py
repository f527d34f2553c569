"""`stridegraph status`: how a graph stands."""

from __future__ import annotations

from worker.cli.console import Graph, Json, open_graph, out, print_json, settings_of
from worker.cli.plain import plain


def status(graph: Graph = None, json: Json = False) -> None:
    """Show a graph's figures, counted in the database, and its books."""
    with open_graph(settings_of(graph)) as there:
        found = there.status()
    if json:
        print_json(found)
        return
    for name, value in found.items():
        text = ", ".join(f"{key} {amount:g}" for key, amount in value.items()) if isinstance(value, dict) else value
        out.print(f"{name.replace('_', ' '):<20} {plain(text)}", markup=False, soft_wrap=True)
