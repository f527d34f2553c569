"""Bad input (RELIABILITY): each row of the table alone, in memory and on Neo4j, and then pairs of rows."""

from __future__ import annotations

import functools
import itertools
import math
import random

import orjson
import pytest
from neo4j.exceptions import DatabaseError

from tests.fault.bad_inputs import ROWS, Spoiler, healthy
from tests.stores import MemoryStore, state
from worker.errors import GraphError, InputError
from worker.events.build import events
from worker.events.file import lines
from worker.events.models import KINDS
from worker.graph import desk
from worker.graph.attach import attach
from worker.graph.ledger import pack
from worker.graph.memory import MemoryGraph
from worker.settings import Settings
from worker.tick import tick

TICKS = 5
DT = 3.0
SMOKE = {"energy NaN", "energy text", "energy_at text", "log_weight NaN", "threshold text", "id a number", "id hostile"}
SETTINGS = {
    "valence": {"affect": (0.6, -0.3), "goal": (1.0, 0.0, 0.5)},
    "decay": {"settle": 7.0},
    "weight_decay": {"enabled": True, "every": 5.0},
    "consolidation": {"enabled": True},
}
by_name = {row.name: row for row in ROWS}
each = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def settings(**changes):
    return Settings.read(**{**SETTINGS, **changes})


class Run:
    """Several ticks over a healthy graph that rows have spoilt: what was told, and how it stood before and stands after."""

    def __init__(self, store, rows):
        self.store, self.rows, self.told, self.moved = store, rows, [], set()
        keys = healthy(store)
        self.spoilers = [Spoiler(store, keys, f"bad{ROWS.index(row):03}") for row in rows]
        for row, bad in zip(rows, self.spoilers, strict=True):
            row.spoil(bad)
        self.settings = settings()
        self.before = self.properties()
        self.held = attach(store.graph, self.settings, "me")
        for number in range(TICKS):
            if number == 2:
                store.stimulus(minute=60, id="s1", node="n07", delta=1.5, source="test")
            self.tick()
        self.after = self.properties()

    def tick(self):
        """Do as the worker's loop does."""
        frame = tick(self.held, DT)
        assert abs(frame.conservation_error) <= 1e-9 * max(1.0, frame.energy_total)
        for line in lines(events(frame, frame.resident.rejected)).splitlines():
            event = orjson.loads(line)
            KINDS[event["kind"]].model_validate(event)
            if event["kind"] == "stride.exec.v1":
                self.moved |= {event["src"], event["tgt"]}
        self.told += self.held.resident.rejected
        self.held.resident.rejected.clear()
        self.frame = frame

    def properties(self):
        return [found for found in self.store.nodes() if isinstance(found.get("id"), str)]

    def rest(self):
        """Return what the healthy part of the graph has become."""
        found = state(_Texts(self.store))
        nodes = [node for node in found["nodes"] if node[0].startswith("n")]
        links = [link for link in found["links"] if link[0].startswith("n") and link[2].startswith("n")]
        stats = [row for row in found["stats"] if row[0] in {"R", "S"}]
        return nodes, links, stats, found["ledger"]["digest"]


class _Texts:
    """A store without the rows that no order sorts: ids that are none, log-weights that are none."""

    def __init__(self, store):
        self.store, self.graph = store, store.graph

    def nodes(self):
        return [n for n in self.store.nodes() if str(n.get("id")).startswith("n") and "energy" in n]

    def links(self):
        return [
            link
            for link in self.store.links()
            if all(isinstance(end, str) and end.startswith("n") for end in (link[0], link[2]))
        ]


@functools.cache
def healthy_run():
    return Run(MemoryStore(MemoryGraph()), ()).rest()


def assert_sound(run):
    """Nothing that was written is not a finite number, no energy is below 0, and the books hold."""
    before = {found["id"]: found for found in run.before}
    for found in run.after:
        was = before[found["id"]]
        for name in ("energy", "energy_at", "visits", "retention"):
            if repr(found.get(name)) != repr(was.get(name)) and found.get(name) is not None:
                assert 0.0 <= found[name] < math.inf, (found["id"], name)
                assert type(found[name]) in {float, int}
        assert {k: repr(v) for k, v in found.items() if k not in {"energy", "energy_at", "visits", "retention"}} == {
            k: repr(v) for k, v in was.items() if k not in {"energy", "energy_at", "visits", "retention"}
        }
    for _, kind, _, weight in run.store.links():
        assert kind != "S" or math.isfinite(weight)
    for kind, stats in run.store.graph.statistics().items():
        assert all(map(math.isfinite, stats)), kind
    ledger = run.store.graph.ledger()
    for name, value in pack(ledger).items():
        for number in value if isinstance(value, list | tuple) else [value]:
            assert not isinstance(number, float) or math.isfinite(number), name
    total = math.fsum(energy_now(found, ledger.decay_clock, run.settings.physics) for found in run.after)
    assert abs(total - ledger.books.total) <= 1e-9 * max(1.0, total)
    assert abs(ledger.books.error) <= 1e-9 * max(1.0, total)


def energy_now(found, clock, parameters):
    """Return the energy of a node as the table says it: 0 of one that is quarantined."""
    energy, at, kind, kept = (found.get(name) for name in ("energy", "energy_at", "type", "retention"))
    if type(energy) not in {int, float} or type(at) not in {int, float, type(None)}:
        return 0.0
    if not (0.0 <= energy <= 1e9 and 0.0 <= (at or 0.0) <= clock):
        return 0.0
    factor = kept if type(kept) in {int, float} and 1 <= kept <= 3 else 1.0
    half_life = parameters.half_life(kind if isinstance(kind, str) else "*") * factor
    return energy * 2 ** (-(clock - (at or 0.0)) / half_life)


def assert_told(run):
    """Each thing is named once, with its reason, and nothing else is."""
    expected = [
        (told.what, told.identity.format(own=bad.own) if "{own}" in told.identity else told.identity, told.why)
        for row, bad in zip(run.rows, run.spoilers, strict=True)
        for told in row.told
    ]
    assert_pairs([tuple(found) for found in run.told], expected)


def assert_listed(run):
    """`check` names each thing, and no other; `status` counts what is quarantined."""
    expected = [
        (told.what, told.identity.format(own=bad.own) if "{own}" in told.identity else told.identity, told.why)
        for row, bad in zip(run.rows, run.spoilers, strict=True)
        for told in row.listed
    ]
    found = desk.check(run.store.graph, run.settings)
    assert_pairs([tuple(each) for each in found.listed], expected)
    assert found.total == len(expected)
    status = desk.status(run.store.graph, run.settings)
    assert status["quarantined"] == quarantined(run.rows)
    assert abs(status["conservation_error"]) <= 1e-9 * max(1.0, status["energy_total"])
    assert status["energy_total"] == pytest.approx(run.held.ledger.books.total, rel=1e-9)
    assert status["active"] == len(run.held.resident.active)
    assert all(math.isfinite(found["energy"]) for found in desk.top(run.store.graph, run.settings, 100))


def assert_pairs(found, expected):
    """Each that is expected is found once, and nothing else is."""
    left = list(found)
    for what, identity, why in sorted(expected, key=lambda each: -len(each[1])):
        matching = [row for row in left if row[0] == what and identity in row[1] and why in row[2]]
        assert matching, (what, identity, why, found)
        left.remove(matching[0])
    assert left == []


def quarantined(rows):
    return sum(row.outcome == "quarantined" for row in rows)


def examine(run):
    assert_sound(run)
    assert_told(run)
    assert run.frame.quarantined == run.held.resident.quarantined == quarantined(run.rows)
    for row, bad in zip(run.rows, run.spoilers, strict=True):
        if row.strides:
            ids = {found["id"] for found in run.before} & run.moved
            assert any(own not in HEALTHY for own in ids), (row.name, bad.own)
    if all(row.apart for row in run.rows):
        assert run.rest() == healthy_run()


HEALTHY = {f"n{i:02}" for i in range(12)}


def alone(store, row):
    if row.only == ("neo4j" if isinstance(store, MemoryStore) else "memory"):
        return  # the other kind of graph is given it
    if row.outcome == "refused":
        with pytest.raises((DatabaseError, GraphError)):
            Run(store, (row,))
        return
    run = Run(store, (row,))
    examine(run)
    if not isinstance(store, MemoryStore):
        assert_listed(run)


@each
@pytest.mark.neo4j
def test_each_alone(store, row):
    alone(store, row)


@pytest.mark.neo4j
@pytest.mark.smoke
def test_some_alone_on_every_database(store):
    for number, name in enumerate(sorted(SMOKE)):
        store.graph.name = f"graph {number}"
        alone(store if not isinstance(store, MemoryStore) else MemoryStore(MemoryGraph()), by_name[name])


PAIRS = [
    pair
    for pair in itertools.combinations([row for row in ROWS if row.only != "neo4j"], 2)
    if pair[0].spoil is not pair[1].spoil
]
random.Random(7).shuffle(PAIRS)


@pytest.mark.rounds(60)
def test_pairs(seed):
    examine(Run(MemoryStore(MemoryGraph()), PAIRS[seed % len(PAIRS)]))


def ticked(store, *, dt=DT, ticks=3, **changes):
    """Tick a graph that a test has filled; return the frames, each sound."""
    held = attach(store.graph, settings(**changes), "me")
    frames = []
    for _ in range(ticks):
        frames.append(tick(held, dt))
        assert abs(frames[-1].conservation_error) <= 1e-9 * max(1.0, frames[-1].energy_total)
        assert lines(events(frames[-1], held.resident.rejected))
    assert held.resident.rejected == []
    if not isinstance(store, MemoryStore):
        assert desk.check(store.graph, settings(**changes)).total == 0
        assert desk.status(store.graph, settings(**changes))["quarantined"] == 0
    return frames


def star(store, weights=(1.0, 1.0, 1.0, 1.0)):
    """Fill a store with an active node and what it links to, the last name first."""
    source = store.node(id="a", type="Memory", energy=2.0)
    for i, weight in enumerate(weights):
        store.link(source, store.node(id=f"t{9 - i}", type="Memory"), "R", log_weight=weight)


def shares(frame):
    strides = frame.moment.strides
    return dict(zip((frame.resident.ids[t] for t in strides.target), strides.share.tolist(), strict=True))


@pytest.mark.neo4j
def test_an_empty_graph(store):
    for frame in ticked(store):
        figures = (frame.strides, frame.energy_total, frame.energy_in, frame.energy_faded, frame.frontier_active)
        assert figures == (0, 0.0, 0.0, 0.0, 0)


@pytest.mark.neo4j
@pytest.mark.parametrize("energy", [0.5, 2.0])
def test_one_node(store, energy):
    store.node(id="a", type="Memory", energy=energy)
    assert [frame.strides for frame in ticked(store)] == [0, 0, 0]


@pytest.mark.neo4j
def test_all_costs_equal_the_smallest_target_id_first(store):
    star(store)
    (frame,) = ticked(store, ticks=1, fanout={"task_mode": "methodical"}, select={"topk": 2})
    assert shares(frame) == {"t6": 0.5, "t7": 0.5}


@pytest.mark.neo4j
def test_all_costs_huge_and_shares_still_sum_to_one(store):
    star(store)
    valence = {"goal_weight": 10.0, "goal": (1.0, 0.0, 0.0)}
    for found in [*store.graph.keys({f"t{i}" for i in range(6, 10)}).values()] if is_memory(store) else targets(store):
        store.set_node(found, embedding=[-1.0, 0.0, 0.0])
    (frame,) = ticked(store, ticks=1, fanout={"task_mode": "methodical"}, valence=valence)
    assert min(frame.moment.strides.cost) > 10.0
    assert math.fsum(shares(frame).values()) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.neo4j
@pytest.mark.parametrize("temperature", [1e-9, 1e9])
def test_temperature(store, temperature):
    star(store, (3.0, 1.0, 0.0, -1.0))
    how = {"fanout": {"task_mode": "methodical"}, "select": {"topk": "all", "temperature": temperature}}
    (frame,) = ticked(store, ticks=1, **how)
    found = shares(frame)
    if temperature > 1:
        assert all(share == pytest.approx(0.25, abs=1e-6) for share in found.values())
    else:
        assert found["t9"] == 1.0


@pytest.mark.neo4j
@pytest.mark.parametrize(("dt", "moves"), [(0.0, False), (1e9, True)])
def test_time_that_a_tick_stands_for(store, dt, moves):
    star(store)
    for number, frame in enumerate(ticked(store, dt=dt)):
        assert (frame.frame, frame.energy_transferred > 0.0) == (number + 1, moves and number == 0)


@pytest.mark.neo4j
@pytest.mark.parametrize("dt", [-1.0, math.nan, math.inf, -math.inf])
def test_time_that_is_none_is_refused(store, dt):
    star(store)
    held = attach(store.graph, settings(), "me")
    before = state(store)
    with pytest.raises(InputError, match="seconds"):
        tick(held, dt)
    assert state(store) == before


@pytest.mark.neo4j
@pytest.mark.parametrize("which", ["source", "target"])
def test_an_end_that_is_deleted_between_load_and_commit(store, which, monkeypatch):
    keys = healthy(store)
    other = store.node(id="bad", type="Memory", energy=3.0)
    ends = (other, keys[1]) if which == "source" else (keys[0], other)
    store.link(*ends, "R", log_weight=5.0)
    held = attach(store.graph, settings(), "me")
    commit, seen = store.graph.commit, []

    def deleting(changes):
        if not seen:
            store.delete_node(other)
        seen.append(changes)
        commit(changes)

    monkeypatch.setattr(store.graph, "commit", deleting)
    frame = tick(held, DT)
    assert len(seen) == 2
    assert frame.strides > 0
    assert "bad" not in {frame.resident.ids[i] for i in [*frame.moment.strides.source, *frame.moment.strides.target]}
    assert abs(frame.conservation_error) <= 1e-9 * frame.energy_total
    assert frame.quarantined == 0  # it is gone
    clock = store.graph.ledger().decay_clock
    there = math.fsum(energy_now(found, clock, settings().physics) for found in store.nodes())
    assert there == pytest.approx(frame.energy_total, rel=1e-9)


@pytest.mark.neo4j
def test_a_stimulus_is_named_once_however_often_its_tick_is_staged(store, monkeypatch):
    keys = healthy(store)
    store.stimulus(id="bad", node="nobody", delta=1.0)
    held = attach(store.graph, settings(), "me")
    commit, seen = store.graph.commit, []

    def changed(changes):
        if not seen:
            store.set_node(keys[0], energy=2.5)
        seen.append(changes)
        commit(changes)

    monkeypatch.setattr(store.graph, "commit", changed)
    tick(held, DT)
    assert len(seen) == 2
    assert [(row.what, row.identity) for row in held.resident.rejected] == [("stimulus", "bad")]


@pytest.mark.neo4j
def test_what_turns_bad_while_others_hold_links_to_it_is_never_written_to(store):
    """Its energy is none, though 0 is what was read: only the reading it is given for is bad."""
    source, other = store.node(id="a", energy=0.99), store.node(id="b", type="Memory", energy=2.0)
    target = store.node(id="t", type="Memory")
    for end in (source, other):
        store.link(end, target, "R", log_weight=1.0)
    held = attach(store.graph, settings(), "me")
    store.stimulus(id="s0", node="a", delta=0.02)
    tick(held, DT)  # the links of both are held, and a rests again
    store.set_node(target, energy=0.0, energy_at="then")
    tick(held, DT)  # only b strides, finds it bad, and reads its own links anew
    store.stimulus(minute=1, id="s1", node="a", delta=1.5)
    for _ in range(3):
        tick(held, DT)
    assert {k: v for k, v in store.read_node(target).items() if k in {"energy", "energy_at"}} == {
        "energy": 0.0,
        "energy_at": "then",
    }
    assert held.resident.quarantined == 1


def is_memory(store):
    return isinstance(store, MemoryStore)


def targets(store):
    return [row["key"] for row in store._one("MATCH (n:Node {graph: $graph}) WHERE n.id <> 'a' RETURN id(n) AS key")]
