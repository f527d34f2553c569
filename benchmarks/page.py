"""How many frames a second the page draws, with 5 000 nodes of a real graph in sight, in Chromium without a graphics card.

A worker ticks all the while, strides flow and flips flash; once the forces have settled, frames are counted while nothing but
those moves, and while the view moves too, so that all nodes and links are drawn anew in every frame. Beside it: what the page
weighs, and how long it takes to its first drawing.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
import time

from benchmarks.tick_cost import LINKS
from benchmarks.tick_cost import NODES as CREATE
from worker.events import Sinks
from worker.graph.neo4j import Neo4jGraph
from worker.health import Health
from worker.loop import Worker
from worker.server import page as page_module
from worker.server.desk import GraphDesk
from worker.server.serving import Serving
from worker.settings import Settings

NODES = 5_000
FLAGS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
SECONDS = 8
COUNT = """
async ([seconds, moves]) => {
  const { map } = window.page, camera = map.sigma.getCamera(), begun = performance.now(), times = [];
  let last = begun;
  while (last < begun + 1000 * seconds) {
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
    if (moves) camera.setState({ ratio: 0.9 + 0.1 * Math.sin(now / 700), x: 0.5 + 0.03 * Math.cos(now / 500) });
  }
  camera.setState({ ratio: 1, x: 0.5, y: 0.5 });
  times.sort((one, other) => one - other);
  return { rate: (1000 * times.length) / (last - begun), slow: times[Math.floor(0.95 * times.length)] };
}
"""


def build(connection, graph):
    """Create nodes that are linked to some of those near by, a third of them over their threshold."""
    rng = random.Random(7)
    rows = [[f"{i:05}", rng.uniform(1.0, 8.0) if rng.random() < 0.33 else 0.4, 1.0] for i in range(NODES)]
    links = []
    for i in range(NODES):
        others = {(i + round(rng.gauss(0, 25))) % NODES for _ in range(3)} - {i}
        links += [[f"{i:05}", f"{other:05}", rng.gauss(0, 1), len(links)] for other in sorted(others)]
    connection.statement(CREATE, graph=graph, rows=rows)
    connection.statement(LINKS, graph=graph, rows=links)


def measure(connection):
    """Return frames a second over 30, still and while the view moves, and the time that 19 of 20 frames stay under."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (only this row needs it)

    build(connection, "bench-page")
    settings = Settings(graph="bench-page", pace={"fixed": 1.0}, serve={"port": 0, "rate": 10_000})
    graph = Neo4jGraph(connection, settings.graph)
    health = Health.of([settings.graph], settings.health)
    serving = Serving({settings.graph: GraphDesk(graph, settings)}, settings.serve, health)
    sinks = Sinks()
    worker = Worker(graph, settings, sinks, prepare=lambda: None, health=health)
    path = os.environ.get("TEST_CHROMIUM") or shutil.which("chromium")
    with (
        serving.listener,
        serving.watching(worker, sinks),
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=FLAGS) as browser,
    ):
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            begun = time.perf_counter()
            page.goto(serving.listener.url)
            page.wait_for_function(
                "() => window.page?.map.drawn > 0 && window.page.map.graph.order > 0", timeout=60_000
            )
            first = time.perf_counter() - begun
            page.locator("#limit").select_option(str(NODES))
            page.wait_for_function(f"() => window.page.map.graph.order >= {NODES}", timeout=60_000)
            page.wait_for_timeout(40_000)  # the forces settle
            still, moving = page.evaluate(COUNT, [SECONDS, False]), page.evaluate(COUNT, [SECONDS, True])
            seen = page.evaluate(
                "() => [window.page.map.graph.order, window.page.map.graph.size, window.page.store.frame]"
            )
        finally:
            worker.stop()
            thread.join()
    files = page_module.files().values()
    return {
        "ratio": still["rate"] / 30.0,
        "ratio_minimum": moving["rate"] / 30.0,
        "still_fps": still["rate"],
        "moving_fps": moving["rate"],
        "still_p95_ms": still["slow"],
        "moving_p95_ms": moving["slow"],
        "nodes": seen[0],
        "links": seen[1],
        "ticks": seen[2],
        "first_drawing_s": first,
        "weight_kB": sum(len(file.body) for file in files if "text/plain" not in file.kind) / 1e3,
        "sent_kB": sum(len(file.packed) for file in files if "text/plain" not in file.kind) / 1e3,
    }
