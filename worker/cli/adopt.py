"""`stridegraph adopt`: take a graph that is in the database already into the physics, and give it back as it was."""

from __future__ import annotations

import csv
import io
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.console import Graph, Json, connect, err, out, print_json, progress, say, settings_of
from worker.cli.plain import plain, shown
from worker.cli.snapshot import rows
from worker.errors import InputError, Refused
from worker.graph.adopt import adopt as take
from worker.graph.adopt import adopted, give_back
from worker.graph.bulk import BATCH
from worker.graph.migrate import migrate
from worker.graph.neo4j import Neo4jGraph
from worker.graph.survey import Wish, survey
from worker.graph.transforms import TRANSFORMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.graph.adopt import Adopted
    from worker.graph.connection import Connection
    from worker.graph.survey import Found
    from worker.settings import Settings

SHOWN = 5  # of what is in the way for one reason, on a terminal


def adopt(
    nodes: Annotated[
        list[str] | None, typer.Option(help="Labels, `Memory,Task`: the first that a node has is its type.")
    ] = None,
    links: Annotated[list[str] | None, typer.Option(help="Types of the relationships that become links.")] = None,
    id_from: Annotated[
        list[str] | None,
        typer.Option(help="The property to take ids from, or `Label=property`; else they are made up."),
    ] = None,
    id_prefix: Annotated[bool, typer.Option("--id-prefix", help="Put the label before it: `Task:7`.")] = False,
    weight_from: Annotated[
        list[str] | None,
        typer.Option(help="The property to take log-weights from, or `TYPE=property`; else they are 0."),
    ] = None,
    transform: Annotated[
        str, typer.Option(help="How it is read: log, log1p, logit or identity; else log, and identity of a log_weight.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Give back what was adopted, as it was before.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --undo: also where a worker has ticked on it.")] = False,
    graph: Graph = None,
    batch: Annotated[int, typer.Option(min=1, max=1_000_000, help="Rows a transaction.")] = BATCH,
    json: Json = False,
) -> None:
    """Take nodes and relationships that are there already into the physics; nothing that they have is changed."""
    settings, started = settings_of(graph), time.monotonic()
    if undo:
        if nodes or links or id_from or weight_from or transform or id_prefix:
            raise InputError("--undo gives back all that was adopted into the graph", "name that alone: --graph")
        result = _undo(settings, batch, dry_run=dry_run, yes=yes)
    else:
        wish = _wish(nodes, links, id_from, weight_from, transform, prefix=id_prefix)
        result = _adopt(settings, wish, batch, dry_run=dry_run)
    result |= {"graph": settings.graph, "dry_run": dry_run, "seconds": time.monotonic() - started}
    if json:
        print_json(result)
    else:
        (_tell_undone if undo else _tell)(result)
    if result.get("obstacles"):
        raise InputError("this stands in the way: nothing was changed", "see docs/how-to/your-own-graph.md")


def _wish(
    nodes: list[str] | None,
    links: list[str] | None,
    id_from: list[str] | None,
    weight_from: list[str] | None,
    transform: str,
    *,
    prefix: bool,
) -> Wish:
    labels, types = _names(nodes), _names(links)
    if not labels and not types:
        raise InputError("there is nothing to adopt", "name it: --nodes 'Memory,Task' --links 'CAUSES'")
    if transform and transform not in TRANSFORMS:
        raise InputError(f"there is no transform {transform!r}", f"choose from {', '.join(TRANSFORMS)}")
    weights = _properties(weight_from, types, "--weight-from", "--links")
    if transform not in {"", "identity"} and "log_weight" in weights.values():
        raise InputError(
            f"--transform {transform} would write over the property `log_weight`",
            "take it as it is, without --transform",
        )
    return Wish(labels, types, _properties(id_from, labels, "--id-from", "--nodes"), weights, transform, prefix)


def _names(given: Sequence[str] | None) -> list[str]:
    """Return names that stand between commas, each once; one that has a comma of its own stands in quotation marks."""
    found = []
    for text in given or ():
        try:
            table = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
            found += [name for row in table for name in row]
        except csv.Error as error:
            raise InputError(f"{text!r} is no list of names: {error}", "'Memory,Task', or '\"a, b\",Task'") from None
    return list(dict.fromkeys(name for name in found if name))


def _properties(given: Sequence[str] | None, names: Sequence[str], option: str, of: str) -> dict[str, str]:
    """Return the property for each name: that given for it, else that given for all."""
    found, rest = {}, {}
    for text in _names(given):
        name = max((name for name in names if text.startswith(f"{name}=")), key=len, default=None)
        if name is None and "=" in text:
            raise InputError(f"{option} {text!r}: {text.partition('=')[0]!r} is none of {of}", f"name it in {of} too")
        if name is None:
            rest = dict.fromkeys(names, text)
        else:
            found[name] = text[len(name) + 1 :]
    return {**rest, **found}


def _adopt(settings: Settings, wish: Wish, batch: int, *, dry_run: bool) -> dict[str, Any]:
    with connect(settings) as connection, progress() as bar:
        there = Neo4jGraph(connection, settings.graph)
        found = survey(there, wish, rows(bar, "looking at"))
        if not dry_run and not found.obstacles.counts:
            _write(connection, there, wish, found, batch, rows(bar, "adopting"))
    return _result(wish, found)


def _write(connection: Connection, there: Neo4jGraph, wish: Wish, found: Found, batch: int, done: Any) -> None:
    migrate(connection, say=say)
    take(there, wish, found, batch, done)


def _result(wish: Wish, found: Found) -> dict[str, Any]:
    labels, types = found.nodes["label"].value_counts(), found.links.groupby("type")["log_weight"]
    return {
        "nodes": {label: int(labels.get(label, 0)) for label in wish.labels},
        "links": {kind: int(types.size().get(kind, 0)) for kind in wish.types},
        "log_weight": {kind: [weights.min(), weights.max()] for kind, weights in types},
        "without_weight": {kind: count for kind, count in found.unweighted.items() if count},
        "already": {what: found.counts[f"{what}_already"] for what in ("nodes", "links")},
        "several_labels": found.counts["several_labels"],
        "own_type": found.counts["typed"],
        "left": {"end_not_adopted": found.counts["outside"], "to_itself": found.counts["loops"]},
        "obstacles": [
            {"why": why, "count": count, "listed": found.obstacles.listed[why]}
            for why, count in found.obstacles.counts.items()
        ],
    }


def _tell(result: dict[str, Any]) -> None:
    for row in result["obstacles"]:
        err.print(f"[yellow]{row['count']:,} ×[/] {shown(row['why'])}", soft_wrap=True)
        for what in row["listed"][:SHOWN]:
            err.print(f"    {shown(what)}", soft_wrap=True)
    if result["obstacles"]:
        return
    would = "would be adopted" if result["dry_run"] else "adopted"
    for label, count in result["nodes"].items():
        _line(label, f"{count:>12,} nodes")
    for kind, count in result["links"].items():
        span = "log_weight {:.3g} to {:.3g}".format(*result["log_weight"][kind]) if count else ""
        _line(kind, f"{count:>12,} links   {span}".rstrip())
    for count, what in _left(result):
        _line("", f"{count:>12,} {what}")
    out.print(
        plain(f"{would} into the graph {result['graph']!r}, {result['seconds']:.1f} s"), markup=False, soft_wrap=True
    )


def _left(result: dict[str, Any]) -> list[tuple[int, str]]:
    """Return what needs a word, where there is any of it."""
    lines = [
        (result["already"]["nodes"], "nodes were in the graph already"),
        (result["already"]["links"], "links were in the graph already"),
        (result["several_labels"], "nodes have several of the labels: their type is the first"),
        (result["own_type"], "nodes have a `type` of their own: that is their type"),
        (sum(result["without_weight"].values()), "links lack the property: their log_weight is 0"),
        (result["left"]["end_not_adopted"], "relationships stay as they are: an end is not adopted"),
        (result["left"]["to_itself"], "relationships stay as they are: they lead to their own node"),
    ]
    return [(count, what) for count, what in lines if count]


def _line(name: str, text: str) -> None:
    out.print(plain(f"{name:<24}{text}"), markup=False, soft_wrap=True)


def _undo(settings: Settings, batch: int, *, dry_run: bool, yes: bool) -> dict[str, Any]:
    with connect(settings) as connection, progress() as bar:
        there = Neo4jGraph(connection, settings.graph)
        found = adopted(there)
        _warn(found, settings.graph, refuse=not (yes or dry_run))
        gone = not dry_run and give_back(there, found, settings.lease.ttl, batch, rows(bar, "giving back"))
    return {"nodes": len(found.nodes), "links": len(found.links), "ticks": found.ticks, "books_dropped": gone}


def _warn(found: Adopted, graph: str, *, refuse: bool) -> None:
    """Say what is lost by an undo that no later one brings back. Raises Refused."""
    if not found.ticks:
        return
    lost = f"{found.ticks} ticks on the graph {graph!r}: their energies, visits and what links have learned"
    if refuse:
        raise Refused(f"undoing the adoption loses {lost}", "keep them by `stridegraph snapshot`; then --undo --yes")
    say(f"this loses {lost}")


def _tell_undone(result: dict[str, Any]) -> None:
    would = "would be given back" if result["dry_run"] else "given back"
    books = ", and what the worker kept of the graph is gone" if result["books_dropped"] else ""
    text = f"{result['nodes']:,} nodes and {result['links']:,} links {would} as they were{books}"
    out.print(plain(f"{text}, {result['seconds']:.1f} s"), markup=False, soft_wrap=True)
