"""Recall as it is asked for: seeds of every kind, what is told of each result, and what is fed back."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from worker.errors import InputError
from worker.graph import desk, seeds
from worker.graph.seeds import Property, Text, Vector
from worker.recall import Limits, Recaller, Seed

if TYPE_CHECKING:
    from collections.abc import Collection

    from worker.graph.neo4j import Neo4jGraph
    from worker.recall import Activation, Recollection, Step
    from worker.settings import Settings

SeedLike: TypeAlias = str | Text | Vector | Property


class Weighted(Protocol):
    """Seeds with their weights: a dict whose keys are ids, `Text`s, `Vector`s or `Property`s, all of a kind or not."""

    def __iter__(self) -> Iterator[SeedLike]: ...

    def items(self) -> AbstractSet[tuple[SeedLike, float]]: ...  # noqa: D102


Seeds: TypeAlias = SeedLike | Sequence[SeedLike] | Weighted
SHARE = 1.0 / 3.0  # of a threshold: what reinforcing gives to a node at most, and to each of them on average


class Hit(NamedTuple):
    """A node that was recalled. Energies are in the graph's own unit."""

    id: str
    type: str | None
    label: str | None
    energy: float  # after the recall's ticks
    score: float  # energy ÷ threshold: from 1 on it is active
    before: float  # what stood there before, faded to the same moment; 0 without context
    path: tuple[Step, ...]  # the links that brought it most, from a seed on; empty for a seed
    properties: dict[str, Any]  # those that were asked for


class Recall(NamedTuple):
    """What a recall has found, most energy first, ties by id."""

    results: list[Hit]
    seeds: dict[str, float]  # the energy that each was given
    reached: int  # nodes that energy was moved from or to
    ticks: int
    partial: str  # why it was broken off, or empty: it was not
    rejected: dict[str, str]  # seeds that the physics does not take, and why
    ms: float  # of all but the search for seeds

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        results = [{**hit._asdict(), "path": [step._asdict() for step in hit.path]} for hit in self.results]
        return {**self._asdict(), "partial": self.partial or None, "results": results}


class Recalls:
    """Recall from a graph in Neo4j, one at a time whatever the threads. All methods raise GraphError and InputError."""

    def __init__(self, graph: Neo4jGraph, settings: Settings) -> None:
        self.graph = graph
        self.settings = settings
        self._recaller = Recaller(graph, settings)

    def recall(
        self,
        seeds: Seeds,
        k: int = 10,
        *,
        context: bool = False,
        types: Collection[str] = (),
        properties: Sequence[str] = (),
        reinforce: bool = False,
        max_nodes: int | None = None,
        max_ms: float | None = None,
    ) -> Recall:
        """Spread activation from seeds through the graph as it is, and return the `k` nodes that have most of it.

        Seeds are ids, ids with weights, or a `Text`, `Vector` or `Property` that finds them; one of weight 1 is given
        `recall.energy`. Nothing is written. With `context` it goes on from the energies that stand in the graph, else from
        none. Only nodes of some `types` are returned, or of all; with each the `properties` that are named. `reinforce` puts
        what was found into the queue, as the method does. Over `max_nodes` or `max_ms` it returns what it has, `partial`.
        """
        return self.recall_many([seeds], k, context=context, types=types, properties=properties, reinforce=reinforce,
                                max_nodes=max_nodes, max_ms=max_ms)[0]  # fmt: skip

    def recall_many(
        self,
        several: Sequence[Seeds],
        k: int = 10,
        *,
        context: bool = False,
        types: Collection[str] = (),
        properties: Sequence[str] = (),
        reinforce: bool = False,
        max_nodes: int | None = None,
        max_ms: float | None = None,
    ) -> list[Recall]:
        """Recall from each of several seeds by itself, as `recall` does; what one has read serves the next."""
        for name, value in (("k", k), ("max_nodes", max_nodes), ("max_ms", max_ms)):
            if value is not None and not value > 0:
                raise InputError(f"{name} = {value} is not over 0", "give more, or leave it out")
        own = self.settings.recall
        limits = Limits(max_nodes or own.max_nodes, max_ms or own.max_ms)
        found = [
            self._recaller.recall(self._seeds(one), k, context=context, types=types, limits=limits) for one in several
        ]
        told = [self._told(one, properties) for one in found]
        for one in told:
            if reinforce and one.results:
                self.reinforce([hit.id for hit in one.results])
        return told

    def recall_vector(self, seeds: Seeds) -> Activation:
        """Return the energy that seeds bring to every node, apart from any context: sparse, by id.

        `one.cosine(other)` compares two such by the cosine of log(1 + E/Θ).
        """
        return self._recaller.activation(self._seeds(seeds))

    def reinforce(self, ids: Collection[str]) -> str:
        """Tell the graph that these nodes were of use: put a stimulus by budget into the queue, and return its id.

        The next tick gives them Θ/3 each on average (of the default threshold), at most that much, and links between them
        that carry it learn.
        """
        own = f"recall:{secrets.token_hex(8)}"
        amount = desk.Budget(SHARE * self.settings.threshold.default * len(ids), dict.fromkeys(sorted(ids), 1.0))
        desk.inject(self.graph, amount, own, "recall", self.settings.tick.energy_max)
        return own

    def _seeds(self, given: Seeds) -> list[Seed]:
        """Find the seeds. Raises InputError."""
        weights = _weighed(given)
        most, unit = self.settings.tick.energy_max, self.settings.recall.energy * self.settings.threshold.default
        for seed, weight in weights.items():
            if not 0.0 < weight * unit <= most:
                raise InputError(f"the weight {weight!r} of {seed!r} is not over 0", f"give one up to {most / unit:g}")
        found = seeds.find(self.graph, weights)
        return [Seed(own, key, weight * unit) for own, (key, weight) in found.items()]

    def _told(self, found: Recollection, properties: Sequence[str]) -> Recall:
        more = seeds.tell(self.graph, [row.id for row in found.results], properties)
        results = []
        for row in found.results:
            label, own = more.get(row.id, (None, {}))
            results.append(Hit(row.id, None if row.type == "*" else row.type, label, *row[2:], own))
        return Recall(results, *found[1:])


def _weighed(given: Seeds) -> dict[SeedLike, float]:
    """Return seeds with their weights. Raises InputError."""
    several: Sequence[Any] = [given] if isinstance(given, str | Text | Vector | Property) else list(given)
    if not several:
        raise InputError("there is no seed", "name a node, or give words to look for")
    for seed in several:
        if not isinstance(seed, str | Text | Vector | Property):
            raise InputError(
                f"the seed {seed!r} is neither an id nor a Text, Vector or Property", "see docs/how-to/recall.md"
            )
    weights: Any = given if hasattr(given, "items") else dict.fromkeys(several, 1.0)
    return dict(weights)
