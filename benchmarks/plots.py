"""The plots of docs/explanation/performance.md, from the kept figures: static SVG, small, the same bytes for the same figures."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "stridegraph", "svg.fonttype": "none", "font.size": 8, "axes.spines.top": False,
                     "axes.spines.right": False, "legend.frameon": False, "figure.facecolor": "white"})  # fmt: skip

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.ticker import NullFormatter  # noqa: E402

from benchmarks.report import HERE, PEERS, PLOTS, latest  # noqa: E402

IMAGES = HERE.parent / "docs" / "images"


def draw() -> None:
    """Draw each plot whose rows have been measured."""
    figures = {name: found for name, (_, found) in latest().items()}
    for name, (_, rows) in PLOTS.items():
        if set(rows) <= figures.keys():
            figure = DRAWN[name](figures)
            figure.savefig(IMAGES / f"bench-{name}.svg", metadata={"Date": None}, bbox_inches="tight")
            plt.close(figure)


def scaling(figures):
    figure, axes = plt.subplots(2, 3, figsize=(9, 5), layout="constrained")
    frontier, growth, load = (figures[row] for row in ("scale-frontier", "growth", "scale-load"))
    _lines(axes[0, 0], frontier, "active", {"tick_ms": "tick", "raw_ms": "raw write"}, "active nodes", "ms")
    _lines(
        axes[0, 1],
        growth,
        "nodes",
        {"tick_ms": "tick", "raw_ms": "raw write"},
        "nodes in the graph, 1 000 active",
        "ms",
    )
    axes[0, 1].set_ylim(1, 1e3)
    _lines(axes[0, 2], load, "links", {"import_s": "import", "attach_s": "attach", "load_s": "load"}, "links", "s")
    _lines(axes[1, 0], load, "links", {"bytes_a_link": "memory held"}, "links", "bytes a link")
    axes[1, 0].set_yscale("linear")
    axes[1, 0].set_ylim(0)
    _lines(axes[1, 1], figures["scale-recall"], "reached", {"recall_ms": "recall"}, "nodes reached", "ms")
    _lines(
        axes[1, 2],
        figures["scale-graphs"],
        "graphs",
        {"ticks_per_second": "100 active each"},
        "graphs of one process",
        "ticks/s",
    )
    axes[1, 2].set_yscale("linear")
    axes[1, 2].set_ylim(0)
    return figure


def peers(figures):
    found = figures["peers"]
    names = sorted((name for name in PEERS if f"{name}_ms" in found), key=lambda name: -found[f"{name}_ms"])
    figure, axis = plt.subplots(figsize=(6, 2.4), layout="constrained")
    bars = axis.barh([PEERS[name][0].replace("`", "") for name in names], [found[f"{name}_ms"] for name in names],
                     color=["#2a6f97" if name in {"tick", "matrix"} else "#a9b4bd" for name in names])  # fmt: skip
    axis.bar_label(bars, fmt="%.3g", padding=2)
    axis.set_xscale("log")
    _decades(axis.xaxis)
    axis.set_xlabel("ms a step")
    return figure


def latency(figures):
    found = figures["latency"]
    figure, axis = plt.subplots(figsize=(5, 2.4), layout="constrained")
    for name, label in (("rest", "at rest"), ("load", "1 000 stimuli/s, 1 000 active")):
        axis.plot(found[f"{name}_sample_ms"], range(101), label=label)
    axis.set_xlabel("ms from stimulus to commit")
    axis.set_ylabel("% of stimuli")
    axis.set_xlim(0)
    axis.legend()
    return figure


def _lines(axis, found, x, lines, xlabel, ylabel):
    for name, label in lines.items():
        axis.plot(found[x], found[name], marker="o", markersize=3, label=label)
    axis.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
    _decades(axis.xaxis)
    _decades(axis.yaxis)
    axis.legend()


def _decades(axis):
    """Label powers of ten and nothing between them; there are always two in sight."""
    low, high = axis.get_view_interval()
    axis.axes.set(**{f"{axis.axis_name}lim": (10 ** np.floor(np.log10(low)), 10 ** np.ceil(np.log10(high)))})
    axis.set_minor_formatter(NullFormatter())


DRAWN = {"scaling": scaling, "peers": peers, "latency": latency}
