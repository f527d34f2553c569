"""What those who follow the events cost a tick: none, one, fifty, and one that is dead, against no server at all.

Ticks come without a pause, as no worker does them, in turns of a few for each; followers are another process, which reads and
throws away. All ask for every kind. `sink_µs` is what the tick's own thread does for them: the rest is the processor that
they share with it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.common import WARM_UP, against, steady_settings, timed
from benchmarks.world import DT, build
from worker.events import Sinks
from worker.events.metrics import Figures
from worker.graph.attach import attach
from worker.graph.neo4j import Neo4jGraph
from worker.health import Health
from worker.server import hub as hub_module
from worker.server.desk import GraphDesk
from worker.server.serving import Serving
from worker.tick import tick

ACTIVE = 1_000
COUNT = {"none": 0, "0": 0, "1": 1, "8": 8, "50": 50, "dead": 1}  # who follow, by what is asked of the other process
FOLLOWED = ("0", "1", "8", "50")
TURN = 10  # ticks of one kind before those of the next
FOLLOWERS = """
import asyncio, socket, sys
from websockets.asyncio.client import connect

async def follow(host):
    async with connect(f"ws://{host}/events", max_size=None, compression=None) as events:
        async for _ in events:
            pass

def dead(host):
    name, port = host.split(":")
    one = socket.create_connection((name, int(port)))
    one.sendall(f"GET /events HTTP/1.1\\r\\nHost: {host}\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Key: "
                f"{'A' * 22}==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n".encode())
    return one

async def main():
    host, tasks, sockets = sys.argv[1], [], []
    while line := await asyncio.to_thread(sys.stdin.readline):
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in sockets:
            one.close()
        tasks = [asyncio.create_task(follow(host)) for _ in range(int(line) if line.strip() != "dead" else 0)]
        sockets = [dead(host)] if line.strip() == "dead" else []

asyncio.run(main())
"""


def measure(connection, rounds):
    """Return medians and minima of a tick, ms, by who follows; and of what the sinks take of it, µs."""
    hub_module.LINGER = 0.0
    build(connection, "bench-subscribers", ACTIVE, 10 * ACTIVE)
    settings = steady_settings("bench-subscribers", ACTIVE, serve={"port": 0})
    graph = Neo4jGraph(connection, settings.graph)
    held = attach(graph, settings, "bench")
    for _ in range(WARM_UP):
        tick(held, DT)
    serving = Serving(
        {settings.graph: GraphDesk(graph, settings)}, settings.serve, Health.of([settings.graph], settings.health)
    )
    hub = serving.graphs[settings.graph].hub
    served = Sinks(serving.metrics.of(settings.graph), hub.sink)
    took = {name: [] for name in COUNT}
    spent = {name: [] for name in took}
    with serving.listener:
        host = serving.listener.url.removeprefix("http://")
        command = [sys.executable, "-c", FOLLOWERS, host]
        with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as followers:
            for _ in range(max(1, 3 * rounds // TURN)):
                for name, times in took.items():
                    followers.stdin.write(f"{0 if name == 'none' else name}\n")
                    followers.stdin.flush()
                    _await(hub, COUNT[name])
                    for _ in range(TURN):
                        start = time.perf_counter()
                        frame = tick(held, DT)
                        done = time.perf_counter()
                        if name != "none":
                            served.frame(frame)
                        end = time.perf_counter()
                        times.append((end - start) * 1e3)
                        spent[name].append((end - done) * 1e6)
            followers.stdin.close()
    figures = Figures()
    metrics, _ = timed(lambda: [figures.frame(frame) for _ in range(1000)])
    median = {name: statistics.median(times) for name, times in took.items()}
    return {
        **against(took["1"], took["none"]),
        "followers": [COUNT[name] for name in FOLLOWED],
        "tick_ms": [median[name] for name in FOLLOWED],
        **{f"tick_{name}_ms": value for name, value in median.items()},
        **{f"ratio_{name}": median[name] / median["none"] for name in ("0", "8", "50", "dead")},
        **{f"sink_{name}_µs": statistics.median(times) for name, times in spent.items() if name != "none"},
        "metrics_µs": metrics,
        "events_lost": float(hub.sink.dropped),
    }


def _await(hub, count):
    """Wait until so many follow, and all is settled."""
    while len(hub.followers) != count:
        time.sleep(0.01)
    time.sleep(0.3)
