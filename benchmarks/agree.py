"""`python -m benchmarks.agree`: do the last two runs of each row agree? Exits 1 where a ratio is apart by more than 15 %."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from benchmarks.report import runs
from benchmarks.rows import ROWS

APART = 0.15


def compared() -> list[tuple[str, float, float, float]]:
    """Return, for each target that two runs have measured: what, the figure before, the last one, and how far they are apart."""
    found = []
    for name, measured in runs().items():
        if len(measured) > 1:
            (_, before), (_, last) = measured[-2:]
            for target in ROWS[name].targets:
                one, two = before[target.figure], last[target.figure]
                found.append((target.what, one, two, max(one, two) / min(one, two) - 1.0))
    return found


def main() -> None:
    shown = Table("figure", "before", "last", "apart", box=None, header_style="dim")
    for what, one, two, apart in compared():
        shown.add_row(what, f"{one:.3g}", f"{two:.3g}", f"[{'red' if apart > APART else 'green'}]{apart:.1%}[/]")
    Console().print(shown)
    sys.exit(any(apart > APART for *_, apart in compared()))


if __name__ == "__main__":
    main()
