"""A graph that ticks read and do not change: what they write is answered as if it stood, and goes nowhere."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from worker.graph.port import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from worker.graph.mirror import Mirror
    from worker.graph.port import Changes, Graph, LinkRows, NodeChanges, NodeRows, RestRows, Stimulus
    from worker.physics.forgetting import Rule
    from worker.physics.hubs import Ranking
    from worker.physics.model import WeightStats
    from worker.physics.retention import Ties


class Unwritten:
    """The port of a graph for ticks on a mirror of it.

    The queue holds `seeds` and nothing else. What others have written to its nodes since it was begun is read as it is then.
    """

    def __init__(self, graph: Graph, mirror: Mirror, seeds: Sequence[Stimulus]) -> None:
        self.name = graph.name
        self._graph = graph
        self._mirror = mirror
        self._seeds = list(seeds)

    def take(self, holder: str, ttl: float) -> Ledger | None:  # noqa: ARG002
        """Return a ledger of its own: there is nothing to hold."""
        return Ledger()

    def renew(self, fence: int, ttl: float) -> None:
        """Have nothing to keep."""

    def keeping(self, fence: int, ttl: float) -> AbstractContextManager[None]:  # noqa: ARG002
        """Have nothing to keep."""
        return nullcontext()

    def release(self, fence: int) -> None:
        """Have nothing to give back."""

    def ledger(self) -> Ledger | None:
        """Read the graph's own."""
        return self._graph.ledger()

    def census(self) -> NodeRows:
        """Read every node whose energy is not 0."""
        return self._graph.census()

    def weights(self) -> Mapping[str, WeightStats]:
        """Count the statistics of all links by type."""
        return self._graph.weights()

    def statistics(self) -> Mapping[str, WeightStats]:
        """Read the kept statistics."""
        return self._graph.statistics()

    def visits(self) -> Mapping[str, int]:
        """Return none: they count once they are given to their nodes."""
        return {}

    def adopt(self, ledger: Ledger, stats: Mapping[str, WeightStats]) -> None:
        """Write nothing."""

    def intake(self, limit: int) -> Sequence[Stimulus]:
        """Return the seeds that no tick has taken yet."""
        return self._seeds[:limit]

    def waiting(self) -> bool:
        """Tell whether a seed is left."""
        return bool(self._seeds)

    def compact(self, keep: float, batch: int) -> tuple[int, bool]:  # noqa: ARG002
        """Have nothing to drop."""
        return 0, False

    def nodes(self, keys: Sequence[int]) -> NodeRows:
        """Read nodes."""
        return self._graph.nodes(keys)

    def links(self, keys: Sequence[int], most: int) -> tuple[LinkRows, Sequence[int]]:
        """Read the out-links of nodes, and which of these are hubs."""
        return self._graph.links(keys, most)

    def best(self, key: int, limit: int, ranking: Ranking) -> tuple[LinkRows, RestRows]:
        """Read the cheapest out-links of a hub, and what the others are."""
        return self._graph.best(key, limit, ranking)

    def commit(self, changes: Changes) -> None:
        """Take the seeds from the queue, and note what was learned: links may be read again within this trial."""
        links, taken = changes.links, {*changes.applied, *(entry for entry, _ in changes.rejected)}
        self._mirror.learn(dict(zip(links.key.tolist(), links.after.tolist(), strict=True)))
        self._seeds = [seed for seed in self._seeds if seed.entry not in taken]

    def decay(self, ledger: Ledger, ttl: float) -> Callable[[], int]:  # noqa: ARG002
        """Close nothing: nobody has changed the graph under it."""
        return lambda: ledger.revision

    def ties(self, keys: Sequence[int], goal: str) -> tuple[Sequence[int], Ties]:
        """Read what nodes are tied to."""
        return self._graph.ties(keys, goal)

    def settle(
        self, ledger: Ledger, energy_at: float, nodes: NodeChanges, retention: Mapping[int, float | None]
    ) -> None:
        """Write nothing."""

    def forget(self, ledger: Ledger, rules: Mapping[str, Rule], batch: int, ttl: float) -> tuple[str, int] | None:
        """Let no link forget."""

    def count_visits(self, ledger: Ledger, visits: Mapping[str, int]) -> None:
        """Write nothing."""
