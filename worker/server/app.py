"""What can be asked over HTTP."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import orjson
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import Body, FastAPI, Path, Query, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from prometheus_client import exposition
from prometheus_client.openmetrics import exposition as openmetrics
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException

from worker.errors import GraphError, InputError, StrideError
from worker.events.subscribers import SUBSCRIBED
from worker.explain import Course, explanation
from worker.graph.values import in_json
from worker.health import Verdict
from worker.server import page
from worker.server.follow import ABORT, follow
from worker.server.guard import BUG, TRUSTED, Guard, Refusal
from worker.server.models import (
    Explained,
    ForCandidates,
    ForNode,
    Index,
    Matches,
    Neighbourhood,
    NodeNow,
    Obeyed,
    Order,
    Problem,
    Queued,
    Recalled,
    Standing,
    Tops,
    Wanted,
    Well,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp

    from worker.events.metrics import Figures, Metrics
    from worker.events.trail import Trail
    from worker.server.desk import Desk
    from worker.server.hub import Hub
    from worker.settings import ServeSettings

Found = TypeVar("Found")
AT_ONCE = 4  # questions to the database
FRESH = 10.0  # seconds for which an answer of the database serves for a scrape
PING = 5.0  # seconds for which it serves for a probe, where no worker says how it stands
GONE = 5.0  # seconds that a follower is given to take note that it is cut off
OLDER = (
    "record the worker (`stridegraph run --record DIR`), and ask `stridegraph explain`; or raise STRIDE_SERVE__EXPLAIN"
)
NO_TRAIL = "ask one of `stridegraph run --serve`, with STRIDE_SERVE__EXPLAIN over 0"
PATHS = (
    "/healthz", "/readyz", "/metrics", "/api/status", "/api/top", "/api/node/{id}", "/api/graph", "/api/search",
    "/api/explain", "/api/stimuli", "/api/recall", "/api/control", "/events",
    "/openapi.json", "/page/{file}",
)  # fmt: skip


class Anything(StringConvertor):
    """All that is left of a path, line ends too: an id may hold anything."""

    regex = "(?s:.*)"


register_url_convertor("anything", Anything())


class Controlled(Protocol):
    """What a worker can be told."""

    state: str

    def pause(self) -> None:
        """Move nothing, and keep the lease."""

    def resume(self) -> None:
        """Go on."""

    def refresh(self) -> None:
        """Read the graph anew."""


@dataclass
class Served:
    """A graph that is served: the desk for its questions, and where a worker of this process moves its energy, that one's."""

    desk: Desk
    hub: Hub | None = None
    trail: Trail | None = None  # what its last ticks moved
    worker: Controlled | None = None


class Denied(Exception):
    """A request that cannot be answered."""

    def __init__(self, status: int, error: str, remedy: str = "") -> None:
        super().__init__(error)
        self.refusal = Refusal(status, error, remedy)


GraphName = Annotated[
    str | None, Query(max_length=200, description="which graph; may be left out where only one is served")
]
Responses = dict[int | str, dict[str, Any]]
PROBLEMS: Responses = {
    status: {"model": Problem} for status in (400, 401, 403, 404, 408, 409, 413, 415, 421, 422, 429, 500, 503)
}


def explained(course: Course, node: str, depth: int, least: float) -> dict[str, Any] | None:
    """Return where a node's energy came from; None where none of these ticks has touched it."""
    energy = course.energy(node)
    return None if energy is None else explanation(course, node, energy, depth, least)


class Answers:
    """The answers to all requests."""

    def __init__(
        self,
        graphs: Mapping[str, Served],
        settings: ServeSettings,
        verdict: Callable[[], Verdict] | None,
        metrics: Metrics | None,
    ) -> None:
        self.graphs = graphs
        self.settings = settings
        self.metrics = metrics
        self._verdict = verdict
        self._limiter: CapacityLimiter | None = None
        self._pinged: tuple[float, Verdict] = (float("-inf"), Verdict(healthy=False, ready=False, why=""))
        self._counted = dict.fromkeys(graphs, float("-inf"))
        self._tasks: set[asyncio.Task[None]] = set()

    async def index(self, request: Request) -> Response:
        """Tell what there is here: to a browser the page, to a program JSON."""
        if page.wanted(request.headers.get("accept", "")):
            return page.answer(page.INDEX, request.headers)
        told = {"name": "stridegraph", "version": version("stridegraph"), "graphs": sorted(self.graphs), "paths": PATHS}
        answered = _json(told)
        answered.headers["vary"] = "Accept"
        return answered

    async def file(self, request: Request, file: Annotated[str, Path(max_length=200)]) -> Response:
        """Return one of the files that the page is made of."""
        if file not in page.files():
            raise Denied(404, f"the page has no file {file!r}", "see / for what there is")
        return page.answer(file, request.headers)

    async def healthz(self, request: Request) -> Response:
        """Tell whether the process does its duty: its workers were heard of in time; without any, the database answers."""
        return await self._probe(request, ready=False)

    async def readyz(self, request: Request) -> Response:
        """Tell whether every graph is worked on, here or by whoever this process stands by for."""
        return await self._probe(request, ready=True)

    async def scrape(self, request: Request) -> Response:
        """Return the metrics, for Prometheus."""
        if not self.metrics:
            raise Denied(
                409, "no worker runs in this process", "ask one that was started with `stridegraph run --serve`"
            )
        for graph, figures in self.metrics.graphs.items():
            if time.monotonic() > self._counted[graph] + FRESH:
                self._counted[graph] = time.monotonic()
                self._beside(self._count(graph, figures))
        # the library's own choice fails on an Accept without a version
        openly = "application/openmetrics-text" in request.headers.get("accept", "")
        write = openmetrics.generate_latest if openly else exposition.generate_latest
        kind = openmetrics.CONTENT_TYPE_LATEST if openly else exposition.CONTENT_TYPE_PLAIN_0_0_4
        return Response(write(self.metrics.registry), headers={"content-type": kind})

    async def status(self, graph: GraphName = None) -> Response:
        """Return how a graph stands, counted in the database: as `stridegraph status` does."""
        _, served = self._served(graph)
        found = await self._ask(served.desk.status)
        return _json({**found, "worker": served.worker.state if served.worker else None})

    async def top(
        self, graph: GraphName = None, limit: Annotated[int, Query(ge=1, le=1000, description="how many")] = 20
    ) -> Response:
        """Return the nodes with most energy, as it is now."""
        name, served = self._served(graph)
        return _json({"graph": name, "results": await self._ask(served.desk.top, limit)})

    async def graph(
        self, graph: GraphName = None, limit: Annotated[int, Query(ge=1, le=5000, description="how many nodes")] = 300
    ) -> Response:
        """Return the nodes with most energy, as it is now, and the heaviest links of each to others of them."""
        name, served = self._served(graph)
        return _json({"graph": name, **await self._ask(served.desk.neighbourhood, limit)})

    async def search(
        self,
        q: Annotated[str, Query(min_length=1, max_length=200, description="how an id or a label begins")],
        graph: GraphName = None,
        limit: Annotated[int, Query(ge=1, le=100, description="how many")] = 20,
    ) -> Response:
        """Find nodes by how their ids begin, or their labels in whatever case."""
        name, served = self._served(graph)
        return _json({"graph": name, "results": await self._ask(served.desk.search, q, limit)})

    async def node(
        self,
        own: Annotated[
            str, Path(alias="id", max_length=10_000, description="its id, percent-encoded: `a%2Fb` is `a/b`")
        ],
        graph: GraphName = None,
    ) -> Response:
        """Return a node as it is now, with its heaviest links."""
        name, served = self._served(graph)
        found = await self._ask(served.desk.node, own)
        if found is None:
            raise Denied(
                404, f"there is no node {own[:200]!r} in the graph {name!r}", "see /api/top, or its ids in Neo4j"
            )
        return _json({"graph": name, **found})

    async def explain(
        self,
        node: Annotated[str, Query(max_length=10_000, description="its id")],
        tick: Annotated[int | None, Query(ge=1, description="its energy after this tick; by default the last")] = None,
        depth: Annotated[int, Query(ge=1, le=20, description="how many links back")] = 4,
        least: Annotated[
            float, Query(ge=0.001, le=1, description="share under which a way is not told by itself")
        ] = 0.01,
        graph: GraphName = None,
    ) -> Response:
        """Tell where a node's energy came from, as far as the last ticks of this process's worker are held in memory."""
        name, served = self._served(graph)
        if not served.trail:
            raise Denied(409, f"no worker of this process keeps what it does to {name!r}", NO_TRAIL)
        accounts = served.trail.accounts()
        course = Course([account for account in accounts if tick is None or account.tick <= tick])
        if not course.accounts or course.last != (tick or course.last):
            held = f"ticks {accounts[0].tick} to {accounts[-1].tick} are" if accounts else "no tick is"
            raise Denied(404, f"{held} held in memory of the graph {name!r}", OLDER)
        found = await self._ask(explained, course, node, depth, least)
        if found is None:
            ticks = f"ticks {course.first} to {course.last}, which are held in memory"
            raise Denied(404, f"none of {ticks}, has moved energy from or to a node {node[:200]!r}", OLDER)
        return _json({"graph": name, **found})

    async def inject(self, stimulus: Annotated[ForNode | ForCandidates, Body()], graph: GraphName = None) -> Response:
        """Put energy on a node, or share it out among several: the next tick applies it, exactly once."""
        _, served = self._served(graph)
        own = stimulus.id or secrets.token_hex(8)
        state = await self._ask(served.desk.inject, stimulus.amount(), own, stimulus.source)
        return _json({"id": own, "state": state}, 202)

    async def recall(self, wanted: Wanted, graph: GraphName = None) -> Response:
        """Spread activation from seeds through the graph as it is, and return the nodes that have most; nothing is changed."""
        name, served = self._served(graph)
        return _json({"graph": name, **await self._ask(served.desk.recall, wanted.weighed(), wanted.how())})

    async def control(self, order: Order, graph: GraphName = None) -> Response:
        """Have the worker of this process pause, go on, or read its graph anew."""
        name, served = self._served(graph)
        worker = served.worker
        if not worker:
            raise Denied(409, f"no worker of this process works on {name!r} just now", "ask the one that does")
        state = worker.state
        getattr(worker, order.action)()
        return _json({"graph": name, "action": order.action, "state": state}, 202)

    async def events(self, socket: WebSocket) -> None:
        """Send events as they come: text messages, each of one or more lines, a JSON object a line."""
        try:
            hub, kinds, after = self._wish(socket)
        except Denied as error:
            refusal = error.refusal
            await socket.send_denial_response(Response(refusal.body, refusal.status, media_type="application/json"))
            return
        await socket.accept(subprotocol="stridegraph" if "stridegraph" in socket.scope["subprotocols"] else None)
        reason = await follow(socket, hub, kinds, after)
        if reason:
            abort = socket.scope["state"].get(ABORT)
            if abort:
                asyncio.get_running_loop().call_later(GONE, abort)
            with suppress(TimeoutError, RuntimeError):
                async with asyncio.timeout(GONE):
                    await socket.close(*reason)

    def _wish(self, socket: WebSocket) -> tuple[Hub, frozenset[str], int | None]:
        """Return what somebody wants to follow."""
        asked = socket.query_params
        name, served = self._served(asked.get("graph"))
        if not served.hub:
            raise Denied(409, f"no worker of this process works on {name!r}", "ask one of `stridegraph run --serve`")
        kinds, after = _kinds(asked.get("kinds")), _tick(asked.get("after"))
        if sum(len(each.hub.followers) for each in self.graphs.values() if each.hub) >= self.settings.subscribers:
            raise Denied(503, "too many follow the events", "raise STRIDE_SERVE__SUBSCRIBERS, or come back later")
        return served.hub, kinds, after

    def _served(self, graph: str | None) -> tuple[str, Served]:
        if graph is None and len(self.graphs) == 1:
            return next(iter(self.graphs.items()))
        if graph is None:
            raise Denied(
                422, "several graphs are served, and none is named", "add ?graph= and one of those that / lists"
            )
        if graph not in self.graphs:
            raise Denied(404, f"the graph {graph!r} is not served here", "see / for those that are")
        return graph, self.graphs[graph]

    async def _ask(self, question: Callable[..., Found], *given: Any) -> Found:
        """Ask the database, beside this thread; a few at once."""
        self._limiter = self._limiter or CapacityLimiter(AT_ONCE)
        return await run_sync(question, *given, abandon_on_cancel=True, limiter=self._limiter)

    async def _probe(self, request: Request, *, ready: bool) -> Response:
        found = self._verdict() if self._verdict else await self._of_database()
        well = found.ready if ready else found.healthy
        told = found._asdict() if request.scope[TRUSTED] else {**found._asdict(), "why": ""}
        return _json(told, 200 if well else 503)

    async def _of_database(self) -> Verdict:
        if time.monotonic() > self._pinged[0] + PING:
            try:
                for served in self.graphs.values():
                    await self._ask(served.desk.ping)
                found = Verdict(healthy=True, ready=True, why="the database answers")
            except StrideError as error:
                found = Verdict(healthy=False, ready=False, why=str(error).splitlines()[0])
            self._pinged = time.monotonic(), found
        return self._pinged[1]

    async def _count(self, graph: str, figures: Figures) -> None:
        """Count what waits in a queue, for the next scrape."""
        try:
            figures.pending = await self._ask(self.graphs[graph].desk.pending)
        except StrideError:
            figures.pending = None

    def _beside(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def application(
    graphs: Mapping[str, Served],
    settings: ServeSettings,
    verdict: Callable[[], Verdict] | None = None,
    metrics: Metrics | None = None,
) -> ASGIApp:
    """Return the whole of it; without `verdict` and `metrics`, for a process without a worker."""
    return Guard(routes(graphs, settings, verdict, metrics), settings)


def routes(
    graphs: Mapping[str, Served],
    settings: ServeSettings,
    verdict: Callable[[], Verdict] | None = None,
    metrics: Metrics | None = None,
) -> FastAPI:
    """Return what is asked and answered, with nobody to guard it."""
    answers = Answers(graphs, settings, verdict, metrics)
    app = FastAPI(
        title="Stridegraph",
        version=version("stridegraph"),
        docs_url=None,  # they fetch scripts from elsewhere
        redoc_url=None,
        responses=PROBLEMS,
    )
    well: Responses = {200: {"model": Well}, 503: {"model": Well}}
    text: Responses = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
    for path, endpoint, model in (
        ("/", answers.index, Index),
        ("/api/status", answers.status, Standing),
        ("/api/top", answers.top, Tops),
        ("/api/graph", answers.graph, Neighbourhood),
        ("/api/search", answers.search, Matches),
        ("/api/node/{id:anything}", answers.node, NodeNow),
        ("/api/explain", answers.explain, Explained),
    ):
        app.get(path, response_model=model)(endpoint)
    app.get("/healthz", responses=well)(answers.healthz)
    app.get("/readyz", responses=well)(answers.readyz)
    app.get("/metrics", response_class=Response, responses=text)(answers.scrape)
    app.get("/page/{file}", response_class=Response, responses=text)(answers.file)
    app.post("/api/stimuli", response_model=Queued, status_code=202)(answers.inject)
    app.post("/api/recall", response_model=Recalled)(answers.recall)
    app.post("/api/control", response_model=Obeyed, status_code=202)(answers.control)
    app.websocket("/events")(answers.events)
    app.exception_handler(Exception)(_bug)
    app.exception_handler(Denied)(_denied)
    app.exception_handler(StrideError)(_failed)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_unknown)
    return app


async def _bug(_: Request, __: Exception) -> Response:
    """Answer what nobody foresaw; it is raised again, and the guard tells of it."""
    return _problem(BUG)


async def _denied(_: Request, error: Denied) -> Response:
    return _problem(error.refusal)


async def _failed(_: Request, error: StrideError) -> Response:
    status = 422 if isinstance(error, InputError) else 503 if isinstance(error, GraphError) else 500
    return _problem(Refusal(status, error.args[0], error.remedy))


async def _invalid(_: Request, error: RequestValidationError) -> Response:
    """Name what is wrong, and don't say it back: it may be anything."""
    said = "; ".join(f"{'.'.join(map(str, one['loc']))[:200]}: {one['msg']}" for one in error.errors()[:10])
    return _problem(Refusal(422, said, "see /openapi.json"))


async def _unknown(_: Request, error: HTTPException) -> Response:
    response = _problem(Refusal(error.status_code, str(error.detail), "see / for what there is"))
    response.headers.update(error.headers or {})
    return response


def _problem(refusal: Refusal) -> Response:
    return Response(refusal.body, refusal.status, media_type="application/json")


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value, default=in_json), status, media_type="application/json")


def _kinds(text: str | None) -> frozenset[str]:
    """Return the kinds that a text lists; all, where there is none."""
    if text is None:
        return SUBSCRIBED
    kinds = frozenset(text.split(","))
    if unknown := sorted(kinds - SUBSCRIBED):
        raise Denied(422, f"there is no kind {unknown[0][:100]!r}", f"choose from {', '.join(sorted(SUBSCRIBED))}")
    return kinds


def _tick(text: str | None) -> int | None:
    """Return the number of a tick."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Denied(422, f"after={text[:100]!r} is not the number of a tick", "give the `frame` of the last event")
    return int(text)
