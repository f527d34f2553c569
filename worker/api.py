"""Stridegraph in a program: what applications call. The package `stridegraph` offers it under its own name."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import orjson
from websockets.asyncio.client import connect as follow_beside
from websockets.sync.client import connect as follow

from worker.archive.snapshot import take
from worker.database import local_server
from worker.errors import Fenced, Unreachable
from worker.events.build import frame_end
from worker.graph import desk
from worker.graph.attach import attach, detach
from worker.graph.connection import Connection
from worker.graph.export import held as held_still
from worker.graph.migrate import migrate
from worker.graph.neo4j import Neo4jGraph
from worker.process import process_name
from worker.recalls import Recalls
from worker.settings import Settings
from worker.tick import tick

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from worker.recalls import Recall, Seeds


HOLD = 10.0  # s for which a snapshot may make a tick wait


class Stridegraph(Recalls):
    """One graph in one database. Every method may be called from any thread; recalls wait for each other.

    All raise GraphError where the database does not answer or refuses, InputError where what they are given is wrong. Use it in
    a `with`, or `close` it.

    >>> with Stridegraph.connect() as graph:
    ...     graph.inject("n000", 3.0)
    ...     [hit.id for hit in graph.recall("n000", k=2).results]
    'queued'
    ['n000', 'n017']
    """

    def __init__(self, graph: Neo4jGraph, settings: Settings) -> None:
        super().__init__(graph, settings)
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
        address, headers = self.serving(kinds, url)
        try:
            socket = follow(address, additional_headers=headers, max_size=None)
        except OSError as error:
            raise _nobody(address, error) from None
        with socket:
            yield (orjson.loads(line) for text in socket for line in str(text).splitlines())

    def serving(self, kinds: Collection[str], url: str | None) -> tuple[str, dict[str, str]]:
        """Return where events are served, and the headers to ask with."""
        serve = self.settings.serve
        token = serve.token.get_secret_value()
        asked = {"graph": self.settings.graph, **({"kinds": ",".join(sorted(kinds))} if kinds else {})}
        address = f"{url or f'ws://{serve.host}:{serve.port}'}/events?{urlencode(asked)}"
        return address, {"Authorization": f"Bearer {token}"} if token else {}


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

    @asynccontextmanager
    async def subscribe(
        self, kinds: Collection[str] = (), *, url: str | None = None
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Follow the events of the worker that serves this graph, as `Stridegraph.subscribe` does."""
        address, headers = self.graph.serving(kinds, url)
        try:
            socket = await follow_beside(address, additional_headers=headers, max_size=None)
        except OSError as error:
            raise _nobody(address, error) from None
        async with socket:
            yield (orjson.loads(line) async for text in socket for line in str(text).splitlines())


def _nobody(address: str, error: OSError) -> Unreachable:
    where = address.partition("?")[0]
    return Unreachable(f"nobody serves events at {where}: {error}", "start `stridegraph run --serve`")
