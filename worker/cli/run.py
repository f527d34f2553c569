"""`stridegraph run`: the background process."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.console import Graph, Json, configure_log, connection_of, out, print_json, settings_of
from worker.events import Sinks
from worker.events.build import frame_end
from worker.graph.migrate import migrate
from worker.graph.neo4j import Neo4jGraph
from worker.loop import Worker

if TYPE_CHECKING:
    from worker.graph.moment import Frame

TRIAL = 1.0  # seconds from tick to tick, and that each stands for, where the number of ticks is given and no pace


def run(
    ticks: Annotated[
        int | None, typer.Option(min=1, help="End after so many ticks; else never.", show_default=False)
    ] = None,
    graph: Graph = None,
    json: Json = False,
) -> None:
    """Move the graph's energy, tick by tick, until SIGTERM or Ctrl-C; waits for a database that is not there yet.

    Ticks come faster the more there is to do, and at once when a stimulus comes. STRIDE_PACE__FIXED=1 makes it one a second,
    and so does --ticks where nothing else is set: a resting graph's own pace is a tick a minute.
    """
    settings = settings_of(graph)
    if ticks is not None and settings.pace.fixed is None:
        settings = settings.model_copy(update={"pace": replace(settings.pace, fixed=TRIAL)})
    configure_log(as_json=json)
    sinks = Sinks.of(settings.events, settings.graph)
    sinks.add(Lines(as_json=json))
    with connection_of(settings) as connection:
        worker = Worker(
            Neo4jGraph(connection, settings.graph), settings, sinks, prepare=lambda: migrate(connection), ticks=ticks
        )
        try:
            worker.run()
        finally:
            sinks.close()


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
