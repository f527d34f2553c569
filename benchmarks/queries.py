"""The queries of the benchmarks, each in a file of `benchmarks/cypher/`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "cypher"


@cache
def query(name):
    """Return the text of `benchmarks/cypher/<name>.cypher`."""
    return (FOLDER / f"{name}.cypher").read_text()
