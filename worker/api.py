"""Stridegraph in a program: what applications call. The package `stridegraph` offers it under its own name."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

import orjson

from worker import remote
from worker.archive.snapshot import take
from worker.database import local_server
from worker.errors import Fenced, InputError, Unreachable
from worker.events.build import frame_end
from worker.explanations import DEPTH, LEAST, Question, replayed, served
from worker.graph import desk
from worker.graph.attach import attach, detach
from worker.graph.connection import Connection
from worker.graph.export import held as held_still
from worker.graph.migrate import migrate
from worker.graph.neo4j import Neo4jGraph
from worker.graph.seeds import near
from worker.process import process_name
from worker.recalls import Recalls
from worker.settings import Settings
from worker.tick import tick

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from worker.graph.desk import Problems

P = ParamSpec("P")
Found = TypeVar("Found")
HOLD = 10.0  # s for which a snapshot may make a tick wait; a lease is longer


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
        own = stimulus or secrets.token_hex(8)
        return desk.inject(self.graph, desk.amount(node, energy), own, source, self.settings.tick.energy_max)

    def top(self, limit: int = 20) -> list[dict[str, Any]]:
        """Return the nodes with most energy now: id, type, label, energy, threshold."""
        return desk.top(self.graph, self.settings, limit)

    def node(self, own: str) -> dict[str, Any]:
        """Return a node as it is now: id, type, label, energy, threshold, active, visits, and its heaviest links, up to 50.

        Raises InputError where the graph has none of this id; it names the nearest.
        """
        found = desk.node(self.graph, self.settings, own)
        if found is None:
            raise InputError(f"there is no node {own!r} in the graph {self.graph.name!r}", near(self.graph, own))
        return found

    def status(self) -> dict[str, Any]:
        """Return how the graph stands, counted in the database: figures, ledger, queue, books; as `status --json` does."""
        return desk.status(self.graph, self.settings)

    def check(self) -> Problems:
        """Return what the physics will not take: `total`, how many, and `listed`, the first 1000 of them, with what and why.

        It scans the whole graph.
        """
        return desk.check(self.graph, self.settings)

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

    def snapshot(
        self,
        folder: Path,
        *,
        anonymous: bool = False,
        hold: float = HOLD,
        done: Callable[[str, int], object] = lambda *_: None,
    ) -> dict[str, Any]:
        """Write the whole graph to a new folder, as of one moment between two ticks, and return its manifest.

        A worker's tick waits for `hold` seconds at most; `done` hears of every piece: table and rows. Raises HeldTooLong.
        """
        return take(held_still(self.graph, hold), folder, self.settings, anonymous=anonymous, done=done)

    def explain(
        self,
        node: str,
        *,
        tick: int | None = None,
        depth: int = DEPTH,
        least: float = LEAST,
        recording: Path | None = None,
        snapshot: Path | None = None,
        url: str | None = None,
    ) -> dict[str, Any]:
        """Tell where a node's energy after a tick, by default the last, came from: by which links, back to stimuli.

        It asks the worker that serves the graph, which holds its last ticks; `url` is where, by default as the settings say.
        Or it runs ticks again in memory: those of a `recording`, from a `snapshot` on where one is named; without a recording,
        those that a snapshot comes to by itself, up to `tick`. It goes `depth` links back; a way that brought less than the
        share `least` of the energy is not told by itself.

        Returns `energy`, `sources`, `roots`, `branches` and more, as `explain --json` does. Raises Unreachable, Refused,
        Diverged, NotReplayable.
        """
        asked = Question(node, tick, depth, least)
        return replayed(asked, recording, snapshot) if recording or snapshot else served(self.settings, asked, url)

    @contextmanager
    def subscribe(self, kinds: Collection[str] = (), *, url: str | None = None) -> Iterator[Iterator[dict[str, Any]]]:
        """Follow the events of the worker that serves this graph (`stridegraph run --serve`), of some kinds or of all.

        `url` is where it serves, by default as the settings say: `http://127.0.0.1:7300`. Raises Unreachable.
        """
        from websockets.sync.client import connect  # noqa: PLC0415  (only this needs it)

        where = _events(self.settings, kinds, url)
        try:
            socket = connect(where, additional_headers=remote.headers(self.settings), max_size=None)
        except OSError as error:
            raise _nobody(where, error) from None
        with socket:
            yield (orjson.loads(line) for text in socket for line in str(text).splitlines())


def _awaited(
    method: Callable[Concatenate[Stridegraph, P], Found],
) -> Callable[Concatenate[AsyncStridegraph, P], Coroutine[Any, Any, Found]]:
    """Return a method to be awaited that runs its like of `Stridegraph` on a thread."""

    @wraps(method)
    async def awaited(self: AsyncStridegraph, /, *given: P.args, **how: P.kwargs) -> Found:
        return await asyncio.to_thread(method, self.graph, *given, **how)

    return awaited


class AsyncStridegraph:
    """The same for what is awaited: each method runs its like of `Stridegraph` on a thread. `graph` is that other.

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

    recall = _awaited(Stridegraph.recall)
    recall_many = _awaited(Stridegraph.recall_many)
    recall_vector = _awaited(Stridegraph.recall_vector)
    reinforce = _awaited(Stridegraph.reinforce)
    inject = _awaited(Stridegraph.inject)
    top = _awaited(Stridegraph.top)
    node = _awaited(Stridegraph.node)
    status = _awaited(Stridegraph.status)
    check = _awaited(Stridegraph.check)
    explain = _awaited(Stridegraph.explain)
    snapshot = _awaited(Stridegraph.snapshot)
    run = _awaited(Stridegraph.run)

    @asynccontextmanager
    async def subscribe(
        self, kinds: Collection[str] = (), *, url: str | None = None
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Follow the events of the worker that serves this graph, as `Stridegraph.subscribe` does."""
        from websockets.asyncio.client import connect  # noqa: PLC0415

        settings = self.graph.settings
        where = _events(settings, kinds, url)
        try:
            socket = await connect(where, additional_headers=remote.headers(settings), max_size=None)
        except OSError as error:
            raise _nobody(where, error) from None
        async with socket:
            yield (orjson.loads(line) async for text in socket for line in str(text).splitlines())


def _events(settings: Settings, kinds: Collection[str], url: str | None) -> str:
    """Return where events of some kinds are served."""
    return remote.address(settings, "/events", {"kinds": ",".join(sorted(kinds)) or None}, url, events=True)


def _nobody(where: str, error: OSError) -> Unreachable:
    return Unreachable(f"nobody serves events at {where.partition('?')[0]}: {error}", remote.START)
