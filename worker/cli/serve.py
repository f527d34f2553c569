"""`stridegraph serve`: HTTP for a graph, without a worker in this process."""

from __future__ import annotations

import threading
from typing import Annotated, Any

import typer

from worker.cli.console import Graph, Json, configure_log, open_graph, settings_of
from worker.errors import StrideError
from worker.process import signals

Host = Annotated[
    str | None,
    typer.Option(
        help="Address to listen on; by default that of STRIDE_SERVE__HOST: only this machine.", show_default=False
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        min=0, max=65535, help="Port, by default that of STRIDE_SERVE__PORT; 0: any that is free.", show_default=False
    ),
]


def serve(graph: Graph = None, host: Host = None, port: Port = None, json: Json = False) -> None:
    """Answer over HTTP what status, top and inject do, until SIGTERM or Ctrl-C.

    `run --serve` does so beside a worker, and adds its events, metrics and control.
    """
    from worker.server.app import Served, application  # noqa: PLC0415  (it takes a second to load, and only this needs it)
    from worker.server.desk import GraphDesk  # noqa: PLC0415
    from worker.server.thread import Listener  # noqa: PLC0415

    configure_log(as_json=json)
    settings = settings_of(graph, serve=listening(host, port))
    over = threading.Event()
    with open_graph(settings) as there:
        served = {settings.graph: Served(GraphDesk(there.graph, settings))}
        app = application(served, settings.serve)
        with signals(over.set), Listener(app, settings.serve, ended=over.set) as listener:
            over.wait()
            ended = listener.over.is_set()
    if ended:
        raise StrideError("the server has ended by itself", "see the line `serve.ended` above")


def listening(host: str | None, port: int | None) -> dict[str, Any]:
    """Return where to listen, as settings take it."""
    return {name: value for name, value in (("host", host), ("port", port)) if value is not None}
