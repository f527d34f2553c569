"""What every graph does for a tick: one suite over the in-memory graph and over each real Neo4j."""

import math
from collections import Counter
from statistics import median

import numpy as np
import pytest

from tests.naive import distributed
from tests.stores import MemoryStore, digest, fill, state
from worker.errors import Fenced, ForeignChange
from worker.events import build
from worker.graph import settle as settling
from worker.graph.attach import attach
from worker.graph.held import finish
from worker.graph.memory import MemoryGraph
from worker.graph.settle import settle
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
@pytest.mark.parametrize("batch", [7, 20_000])
def test_links_forget_alike_batch_by_batch(store, monkeypatch, batch):
    fill(store)
    store.link(store.node(id="x"), store.node(id="y"), "R", log_weight="heavy")  # is none, and stays as it is
    twin = MemoryStore(MemoryGraph())
    fill(twin)
    twin.link(twin.node(id="x"), twin.node(id="y"), "R", log_weight="heavy")
    forgetful = settings(weight_decay={"enabled": True, "every": 2.0, "half_life": {"R": 1e-4, "*": 1e-3}})
    held = attach(twin.graph, forgetful, "me")
    for _ in range(6):
        tick(held, 1.0)
    monkeypatch.setattr(settling, "FORGET_BATCH", batch)
    held = attach(store.graph, forgetful, "me")
    for _ in range(6):
        tick(held, 1.0)
    assert {str(link) for link in store.links()} == {str(link) for link in twin.links()}
    assert state(store)["stats"] == state(twin)["stats"]
    assert store.graph.ledger().forgotten == 6.0


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
def test_a_lease_that_ends_later_than_any_does_ends_now(store):
    """Its holder died, and then the database's clock was set back: nobody would take the graph for as long."""
    store.graph.take("one", TTL)
    store.set_clock_back()
    assert store.graph.take("two", TTL).fence == 2


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


def budget(amount=1.0, **candidates):
    return {"budget": amount, "candidates": list(candidates), "similarity": list(candidates.values())}


@pytest.mark.smoke
def test_s10_a_budget_is_shared_out_by_what_this_tick_reads_and_once(store):
    a = store.node(id="a", type="Task", threshold=2.0)
    b = store.node(id="b", type="Task", threshold=3.0, energy=1.0)
    store.node(id="bad", type="Task", energy="much")
    store.stimulus(minute=0, id="first", node="a", delta=1.5)
    store.stimulus(minute=1, id="shared", source="eye", **budget(nobody=1, a=0.5, bad=0.25, b=1))
    store.stimulus(minute=2, id="again", **budget(0.5, b=0.1))
    held = attach(store.graph, settings(), "me")
    frame = tick(held, 1.0)
    shared = distributed((("a", 0.5), ("b", 1)), 1.0, {"a": 1.5, "b": 1.0}, {"a": 2.0, "b": 3.0})
    again = distributed((("b", 0.1),), 0.5, {"b": 1.0 + shared[1][1]}, {"b": 3.0})
    found = frame.moment.stimuli
    assert [held.resident.ids[i] for i in found.node] == ["a", "a", "b", "b"]
    assert found.delta.tolist() == pytest.approx([1.5, *(delta for _, delta in shared + again)], rel=1e-12)
    assert [found.applied[k].id for k in found.by] == ["first", "shared", "shared", "again"]
    assert [(row.identity, row.why) for row in held.resident.rejected if row.what == "stimulus"] == [
        ("shared", "there is no node 'nobody' in this graph: left out"),
        ("shared", "the node 'bad' is quarantined: left out"),
    ]
    assert store.graph.intake(10) == []
    assert store.read_node(a)["energy"] == pytest.approx(1.5 + shared[0][1], rel=1e-3)
    assert store.read_node(b)["energy"] == pytest.approx(1.0 + shared[1][1] + again[0][1], rel=1e-3)
    store.stimulus(minute=3, id="shared", **budget(a=1.0))
    assert tick(held, 1.0).energy_in == 0.0


BAD_BUDGETS = {
    "its length": {"budget": 1.0, "candidates": ["a", "b"], "similarity": [1.0]},
    "no candidates": {"budget": 1.0, "candidates": [], "similarity": []},
    "one text": {"budget": 1.0, "candidates": "ab", "similarity": [1.0, 1.0]},
    "numbers": {"budget": 1.0, "candidates": [1, 2], "similarity": [1.0, 1.0]},
    "texts": {"budget": 1.0, "candidates": ["a"], "similarity": ["0.5"]},
    "only a budget": {"budget": 1.0},
    "only candidates": {"candidates": ["a"], "similarity": [1.0]},
    "twice": {"budget": 1.0, "candidates": ["a", "b", "a"], "similarity": [0.1, 0.2, 0.3]},
    "both": {"node": "a", "delta": 1.0, **budget(a=1.0)},
    "also a node": {"node": "a", **budget(a=1.0)},
    "nobody": budget(nobody=1.0, bad=0.5),
    **{f"similarity {s}": budget(a=0.5, b=s) for s in (0.0, -1.0, 1.0000001, float("nan"))},
    **{f"budget {amount}": budget(amount, a=0.5) for amount in (0.0, -1.0, float("nan"), float("inf"), 1e10, "1")},
    "too much": budget(1e9, full=1.0),
}


@pytest.mark.smoke
def test_s10_bad_budgets_are_rejected_with_a_reason_and_hold_nothing_up(store):
    a = store.node(id="a", type="Task")
    store.node(id="b", type="Task")
    store.node(id="bad", type="Task", energy="much")
    store.node(id="full", type="Task", energy=1e9, threshold=1e9)
    for i, (name, properties) in enumerate(BAD_BUDGETS.items()):
        store.stimulus(minute=i, id=name, **properties)
    store.stimulus(minute=len(BAD_BUDGETS), id="good", **budget(0.1, a=0.5))
    held = attach(store.graph, settings(), "me")
    frame = tick(held, 1.0)
    whys = [row.why for row in held.resident.rejected if row.what == "stimulus"]
    assert whys == [
        "similarity is not a list of 2 numbers, one for each candidate",
        "candidates is not a list of ids",
        "candidates is not a list of ids",
        "candidates is not a list of ids",
        "similarity '0.5' is not over 0 and at most 1",
        "candidates is not a list of ids",
        "budget None is not a number over 0, up to 1e+09",
        "candidates has a node twice",
        "it has both a node or delta and a budget",
        "it has both a node or delta and a budget",
        "none of its candidates can be used: there is no node 'nobody' in this graph",
        *(f"similarity {s} is not over 0 and at most 1" for s in (0.0, -1.0, 1.0000001, "nan")),
        *(f"budget {b} is not a number over 0, up to 1e+09" for b in (0.0, -1.0, "nan", "inf", 1e10, "'1'")),
        "budget 1000000000.0 would lift the energy of the node 'full' over 1e+09",
    ]
    assert [stimulus.id for stimulus in frame.moment.stimuli.applied] == ["good"]
    assert store.graph.intake(100) == []
    assert frame.energy_in == pytest.approx(0.1, rel=1e-15)
    assert store.read_node(a)["energy"] == pytest.approx(0.1, rel=1e-3)


@pytest.mark.smoke
def test_s1_a_nodes_main_entity_is_its_heaviest_and_ties_go_to_the_smallest_id(store):
    entity = {name: store.entity(id=name) for name in ("A", "B", "Z\U0001f600", "Z\uffff")}
    entity["elsewhere"] = store.entity(id="A", graph="other")
    entity["nameless"] = store.entity()
    members = {
        "heaviest": {"A": 0.5, "B": 2},
        "tie": {"B": 1.5, "A": 1.5},
        "missing": {"A": 0.9, "B": None, "Z\uffff": 1.0},
        "code points": {"Z\U0001f600": 1.0, "Z\uffff": 1.0},
        "none": {},
        "bad": {"A": float("nan"), "B": 0.0, "Z\U0001f600": -1.0, "Z\uffff": "2", "nameless": 1.0, "elsewhere": 1.0},
        "bad and good": {"A": float("inf"), "B": 1e-9},
    }
    keys = {}
    for i, (name, own) in enumerate(members.items()):
        keys[name] = store.node(id=name, type="Task", **({"energy": 2.0} if i % 2 else {}))
        for where, weight in own.items():
            store.member(keys[name], entity[where], **({} if weight is None else {"weight": weight}))
    for name, key in keys.items():
        store.link(key, keys["none" if name == "tie" else "tie"], log_weight=0.0)
        store.link(keys["tie"], key, log_weight=0.0)
    held = attach(store.graph, settings(), "me")
    tick(held, 1.0)
    resident = held.resident
    found = {
        name: resident.entities[code] if code >= 0 else None
        for name, code in zip(resident.ids, resident["entity"].tolist(), strict=True)
    }
    assert found == {
        "heaviest": "B", "tie": "A", "missing": "B", "code points": "Z\uffff", "none": None, "bad": None, "bad and good": "B",
    }  # fmt: skip
    assert sorted((row.identity, row.why) for row in resident.rejected if row.what == "member") == [
        ("bad -[MEMBER_OF]-> A", "weight nan"),
        ("bad -[MEMBER_OF]-> B", "weight 0.0"),
        ("bad -[MEMBER_OF]-> None", "the entity's id is missing or not text"),
        ("bad -[MEMBER_OF]-> Z\uffff", "weight '2'"),
        ("bad -[MEMBER_OF]-> Z\U0001f600", "weight -1.0"),
        ("bad and good -[MEMBER_OF]-> A", "weight inf"),
    ]


@pytest.mark.smoke
def test_s13_a_boundary_says_what_the_strides_across_it_say(store):
    keys = fill(store)
    groups = [store.entity(id=name) for name in ("food", "act")]
    for i, key in enumerate(keys):
        if i % 5:
            store.member(key, groups[i % 2], weight=1.0 + i)
    held = attach(store.graph, settings(), "me")
    group = {f"n{i:03}": ("food", "act")[i % 2] for i in range(len(keys)) if i % 5}
    theta = settings().physics.threshold_of
    limits = {node["id"]: node.get("threshold") or theta(node["type"]) for node in store.nodes()}
    seen = Counter()
    for _ in range(4):
        frame = tick(held, 1.0)
        crossed = {}
        for stride in build.strides(frame):
            ends = group.get(stride["src"]), group.get(stride["tgt"])
            if None not in ends and ends[0] != ends[1]:
                crossed.setdefault(ends, []).append(stride)
        found = list(build.boundaries(frame))
        assert [(event["src_entity"], event["tgt_entity"]) for event in found] == sorted(crossed)
        for event in found:
            across = crossed[event["src_entity"], event["tgt_entity"]]
            hungry = {s["tgt"]: max(0.0, 1.0 - s["e_tgt_pre"] / limits[s["tgt"]]) for s in across}
            assert event["beams"] == len(across)
            assert event["energy"] == math.fsum(stride["delta_e"] for stride in across)
            assert event["max_phi"] == max(stride["phi"] for stride in across)
            assert event["hunger"] == pytest.approx(median(hungry.values()), rel=1e-12)
            seen[event["src_entity"]] += len(across)
    assert seen["food"] > 3
    assert seen["act"] > 3


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
def test_what_was_taken_from_the_queue_is_kept_for_so_long(store):
    store.node(id="a", type="Task")
    for i in range(5):
        store.stimulus(minute=i, id=f"good{i}", node="a", delta=1.0)
        store.stimulus(minute=i, id=f"bad{i}", node="nobody", delta=1.0)
    held = attach(store.graph, settings(), "me")
    assert tick(held, 1.0).energy_in == 5.0
    finish(held)
    assert store.graph.compact(60.0, 10) == (0, False)
    for own in ("good0", "good1", "good2", "bad0"):
        store.let_age(own, 61.0)
    store.stimulus(id="waits", node="a", delta=1.0)  # and is not taken: whatever its age
    assert store.graph.compact(60.0, 2) == (3, True)
    assert store.graph.compact(60.0, 2) == (1, False)
    assert store.graph.compact(60.0, 2) == (0, False)
    for own in ("good0", "good3"):
        store.stimulus(id=own, node="a", delta=1.0)
    frame = tick(held, 1.0)
    assert {stimulus.id for stimulus in frame.moment.stimuli.applied} == {"waits", "good0"}


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
def test_nodes_keep_their_energy_longer_alike(store, monkeypatch):
    keeping = settings(
        consolidation={"enabled": True, "goal": "Task"},
        resistance={"enabled": True, "degree": 8},
        decay={"settle": 3.0},
    )
    monkeypatch.setattr(settling, "SETTLE_BATCH", 7)
    twin = MemoryStore(MemoryGraph())
    found = []
    for each in (store, twin):
        keys = fill(each)
        each.set_node(keys[3], resolved=True)
        held = attach(each.graph, keeping, "me")
        for number in range(8):
            if number == 4:
                each.set_node(keys[8], resolved=True)
            tick(held, 1.0)
        finish(held)
        found.append((state(each), sorted((n["id"], n.get("retention")) for n in each.nodes())))
    assert found[0] == found[1]
    assert {None, 2.0, 3.0} <= {factor for _, factor in found[0][1]}


@pytest.mark.smoke
def test_another_half_life_settles_first(store):
    fill(store)
    held = attach(store.graph, settings(), "me")
    for _ in range(3):
        tick(held, 1.0)
    finish(held)
    before = store.graph.ledger().books
    held = attach(store.graph, settings(decay={"half_life": {"Memory": 5.0, "*": 7.0}}), "me")
    assert held.ledger.books == store.graph.ledger().books == before
    assert store.graph.ledger().half_lives == dict.fromkeys(before.energy, 7.0) | {"Memory": 5.0}
    assert all(node["energy_at"] == held.ledger.decay_clock for node in store.nodes() if node.get("energy"))


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
