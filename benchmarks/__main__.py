"""`python -m benchmarks [ROW]`: measure, print a table, keep the figures as JSON."""

from __future__ import annotations

import datetime
import json
import platform
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import import_speed, kernel_speed, memory, page, recall_speed, start, subscribers, tick_cost
from worker.database import local_server
from worker.graph.connection import Connection
from worker.graph.migrate import migrate
from worker.settings import DatabaseSettings

ROUNDS = 30
RESULTS = Path(__file__).parent / "results"
ROWS = {
    "tick-1000": (
        "steady tick, F = 1 000 ÷ raw write of the same rows",
        1.6,
        lambda c: tick_cost.measure(c, 1_000, ROUNDS),
    ),
    "tick-10000": (
        "steady tick, F = 10 000 ÷ raw write of the same rows",
        1.5,
        lambda c: tick_cost.measure(c, 10_000, ROUNDS),
    ),
    "import": ("import, links/s ÷ fastest raw creation", 0.7, lambda c: import_speed.measure(c, 5)),
    "kernel": (
        "compiled selection and transfer, times faster than the naive loop",
        200.0,
        lambda _: kernel_speed.measure(ROUNDS),
    ),
    "kernel-bound": (
        "the same, K = 1, 10⁷ links ÷ reading 8.6 random lines of memory a stride",
        1.6,
        lambda _: kernel_speed.measure_bound(ROUNDS),
    ),
    "memory": ("resident memory, bytes a link ÷ 28", 1.0, memory.measure),
    "start": ("start of process to first tick, less the load ÷ 0.7 s", 1.0, start.measure),
    "subscribers": (
        "steady tick, F = 1 000, with one subscriber to everything ÷ without a server",
        1.05,
        lambda c: subscribers.measure(c, ROUNDS),
    ),
    "page": (
        "the page with 5 000 nodes: frames a second ÷ 30; as minimum, while the view moves",
        1.0,
        page.measure,
    ),
    "recall": (
        "warm recall on WordNet beside a worker, p50 ÷ 50 ms, p95 ÷ 150 ms: the worse",
        1.0,
        recall_speed.measure,
    ),
}


def main() -> None:
    chosen = sys.argv[1:] or list(ROWS)
    unknown = [row for row in chosen if row not in ROWS]
    if unknown:
        sys.exit(f"there is no row {unknown[0]!r}: choose from {', '.join(ROWS)}")
    console, found = Console(), {}
    jars = local_server(DatabaseSettings()).jars
    with tempfile.TemporaryDirectory(prefix="stridegraph-bench-") as home:
        server = local_server(DatabaseSettings(home=Path(home), memory="2g"), jars=jars)
        try:
            with Connection(server.up(say=console.print)) as connection:
                migrate(connection)
                for row in chosen:
                    console.print(f"measuring {row} …")
                    found[row] = ROWS[row][2](connection)
        finally:
            server.down()
    console.print(table(found))
    RESULTS.mkdir(exist_ok=True)
    at = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    (RESULTS / f"{at}.json").write_text(json.dumps({"at": at, **machine, "rows": found}, indent=2) + "\n")


def table(found: dict[str, dict[str, float]]) -> Table:
    shown = Table("row", "target", "ratio (median)", "ratio (minima)", "detail", box=None, header_style="dim")
    for row, figures in found.items():
        what, target, _ = ROWS[row]
        rest = ", ".join(
            f"{key} {value:,.4g}" for key, value in figures.items() if key not in {"ratio", "ratio_minimum"}
        )
        sign = "≤" if row.startswith(("tick", "subscribers", "recall", "kernel-bound", "memory", "start")) else "≥"
        ok = figures["ratio"] <= target if sign == "≤" else figures["ratio"] >= target
        style = "green" if ok else "red"
        shown.add_row(
            what, f"{sign} {target:g}", f"[{style}]{figures['ratio']:.3g}[/]", f"{figures['ratio_minimum']:.3g}", rest
        )
    return shown


main()
