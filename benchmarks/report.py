"""What a run comes to: a table on the terminal, JSON in `results/`, and the tables of the docs (`benchmarks.docs`)."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.rows import ROWS, Target
from worker.settings import DatabaseSettings

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DOCS = HERE.parent / "docs" / "explanation"
LONG = 500  # characters of a figure that are not told on a terminal: a whole distribution
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
MISSING = '*Not measured yet: `make bench ROW="{rows}"`, then `make bench-docs`.*'
SERIES = {
    "scale-frontier": ("active", "tick_ms", "raw_ms", "ratio"),
    "growth": ("nodes", "tick_ms", "raw_ms", "ratio"),
    "scale-load": ("links", "import_s", "attach_s", "load_s", "bytes_a_link"),
    "scale-recall": ("reached", "recall_ms"),
    "scale-graphs": ("graphs", "ticks_per_second"),
    "subscribers": ("followers", "tick_ms"),
}
Found = dict[str, dict[str, Any]]
PLOTS = {  # by name: what it shows, and of which rows
    "scaling": (
        "Ticks, imports, recalls and memory by size",
        ("scale-frontier", "growth", "scale-load", "scale-recall", "scale-graphs"),
    ),
    "peers": ("One step by each", ("peers",)),
    "latency": ("From a stimulus to the commit of its tick", ("latency",)),
}
PEERS = {  # who: what, what it reads, what it writes
    "tick": ("a tick, committed", "the queue", ""),
    "matrix": ("a tick of the matrix implementation, committed", "the queue", ""),
    "loop": ("`tests/naive.py`, select and transfer in plain Python", "nothing", "nothing"),
    "igraph": ("personalised PageRank, igraph", "nothing", "nothing"),
    "networkx": ("personalised PageRank, networkx with scipy", "nothing", "nothing"),
    "gds_project": ("GDS, projection", "the graph", "nothing"),
    "gds_pagerank": ("GDS, personalised PageRank of 20 iterations", "the projection", "nothing"),
    "gds_write": ("GDS, the same, written to every node", "the projection", ""),
}


def table(found: Found) -> Table:
    """Return a table of what was measured: a line a target, and each row's other figures."""
    shown = Table("row", "target", "ratio (median)", "ratio (minima)", "detail", box=None, header_style="dim")
    for name, figures in found.items():
        targets = ROWS[name].targets
        for target in targets:
            style = "green" if target.met(figures) else "red"
            least = figures.get(f"{target.figure}_minimum")
            shown.add_row(
                target.what,
                f"{target.sign} {target.bound:g}",
                f"[{style}]{figures[target.figure]:.3g}[/]",
                "" if least is None else f"{least:.3g}",
                "",
            )
        shown.add_row("" if targets else ROWS[name].what, "", "", "", _detail(figures, targets))
    return shown


def keep(found: Found) -> None:
    """Write the figures of a run to a file of its own."""
    now = datetime.datetime.now(datetime.UTC)
    run = {"at": now.strftime("%Y%m%dT%H%M%SZ"), **_machine(), "rows": found}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{run['at']}.json").write_text(json.dumps(run, indent=2, ensure_ascii=False) + "\n")


def runs() -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Return each row's figures from every run that measured all that its targets need, oldest first, and when that was."""
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {name: [] for name in ROWS}
    for path in sorted(RESULTS.glob("20*.json")):
        run = json.loads(path.read_text())
        for name, figures in run["rows"].items():
            if name in ROWS and all(target.figure in figures for target in ROWS[name].targets):
                found[name].append((run["at"], figures))
    return found


def latest() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return each row's figures from the last such run, and when that was."""
    return {name: measured[-1] for name, measured in runs().items() if measured}


def targets() -> str:
    """Return the docs' table of targets: a line each."""
    lines = ["| | aim | measured | of the minima | met | run of |", "|---|---|---|---|---|---|"]
    for name, (at, figures) in latest().items():
        for target in ROWS[name].targets:
            least = figures.get(f"{target.figure}_minimum")
            cells = (
                f"{target.what} (`{name}`)",
                f"{target.sign} {target.bound:g}",
                f"**{figures[target.figure]:.3g}**",
                "" if least is None else f"{least:.3g}",
                "yes" if target.met(figures) else "no",
                f"{at[:4]}-{at[4:6]}-{at[6:8]} {at[9:11]}:{at[11:13]}",
            )
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def rows() -> str:
    """Return the docs' table of what each row does, and what keeps it honest."""
    lines = ["| row | what is measured | how nothing passes by writing, waiting or warming less |", "|---|---|---|"]
    lines += [f"| `{name}` | {row.what} | {row.honest} |" for name, row in ROWS.items()]
    return "\n".join(lines) + "\n"


def scale() -> str:
    """Return the docs' tables of how costs grow, and what that comes to for graphs that were not built."""
    found = {name: figures for name, (_, figures) in latest().items()}
    series = [_series(found[name], *columns) for name, columns in SERIES.items() if columns[0] in found.get(name, ())]
    paper = [_on_paper(found)] if {"growth", "scale-load"} <= found.keys() else []
    missing = [] if paper else [MISSING.format(rows="growth scale-load")]
    return "\n".join([*series, *paper, *missing, _picture("scaling")]) + "\n"


def peers() -> str:
    """Return the docs' table of what people use instead, in the order of their ms."""
    figures = latest().get("peers", ("", {}))[1]
    if not figures:
        return MISSING.format(rows="peers") + "\n"
    lines = ["| one step by | ms | least | reads | writes |", "|---|---|---|---|---|"]
    for name in sorted(
        (name for name in PEERS if f"{name}_ms" in figures), key=lambda name: float(figures[f"{name}_ms"])
    ):
        what, reads, writes = PEERS[name]
        counts = [f"{figures[key]:,.0f} {part}" for part in ("nodes", "links") if (key := f"{name}_{part}") in figures]
        least = figures[f"{name}_minimum_ms"]
        lines.append(
            f"| {what} | {figures[f'{name}_ms']:.3g} | {least:.3g} | {reads} | {', '.join(counts) or writes} |"
        )
    return "\n".join([*lines, "", _picture("peers")]) + "\n"


def latency() -> str:
    """Return the docs' table of what users feel, and the worst ticks with their causes."""
    figures = latest().get("latency", ("", {}))[1]
    if not figures:
        return MISSING.format(rows="latency") + "\n"
    lines = ["| | stimuli | p50, ms | p99, ms |", "|---|---|---|---|"]
    for name, what in (("rest", "at rest, one every 0.7 s"), ("load", "1 000 stimuli/s, 1 000 nodes active")):
        lines.append(
            f"| {what} | {figures[f'{name}_stimuli']:,} | {figures[f'{name}_p50_ms']:.3g} | {figures[f'{name}_p99_ms']:.3g} |"
        )
    lines += ["", f"Of {figures['ticks']:,} ticks in {figures['seconds']:g} s under load (median {figures['tick_median_ms']:.3g} ms), the worst were:", ""]  # fmt: skip
    lines += [f"- {ms:.4g} ms: {cause}" for ms, cause in zip(figures["worst_ms"], figures["worst_causes"], strict=True)]
    return "\n".join([*lines, "", _picture("latency")]) + "\n"


def _picture(name: str) -> str:
    """Return the line that shows a plot, once all its rows have been measured."""
    what, rows = PLOTS[name]
    return f"![{what}](../images/bench-{name}.svg)" if set(rows) <= latest().keys() else ""


def _series(figures: dict[str, Any], size: str, *columns: str) -> str:
    """Return a table of one row's lists, with the exponent of each where there is one."""
    lines = [
        f"| {size} | {' | '.join(map(_short, figures[size]))} | exponent |",
        "|---" * (len(figures[size]) + 2) + "|",
    ]
    for column in columns:
        power = figures.get(f"{column.rsplit('_', 1)[0]}_exponent")
        told = "" if power is None else f"{power:.2f}"
        lines.append(f"| {column.replace('_', ' ')} | {' | '.join(map(_short, figures[column]))} | {told} |")
    return "\n".join(lines) + "\n"


def _on_paper(found: Found) -> str:
    """Return what graphs need by the rates of the largest that was built."""
    load, growth = found["scale-load"], found["growth"]
    most = load["links"][-1]
    lines = [
        "| on paper, links | import | attach | load | worker memory, all held | store |",
        "|---|---|---|---|---|---|",
    ]
    for links in (10**7, 10**8, 10**9):
        times = (links / most * load[f"{step}_s"][-1] for step in ("import", "attach", "load"))
        sizes = (links * load["bytes_a_link"][-1] / 1e9, links * growth["store_bytes_a_link"] / 1e9)
        cells = (*map(_span, times), *(f"{size:,.3g} GB" for size in sizes))
        lines.append(f"| 10{str(len(str(links)) - 1).translate(RAISED)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _span(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, name in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 2.0 * unit:
            return f"{seconds / unit:,.1f} {name}"
    return f"{seconds:.1f} s"


def _machine() -> dict[str, Any]:
    """Return what a figure depends on beside the code."""
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False
    )
    return {
        "commit": asked.stdout.strip(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "neo4j": DatabaseSettings().version,
    }


def _detail(figures: dict[str, Any], targets: tuple[Target, ...]) -> str:
    told = {target.figure + end for target in targets for end in ("", "_minimum")}
    return ", ".join(
        f"{name} {_short(value)}" for name, value in figures.items() if name not in told and len(str(value)) < LONG
    )


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "[" + " ".join(map(_short, value)) + "]"
    return f"{value:,.4g}" if isinstance(value, (int, float)) else str(value)


PAGES = {
    "_bench_targets.md": targets,
    "_bench_rows.md": rows,
    "_bench_peers.md": peers,
    "_bench_scale.md": scale,
    "_bench_latency.md": latency,
}
