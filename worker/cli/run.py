"""`stridegraph run`: the background process."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.console import Json, configure_log, connection_of, out, print_json, say, settings_of
from worker.cli.live import Board
from worker.cli.record import Folder, Record, Strides
from worker.cli.serve import Host, Port, listening
from worker.errors import InputError, SettingsError, StrideError
from worker.events import Sinks
from worker.events.build import frame_end
from worker.events.file import GRAPH, KEY
from worker.faults import asked
from worker.fleet import Fleet
from worker.graph.migrate import migrate
from worker.graph.neo4j import Neo4jGraph
from worker.graph.roll import Roll
from worker.health import Health
from worker.health.telling import Telling
from worker.loop import Worker
from worker.process import process_name
from worker.trial import warm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.graph.moment import Frame
    from worker.server.serving import Serving
    from worker.settings import Settings

Graphs = Annotated[
    list[str] | None,
    typer.Option(
        "--graph",
        help="The graph, by default that of STRIDE_GRAPH. Several: a fair share of them, among all that name the same ones.",
        show_default=False,
    ),
]

app = typer.Typer(name="stridegraph run", add_completion=False, pretty_exceptions_enable=False)
TRIAL = 1.0  # seconds from tick to tick, and that each stands for, where the number of ticks is given and no pace


@app.command()
def run(
    ticks: Annotated[
        int | None, typer.Option(min=1, help="End after so many ticks; else never.", show_default=False)
    ] = None,
    graph: Graphs = None,
    record: Folder = None,
    record_strides: Strides = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve HTTP too: metrics, events, questions, control.")
    ] = False,
    host: Host = None,
    port: Port = None,
    json: Json = False,
) -> None:
    """Move the graph's energy, tick by tick, until SIGTERM or Ctrl-C; waits for a database that is not there yet.

    On a terminal it shows a table of the last tick and of the most active nodes; else it prints a line a tick.

    Ticks come faster the more there is to do, and at once when a stimulus comes. STRIDE_PACE__FIXED=1 makes it one a second,
    and so does --ticks where nothing else is set: a resting graph's own pace is a tick a minute.
    """
    configure_log(as_json=json)
    named = sorted(set(graph or []))
    where = listening(host, port)
    if where and not serve:
        raise InputError("--host and --port say where to serve", "add --serve")
    recording = Record(record, record_strides)
    recording.check(named)
    if len(named) > 1:
        of = {name: settings_of(name, serve=where) for name in named}
        _run_several(of, ticks, recording, serve=serve, as_json=json)
        return
    settings = settings_of(named[0] if named else None, serve=where)
    _warm(settings)
    if ticks is not None and settings.pace.fixed is None:
        settings = settings.model_copy(update={"pace": replace(settings.pace, fixed=TRIAL)})
    with (
        _health(settings) as health,
        _serving({settings.graph: settings}, health, serve=serve) as serving,
        _worker(settings, health, recording, as_json=json, ticks=ticks, serving=serving) as worker,
    ):
        worker.run()


def _run_several(of: dict[str, Settings], ticks: int | None, recording: Record, *, serve: bool, as_json: bool) -> None:
    """Work on a share of these graphs. Raises InputError, SettingsError where they cannot be worked on together."""
    if ticks is not None:
        raise InputError("--ticks is for one graph, and several are named", "leave it out, or name one --graph")
    graphs = list(of)
    one = of[graphs[0]]
    _warm(one)
    if one.events.file and GRAPH not in str(one.events.file):
        message = f"{KEY} = {one.events.file}: several graphs cannot write to one file"
        raise SettingsError(message, f"put {GRAPH} into its name")
    with (
        _health(one, graphs) as health,
        _serving(of, health, serve=serve) as serving,
        connection_of(one) as connection,
    ):
        Fleet(
            graphs,
            Roll(connection, process_name()),
            man=lambda graph: _worker(of[graph], health, recording, as_json=as_json, alone=False, serving=serving),
            prepare=lambda: migrate(connection),
            ttl=one.lease.ttl,
            health=health,
        ).run()


def _warm(settings: Settings) -> None:
    """Load the compiled code, or compile it where none is kept yet, while the database is connected to and the graph read."""
    if not asked():

        def work() -> None:
            with suppress(StrideError):  # the worker meets it too, and tells of it
                warm(settings, TRIAL)

        Thread(target=work, name="warm", daemon=True).start()


@contextmanager
def _health(settings: Settings, graphs: Sequence[str] = ()) -> Iterator[Health]:
    """Tell how the workers of these graphs stand wherever the settings say, until they end."""
    with Telling.of(settings.health) as telling:
        yield Health.of(graphs or [settings.graph], settings.health, tell=telling)


@contextmanager
def _serving(of: dict[str, Settings], health: Health, *, serve: bool) -> Iterator[Serving | None]:
    """Serve these graphs over HTTP, over a connection of its own, if that is asked for."""
    if not serve:
        yield None
        return
    from worker.server.desk import GraphDesk  # noqa: PLC0415  (it takes a second to load, and only this needs it)
    from worker.server.serving import Serving  # noqa: PLC0415

    one = next(iter(of.values()))
    with connection_of(one) as connection:
        desks = {graph: GraphDesk(Neo4jGraph(connection, graph), settings) for graph, settings in of.items()}
        serving = Serving(desks, one.serve, health)
        with serving.listener:
            say(f"the page is {serving.listener.url}")
            yield serving


@contextmanager
def _worker(
    settings: Settings,
    health: Health,
    recording: Record,
    *,
    as_json: bool,
    ticks: int | None = None,
    alone: bool = True,
    serving: Serving | None = None,
) -> Iterator[Worker]:
    """Make a worker with a connection and sinks of its own, and close them at the end.

    `alone`: it is the one of this process, has the terminal for itself, and waits for a graph that another works on.
    """
    with ExitStack() as stack:
        sinks = Sinks.of(settings.events, settings.graph)
        stack.callback(sinks.close)
        if out.is_terminal and alone and not as_json:
            sinks.add(stack.enter_context(Board(settings.graph, serving.listener.url if serving else None)))
        else:
            sinks.add(Lines(as_json=as_json))
        recorder = recording.of(settings)
        if recorder:
            sinks.add(recorder)
        connection = stack.enter_context(connection_of(settings))
        graph = Neo4jGraph(connection, settings.graph)
        worker = Worker(
            recorder.listen(graph) if recorder else graph,
            settings,
            sinks,
            prepare=lambda: migrate(connection),
            ticks=ticks,
            patient=alone,
            health=health,
        )
        if serving:
            stack.enter_context(serving.watching(worker, sinks))
        yield worker


class Lines:
    """One line a tick on standard output."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def frame(self, frame: Frame) -> None:
        """Print a tick."""
        total = sum(frame.timings_ms.values())
        if self.as_json:
            print_json(frame_end(frame))
        else:
            out.print(
                f"tick {frame.frame:>6}  active {frame.frontier_active:>6}  strides {frame.strides:>6}  "
                f"in {frame.energy_in:8.3f}  moved {frame.energy_transferred:8.3f}  faded {frame.energy_faded:8.3f}  "
                f"total {frame.energy_total:10.3f}  {total:7.1f} ms",
                soft_wrap=True,
            )

    def state(self, state: str, detail: str) -> None:
        """Say nothing: the log has it."""

    def close(self) -> None:
        """Have nothing to close."""
