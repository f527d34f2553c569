"""A graph that tells a recording whatever it is asked and answers: all that a tick's outcome depends on comes through it.

Nodes are told of by their own ids, links by their key and the ids of their ends, since other keys serve one database alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from worker.errors import ForeignChange, TooLarge
from worker.graph.ledger import pack
from worker.graph.port import LinkRows, NodeRows, Stimulus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from worker.archive.journal import Step
    from worker.graph.port import Changes, Graph, Ledger, NodeChanges, RestRows
    from worker.physics.hubs import Ranking
    from worker.physics.model import WeightStats
    from worker.physics.retention import Ties

NODE = NodeRows._fields[1:-1]  # without the key, and without the entities, which no tick's outcome depends on
STIMULUS = ("id", "node", "delta", "source", "known", "budget", "candidates", "similarity")
NO_NUMBER = {"?": "nan"}  # JSON has none; to the physics, one is as bad as the other


class Listener(Protocol):
    """Who is told."""

    def tell(self, steps: Sequence[Step], *, needed: bool) -> None:
        """Take what happened; `needed` before the next write: it cannot be told again."""

    def keep(self) -> None:
        """Return once all that is needed is on the disk."""

    def tick_begins(self) -> None:
        """Take note that what follows is of another tick."""


class Listening:
    """A graph, listened to. What is not told is passed on: it depends on what is."""

    def __init__(self, graph: Graph, listener: Listener, *, meaning: bool) -> None:
        self.name = graph.name
        self._graph = graph
        self._listener = listener
        self._meaning = meaning  # whether embeddings count
        self._ids: dict[int, str] = {}  # of all nodes that were read, by key
        self._pending: list[Callable[[], Step]] = []  # what was read since the last write
        self._ticking = False

    @classmethod
    def to(cls, graph: Graph, listener: Listener, *, meaning: bool) -> Graph:
        """Return a graph as whoever ticks it takes it."""
        return cast("Graph", cls(graph, listener, meaning=meaning))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._graph, name)

    def take(self, holder: str, ttl: float) -> Ledger | None:
        """Take the lease: what follows is an attaching."""
        ledger = self._graph.take(holder, ttl)
        if ledger:
            self._pending.clear()
            self._ticking = False
            self._listener.tell([["take", pack(ledger)]], needed=True)
        return ledger

    def census(self) -> NodeRows:
        """Read every node that has energy."""
        self._ids.clear()
        rows = self._graph.census()
        self._note(rows)
        self._pending.append(lambda: ["census", self._rows(rows)])
        return rows

    def weights(self) -> Mapping[str, WeightStats]:
        """Count the statistics of all links."""
        found = self._graph.weights()
        self._pending.append(lambda: ["weights", {kind: list(stats) for kind, stats in found.items()}])
        return found

    def adopt(self, ledger: Ledger, stats: Mapping[str, WeightStats]) -> None:
        """Write what attaching has found."""
        self._keep()
        kept = {kind: list(own) for kind, own in stats.items()}
        self._listener.tell([["adopt", pack(ledger)], ["statistics", kept]], needed=False)
        self._graph.adopt(ledger, stats)

    def intake(self, limit: int) -> Sequence[Stimulus]:
        """Read pending stimuli: a tick begins, or is tried again."""
        self._flush()
        if not self._ticking:
            self._ticking = True
            self._listener.tick_begins()
        found = self._graph.intake(limit)
        self._listener.tell([["intake", _queue(found) if found else {}]], needed=bool(found))
        return found

    def nodes(self, keys: Sequence[int]) -> NodeRows:
        """Read nodes."""
        rows = self._graph.nodes(keys)
        known = [(key, self._ids.get(key)) for key in keys]
        self._note(rows)
        gone = [own for key, own in known if own is not None and self._ids.get(key) != own]
        there = set(rows.key)
        gone += [own for key, own in known if own is not None and key not in there]
        self._pending.append(lambda: ["nodes", {"gone": gone, **self._rows(rows)}])
        return rows

    def links(self, keys: Sequence[int], most: int) -> tuple[LinkRows, Sequence[int]]:
        """Read the out-links of nodes."""
        rows, hubs = self._graph.links(keys, most)
        whole = set(keys) - set(hubs)
        self._pending.append(lambda: ["links", {"of": self._named(sorted(whole)), **self._links(rows)}])
        return rows, hubs

    def best(self, key: int, limit: int, ranking: Ranking) -> tuple[LinkRows, RestRows]:
        """Read the best links of a hub."""
        rows, rest = self._graph.best(key, limit, ranking)
        others = {"others": sum(rest.links), "rest": [list(column) for column in rest]}
        self._pending.append(
            lambda: ["best", {"of": self._ids.get(key), "limit": limit, **others, **self._links(rows)}]
        )
        return rows, rest

    def ties(self, keys: Sequence[int], goal: str) -> tuple[Sequence[int], Ties]:
        """Read what nodes are tied to."""
        there, ties = self._graph.ties(keys, goal)
        self._pending.append(lambda: ["ties", {"of": self._named(there), **_columns(ties)}])
        return there, ties

    def commit(self, changes: Changes) -> None:
        """Write a tick, once all that it depends on is on the disk."""
        self._keep()
        self._listener.tell([["commit", pack(changes.ledger)]], needed=False)  # forced with what becomes of it
        self._try(lambda: self._graph.commit(changes), "committed", "refused")
        self._ticking = False

    def settle(
        self, ledger: Ledger, energy_at: float, nodes: NodeChanges, retention: Mapping[int, float | None]
    ) -> None:
        """Write out energies, once all that this depends on is on the disk."""
        self._keep()
        self._try(lambda: self._graph.settle(ledger, energy_at, nodes, retention), "settled", "unsettled")

    def decay(self, ledger: Ledger, ttl: float) -> Callable[[], int]:
        """Close the tick."""
        closing = self._graph.decay(ledger, ttl)

        def closed() -> int:
            try:
                return closing()
            except TooLarge:
                self._listener.tell([["halved"]], needed=False)
                raise

        return closed

    def _try(self, write: Callable[[], None], done: str, refused: str) -> None:
        """Write, and tell what became of it; where that is not known, whoever attaches next will tell."""
        try:
            write()
        except ForeignChange:
            self._listener.tell([[refused]], needed=True)
            raise
        except TooLarge:
            self._listener.tell([["halved"]], needed=True)
            raise
        self._listener.tell([[done]], needed=True)

    def _keep(self) -> None:
        self._flush()
        self._listener.keep()

    def _flush(self) -> None:
        """Tell what was read. Only now: the nodes that links point to are read after the links."""
        if self._pending:
            self._listener.tell([step() for step in self._pending], needed=True)
            self._pending.clear()

    def _note(self, rows: NodeRows) -> None:
        self._ids.update(zip(rows.key, (own if isinstance(own, str) else "" for own in rows.id), strict=True))

    def _named(self, keys: Iterable[int]) -> list[str | None]:
        return [self._ids.get(key) or None for key in keys]

    def _rows(self, rows: NodeRows) -> dict[str, list[Any]]:
        columns = {name: told(getattr(rows, name)) for name in NODE}
        if not self._meaning:
            del columns["embedding"]
        return columns

    def _links(self, rows: LinkRows) -> dict[str, list[Any]]:
        values = {name: told(getattr(rows, name)) for name in ("key", "type", "log_weight", "emotion")}
        return {"source": self._named(rows.source), "target": self._named(rows.target), **values}


def _queue(found: Sequence[Stimulus]) -> dict[str, list[Any]]:
    """Return stimuli in columns, with whether the nodes that they name are there."""
    columns = {name: told([getattr(one, name) for one in found]) for name in STIMULUS}
    keys = [one.keys for one in found]
    return {**columns, "there": [one.key is not None for one in found], "all": [[k >= 0 for k in own] for own in keys]}


def told(column: Iterable[Any]) -> list[Any]:
    """Return a column as JSON can hold it."""
    return [NO_NUMBER if type(value) is float and value - value != 0.0 else value for value in column]


def _columns(ties: Ties) -> dict[str, list[Any]]:
    return {name: np.asarray(values).tolist() for name, values in ties._asdict().items()}
