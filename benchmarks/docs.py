"""`python -m benchmarks.docs`: the docs' tables and plots anew, each row from the last run that measured it."""

from __future__ import annotations

from benchmarks import plots, report

if __name__ == "__main__":
    for name, page in report.PAGES.items():
        (report.DOCS / name).write_text(page())
    plots.draw()
