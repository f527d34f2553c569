"""A worker over a graph in memory, served over HTTP on the loopback interface: what the tests of the server stand on."""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import contextmanager
from urllib.parse import quote

from websockets.sync.client import connect

from worker.errors import InputError
from worker.events import Sinks
from worker.graph.memory import MemoryGraph
from worker.health import Health
from worker.loop import Worker
from worker.recall import Recaller, Seed
from worker.recalls import Hit, Recall
from worker.server.serving import Serving
from worker.settings import Settings

SOON = 120.0  # s


def graph_of(count=200, links=6, **more):
    """A graph in which energy moves."""
    graph = MemoryGraph("g", **more)
    keys = [graph.add_node(id=f"n{i:03}", energy=1.0 + i % 3, type=("Memory", "Task")[i % 2]) for i in range(count)]
    for i, key in enumerate(keys):
        for k in range(links):
            graph.add_link(key, keys[(i + 7 * k + 1) % count], "R", log_weight=0.1 * (k - i % 5))
    return graph


class Desk:
    """A desk over a graph in memory; `error` is raised in answer to every question."""

    def __init__(self, graph):
        self.graph = graph
        self.error = None
        self.gate = None  # an event that each question waits for

    def _asked(self):
        if self.gate:
            self.gate.wait(SOON)
        if self.error:
            raise self.error

    def ping(self):
        self._asked()

    def status(self):
        self._asked()
        ledger = self.graph.ledger()
        nodes = len(self.graph.node)
        return {
            "graph": "g", "tick": ledger.tick if ledger else 0, "phase": "idle", "nodes": nodes, "quarantined": 0,
            "links": len(self.graph.link), "energy_total": 1.0, "active": 1, "decay_clock": 0.0, "books": {"opening": 1.0},
            "conservation_error": 0.0, "stimuli": {"pending": len(self.graph.queue)}, "fence": 1, "digest": "",
        }  # fmt: skip

    def _rows(self):
        return [
            {"id": n["id"], "type": n.get("type"), "label": None, "energy": n.get("energy", 0.0), "threshold": 1.0}
            for n in list(self.graph.node.values())
        ]

    def top(self, limit):
        self._asked()
        return sorted(self._rows(), key=lambda row: -row["energy"])[:limit]

    def node(self, own):
        self._asked()
        found = next((row for row in self._rows() if row["id"] == own), None)
        ends = {key: n["id"] for key, n in self.graph.node.items()}
        links = [
            {"target": ends[link.target], "label": None, "type": link.type, "log_weight": 0.0, "z": 0.0}
            for link in list(self.graph.link.values())
            if ends[link.source] == own
        ]
        return found and {**found, "active": found["energy"] >= 1.0, "visits": 0, "links": links}

    def neighbourhood(self, limit):
        nodes = [row for row in self.top(limit) if row["energy"] > 0]
        known = {row["id"] for row in nodes}
        own = {key: n["id"] for key, n in self.graph.node.items()}
        links = [
            {"source": own[link.source], "target": own[link.target], "type": link.type, "log_weight": 0.0, "z": 0.0}
            for link in list(self.graph.link.values())
        ]
        return {"nodes": nodes, "links": [link for link in links if {link["source"], link["target"]} <= known]}

    def search(self, text, limit):
        self._asked()
        found = [row for row in self._rows() if row["id"].startswith(text)]
        return [{name: row[name] for name in ("id", "type", "label")} for row in found[:limit]]

    def inject(self, amount, stimulus, source):
        self._asked()
        amount.check(1e9)
        missing = set(amount.nodes) - {row["id"] for row in self._rows()}
        if missing:
            raise InputError(f"there is no node {min(missing)!r} in the graph 'g'", "see `stridegraph top`")
        if stimulus in self.graph.applied:
            return "applied"
        if any(found["id"] == stimulus for found in self.graph.queue.values()):
            return "waiting"
        properties = amount.properties()
        self.graph.add_stimulus(id=stimulus, source=source, created_at=time.monotonic(), **properties)
        return "queued"

    def recall(self, seeds, how):
        self._asked()
        keys = self.graph.keys(seeds.keys())
        if missing := sorted(seeds.keys() - keys.keys()):
            raise InputError(f"there is no node {missing[0]!r} in the graph 'g'", "see `stridegraph top`")
        chosen = [Seed(own, keys[own], 20.0 * weight) for own, weight in seeds.items()]
        found = Recaller(self.graph, Settings(graph="g")).recall(chosen, how["k"], types=how["types"])
        return Recall([Hit(row.id, row.type, None, *row[2:], {}) for row in found.results], *found[1:]).plain()

    def pending(self):
        self._asked()
        return len(self.graph.queue)


class There:
    """A server, and the worker beside it."""

    def __init__(self, serving, desk, graph, settings, health):
        self.serving, self.desk, self.graph, self.settings, self.health = serving, desk, graph, settings, health
        self.host = serving.listener.url.removeprefix("http://")
        self.hub = serving.graphs["g"].hub
        self.worker = None

    def ask(self, method, path, body=None, **headers):
        """Return status, headers and body of an answer."""
        sent = http.client.HTTPConnection(self.host, timeout=SOON)
        try:
            sent.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = sent.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            sent.close()

    def get(self, path, **headers):
        status, _, body = self.ask("GET", path, **headers)
        return status, json.loads(body)

    def post(self, path, value, **headers):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        status, _, body = self.ask("POST", path, body, **{"Content_Type": "application/json", **headers})
        return status, json.loads(body)

    @contextmanager
    def follow(self, query="", **more):
        """Follow the events; what is given reads them one by one."""
        with connect(
            f"ws://{self.host}/events{query}", open_timeout=SOON, close_timeout=1.0, compression=None, **more
        ) as socket:
            yield Reader(socket)

    @contextmanager
    def working(self, ticks=None, **settings):
        """Let a worker tick the graph."""
        sinks = Sinks()
        worker = self.worker = Worker(
            self.graph, self.settings, sinks, prepare=lambda: None, health=self.health, ticks=ticks, **settings
        )
        with self.serving.watching(worker, sinks):
            thread = threading.Thread(target=worker.run)
            thread.start()
            try:
                yield worker
            finally:
                worker.stop()
                thread.join(SOON)
                assert not thread.is_alive()


class Reader:
    """Events as they come, one by one."""

    def __init__(self, socket):
        self.socket, self._held = socket, []

    def __next__(self):
        while not self._held:
            self._held = [json.loads(line) for line in self.socket.recv(SOON).splitlines()]
        return self._held.pop(0)

    def __iter__(self):
        return self

    def until(self, kind, count=1):
        """Return all events up to the so many-th of this kind."""
        found = []
        while count:
            found.append(next(self))
            count -= found[-1]["kind"] == kind
        return found


@contextmanager
def serving(graph=None, pace=0.02, **serve):
    """Serve a graph in memory, on a port that is free."""
    graph = graph or graph_of()
    settings = Settings(graph="g", pace={"fixed": pace}, serve={"port": 0, "rate": 10_000, **serve})
    health = Health.of(["g"], settings.health)
    desk = Desk(graph)
    made = Serving({"g": desk}, settings.serve, health)
    with made.listener:
        yield There(made, desk, graph, settings, health)


def path_of(own):
    """The path of a node."""
    return f"/api/node/{quote(own, safe='')}"


def wait_for(condition):
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < SOON
        time.sleep(0.005)
