"""Others write to the nodes and links that a worker ticks: none of their updates is lost, each is booked (RELIABILITY)."""

import math
import random
import threading
import time

import neo4j
import pytest

from tests.fault.processes import Process, run
from tests.stores import Neo4jStore, fill
from worker.graph import desk
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Settings

pytestmark = pytest.mark.neo4j
SECONDS = 10.0
HALF_LIFE = 9.0
SETTINGS = {
    "STRIDE_DECAY__HALF_LIFE": f'{{"*": {HALF_LIFE}}}',
    "STRIDE_DECAY__SETTLE": "1",
    "STRIDE_DECAY__FLOOR": "0",
    "STRIDE_RESIDENT__REFRESH": "3",
}
GIVE = """
MATCH (n:Node {graph: $graph, id: $id})
SET n.lock = 0
SET n.energy = coalesce(n.energy, 0.0) + $energy
REMOVE n.lock
RETURN coalesce(n.energy_at, 0.0) AS at
"""
DELETE = """
MATCH (n:Node {graph: $graph, id: $id})
SET n.lock = 0
WITH n, coalesce(n.energy, 0.0) AS energy, coalesce(n.energy_at, 0.0) AS at
DETACH DELETE n
RETURN energy, at
"""
ADD = "CREATE (n:Node {graph: $graph, id: $id, type: 'Memory', energy: 0.0})"
JOIN = "MATCH (a:Node {graph: $graph, id: $a}), (b:Node {graph: $graph, id: $b}) CREATE (a)-[:R {log_weight: $w}]->(b)"
PART = "MATCH (a:Node {graph: $graph, id: $id})-[r]->() WITH r LIMIT 1 DELETE r"


class Writer(threading.Thread):
    """Writes to a graph for a while, and keeps its own account of what it has given, as of the decay clock's 0."""

    def __init__(self, store, number, seed, until):
        super().__init__(daemon=True)
        self.graph, self.number, self.rng, self.until = store.graph.name, number, random.Random(seed), until
        self.settings = store.graph.connection.settings
        self.given, self.done, self.added, self.error = [], 0, [], None

    def run(self):
        auth = (self.settings.user, self.settings.password.get_secret_value())
        try:
            with neo4j.GraphDatabase.driver(self.settings.uri, auth=auth) as driver, driver.session() as session:
                while time.monotonic() < self.until:
                    self.given += session.execute_write(self._write)
                    self.done += 1
        except Exception as error:  # noqa: BLE001  (the test looks at it)
            self.error = error

    def _write(self, transaction):
        """Do one thing; whatever the driver runs again is counted once, when it stands."""
        rng, what = self.rng, self.rng.random()
        if what < 0.7:
            return self._give(transaction, sorted(self._any() for _ in range(rng.randint(1, 3))))
        if what < 0.8:
            found = transaction.run(JOIN, graph=self.graph, a=self._any(), b=self._any(), w=rng.gauss(0, 1))
        elif what < 0.9:
            found = transaction.run(PART, graph=self.graph, id=self._any())
        elif what < 0.95 or not self.added:
            name = f"w{self.number}-{len(self.added)}"
            self.added.append(name)
            found = transaction.run(ADD, graph=self.graph, id=name)
        else:
            (*found,) = transaction.run(DELETE, graph=self.graph, id=rng.choice(self.added))
            return [-row["energy"] * 2.0 ** (row["at"] / HALF_LIFE) for row in found]
        found.consume()
        return []

    def _give(self, transaction, names):
        given = []
        for name in names:
            energy = self.rng.uniform(0.0, 0.5)
            for row in transaction.run(GIVE, graph=self.graph, id=name, energy=energy):
                given.append(energy * 2.0 ** (row["at"] / HALF_LIFE))
        return given

    def _any(self):
        return (
            self.rng.choice(self.added) if self.added and self.rng.random() < 0.2 else f"n{self.rng.randrange(40):03}"
        )


def at_first(store):
    """Return Σ energy as it would have been at the decay clock's 0; and that of the stimuli which were applied."""
    return math.fsum(
        node.get("energy", 0.0) * 2.0 ** (node.get("energy_at", 0.0) / HALF_LIFE) for node in store.nodes()
    )


@pytest.mark.rounds(3)
def test_writers_beside_a_worker(connection, seed):
    store = Neo4jStore(Neo4jGraph(connection, "shared"))
    fill(store)
    connection.statement("MATCH (s:Stimulus) DELETE s")
    before = at_first(store)
    with Process(store, **SETTINGS) as process:
        process.await_line('"frame.end.v1"')
        until = time.monotonic() + SECONDS
        writers = [Writer(store, number, f"{seed} {number}", until) for number in range((2, 4, 8)[seed % 3])]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(SECONDS + 60)
            assert not writer.error, writer.error
        seen = len(process.lines)
        process.await_line('"frame.end.v1"', after=seen)
        process.stop()
    assert min(writer.done for writer in writers) > 10
    run(store, ticks=2, **SETTINGS)
    given = math.fsum(value for writer in writers for value in writer.given)
    assert at_first(store) == pytest.approx(before + given, rel=1e-9)
    settings = Settings(graph="shared", decay={"half_life": {"*": HALF_LIFE}, "floor": 0.0})
    status = desk.status(store.graph, settings)
    assert abs(status["conservation_error"]) <= 1e-9 * max(1.0, status["energy_total"])
