"""Quarantine (RELIABILITY): a node leaves it once it is mended, and where there is much of it the worker pauses."""

from __future__ import annotations

import math
import re
import threading
from pathlib import Path

import pytest

from tests.fault.bad_inputs import ROWS, Spoiler, healthy
from tests.stores import MemoryStore, Neo4jStore
from worker.graph import desk
from worker.graph.attach import attach, detach
from worker.graph.memory import MemoryGraph
from worker.loop import FEW, QUARANTINED, Worker
from worker.settings import Settings
from worker.tick import tick

pytestmark = pytest.mark.neo4j
PAGE = Path(__file__).parents[2] / "docs/how-to/mend-bad-data.md"
LONG = 90.0  # seconds after which a test that waits has failed


class Told:
    """A sink that does something after a tick or a state, and keeps both."""

    def __init__(self, on_frame=lambda frame: None, on_state=lambda state: None):
        self.frames, self.states, self.details = [], [], []
        self.on_frame, self.on_state = on_frame, on_state

    def frame(self, frame):
        self.frames.append((frame.quarantined, {frame.resident.ids[i] for i in frame.moment.strides.source}))
        self.on_frame(frame)

    def state(self, state, detail):
        self.states.append(state)
        self.details.append(detail)
        self.on_state(state)


def worker(store, told, ticks=None, **changes):
    how = {"pace": {"fixed": 0.1}, "lease": {"ttl": 1.0}, **changes}
    return Worker(store.graph, Settings.read(**how), told, prepare=lambda: None, ticks=ticks)


def run(one):
    """Run a worker to its end, or for LONG at most."""
    limit = threading.Timer(LONG, one.stop)
    limit.start()
    one.run()
    assert limit.is_alive()
    limit.cancel()


def books(store):
    return store.graph.ledger().books


def spoilt(store, count):
    """Fill a store, and add so many nodes that are quarantined; return their keys."""
    keys = healthy(store)
    bad = store.add_nodes([{"id": f"bad{i:03}", "type": "Memory", "energy": math.nan} for i in range(count)])
    store.add_links([(key, keys[1], "R", {"log_weight": 1.0}) for key in bad])
    return bad


@pytest.mark.parametrize("how", ["bumped", "refreshed"])
def test_a_node_leaves_once_it_is_mended(store, how):
    (bad,) = spoilt(store, 1)
    found = {}

    def mend(frame):
        if frame.frame == 2:
            found["before"] = books(store)
            store.set_node(bad, energy=3.0, energy_at=store.graph.ledger().decay_clock)
            if how == "bumped":
                store.bump()
        if "before" in found and not frame.quarantined:
            found.setdefault("left", frame.frame)
            one.stop()

    told = Told(on_frame=mend)
    one = worker(store, told, resident={"refresh": 300.0 if how == "bumped" else 0.4})
    run(one)
    assert [count for count, _ in told.frames[:2]] == [1, 1]
    assert told.frames[-1][0] == 0
    assert "bad000" in told.frames[-1][1]
    if how == "bumped":
        assert found["left"] <= 4  # the tick after the bump finds it, where the wait did not
    external = books(store).external[0] - found["before"].external[0]
    assert external == pytest.approx(3.0, rel=1e-4)
    assert abs(books(store).error) < 1e-9


def test_a_mended_node_is_found_by_whoever_attaches_next(store):
    (bad,) = spoilt(store, 1)
    settings = Settings.read()
    assert attach(store.graph, settings, "me").resident.quarantined == 1
    before = books(store)
    store.set_node(bad, energy=3.0)
    held = attach(store.graph, settings, "me")
    assert held.resident.quarantined == 0
    assert books(store).external[0] - before.external[0] == pytest.approx(3.0, rel=1e-12)
    assert "bad000" in {held.resident.ids[i] for i in held.resident.active}


@pytest.mark.parametrize("how", ["bumped", "refreshed"])
def test_much_of_it_pauses_until_it_is_mended(store, how):
    bad = spoilt(store, FEW + 1)
    before = store.read_node(bad[0])

    def mend():
        assert store.graph.take("another", 1.0) is None  # its lease had been over long ago, had it not been kept
        for key in bad:
            store.set_node(key, energy=2.0)
        if how == "bumped":
            store.bump()

    def paused(state):
        if state == "paused" and told.states.count("paused") == 1:
            threading.Timer(1.5, mend).start()

    told = Told(on_state=paused)
    run(worker(store, told, ticks=2, resident={"refresh": 300.0 if how == "bumped" else 1.0}))
    first = told.states.index("paused")
    assert told.states[:first] == ["starting", "attached"]
    assert "11 of " in told.details[first]
    assert "stridegraph check" in told.details[first]
    assert "running" in told.states[first:]
    assert [count for count, _ in told.frames] == [0, 0]
    assert before["id"] in told.frames[0][1]
    assert abs(books(store).error) < 1e-9


def test_a_worker_that_pauses_can_be_stopped_and_gives_the_lease_back():
    store = MemoryStore(MemoryGraph())
    spoilt(store, FEW + 1)
    told = Told(on_state=lambda state: state == "paused" and threading.Timer(0.2, one.stop).start())
    one = worker(store, told)
    run(one)
    assert told.frames == []
    assert told.states[-1] == "stopping"
    assert store.graph.holder is None


@pytest.mark.parametrize(
    ("bad", "more", "pauses"), [(FEW, 0, False), (FEW + 1, 0, True), (FEW + 1, 1200, False), (15, 1000, True)]
)
def test_how_much_is_much(bad, more, pauses):
    store = MemoryStore(MemoryGraph())
    spoilt(store, bad)
    for i in range(more):
        store.node(id=f"more{i}", type="Memory", energy=0.1)
    told = Told(on_state=lambda state: state == "paused" and one.stop())
    one = worker(store, told, ticks=1)
    run(one)
    assert ("paused" in told.states) == pauses == (not told.frames)


def test_what_a_tick_meets_counts():
    store = MemoryStore(MemoryGraph())
    keys = healthy(store)
    for i in range(FEW + 1):  # no energy: only whoever comes along a link finds that its reading is none
        store.link(keys[0], store.node(id=f"bad{i}", energy_at="then"), "R", log_weight=-1.0)
    told = Told(on_state=lambda state: state == "paused" and one.stop())
    one = worker(store, told, ticks=5)
    run(one)
    assert [count for count, _ in told.frames] == [FEW + 1]


def test_it_is_named_once_however_often_the_graph_is_read_anew():
    store = MemoryStore(MemoryGraph())
    bad = spoilt(store, FEW + 1)
    store.link(*bad[:2], "R", log_weight=math.nan)
    store.link(store.graph.keys({"n00"})["n00"], bad[0], "R", log_weight=math.nan)
    named = []

    def paused(state):
        if state == "paused":
            for key in bad[1:]:
                store.set_node(key, energy=0.0)

    told = Told(lambda frame: named.extend(frame.resident.rejected), paused)
    run(worker(store, told, ticks=8, resident={"refresh": 0.2}))
    assert told.states.count("attached") > 2
    assert sorted(row.what for row in named) == ["link", "node"]


def test_a_node_that_is_gone_is_not_quarantined(store):
    keys = healthy(store)
    held = attach(store.graph, Settings.read(), "me")
    store.delete_node(keys[0])
    held.resident.read_again(store.graph, held.resident.active)
    assert held.resident.quarantined == 0
    assert QUARANTINED * len(held.resident.ids) < 1


def test_the_page_on_it_mends_all_of_it(graph):
    """Every way to be quarantined, as the table has them, and the page's own Cypher."""
    mend, bump = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    store, settings = Neo4jStore(graph), Settings.read()
    keys = healthy(store)
    rows = [row for row in ROWS if row.outcome == "quarantined" and not row.name.startswith("stimulus")]
    for number, row in enumerate(rows):
        row.spoil(Spoiler(store, keys, f"bad{number}"))
    held = attach(graph, settings, "me")
    tick(held, 1.0)
    assert desk.status(graph, settings)["quarantined"] == desk.check(graph, settings).total == len(rows) > 20
    graph.connection.statement(mend)
    before = graph.ledger().revision
    graph.connection.statement(bump)
    assert graph.ledger().revision == before + 1
    assert desk.status(graph, settings)["quarantined"] == desk.check(graph, settings).total == 0
    detach(held)
    assert attach(graph, settings, "me").resident.quarantined == 0
