"""`stridegraph recall`: what activation reaches from seeds, and by which way; nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from worker.cli.console import Graph, Json, open_graph, out, print_json, settings_of
from worker.cli.plain import plain, shown
from worker.errors import InputError
from worker.graph.seeds import Property, Text

if TYPE_CHECKING:
    from worker.recalls import Recall, SeedLike


def recall(
    seeds: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SEED…", help="Ids of nodes; SEED=WEIGHT gives one more or less than 1.", show_default=False
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Words: the nodes that a full-text index has for them.", show_default=False)
    ] = None,
    index: Annotated[
        str | None, typer.Option(help="Name of that index, if there are several.", show_default=False)
    ] = None,
    where: Annotated[
        str | None, typer.Option(metavar="NAME=VALUE", help="The nodes that have this property.", show_default=False)
    ] = None,
    k: Annotated[int, typer.Option("--k", "-k", min=1, max=100_000, help="How many to return.")] = 10,
    context: Annotated[
        bool, typer.Option("--context/--no-context", help="Go on from the energies that stand in the graph.")
    ] = False,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only nodes of this type; may be repeated.", show_default=False)
    ] = None,
    reinforce: Annotated[
        bool, typer.Option("--reinforce", help="Put what was found into the queue of stimuli.")
    ] = False,
    max_nodes: Annotated[
        int | None, typer.Option(min=1, help="Nodes that energy may reach.", show_default=False)
    ] = None,
    max_ms: Annotated[
        float | None,
        typer.Option(min=0.001, help="Milliseconds after which no step more is begun.", show_default=False),
    ] = None,
    graph: Graph = None,
    json: Json = False,
) -> None:
    """Spread activation from seeds through the graph as it is, and show what has most of it, and the path that brought it."""
    wanted: dict[SeedLike, float] = dict(map(_weighed, seeds or []))
    wanted |= {query: 1.0 for query in (text and Text(text, index), where and _property(where)) if query}
    settings = settings_of(graph)
    with open_graph(settings) as there:
        found = there.recall(
            wanted, k, context=context, types=types or (), reinforce=reinforce, max_nodes=max_nodes, max_ms=max_ms,
        )  # fmt: skip
    if json:
        print_json({"graph": settings.graph, **found.plain()})
    else:
        _tell(found)


def _weighed(word: str) -> tuple[str, float]:
    """Return a seed and its weight; an id may hold `=` itself, where what follows the last one is no number."""
    own, equals, weight = word.rpartition("=")
    try:
        return (own, float(weight)) if equals and own else (word, 1.0)
    except ValueError:
        return word, 1.0


def _property(word: str) -> Property:
    name, equals, value = word.partition("=")
    if not (name and equals):
        raise InputError(f"{word!r} is not NAME=VALUE", "for example: --where words=coffee")
    return Property(name, value)


def _tell(found: Recall) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False, expand=True)
    for name, width in (("energy", 8), ("× Θ", 6)):
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    for name, ratio in (("type", None), ("node", 1), ("path", 2)):
        table.add_column(name, no_wrap=True, overflow="ellipsis", ratio=ratio)
    for hit in found.results:
        path = "".join(f"{shown(step.source)} [dim]{shown(step.type.lower())}[/] " for step in hit.path)
        why = path or ("[dim]a seed[/]" if hit.id in found.seeds else "[dim]it stood there[/]")
        style = "bold" if hit.score >= 1.0 else "dim"
        name = shown(hit.label or hit.id)
        table.add_row(f"{hit.energy:.3f}", f"{hit.score:.2f}", shown(hit.type or "—"), name, why, style=style)
    out.print(table)
    more = f", broken off: {found.partial}" if found.partial else ""
    out.print(plain(f"{len(found.seeds)} seeds, {found.reached} nodes reached, {found.ms:.1f} ms{more}"), markup=False)
    for own, why in found.rejected.items():
        out.print(plain(f"left out: {own}: {why}"), markup=False)
