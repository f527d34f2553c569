"""How many frames a second the page draws, with 5 000 nodes of a real graph in sight, in Chromium without a graphics card.

Once the forces have settled, frames are counted while a paused worker leaves the last strides to flow (still), while it ticks once
a second, strides flow and flips flash (ticking), and while the view moves as well, so that nodes and links are drawn anew over and
over (moving). Beside it: how often in a second a picture of all nodes and links was done; the processor's time that the browser takes
for a frame, which other work on the machine changes less than the rate; what the page weighs, and how long it takes to its first drawing.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import threading
import time
from contextlib import suppress

import psutil

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
  const { map, store } = window.page, begun = performance.now(), times = [], { drawn } = map, { made } = map.painter;
  let last = begun;
  map.until = Infinity;
  map.play(store, { strides: [], flips: [], stimuli: [] });
  while (last < begun + 1000 * seconds) {
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
    if (!moves) continue;
    map.view.pan(4 * Math.cos(now / 500), 3 * Math.sin(now / 600));
    map.view.closer(1 + 0.004 * Math.sin(now / 700), undefined, false);
  }
  const share = (map.drawn - drawn) / times.length, pictures = (1000 * (map.painter.made - made)) / (last - begun);
  map.until = 0;
  map.view.all();
  times.sort((one, other) => one - other);
  return { fps: (1000 * share * times.length) / (last - begun), p95_ms: times[Math.floor(0.95 * times.length)], frames: times.length, pictures };
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


def _cpu():
    """Return the processor's time that Chromium has taken so far, in ms."""
    times = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times += process.cpu_times()[:2] if "chrom" in process.name() else []
    return 1000 * sum(times)


def _count(page, *, moves):
    """Return the rate of frames drawn, the time that 19 of 20 stay under, pictures done a second, and the processor's time for a frame."""
    before = _cpu()
    found = page.evaluate(COUNT, [SECONDS, moves])
    frames = found.pop("frames")
    return {**found, "cpu_ms": (_cpu() - before) / frames}


def measure(connection):
    """Return frames a second over 30, while a worker ticks and as minimum while the view moves too; and all that was counted."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (only this row needs it)

    settings = Settings(graph="bench-page", pace={"fixed": 1.0}, serve={"port": 0, "rate": 10_000})
    graph = Neo4jGraph(connection, settings.graph)
    health = Health.of([settings.graph], settings.health)
    serving = Serving({settings.graph: GraphDesk(graph, settings)}, settings.serve, health)
    sinks = Sinks()
    worker = Worker(graph, settings, sinks, prepare=lambda: None, health=health)
    path = os.environ.get("TEST_CHROMIUM") or shutil.which("chromium")
    if path is None:
        sys.exit("page: there is no Chromium here: apt-get install chromium, or name one by TEST_CHROMIUM")
    build(connection, "bench-page")
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
            page.wait_for_function("() => window.page?.map.drawn > 0 && window.page.map.ids.length", timeout=60_000)
            first = time.perf_counter() - begun
            page.locator("#limit").select_option(str(NODES))
            page.wait_for_function(f"() => window.page.map.ids.length >= {NODES}", timeout=60_000)
            page.wait_for_function(
                "() => performance.now() > window.page.map.rests + 2000", timeout=240_000
            )  # the forces settle
            found = {"ticking": _count(page, moves=False), "moving": _count(page, moves=True)}
            page.locator("#pause").click()
            page.wait_for_timeout(2_000)
            found["still"] = _count(page, moves=False)
            seen = page.evaluate(
                "() => [window.page.map.ids.length, window.page.map.painter.data.links.count, window.page.store.frame]"
            )
        finally:
            worker.stop()
            thread.join()
    files = page_module.files().values()
    return {
        "ratio": found["ticking"]["fps"] / 30.0,
        "ratio_minimum": found["moving"]["fps"] / 30.0,
        **{f"{name}_{what}": value for name, row in found.items() for what, value in row.items()},
        "nodes": seen[0],
        "links": seen[1],
        "ticks": seen[2],
        "first_drawing_s": first,
        "weight_kB": sum(len(file.body) for file in files if "text/plain" not in file.kind) / 1e3,
        "sent_kB": sum(len(file.packed) for file in files if "text/plain" not in file.kind) / 1e3,
    }
