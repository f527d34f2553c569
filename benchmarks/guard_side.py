"""One side of `benchmarks.guard`: does a piece of work when a line asks for it, and tells how many ms it took.

It stands alone and uses little, so that it runs with the `worker` of many a commit: only that is taken from the tree compared.
"""

from __future__ import annotations

import json
import sys
import time
import uuid

import numpy as np
import pandas as pd

import worker
from worker.graph import bulk
from worker.graph.attach import attach, detach
from worker.graph.connection import Connection
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Neo4jSettings, Settings
from worker.tick import tick

DT, TURN = 0.1, 3  # seconds of a tick; ticks a turn
NODES, LINKS = 2_000, 10_000


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    with Connection(Neo4jSettings(**asked["neo4j"])) as connection:
        works = Works(connection, asked["side"])
        _answer({"worker": worker.__file__})
        for line in sys.stdin:
            _answer({"ms": works.turn(json.loads(line)["work"])})
        for each in works.held.values():
            detach(each)


class Works:
    """What can be asked for, and the graphs that are held for it."""

    def __init__(self, connection, side) -> None:
        self.connection, self.side, self.held = connection, side, {}
        rng = np.random.default_rng(7)
        ids = np.array([f"{i:05}" for i in range(NODES)])
        pairs = rng.choice(NODES * NODES, LINKS, replace=False)
        self.nodes = pd.DataFrame({"id": ids, "type": "Concept"})
        self.links = pd.DataFrame(
            {
                "source": ids[pairs // NODES],
                "target": ids[pairs % NODES],
                "type": "LINK",
                "log_weight": rng.normal(size=LINKS),
            }
        )

    def turn(self, work):
        """Return the ms of a turn of this work."""
        name, _, active = work.partition("-")
        return getattr(self, "import_" if name == "import" else name)(*([int(active)] if active else []))

    def tick(self, active):
        """Do ticks with so many active nodes; return the ms of one."""
        held = self._holding(active)
        start = time.perf_counter()
        for _ in range(TURN):
            tick(held, DT)
        return (time.perf_counter() - start) * 1e3 / TURN

    def kernel(self):
        """Return the ms of selection and transfer in a tick with 1 000 active nodes."""
        frame = tick(self._holding(1_000), DT)
        return frame.timings_ms["select"] + frame.timings_ms["stage"]

    def import_(self):
        """Write 2 000 nodes and 10 000 links to a new graph."""
        graph = f"guard-{uuid.uuid4().hex}"
        start = time.perf_counter()
        bulk.write(self.connection, graph, self.nodes, self.links)
        return (time.perf_counter() - start) * 1e3

    def attach(self):
        """Give a graph back, take it again, and do a tick, which reads its frontier."""
        detach(self._holding(1_000))
        del self.held[1_000]
        start = time.perf_counter()
        tick(self._holding(1_000), DT)
        return (time.perf_counter() - start) * 1e3

    def _holding(self, active):
        if active not in self.held:
            settings = Settings(
                graph=f"guard-{self.side}-{active}", fanout={"capacity": 100 * active}, learning={"rate": 0.1}
            )
            self.held[active] = attach(Neo4jGraph(self.connection, settings.graph), settings, "guard")
        return self.held[active]


def _answer(what):
    print(json.dumps(what), flush=True)


main()
