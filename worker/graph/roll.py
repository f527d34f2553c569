"""The processes that share some graphs, as the database knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.graph.connection import Connection

LONG = 3_600_000  # ms over its time after which a process is forgotten


class Roll:
    """Where the process `holder` makes itself known, and learns of others."""

    def __init__(self, connection: Connection, holder: str) -> None:
        self.connection = connection
        self.holder = holder

    def call(self, graphs: Sequence[str], ttl: float) -> tuple[int, int]:
        """Be known for `ttl` seconds more; return how many processes of the same graphs are older, and how many there are."""
        (row,) = self.connection.run("lease/call", graphs=graphs, holder=self.holder, ttl=ttl, long=LONG)
        return row["rank"], row["processes"]

    def free(self, graphs: Sequence[str]) -> list[str]:
        """Return those of the graphs that nobody's lease is valid on."""
        return [row["graph"] for row in self.connection.run("lease/free", graphs=graphs)]

    def leave(self) -> None:
        """Be known no longer."""
        self.connection.run("lease/leave", holder=self.holder)
