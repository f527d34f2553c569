"""What a worker leaves in the database does not grow for ever: the queue's past, the notes of visits, the ledger."""

import json
import time

import pytest

from tests.stores import Neo4jStore, fill
from worker.events import Sinks
from worker.graph.attach import attach
from worker.graph.held import finish
from worker.graph.neo4j import Neo4jGraph
from worker.loop import Worker
from worker.settings import Settings
from worker.tick import tick

pytestmark = pytest.mark.neo4j
LONG = 90.0  # s after which what shall come has not come
OLD, YOUNG = 10_000, 10


@pytest.fixture
def there(connection):
    return Neo4jStore(Neo4jGraph(connection, "default"))


def past(there, label, prefix, count, age):
    text = f"""
        UNWIND range(1, $count) AS i
        CREATE (s:{label} {{graph: $graph, id: $prefix + i, tick: 1, taken_at: datetime.realtime() - duration({{seconds: $age}})}})
    """
    there._one(text, prefix=prefix, count=count, age=age)


def left(there):
    text = "MATCH (s:AppliedStimulus|RejectedStimulus) WHERE s.graph = $graph RETURN count(s) AS n"
    return there._one(text)[0]["n"]


class Until:
    """A sink that stops its worker as soon as a condition holds, looked at after each tick."""

    def __init__(self, condition):
        self.condition, self.worker, self.start = condition, None, time.monotonic()

    def frame(self, _):
        assert time.monotonic() - self.start < LONG
        if self.condition():
            self.worker.stop()

    def state(self, *_):
        pass

    def close(self):
        pass


def test_a_worker_drops_what_is_old_and_keeps_what_is_young(there):
    there.node(id="a", type="Task")
    past(there, "AppliedStimulus", "old", OLD, 7200.0)
    past(there, "RejectedStimulus", "bad", 2500, 7200.0)
    past(there, "AppliedStimulus", "young", YOUNG, 1800.0)
    caused = "MATCH (s:AppliedStimulus {id: 'old1'}), (n:Node) CREATE (s)-[:CAUSED]->(n)"
    there._one(caused)  # by whoever keeps track of what came of it
    for own in ("young1", "old1"):
        there.stimulus(id=own, node="a", delta=1.0)
    sink = Until(lambda: left(there) <= YOUNG + 2)
    settings = Settings(stimulus={"keep": 3600.0}, pace={"fixed": 0.05})
    worker = sink.worker = Worker(there.graph, settings, sink, prepare=lambda: None)
    worker.run()
    rows = "MATCH (s:AppliedStimulus) WHERE s.graph = $graph RETURN s.id AS id"
    assert {row["id"] for row in there._one(rows)} == {f"young{i + 1}" for i in range(YOUNG)}
    (rejected,) = there._one("MATCH (s:RejectedStimulus) RETURN s.id AS id, s.why AS why, count(*) AS n")[-1:]
    assert rejected["why"] == "a stimulus of this id was applied before"
    there.stimulus(id="old1", node="a", delta=1.0)  # its id is not known any more
    assert tick(attach(there.graph, settings, "me"), 0.1).energy_in == 1.0


def test_another_graph_keeps_its_own(there):
    other = Neo4jStore(Neo4jGraph(there.graph.connection, "other"))
    for each in (there, other):
        past(each, "AppliedStimulus", "old", 3, 100.0)
    assert there.graph.compact(50.0, 1000) == (3, False)
    assert (left(there), left(other)) == (0, 3)


def test_at_rest_the_queue_is_compacted_between_two_ticks(there):
    """The next tick is a minute off: batches come with the looks at the queue."""
    past(there, "AppliedStimulus", "old", 3000, 7200.0)
    worker = Worker(there.graph, Settings(stimulus={"keep": 3600.0}), Sinks(), prepare=lambda: None)
    pause, start = worker._pause, time.monotonic()

    def look(seconds):
        pause(seconds)
        if not left(there):
            worker.stop()
        assert time.monotonic() - start < 50.0

    worker._pause = look
    worker.run()
    assert worker.done == 1
    assert left(there) == 0


def test_notes_of_visits_and_the_ledger_stay_small_over_a_thousand_ticks(there):
    fill(there)
    held = attach(there.graph, Settings(decay={"settle": 60.0, "half_life": {"*": 1e9}}), "me")
    most, sizes = 0, []
    for done in range(1, 1001):
        frame = tick(held, 1.0)
        assert frame.strides
        if done % 50 == 0:
            finish(held)
            most = max(most, there._one("MATCH (v:Visits {graph: $graph}) RETURN count(v) AS n")[0]["n"])
            ledger = there._one("MATCH (l:Ledger {graph: $graph}) RETURN l {.*} AS ledger")[0]["ledger"]
            sizes.append({name: len(json.dumps(value)) for name, value in ledger.items()})
    assert 10 < most <= 61
    assert sizes[0].keys() == sizes[-1].keys()
    grown = {name: (size, sizes[-1][name]) for name, size in sizes[0].items() if sizes[-1][name] > size + 40}
    assert not grown
