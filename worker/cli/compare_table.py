"""The report of `stridegraph compare` as tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from worker.cli.console import out
from worker.cli.plain import plain, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.compare import Report, Row, Side

SHOWN = 20


def tell(report: Report, titles: tuple[str, str], link: dict[str, Any] | None) -> None:
    """Print both sides, what is between them, and the nodes that differ most."""
    out.print("a  {}\nb  {}".format(*map(plain, titles)), markup=False, soft_wrap=True)
    out.print()
    out.print(_sides(report))
    out.print()
    out.print(_between(report, link))
    if not (report.a.steady and report.b.steady):
        out.print(
            "\nnot steady yet: more --ticks, a longer --dt, or shorter half-lives (decay.half_life) bring it nearer"
        )
    if report.rows:
        out.print()
        out.print(_nodes(report.rows[:SHOWN]))


def _sides(report: Report) -> Table:
    table = Table("", "a", "b", box=None, header_style="dim", pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    sides = [figures(side) for side in (report.a, report.b)]
    for name in sides[0]:
        table.add_row(f"[dim]{name}[/]", *(side[name] for side in sides))
    return table


def figures(side: Side) -> dict[str, str]:
    """Return a side's figures as they are told."""
    return {
        "energy before": f"{side.energy_before:.6g}",
        f"energy after {side.ticks} ticks": f"{side.energy_total:.6g}",
        "steady since tick": f"{side.steady_since}" if side.steady else "not yet",
        "change in the last tick": f"{side.change:.1e}",
        "active nodes": f"{side.active}",
        "injected": f"{side.injected:.6g}",
        "lost": f"{side.lost:.6g}",
        "decayed": f"{side.decayed:.6g}",
        "largest conservation error": f"{side.conservation_error:.1e}",
        "books against the count": f"{side.books_error:.1e}",
        "stimuli rejected": f"{side.stimuli_rejected}",
        "s in ticks": f"{side.seconds:.3f}",
        "ms a tick, median": f"{side.median_ms:.3f}",
    }


def _between(report: Report, link: dict[str, Any] | None) -> Table:
    learned = report.links
    relative = "" if report.l1_relative is None else f" ({report.l1_relative:.3g} of a)"
    node = "" if report.largest_node is None else f" at {report.largest_node}"
    where = f" at {link['source']} -[{link['type']}]-> {link['target']}" if link else ""
    ranks = "—" if report.rank_correlation is None else f"{report.rank_correlation:.6f}"
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in (
        ("L1 distance", f"{report.l1:.6g}{relative}"),
        ("largest difference", f"{report.largest:.6g}{node}"),
        (f"rank correlation, top {report.top}", f"{ranks} over {report.top_union} nodes"),
        (f"in the top {report.top} of both", f"{report.top_overlap}"),
        ("log-weights that differ", f"{learned.differing} of {learned.count}, by {learned.l1:.6g} in all"),
        ("the most", f"{learned.largest:.6g}{where}"),
    ):
        table.add_row(f"[dim]{name}[/]", shown(value))
    return table


def _nodes(rows: Sequence[Row]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("E a", "E b", "b − a", "rank a", "rank b"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("type", "node"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for row in rows:
        energies = (f"{row.energy_a:.6g}", f"{row.energy_b:.6g}", f"{row.difference:+.3g}")
        ranks = (str(row.rank_a or "—"), str(row.rank_b or "—"))
        table.add_row(*energies, *ranks, shown(row.type or "—"), shown(row.id))
    return table
