"""Write `docs/reference/metrics.md` from the table of metrics: `python docs/metrics_table.py > docs/reference/metrics.md`."""

from __future__ import annotations

from worker.events.metrics import BOUNDS, PREFIX, TABLE

HEAD = f"""# Metrics

`stridegraph run --serve` gives them at `/metrics` in the form of Prometheus: [how to scrape them](../how-to/watch.md). Each has the label `graph`.
Seconds are seconds, energies are in your own unit. What counts from when the graph's books were opened stands in the ledger, and goes on after a restart
or with another process; all else counts from the start of this one. A metric whose value nobody knows just now is absent: a
standby, for one, holds no graph.

The buckets of a histogram end at {", ".join(f"{bound:g}" for bound in BOUNDS)} s.

This page is made from `worker/events/metrics.py` by `make docs-reference`; a test compares the two, and another the dashboard and the alerts
in `deploy/` with both.

| metric | kind | meaning | labels beside `graph` |
|---|---|---|---|
"""


def page() -> str:
    rows = (
        f"| `{PREFIX}{row.name}` | {row.kind} | {row.meaning} | "
        f"{'; '.join(f'`{label}`: {values}' for label, values in row.labels.items())} |"
        for row in TABLE
    )
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(page(), end="")
