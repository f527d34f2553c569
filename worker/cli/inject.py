"""`stridegraph inject`: put energy on a node, or share it out among several."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.console import Graph, Json, open_graph, out, print_json, settings_of
from worker.cli.plain import plain
from worker.errors import InputError
from worker.graph import desk

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE = "give a node and its energy, `inject coffee 10`, or a budget, `inject --budget 3 coffee=0.9 tea=0.4`"


def inject(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="NODE ENERGY | NODE=SIMILARITY…",
            help="The node's id and how much energy, over 0; with --budget, candidates and their similarity in (0, 1].",
        ),
    ],
    budget: Annotated[
        float | None, typer.Option(help="Energy to share out among candidates, by similarity and by what each lacks.")
    ] = None,
    stimulus: Annotated[str, typer.Option("--id", help="The stimulus's own id: sent twice, it is applied once.")] = "",
    source: Annotated[str, typer.Option(help="Where it comes from, for the record.")] = "inject",
    graph: Graph = None,
    json: Json = False,
) -> None:
    """Put energy on a node, or a budget on several: the next tick applies it, exactly once."""
    given, own = _given(what, budget), stimulus or secrets.token_hex(8)
    with open_graph(settings_of(graph)) as there:
        done = there.inject(*given, stimulus=own, source=source)
    amount = desk.amount(*given)
    if json:
        print_json({"id": own, **amount._asdict(), "state": done})
    else:
        out.print(plain(f"{done}: {amount} (stimulus {own})"), markup=False)


def _given(what: Sequence[str], budget: float | None) -> tuple[str | dict[str, float], float]:
    """Return the node, or candidates with their similarities, and how much energy. Raises InputError."""
    if budget is not None:
        pairs = [text.rpartition("=") for text in what]
        for node, equals, text in pairs:
            if not (node and equals):
                raise InputError(f"{text!r} is not a candidate", USAGE)
        similarity = {node: _number(value, "similarity") for node, _, value in pairs}
        if len(similarity) < len(pairs):
            raise InputError("a candidate is named twice", USAGE)
        return similarity, budget
    if len(what) != 2:
        raise InputError(f"{len(what)} words are not a node and its energy", USAGE)
    return what[0], _number(what[1], "energy")


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{name} {text!r} is not a number", USAGE) from None
