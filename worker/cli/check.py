"""`stridegraph check`: everything in a graph that the physics will not take."""

from __future__ import annotations

from rich.table import Table

from worker.cli.console import Graph, Json, open_graph, out, print_json, settings_of
from worker.cli.plain import shown


def check(graph: Graph = None, json: Json = False) -> None:
    """List every node, link and stimulus that the physics will not take, and why."""
    settings = settings_of(graph)
    with open_graph(settings) as there:
        found = there.check()
    if json:
        print_json(
            {"graph": settings.graph, "count": found.total, "problems": [problem._asdict() for problem in found.listed]}
        )
        return
    if not found.total:
        out.print(f"nothing is wrong with the graph {settings.graph!r}", markup=False)
        return
    table = Table("what", "which", "why", box=None, header_style="dim", pad_edge=False)
    for problem in found.listed:
        table.add_row(problem.what, shown(problem.identity), shown(problem.why))
    out.print(table)
    out.print(
        f"{found.total} in all" + (f", the first {len(found.listed)} shown" if found.total > len(found.listed) else "")
    )
