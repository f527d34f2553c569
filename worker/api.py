"""Stridegraph in a program: what applications call. The package `stridegraph` offers it under its own name."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urlencode

import orjson
from websockets.sync.client import connect as follow

from worker.archive.snapshot import take
from worker.database import local_server
from worker.errors import Fenced, InputError, Unreachable
from worker.events.build import frame_end
from worker.graph import desk, seeds
from worker.graph.attach import attach, detach
from worker.graph.connection import Connection
from worker.graph.export import held as held_still
from worker.graph.migrate import migrate
from worker.graph.neo4j import Neo4jGraph
from worker.graph.seeds import Property, Text, Vector
from worker.process import process_name
from worker.recall import Activation, Limits, Recaller, Seed
from worker.settings import Settings
from worker.tick import tick

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import TypeAlias

    from worker.recall import Recollection, Step

    SeedLike: TypeAlias = str | Text | Vector | Property
    Seeds: TypeAlias = SeedLike | Sequence[SeedLike] | Mapping[str, float] | Mapping[SeedLike, float]

HOLD = 10.0  # s for which a snapshot may make a tick wait
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


class Stridegraph:
    """One graph in one database. Every method may be called from any thread; recalls wait for each other.

    All raise GraphError where the database does not answer or refuses, InputError where what they are given is wrong. Use it in
    a `with`, or `close` it.

    >>> with Stridegraph.connect() as graph:
    ...     graph.inject("n000", 3.0)
    ...     [hit.id for hit in graph.recall("n000", k=2).results]
    'queued'
    ['n000', 'n033']
    """

    def __init__(self, graph: Neo4jGraph, settings: Settings) -> None:
        self.graph = graph
        self.settings = settings
        self._recaller = Recaller(graph, settings)
        self._closing = ExitStack()

    @classmethod
    def connect(cls, settings: Settings | None = None) -> Self:
        """Connect as settings say, by default those of the environment (`STRIDE_…`), and bring the schema up to date.

        Where they name no database, the local server of `stridegraph db` is started. Raises SettingsError, Unreachable,
        Refused, SchemaError, DatabaseError.
        """
        settings = settings or Settings.read()
        with ExitStack() as on_failure:
            server = settings.neo4j if settings.neo4j.uri else local_server(settings.database).up(say=lambda _: None)
            connection = on_failure.enter_context(Connection(server))
            connection.verify()
            migrate(connection)
            made = cls(Neo4jGraph(connection, settings.graph), settings)
            made._closing = on_failure.pop_all()
            return made

    def __enter__(self) -> Self:
        """Use it in a `with`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connection."""
        self._closing.close()

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
        if k < 1:
            raise InputError(f"k = {k} is not how many to return", "give 1 or more")
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

    def inject(
        self, node: str | Mapping[str, float], energy: float, *, stimulus: str | None = None, source: str = "api"
    ) -> str:
        """Put energy on a node, or share it out among candidates by their similarity in (0, 1]; the next tick applies it.

        Sent twice with the same id of the `stimulus`, it is applied once. Returns `queued`, `waiting` (the id was in the queue)
        or `applied` (the id was, before). Raises InputError.
        """
        amount = desk.Direct(node, energy) if isinstance(node, str) else desk.Budget(energy, dict(node))
        own = stimulus or secrets.token_hex(8)
        return desk.inject(self.graph, amount, own, source, self.settings.tick.energy_max)

    def top(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the nodes with most energy now: id, type, label, energy, threshold."""
        return desk.top(self.graph, self.settings, limit)

    def run(self, ticks: int, dt: float = 5.0) -> list[dict[str, Any]]:
        """Do so many ticks, each worth `dt` seconds of the graph's time, without waiting between them.

        Returns the figures of each, as the event `frame.end.v1` has them. Raises Fenced where another worker holds the graph.
        """
        held = attach(self.graph, self.settings, process_name())
        if held is None:
            raise Fenced(
                f"another worker is running on the graph {self.graph.name!r}", "let it do the ticks, or stop it"
            )
        try:
            return [frame_end(tick(held, dt)) for _ in range(ticks)]
        finally:
            detach(held)

    def snapshot(self, folder: Path, *, anonymous: bool = False, hold: float = HOLD) -> dict[str, Any]:
        """Write the whole graph to a new folder, as of one moment between two ticks, and return its manifest.

        A worker's tick waits for `hold` seconds at most. Raises InputError, HeldTooLong.
        """
        return take(held_still(self.graph, hold), folder, self.settings, anonymous=anonymous)

    @contextmanager
    def subscribe(self, kinds: Collection[str] = (), *, url: str | None = None) -> Iterator[Iterator[dict[str, Any]]]:
        """Follow the events of the worker that serves this graph (`stridegraph run --serve`), of some kinds or of all.

        `url` is where it serves, by default as the settings say: `ws://127.0.0.1:7300`. Raises Unreachable.
        """
        address, headers = self._where(kinds, url)
        try:
            socket = follow(address, additional_headers=headers, max_size=None)
        except OSError as error:
            where = address.partition("?")[0]
            raise Unreachable(f"nobody serves events at {where}: {error}", "start `stridegraph run --serve`") from None
        with socket:
            yield (orjson.loads(line) for text in socket for line in str(text).splitlines())

    def _where(self, kinds: Collection[str], url: str | None) -> tuple[str, dict[str, str]]:
        serve = self.settings.serve
        token = serve.token.get_secret_value()
        asked = {"graph": self.settings.graph, **({"kinds": ",".join(sorted(kinds))} if kinds else {})}
        address = f"{url or f'ws://{serve.host}:{serve.port}'}/events?{urlencode(asked)}"
        return address, {"Authorization": f"Bearer {token}"} if token else {}

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


class AsyncStridegraph:
    """The same for what is awaited: each method runs its like of `Stridegraph` on a thread.

    >>> async def main():
    ...     async with await AsyncStridegraph.connect() as graph:
    ...         return (await graph.recall("n000", k=1)).results[0].id
    >>> asyncio.run(main())
    'n000'
    """

    def __init__(self, graph: Stridegraph) -> None:
        self.graph = graph

    @classmethod
    async def connect(cls, settings: Settings | None = None) -> Self:
        """Connect, as `Stridegraph.connect` does."""
        return cls(await asyncio.to_thread(Stridegraph.connect, settings))

    async def __aenter__(self) -> Self:
        """Use it in an `async with`."""
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.graph.close)

    async def recall(self, seeds: Seeds, k: int = 10, **how: Any) -> Recall:
        """Recall, as `Stridegraph.recall` does."""
        return await asyncio.to_thread(self.graph.recall, seeds, k, **how)

    async def inject(self, node: str | Mapping[str, float], energy: float, **how: Any) -> str:
        """Put energy in, as `Stridegraph.inject` does."""
        return await asyncio.to_thread(self.graph.inject, node, energy, **how)

    async def subscribe(self, kinds: Collection[str] = (), *, url: str | None = None) -> AsyncIterator[dict[str, Any]]:
        """Follow the events of the worker that serves this graph, as `Stridegraph.subscribe` does."""
        from websockets.asyncio.client import connect  # noqa: PLC0415

        address, headers = self.graph._where(kinds, url)  # noqa: SLF001
        async with connect(address, additional_headers=headers, max_size=None) as socket:
            async for text in socket:
                for line in str(text).splitlines():
                    yield orjson.loads(line)


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
