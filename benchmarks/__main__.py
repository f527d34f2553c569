"""`python -m benchmarks [ROW…]`: measure, print a table, keep the figures as JSON."""

from __future__ import annotations

import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from benchmarks import report
from benchmarks.rows import ROWS
from worker.database import local_server
from worker.graph.connection import Connection
from worker.graph.migrate import migrate
from worker.settings import DatabaseSettings


def main() -> None:
    chosen = sys.argv[1:] or list(ROWS)
    unknown = [row for row in chosen if row not in ROWS]
    if unknown:
        sys.exit(f"there is no row {unknown[0]!r}: choose from {', '.join(ROWS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped: what was measured is kept"))
    console, found = Console(), {}
    with throwaway(console) as connection:
        try:
            for row in chosen:
                console.print(f"measuring {row} …")
                found[row] = dict(ROWS[row].measure(connection))
        finally:  # what was measured before one fails is not lost
            if found:
                console.print(report.table(found))
                report.keep(found)


@contextmanager
def throwaway(console: Console):
    """Start a server of its own in a folder that goes with it, and connect to it."""
    jars = local_server(DatabaseSettings()).jars
    with tempfile.TemporaryDirectory(prefix="stridegraph-bench-") as home:
        server = local_server(DatabaseSettings(home=Path(home), memory="3g"), jars=jars)
        try:
            with Connection(server.up(say=console.print)) as connection:
                migrate(connection)
                yield connection
        finally:
            server.down()


if __name__ == "__main__":
    main()
