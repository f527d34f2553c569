"""The server and the workers of one process, put together."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from worker.events.metrics import Metrics
from worker.events.subscribers import Subscribers
from worker.events.trail import Trail
from worker.server.app import Served, application
from worker.server.hub import Hub
from worker.server.thread import Listener

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from worker.events import Sinks
    from worker.health import Health
    from worker.loop import Worker
    from worker.server.desk import Desk
    from worker.settings import ServeSettings


class Serving:
    """What is served of a process that works on some graphs, whether it holds them just now or not."""

    def __init__(self, desks: Mapping[str, Desk], settings: ServeSettings, health: Health) -> None:
        self.metrics = Metrics()
        self.graphs = {
            graph: Served(
                desk,
                Hub(Subscribers(graph, settings.share), settings),
                trail=Trail(settings.explain) if settings.explain else None,
            )
            for graph, desk in desks.items()
        }
        for graph in desks:
            self.metrics.of(graph)
        app = application(self.graphs, settings, lambda: health.verdict, self.metrics)
        self.listener = Listener(app, settings, [served.hub for served in self.graphs.values() if served.hub])

    @contextmanager
    def watching(self, worker: Worker, sinks: Sinks) -> Iterator[None]:
        """Give out what a worker does, and let it be told what to do, until it ends."""
        graph = worker.graph.name
        served, figures = self.graphs[graph], self.metrics.of(graph)
        sinks.add(figures)
        if served.hub:
            sinks.add(served.hub.sink)
        if served.trail:
            sinks.add(served.trail)
        figures.watch(worker, sinks)
        served.worker = worker
        try:
            yield
        finally:
            served.worker = None
            figures.close()
