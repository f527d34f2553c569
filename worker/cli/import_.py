"""`stridegraph import`: bring tables of nodes, links and members of entities into a graph."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003  (typer reads the annotation)
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd
import typer

from worker.cli.console import Graph, Json, err, open_graph, out, print_json, progress, settings_of
from worker.cli.plain import shown
from worker.errors import InputError
from worker.graph.bulk import BATCH, Bulk, Written
from worker.tables import Kind, Rejected, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

KINDS: tuple[Kind, ...] = ("nodes", "links", "members")  # in the order in which they are written
SHOWN = 20  # rejected rows on standard error
LISTED = 1000  # and in the JSON


@dataclass
class Rejections:
    """Rows that are not taken: the first of them, and how many there are."""

    count: int = 0
    listed: list[Rejected] = field(default_factory=list)

    def add(self, rows: Iterable[Rejected]) -> None:
        """Take some more; what is over the limit is only counted."""
        for row in rows:
            self.count += 1
            if len(self.listed) < LISTED:
                self.listed.append(row)


def import_(
    nodes: Annotated[list[Path] | None, typer.Option(help="Table of nodes: id, … (CSV or Parquet).")] = None,
    links: Annotated[
        list[Path] | None, typer.Option(help="Table of links: source, target, type, log_weight, …")
    ] = None,
    members: Annotated[list[Path] | None, typer.Option(help="Table of members: node, entity, weight, …")] = None,
    graph: Graph = None,
    strict: Annotated[bool, typer.Option("--strict", help="Import nothing if any row is bad.")] = False,
    batch: Annotated[int, typer.Option(min=1, max=1_000_000, help="Rows a transaction.")] = BATCH,
    json: Json = False,
) -> None:
    """Import nodes, links and members of entities; what is there stays as it is, so the same file twice changes nothing."""
    files = {"nodes": nodes or [], "links": links or [], "members": members or []}
    if not any(files.values()):
        raise InputError("there is nothing to import", "name a table: --nodes FILE, --links FILE or --members FILE")
    settings = settings_of(graph)
    tables = [Table.open(path, kind) for kind in KINDS for path in files[kind]]
    with open_graph(settings) as there, progress() as bar:
        task = bar.add_task("checking" if strict else "importing", total=None)
        bulk = Bulk(there.graph.connection, there.graph.name, batch, done=lambda rows: bar.advance(task, rows))
        rejections = _check(tables, bulk) if strict else Rejections()
        refused = rejections.count > 0
        bar.update(task, description="importing")
        result = {"graph": settings.graph, **_write([] if refused else tables, bulk, rejections)}
    _tell(result, rejections, as_json=json)
    if refused:
        remedy = "correct them, or import all others without --strict"
        raise InputError(f"{rejections.count} rows are bad: nothing was imported", remedy)


def _write(tables: Sequence[Table], bulk: Bulk, rejections: Rejections) -> dict[str, Any]:
    """Write all good rows, nodes before what names them; return what became of them."""
    total, seconds = dict.fromkeys(KINDS, Written()), dict.fromkeys(KINDS, 0.0)
    writes = {"nodes": bulk.nodes, "links": bulk.links, "members": bulk.members}
    for table in tables:
        start = time.monotonic()
        for good, rejected in table.chunks():
            rejections.add(rejected)
            written = writes[table.kind](good)
            rejections.add(_rejected(table, written.unknown))
            total[table.kind] += Written(written.created, written.existing)
        seconds[table.kind] += time.monotonic() - start
    if any(written.created for written in total.values()):
        bulk.announce()
    linked = total["links"].created + total["links"].existing
    return {
        **{f"{kind}_created": written.created for kind, written in total.items()},
        **{f"{kind}_existing": written.existing for kind, written in total.items()},
        "seconds": sum(seconds.values()),
        "links_per_second": linked / seconds["links"] if linked else 0.0,
    }


def _check(tables: Sequence[Table], bulk: Bulk) -> Rejections:
    """Look at every row and write nothing. A link or member may name a node of these tables, or one that is in the graph.

    Of the tables' ids only hashes are kept, 8 bytes each: a wrong id that has the hash of another is found when written.
    """
    rejections, hashes = Rejections(), [np.empty(0, dtype="uint64")]
    for table in tables:
        for good, rejected in table.chunks():
            rejections.add(rejected)
            if table.kind == "nodes":
                hashes.append(_hash(good["id"]))
            else:
                known = np.concatenate(hashes)
                unknown: dict[Any, str] = {}
                for end in ("target", "source") if table.kind == "links" else ("node",):
                    unknown |= bulk.unknown(good[~np.isin(_hash(good[end]), known)], end)
                rejections.add(_rejected(table, unknown))
    return rejections


def _hash(ids: pd.Series[Any]) -> NDArray[Any]:
    return pd.util.hash_pandas_object(ids, index=False).to_numpy()


def _rejected(table: Table, reasons: dict[Any, str]) -> list[Rejected]:
    return [Rejected(str(table.path), row, reasons[row]) for row in sorted(reasons)]


def _tell(result: dict[str, Any], rejections: Rejections, *, as_json: bool) -> None:
    for row in rejections.listed[:SHOWN]:
        err.print(f"[yellow]rejected[/] {shown(f'{row.file} row {row.row}: {row.reason}')}", soft_wrap=True)
    if rejections.count > SHOWN:
        err.print(f"… and {rejections.count - SHOWN} more rows (--json lists {LISTED})")
    if as_json:
        listed = [row._asdict() for row in rejections.listed]
        print_json({**result, "rejected": rejections.count, "rejections": listed})
        return
    for what in KINDS:
        created, existing = result[f"{what}_created"], result[f"{what}_existing"]
        out.print(f"{what:<7}   {created:>12,} created   {existing:>12,} already there")
    speed = f", {result['links_per_second']:,.0f} links/s" if result["links_per_second"] else ""
    out.print(f"rejected  {rejections.count:>12,}   in {result['seconds']:.1f} s{speed}")
