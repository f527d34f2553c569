"""What every graph does for a tick: one suite over the in-memory graph and over each real Neo4j."""

from collections import Counter

import numpy as np
import pytest

from tests.stores import MemoryStore, digest, fill, state
from worker.errors import Fenced, ForeignChange
from worker.graph.attach import attach, finish, settle
from worker.graph.memory import MemoryGraph
from worker.settings import Settings
from worker.tick import tick

TTL = 60.0
AFFECT = [0.6, -0.3]


def settings(**changes):
    valence = {"affect": tuple(AFFECT), "goal": (1.0, 0.0, 0.5)}
    return Settings(**{"valence": valence, "decay": {"settle": 7.0}, "lease": {"ttl": TTL}} | changes)


@pytest.mark.smoke
def test_ticks_leave_the_same_bits_as_in_memory(store):
    fill(store)
    twin = MemoryStore(MemoryGraph())
    fill(twin)
    for each in (store, twin):
        held = attach(each.graph, settings(), "me")
        for _ in range(12):
            frame = tick(held, 1.0)
            assert frame.strides > 0
            assert frame.conservation_error == pytest.approx(0.0, abs=1e-12)
    assert state(store) == state(twin)


@pytest.mark.smoke
def test_a_restart_after_every_tick_changes_no_bit(store):
    fill(store)
    twin = MemoryStore(MemoryGraph())
    fill(twin)
    held = attach(twin.graph, settings(), "me")
    for _ in range(10):
        tick(attach(store.graph, settings(), "me"), 1.0)
        tick(held, 1.0)
    assert digest(store) == digest(twin)


@pytest.mark.smoke
def test_a_tick_that_is_committed_but_not_decayed_is_finished_by_the_next_worker(store, monkeypatch):
    fill(store)
    twin = MemoryStore(MemoryGraph())
    fill(twin)
    held = attach(store.graph, settings(), "me")

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store.graph, "decay", die)
        with pytest.raises(KeyboardInterrupt):
            tick(held, 2.0)
    assert store.graph.ledger().phase == "committed"
    attach(store.graph, settings(), "me")
    tick(attach(twin.graph, settings(), "me"), 2.0)
    assert digest(store) == digest(twin)


@pytest.mark.smoke
def test_the_books_are_the_database(store):
    fill(store)
    held = attach(store.graph, settings(), "me")
    for _ in range(10):
        tick(held, 1.0)
    ledger, half_life = store.graph.ledger(), settings().physics.half_life
    counted = sum(
        n.get("energy", 0.0) * 2 ** (-(ledger.decay_clock - n.get("energy_at", 0.0)) / half_life(n["type"]))
        for n in store.nodes()
    )
    assert counted == pytest.approx(ledger.books.total, rel=1e-12)
    assert abs(ledger.books.error) <= 1e-9 * max(1.0, counted)


@pytest.mark.smoke
def test_a_lease_is_for_one(store):
    first = store.graph.take("one", TTL)
    assert first.fence == 1
    assert store.graph.take("two", TTL) is None
    assert store.graph.take("one", TTL).fence == 2
    store.let_lease_run_out()
    assert store.graph.take("two", TTL).fence == 3
    with pytest.raises(Fenced):
        store.graph.renew(2, TTL)
    store.graph.renew(3, TTL)
    store.graph.release(2)
    assert store.graph.take("one", TTL) is None
    store.graph.release(3)
    assert store.graph.take("one", TTL).fence == 4


@pytest.mark.smoke
def test_a_worker_that_was_fenced_writes_nothing(store):
    fill(store)
    old = attach(store.graph, settings(), "old")
    tick(old, 1.0)
    store.let_lease_run_out()
    new = attach(store.graph, settings(), "new")
    before = digest(store)
    with pytest.raises(Fenced):
        tick(old, 1.0)
    with pytest.raises(Fenced):
        store.graph.decay(old.ledger, TTL)()
    with pytest.raises(Fenced):
        store.graph.adopt(old.ledger, old.stats)
    assert digest(store) == before
    tick(new, 1.0)
    assert store.graph.ledger().tick == 2


@pytest.mark.smoke
def test_an_energy_that_others_wrote_is_booked_as_external_and_nothing_is_lost(store):
    keys = fill(store)
    held = attach(store.graph, settings(), "me")
    tick(held, 1.0)
    total = held.ledger.books.total
    source = int(held.resident["key"][held.resident.active[0]])
    stored = store.read_node(source)["energy"]
    store.set_node(source, energy=stored + 10.0)
    tick(held, 1.0)
    books = held.ledger.books
    assert books.external[0] == pytest.approx(10.0, rel=1e-3)
    assert abs(books.error) <= 1e-9 * max(1.0, total)
    assert len(keys) == len(store.nodes())


@pytest.mark.smoke
def test_an_end_that_was_deleted_keeps_the_energy_with_its_source(store):
    fill(store)
    held = attach(store.graph, settings(), "me")
    frame = tick(held, 1.0)
    gone = int(frame.moment.strides.target[0])
    amount = store.read_node(int(held.resident["key"][gone])).get("energy", 0.0)
    store.delete_node(int(held.resident["key"][gone]))
    frame = tick(held, 1.0)
    assert gone not in frame.moment.strides.target
    assert held.ledger.books.external[0] == pytest.approx(-amount, rel=1e-2)
    assert abs(held.ledger.books.error) <= 1e-9


@pytest.mark.smoke
def test_a_log_weight_that_others_wrote_is_kept(store):
    fill(store)
    held = attach(store.graph, settings(), "me")
    frame = tick(held, 1.0)
    link = int(held.resident.link("key")[frame.moment.strides.link[0]])
    store.set_link(link, log_weight=-2.0)
    frame = tick(held, 1.0)
    after = store.read_link(link)["log_weight"]
    assert -2.0 <= after <= -1.95


@pytest.mark.smoke
def test_stimuli_are_applied_once_by_id_and_bad_ones_hold_nothing_up(store):
    a = store.node(id="a", type="Task")
    store.node(id="b", type="Task", energy="much")
    store.stimulus(minute=0, id="good", node="a", delta=2)
    for i, (node, delta) in enumerate(
        [("nobody", 1.0), ("a", float("nan")), ("a", -1.0), ("a", 1e308), ("a", "2"), ("b", 1.0), (7, 1.0)]
    ):
        store.stimulus(minute=i, id=f"bad{i}", node=node, delta=delta)
    held = attach(store.graph, settings(), "me")
    frame = tick(held, 1.0)
    assert frame.energy_in == 2.0
    assert len(frame.moment.stimuli.rejected) == 7
    assert store.graph.intake(100) == []
    store_again = {"minute": 20, "id": "good2", "node": "a", "delta": 1.0}
    store.stimulus(**store_again)
    assert tick(held, 1.0).energy_in == 1.0
    assert store.read_node(a)["energy"] == pytest.approx(3.0, rel=1e-3)


@pytest.mark.smoke
def test_s11_a_stimulus_waits_until_a_tick_has_taken_or_rejected_it(store):
    store.node(id="a", type="Task")
    held = attach(store.graph, settings(), "me")
    for node in ("a", "nobody"):
        assert not store.graph.waiting()
        store.stimulus(id=f"for {node}", node=node, delta=1.0)
        assert store.graph.waiting()
        tick(held, 1.0)
        finish(held)
    assert not store.graph.waiting()


@pytest.mark.smoke
def test_an_id_that_was_applied_is_never_applied_again(store):
    store.node(id="a", type="Task")
    store.stimulus(id="once", node="a", delta=2.0)
    held = attach(store.graph, settings(), "me")
    assert tick(held, 1.0).energy_in == 2.0
    store.stimulus(id="once", node="a", delta=2.0)
    assert tick(held, 1.0).energy_in == 0.0
    assert store.graph.intake(10) == []


@pytest.mark.smoke
def test_stimuli_come_oldest_first_in_batches(store):
    store.node(id="a", type="Task")
    for i in (3, 1, 2, 0):
        store.stimulus(minute=i, id=f"s{i}", node="a", delta=1.0)
    assert [s.id for s in store.graph.intake(3)] == ["s0", "s1", "s2"]


@pytest.mark.smoke
def test_bad_nodes_and_links_never_enter_the_physics(store):
    good = store.node(id="good", type="Task", energy=5.0)
    for i, energy in enumerate([float("nan"), float("inf"), "text", [1.0], True, -1.0, 1e10]):
        bad = store.node(id=f"bad{i}", type="Task", energy=energy)
        store.link(good, bad, log_weight=0.0)
    fine = store.node(id="fine", type="Task", energy=-1e-15, threshold=-2.0)
    for weight in (float("nan"), float("inf"), "heavy"):
        store.link(good, fine, log_weight=weight)
    store.link(good, good, log_weight=0.0)
    store.link(good, fine)
    store.link(good, fine, log_weight=1)
    held = attach(store.graph, settings(), "me")
    frame = tick(held, 1.0)
    assert [held.resident.ids[i] for i in frame.moment.strides.target] == ["fine"]
    assert held.ledger.books.total == pytest.approx(5.0, rel=1e-3)
    assert store.read_node(fine)["energy"] > 0.0
    assert frame.conservation_error == pytest.approx(0.0, abs=1e-12)


@pytest.mark.smoke
def test_settling_leaves_what_a_plain_query_may_read(store):
    fill(store)
    held = attach(store.graph, settings(decay={"settle": 7.0, "half_life": {"*": 10.0}}), "me")
    for _ in range(7):
        tick(held, 1.0)
    assert held.ledger.decay_clock == 7.0
    for node in store.nodes():
        if node.get("energy", 0.0) > 0.0:
            assert node["energy_at"] == 7.0
    assert settle(held) == {}


@pytest.mark.smoke
def test_visits_are_noted_in_each_commit_and_written_to_their_nodes_with_the_epoch(store):
    fill(store)
    held = attach(store.graph, settings(decay={"settle": 3.0}), "me")
    ended = Counter()
    for number in range(1, 4):
        assert store.graph.visits() == ended
        frame = tick(held, 1.0)
        ended.update(held.resident.names(frame.moment.strides.target))
        assert held.noted == (sum(ended.values()) if number < 3 else 0)
    assert store.graph.visits() == {}
    assert {node["id"]: node["visits"] for node in store.nodes() if "visits" in node} == ended


@pytest.mark.smoke
def test_visits_that_were_noted_are_written_by_whoever_attaches_next(store):
    keys = fill(store)
    held = attach(store.graph, settings(), "me")
    before = Counter({"n003": 5, "n004": 0, "n005": 0})
    for name, visits in (("n003", 5), ("n004", "many"), ("n005", -7)):
        store.set_node(keys[int(name[1:])], visits=visits)
    held = attach(store.graph, settings(), "me")
    for _ in range(3):
        before.update(held.resident.names(tick(held, 1.0).moment.strides.target))
    assert {"n003", "n004", "n005"} & store.graph.visits().keys()
    again = attach(store.graph, settings(), "me")
    assert store.graph.visits() == {}
    found = dict(zip(again.resident.ids, again.resident["visits"].tolist(), strict=True))
    assert found == {name: before[name] for name in found}


@pytest.mark.smoke
def test_a_worker_is_told_that_the_graph_has_changed(store):
    fill(store)
    held = attach(store.graph, settings(), "me")
    tick(held, 1.0)
    assert not held.stale
    store.bump()
    tick(held, 1.0)
    finish(held)
    assert held.stale
    assert attach(store.graph, settings(), "me").ledger.revision == 1


@pytest.mark.smoke
def test_an_empty_graph_ticks(store):
    held = attach(store.graph, settings(), "me")
    frame = tick(held, 1.0)
    assert (frame.strides, frame.energy_total, frame.conservation_error) == (0, 0.0, 0.0)
    assert store.graph.ledger().tick == 1


@pytest.mark.smoke
def test_rows_that_are_not_as_sent_are_all_refused(store):
    fill(store)
    held = attach(store.graph, settings(), "me")
    before = digest(store)

    def foreign(changes):
        nodes = changes.nodes._replace(before=np.concatenate(([-1.0], changes.nodes.before[1:])))
        return commit(changes._replace(nodes=nodes))

    commit = store.graph.commit
    store.graph.commit = foreign
    with pytest.raises(ForeignChange, match="20 times"):
        tick(held, 1.0)
    assert digest(store) == before
