"""The queries of `cypher/`, one a file, found by stage and name."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def folder(name: str) -> Traversable:
    """Return a folder that ships with the program: in the wheel inside the package, in a checkout beside it."""
    packaged = resources.files("worker") / name
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / name


@cache
def query(name: str) -> str:
    """Return the Cypher text of `cypher/<name>.cypher`, e.g. `query("commit/apply")`.

    Raises FileNotFoundError where there is no such file.
    """
    return (folder("cypher") / f"{name}.cypher").read_text(encoding="utf-8")
