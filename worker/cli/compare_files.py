"""The files that `stridegraph compare` writes: every node side by side, and a plot."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from worker.compare import ranked
from worker.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.axes import Axes

    from worker.compare import Named, Outcome

PLOTS = (".svg", ".png")
TABLES = (".csv", ".parquet")
PAGES = (".html", ".htm")
COLOURS = ("#1f6fb4", "#d9541e")
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "stridegraph",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 9,
}


def check(file: Path | None, kinds: tuple[str, ...]) -> None:
    """Refuse a file that could not be written, before anything is run. Raises InputError."""
    if file and file.suffix.lower() not in kinds:
        raise InputError(f"{file}: only {' and '.join(kinds)} files are written", "name it so")
    if file and not file.parent.is_dir():
        raise InputError(f"{file}: there is no folder {file.parent}", "make it first")


def write_nodes(file: Path, nodes: Named, a: Outcome, b: Outcome) -> None:
    """Write a row a node: energies, their difference, ranks where there is energy, and who is active."""
    columns: dict[str, Any] = {"id": nodes.id, "type": pd.array(list(nodes.type), dtype="string")}
    columns |= {"energy_a": a.energy, "energy_b": b.energy, "difference": b.energy - a.energy}
    for name, run in (("a", a), ("b", b)):
        rank = ranked(run.energy)
        columns[f"rank_{name}"] = pd.arrays.IntegerArray(rank, rank == 0)
    columns |= {"active_a": a.active, "active_b": b.active}
    table = pd.DataFrame(columns)
    with naming(file):
        if file.suffix.lower() == ".csv":
            table.to_csv(file, index=False)
        else:
            table.to_parquet(file, index=False)


def write_plot(file: Path, a: Outcome, b: Outcome, titles: tuple[str, str]) -> None:
    """Draw Σ E, the active nodes and the conservation error tick by tick, and the nodes' energies against each other."""
    import matplotlib as mpl  # noqa: PLC0415  (a second to load, for a file that is seldom asked for)
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 7.5), layout="constrained")
        head = "\n".join(f"{name}: {_short(title)}" for name, title in zip("ab", titles, strict=True))
        figure.suptitle(head, x=0.01, ha="left", fontsize=10, parse_math=False)
        panes = figure.subplots(2, 2)
        _lines(panes[0][0], "total energy", a.course.energy, b.course.energy)
        _lines(panes[0][1], "active nodes", a.course.active, b.course.active)
        _lines(panes[1][0], "conservation error, relative", a.course.error, b.course.error, (".", "x"))
        _scatter(panes[1][1], a.energy, b.energy)
        with naming(file):
            kind = file.suffix.lower().removeprefix(".")
            figure.savefig(file, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else {})


def _lines(pane: Axes, title: str, a: np.ndarray, b: np.ndarray, marks: tuple[str, str] = ("-", "--")) -> None:
    ticks = np.arange(1, len(a) + 1)
    for name, values, colour, mark in zip("ab", (a, b), COLOURS, marks, strict=True):
        pane.plot(ticks, values, mark, color=colour, label=name, linewidth=1.6, markersize=4)
    pane.set(title=title, xlabel="tick")
    pane.legend(frameon=False)


def _scatter(pane: Axes, a: np.ndarray, b: np.ndarray) -> None:
    """Draw the nodes that have energy, both axes logarithmic; one that has none on a side stands at that side's edge."""
    some = (a > 0.0) | (b > 0.0)
    a, b = a[some], b[some]
    pane.set(title=f"energy of {len(a)} nodes", xlabel="a (none: at the edge)", ylabel="b (none: at the edge)")
    if not len(a):
        return
    both = np.concatenate((a, b))
    edge, most = float(both[both > 0.0].min()) / 2.0, float(both.max())
    pane.plot([edge, most], [edge, most], color="#999999", linewidth=0.8)
    pane.scatter(
        np.maximum(a, edge), np.maximum(b, edge), s=9, alpha=0.5, color=COLOURS[0], linewidths=0, rasterized=True
    )
    pane.set(xscale="log", yscale="log")


def _short(title: str, most: int = 140) -> str:
    return title if len(title) <= most else title[: most - 1] + "…"


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Name the file where it cannot be written. Raises InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}", "check the file and its path") from error
