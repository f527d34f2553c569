"""What the server asks of a graph: the questions of the commands, over a connection of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from worker.graph import desk

if TYPE_CHECKING:
    from worker.graph.desk import Budget, Direct
    from worker.graph.neo4j import Neo4jGraph
    from worker.settings import Settings


class Desk(Protocol):
    """The questions, each of which may take a while and be asked on any thread. All raise GraphError."""

    def ping(self) -> None:
        """Find out whether the database answers."""

    def status(self) -> dict[str, Any]:
        """Return how the graph stands."""

    def top(self, limit: int) -> list[dict[str, Any]]:
        """Return the nodes with most energy."""

    def node(self, own: str) -> dict[str, Any] | None:
        """Return a node; None where there is none of this id."""

    def neighbourhood(self, limit: int) -> dict[str, Any]:
        """Return the nodes with most energy, and the links among them."""

    def search(self, text: str, limit: int) -> list[dict[str, Any]]:
        """Return nodes whose id or label begins with a text."""

    def inject(self, amount: Direct | Budget, stimulus: str, source: str) -> str:
        """Append a stimulus to the queue, and return what became of it. Raises InputError."""

    def pending(self) -> int:
        """Count the stimuli that wait."""


class GraphDesk:
    """The desk of a graph in Neo4j."""

    def __init__(self, graph: Neo4jGraph, settings: Settings) -> None:
        self._graph = graph
        self._settings = settings

    def ping(self) -> None:
        """Ask for one row."""
        self._graph.connection.verify()

    def status(self) -> dict[str, Any]:
        """Count the graph in the database."""
        return desk.status(self._graph, self._settings)

    def top(self, limit: int) -> list[dict[str, Any]]:
        """Look for the nodes with most energy."""
        return desk.top(self._graph, self._settings, limit)

    def node(self, own: str) -> dict[str, Any] | None:
        """Look for one node."""
        return desk.node(self._graph, self._settings, own)

    def neighbourhood(self, limit: int) -> dict[str, Any]:
        """Look for the nodes with most energy, and for the links among them."""
        return desk.neighbourhood(self._graph, self._settings, limit)

    def search(self, text: str, limit: int) -> list[dict[str, Any]]:
        """Look for nodes by how their ids and labels begin."""
        return desk.search(self._graph, text, limit)

    def inject(self, amount: Direct | Budget, stimulus: str, source: str) -> str:
        """Append to the queue."""
        return desk.inject(self._graph, amount, stimulus, source, self._settings.tick.energy_max)

    def pending(self) -> int:
        """Count what waits in the queue."""
        return desk.pending(self._graph)
