"""Whole ticks over a graph in memory: intake, what bad rows get (RELIABILITY), foreign writers, turns, fences."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.property.worlds import energy_now
from tests.stores import MemoryStore, fill
from worker.errors import Fenced, ForeignChange, InputError
from worker.graph.attach import attach, recount
from worker.graph.memory import MemoryGraph
from worker.physics.model import WeightStats
from worker.settings import Settings
from worker.tick import tick

NAN, INF = math.nan, math.inf
FADED = 2 ** (-1 / 14400)  # what a second leaves of an energy of no known type

NO_RETRY = {"min_strides": 0}  # nothing below its threshold strides


class Small:
    """A graph in memory whose nodes and links go by name, and its worker."""

    def __init__(self, **settings):
        self.graph = MemoryGraph("small", now=lambda: 0.0)
        self.settings = Settings.read(graph="small", **settings)
        self.key = {}
        self.held = None
        self.stimuli = 0

    def node(self, name, **properties):
        self.key[name] = self.graph.add_node(id=name, **properties)

    def link(self, source, target, log_weight=0.0, kind="R", **properties):
        return self.graph.add_link(self.key[source], self.key[target], kind, log_weight=log_weight, **properties)

    def stimulate(self, node, delta, name=None):
        self.stimuli += 1
        return self.graph.add_stimulus(id=name or f"s{self.stimuli}", node=node, delta=delta, created_at=self.stimuli)

    def tick(self, dt=1.0):
        self.held = self.held or attach(self.graph, self.settings, "me")
        return tick(self.held, dt)

    def of(self, name):
        return self.graph.node[self.key[name]]

    def rejected(self, what):
        return [(row.identity, row.why) for row in self.held.resident.rejected if row.what == what]

    def assert_sound(self):
        """Books and database agree on all energy that is in the physics, and nothing that was written is not finite."""
        books = self.graph.kept.books
        assert abs(books.error) < 1e-9
        assert math.isfinite(books.total)


def chain(**settings):
    """Return a → b → c, with a active."""
    small = Small(**settings)
    small.node("a", energy=2.0)
    small.node("b")
    small.node("c")
    small.link("a", "b")
    small.link("b", "c")
    return small


def strides(frame):
    ids, moved = frame.resident.ids, frame.moment.strides
    return [(ids[s], ids[t]) for s, t in zip(moved.source, moved.target, strict=True)]


def test_a_key_that_another_node_has_now_is_that_one():
    """Neo4j gives the key of a node that was deleted to one that is new."""
    store = MemoryStore(MemoryGraph())
    keys = fill(store)
    held = attach(store.graph, Settings(), "me")
    tick(held, 1.0)
    store.graph.node[keys[8]].clear()
    store.graph.node[keys[8]].update(id="new", graph=store.graph.name, type="Memory")
    store.stimulus(minute=9, id="late", node="new", delta=3.0)
    tick(held, 1.0)
    assert store.graph.node[keys[8]]["energy"] > 2.0
    assert not [found for found in held.resident.rejected if found.what == "stimulus"]


def test_links_are_held_until_whoever_tells_of_the_tick_has_done_so():
    store = MemoryStore(MemoryGraph())
    fill(store, nodes=60, links=4000)
    for node in store.graph.node.values():
        node["energy"] = 3.0
    held = attach(store.graph, Settings(), "me")
    frame = tick(held, 1.0)
    count = held.resident.link_count
    held.resident.read_again(store.graph, np.arange(len(held.resident.ids), dtype=np.int32))
    assert held.resident.wasteful
    assert held.resident.link_count == count
    assert len(held.resident.link("type")[frame.moment.strides.link]) == frame.strides > 0


class TestNothing:
    def test_empty_graph(self):
        small = Small()
        frame = small.tick()
        assert (frame.frame, frame.strides, frame.energy_total, frame.frontier_active) == (1, 0, 0.0, 0)
        assert (frame.mean_degree_active, frame.diffusion_radius, frame.conservation_error) == (0.0, 0, 0.0)

    def test_one_node(self):
        small = Small()
        small.node("a", energy=2.0)
        frame = small.tick()
        assert (frame.strides, frame.frontier_active) == (0, 1)
        assert energy_now(small.graph, small.settings) == pytest.approx(2.0 * 2 ** (-1 / 14400), rel=1e-15)

    def test_nothing_active(self):
        small = chain(guards=NO_RETRY)
        small.of("a")["energy"] = 0.99
        frame = small.tick()
        assert (frame.strides, frame.frontier_active, frame.frontier_shadow) == (0, 0, 0)
        assert small.of("a")["energy"] == 0.99  # decay is a clock: nothing is written

    def test_source_without_links_keeps_its_energy_but_for_decay(self):
        small = Small()
        small.node("a", energy=2.0)
        for _ in range(3):
            small.tick(5.0)
        assert small.held.ledger.books.total == pytest.approx(2.0 * 2 ** (-15 / 14400), rel=1e-14)


class TestEnergy:
    @pytest.mark.parametrize("energy", [NAN, INF, -INF, "1.5", [1.5], True, -1.0, -1.1e-12, 1e10, 10**400, {"a": 1}])
    def test_quarantined_source_and_target(self, energy):
        small = chain()
        small.node("bad", energy=energy)
        small.link("a", "bad", 4.0)
        small.link("bad", "b", 4.0)
        for _ in range(2):
            frame = small.tick()
        assert strides(frame) == [("a", "b")]
        assert small.of("bad")["energy"] is energy
        assert len([row for row in small.rejected("node") if row[0] == "bad"]) == 1
        assert small.held.ledger.books.opening[0] == 2.0
        small.assert_sound()

    @pytest.mark.parametrize("energy", [NAN, "1.5", -1.0, 1e10])
    def test_quarantined_node_takes_no_stimulus(self, energy):
        small = chain()
        small.node("bad", energy=energy)
        small.stimulate("bad", 1.0)
        small.stimulate("b", 1.0)
        assert small.tick().energy_in == 1.0
        assert small.graph.rejected[0]["why"] == "the node 'bad' is quarantined"

    def test_integer_is_converted(self):
        small = chain()
        small.of("a")["energy"] = 2
        assert strides(small.tick()) == [("a", "b")]
        assert isinstance(small.of("a")["energy"], float)
        small.assert_sound()

    def test_missing_is_nothing(self):
        small = Small()
        small.node("a", energy=2.0)
        small.node("b", energy=None, threshold=None)
        small.link("a", "b")
        assert strides(small.tick()) == [("a", "b")]
        assert small.of("b")["energy"] > 0.0

    def test_rounding_below_nothing_is_nothing(self):
        small = chain()
        small.of("b")["energy"] = -1e-15
        assert strides(small.tick()) == [("a", "b")]
        assert small.of("b")["energy"] > 0.0
        small.assert_sound()

    def test_the_largest_that_is_allowed(self):
        small = chain()
        small.of("a")["energy"] = 1e9
        small.tick()
        small.assert_sound()
        assert small.of("b")["energy"] > 1e7

    @pytest.mark.parametrize("at", [NAN, INF, -1.0, "then"])
    def test_reading_of_the_clock_that_is_none(self, at):
        small = chain()
        small.of("a")["energy_at"] = at
        assert small.tick().strides == 0
        assert [row[0] for row in small.rejected("node")] == ["a"]

    def test_reading_that_the_clock_has_not_reached(self):
        small = chain(guards=NO_RETRY)
        small.tick()
        small.of("a")["energy_at"] = 1e9  # another graph's clock: a factor of 2^69444
        small.held = None
        assert small.tick().strides == 0
        assert [row[0] for row in small.rejected("node")] == ["a"]
        small.assert_sound()

    def test_a_graph_that_had_a_clock_before_goes_on_from_there(self):
        small = chain()
        small.of("a")["energy_at"] = 86_400.0
        small.tick()
        assert small.held.ledger.decay_clock == 86_401.0
        assert small.of("a")["energy"] < 3.0
        small.assert_sound()

    def test_id_that_is_missing_or_not_text(self):
        small = chain()
        for bad in (None, 7, ["x"]):
            key = small.graph.add_node(id=bad, energy=3.0)
            small.graph.add_link(small.key["a"], key, "R", log_weight=5.0)
        assert strides(small.tick()) == [("a", "b")]
        assert len(small.rejected("node")) == 3
        small.assert_sound()

    @pytest.mark.parametrize(
        "name", ["", "x" * 10_000, "'\"`\\", "a\nb\0c", "\U0001f600", "\ud800", "}) DETACH DELETE n //"]
    )
    def test_hostile_ids_work(self, name):
        small = chain()
        small.node(name, energy=2.0)
        small.link(name, "b")
        small.link("a", name)
        small.stimulate(name, 1.0)
        frame = small.tick()
        assert set(strides(frame)) == {("a", "b"), ("a", name), (name, "b")}
        small.assert_sound()

    @pytest.mark.parametrize("kind", [None, 7, "", "`x` y", ["Memory"]])
    def test_any_type_is_that_of_all_others(self, kind):
        small = chain()
        small.of("a")["type"] = kind
        frame = small.tick(5.0)
        assert strides(frame) == [("a", "b")]
        assert math.fsum(frame.energy_decay.values()) == pytest.approx(2.0 * (1 - 2 ** (-5 / 14400)), rel=1e-9)

    def test_bad_rows_are_named_once_however_often_they_are_read(self):
        small = chain()
        small.link("a", "a", 5.0)
        small.node("d", emotion=[NAN], embedding="text")
        small.link("a", "d", NAN, emotion=["x"])
        small.link("a", "d", 0.0, emotion=["x"])
        for _ in range(3):
            small.tick()
            small.of("a")["energy"] += 0.1
        names = [(row.what, row.identity) for row in small.held.resident.rejected if row.what != "type"]
        assert sorted(names) == [
            ("embedding", "d"),
            ("emotion", "a -[R]-> d"),
            ("emotion", "d"),
            ("link", "a -[R]-> a"),
            ("link", "a -[R]-> d"),
        ]

    def test_vector_of_another_length_is_named(self):
        small = chain(valence={"goal": (1.0, 0.0), "affect": (1.0,)})
        small.node("d", emotion=[1.0], embedding=[1.0, 2.0, 3.0])
        small.link("a", "d", emotion=[1.0, 1.0])
        small.tick()
        assert small.rejected("embedding") == [("d", "it has 3 numbers, not 2")]
        assert small.rejected("emotion") == [("a -[R]-> d", "it has 2 numbers, not 1")]

    def test_unknown_type_is_named_once(self):
        small = chain()
        for name in "abc":
            small.of(name)["type"] = "Unheard of"
        small.tick()
        assert [row[0] for row in small.rejected("type")] == ["Unheard of"]


class TestThreshold:
    @pytest.mark.parametrize("threshold", [0.0, -1.0, NAN, INF, "high", True])
    def test_bad_one_is_that_of_the_type(self, threshold):
        small = Small()
        small.node("a", energy=0.9, type="Memory", threshold=threshold)  # over 0.83, the type's
        small.node("b")
        small.link("a", "b")
        assert strides(small.tick()) == [("a", "b")]
        assert [row[0] for row in small.rejected("threshold")] == ["a"]

    def test_s10_own_one_comes_before_the_type(self):
        small = Small(guards=NO_RETRY)
        small.node("a", energy=0.9, type="Memory", threshold=0.91)
        small.node("b")
        small.link("a", "b")
        assert small.tick().strides == 0

    def test_s10_energy_at_the_threshold_is_active(self):
        small = chain(guards=NO_RETRY)
        small.of("a")["energy"] = 1.0
        assert small.tick().strides == 1
        assert small.tick().strides == 0


class TestLinks:
    @pytest.mark.parametrize("weight", [NAN, INF, -INF, 1e300, "heavy", [1.0], True])
    def test_without_a_finite_weight_is_skipped_and_named(self, weight):
        small = chain()
        small.node("d")
        small.link("a", "d", weight)
        assert strides(small.tick()) == [("a", "b")]
        assert [row[0] for row in small.rejected("link")] == ["a -[R]-> d"]
        assert small.held.stats["R"].n == 2

    def test_without_a_weight_is_none_of_ours(self):
        small = chain()
        small.node("d")
        small.graph.add_link(small.key["a"], small.key["d"], "R")
        assert strides(small.tick()) == [("a", "b")]
        assert small.rejected("link") == []

    def test_integer_weight_is_converted(self):
        small = Small()
        small.node("a", energy=2.0)
        small.node("b")
        small.link("a", "b", 1)
        assert strides(small.tick()) == [("a", "b")]

    def test_to_its_own_node_is_no_stride(self):
        small = chain()
        small.link("a", "a", 5.0)
        assert strides(small.tick()) == [("a", "b")]
        assert small.rejected("link") == [("a -[R]-> a", "it points to its own node")]
        assert small.held.stats["R"].n == 2

    def test_parallel_ones_are_candidates_of_their_own(self):
        small = chain()
        small.link("a", "b", 0.0)
        small.link("a", "b", 0.0, kind="OTHER")
        frame = small.tick()
        assert strides(frame) == [("a", "b")] * 3
        kinds = frame.resident.link("type")[frame.moment.strides.link]
        assert [frame.resident.link_types[k] for k in kinds] == ["OTHER", "R", "R"]  # ties by link type, then by id
        assert small.graph.visits() == {"b": 3}

    def test_all_alike_are_taken_by_the_target_id(self):
        small = Small(select={"topk": 2}, fanout={"task_mode": "methodical"})
        small.node("a", energy=2.0)
        for name in ("z", "m", "b10", "b9"):
            small.node(name)
            small.link("a", name, 1.0)
        frame = small.tick()
        assert strides(frame) == [("a", "b10"), ("a", "b9")]
        assert frame.moment.strides.share.tolist() == [0.5, 0.5]

    def test_one_weight_alike_is_read_by_the_floor_of_the_deviation(self):
        small = Small()
        small.node("a", energy=2.0)
        for k in range(4):
            small.node(f"n{k}")
            small.link("a", f"n{k}", 3.0)
        frame = small.tick()
        assert frame.moment.strides.cost.tolist() == [pytest.approx(math.log(2), rel=1e-15)] * 3
        assert np.isfinite(frame.moment.strides.energy).all()

    @pytest.mark.parametrize("weight", [-700.0, 0.0, 700.0])
    def test_fewer_than_three_of_all_are_as_wide_as_any(self, weight):
        small = Small()
        small.node("a", energy=2.0)
        small.node("b")
        small.link("a", "b", weight)
        frame = small.tick()
        assert frame.energy_transferred == pytest.approx(2.0 * 0.02, rel=1e-15)
        assert frame.moment.frontier.standard.low_confidence.tolist() == [True]

    def test_weights_beyond_all_reason_are_clipped(self):
        small = Small()
        small.node("a", energy=2.0)
        for k, weight in enumerate((-1e100, 0.0, 1e100, 1e-300)):
            small.node(f"n{k}")
            small.link("a", f"n{k}", weight)
        small.tick()
        small.assert_sound()

    @pytest.mark.parametrize("what", ["embedding", "emotion"])
    @pytest.mark.parametrize(
        "bad", [[], [0.0, 0.0], [1.0], [1.0, NAN], [INF, 1.0], "vector", 3.0, [True, False], ["a", "b"], [[1.0], [2.0]]]
    )
    def test_vectors_that_are_none_leave_the_cost_as_it_is(self, what, bad):
        costs = []
        for value in (None, bad):
            small = chain(valence={"goal": (1.0, 0.5), "affect": (0.3, -0.8)})
            small.of("b")[what] = value
            costs.append(small.tick().moment.strides.cost.tolist())
        assert costs[0] == costs[1]

    @pytest.mark.parametrize("size", [1e-320, 1e-200, 1.0, 1e200, 1.7e308])
    def test_vectors_of_any_size_have_an_angle(self, size):
        small = chain(valence={"goal": (1e200, -1e200), "affect": (1e200, 1e-200)})
        small.of("b")["embedding"] = [size, size]
        small.of("b")["emotion"] = [-size, size]
        cost = small.tick().moment.strides.cost
        assert np.isfinite(cost).all()
        small.assert_sound()


class TestStimuli:
    def test_lifts_a_node_that_strides_in_the_same_tick(self):
        small = chain()
        small.stimulate("b", 1.5)
        frame = small.tick()
        assert strides(frame) == [("a", "b"), ("b", "c")]
        assert frame.energy_in == 1.5
        assert (frame.flips_on, frame.diffusion_radius) == (1, 0)

    @pytest.mark.parametrize("delta", [NAN, INF, -INF, 1e308, -1.0, 0.0, "much", None, [1.0], True, 10**400])
    def test_bad_amount_is_rejected_and_holds_nothing_up(self, delta):
        small = chain()
        small.stimulate("b", delta, "bad")
        small.stimulate("b", 0.5, "good")
        frame = small.tick()
        assert frame.energy_in == 0.5
        assert [(row["id"], "delta" in row["why"]) for row in small.graph.rejected] == [("bad", True)]
        assert list(small.graph.applied) == ["good"]
        assert small.graph.queue == {}
        small.assert_sound()

    @pytest.mark.parametrize("node", ["nobody", None, 7, ["a"], ""])
    def test_unknown_node_is_rejected(self, node):
        small = chain()
        small.stimulate(node, 1.0)
        small.stimulate("b", 0.5)
        assert small.tick().energy_in == 0.5
        assert "there is no node" in small.graph.rejected[0]["why"]

    @pytest.mark.parametrize("name", [None, 7, ""])
    def test_id_that_is_none_is_rejected(self, name):
        small = chain()
        small.graph.add_stimulus(id=name, node="b", delta=1.0, created_at=0)
        assert small.tick().energy_in == 0.0
        assert small.graph.rejected[0]["why"] == "its id is missing or not text"

    def test_the_same_id_in_a_later_tick_is_not_applied(self):
        small = chain()
        small.stimulate("b", 0.5, "once")
        assert small.tick().energy_in == 0.5
        small.stimulate("b", 0.7, "once")
        assert small.tick().energy_in == 0.0
        assert small.graph.rejected[0]["why"] == "a stimulus of this id was applied before"
        small.assert_sound()

    def test_the_same_id_twice_in_one_tick_is_applied_once(self):
        small = chain()
        small.stimulate("b", 0.5, "once")
        small.stimulate("b", 0.7, "once")
        assert small.tick().energy_in == 0.5
        assert small.graph.queue == {}
        small.assert_sound()

    def test_several_to_one_node_add_up(self):
        small = chain()
        for _ in range(10):
            small.stimulate("b", 0.1)
        frame = small.tick()
        assert frame.energy_in == 1.0
        assert ("b", "c") not in strides(frame)  # added up one after the other, they are 0.9999999999999999
        small.assert_sound()

    def test_together_not_over_the_most_energy(self):
        small = chain()
        small.stimulate("b", 6e8)
        small.stimulate("b", 6e8)
        assert small.tick().energy_in == 6e8
        assert "over 1e+09" in small.graph.rejected[0]["why"]

    def test_no_more_than_a_batch_in_a_tick(self):
        small = chain(stimulus={"batch": 3})
        for _ in range(7):
            small.stimulate("b", 0.1)
        assert [small.tick().energy_in for _ in range(4)] == [pytest.approx(x) for x in (0.3, 0.3, 0.1, 0.0)]

    def test_bad_ones_leave_the_queue(self):
        small = chain(stimulus={"batch": 2})
        for delta in (NAN, -1.0, "x", 0.5):
            small.stimulate("b", delta)
        assert [small.tick().energy_in for _ in range(3)] == [0.0, 0.5, 0.0]

    def test_s13_hops_are_counted_from_the_seeds(self):
        small = chain(tick={"alpha": 1.0}, guards={"beta": 0.2})
        small.of("a")["energy"] = 0.0
        small.of("b")["threshold"] = 0.1
        small.of("c")["threshold"] = 0.01
        small.stimulate("a", 2.0)
        radii = [small.tick().diffusion_radius for _ in range(3)]
        assert radii == [1, 2, 2]


class TestForeign:
    def test_energy_changed_between_ticks_is_booked_and_the_tick_staged_again(self):
        small = chain()
        small.tick()
        before = small.held.ledger.books.total
        small.of("a")["energy"] += 1.0
        frame = small.tick()
        assert small.held.ledger.books.external[0] == pytest.approx(FADED, abs=1e-12)
        assert frame.energy_total == pytest.approx(before + FADED - math.fsum(frame.energy_decay.values()), abs=1e-12)
        assert energy_now(small.graph, small.settings) == pytest.approx(frame.energy_total, rel=1e-12)
        small.assert_sound()

    def test_energy_changed_between_load_and_commit(self):
        small = chain()
        small.tick()
        commit, seen = small.graph.commit, []

        def changed(changes):
            if not seen:
                small.of("b")["energy"] += 0.25
            seen.append(changes)
            commit(changes)

        small.graph.commit = changed
        frame = small.tick()
        assert len(seen) == 2
        assert frame.frame == 2
        assert small.held.ledger.books.external[0] == pytest.approx(0.25 * FADED, abs=1e-12)
        small.assert_sound()

    def test_energy_made_bad_between_load_and_commit(self):
        small = chain()
        small.node("d")
        small.link("a", "d")
        small.tick()
        small.of("b")["energy"] = "much"
        frame = small.tick()
        assert strides(frame) == [("a", "d")]
        assert small.of("b")["energy"] == "much"
        assert small.held.ledger.books.external[0] < 0.0
        small.assert_sound()

    @pytest.mark.parametrize("what", ["delete_node", "delete_link"])
    def test_end_or_link_deleted_between_load_and_commit(self, what):
        small = chain()
        extra = small.link("a", "c")
        small.tick()
        total = small.held.ledger.books.total
        getattr(small.graph, what)(small.key["c"] if what == "delete_node" else extra)
        frame = small.tick()
        assert strides(frame) == [("a", "b")]
        assert frame.energy_total < total
        assert energy_now(small.graph, small.settings) == pytest.approx(frame.energy_total, rel=1e-12)
        small.assert_sound()

    def test_source_deleted(self):
        small = chain(guards=NO_RETRY)
        small.tick()
        small.graph.delete_node(small.key["a"])
        frame = small.tick()
        assert frame.strides == 0
        assert frame.frontier_active == 0
        small.assert_sound()

    def test_key_given_to_another_node(self):
        small = chain()
        small.tick()
        small.graph.node[small.key["b"]] = {"id": "another", "energy": 0.0}
        small.tick()
        another = small.graph.node[small.key["b"]]
        assert another["id"] == "another"
        assert another["energy"] > 0.0, "the link leads to it now"
        small.assert_sound()

    def test_weight_changed(self):
        small = chain(learning={"rate": 1.0})
        small.of("b")["energy"] = 1.5  # co-active: the link learns whatever its utility
        link = next(key for key, found in small.graph.link.items() if found.source == small.key["a"])
        small.tick()
        small.graph.link[link].properties["log_weight"] = 0.7
        small.tick()
        assert small.graph.link[link].properties["log_weight"] > 0.7

    def test_writers_that_never_rest(self):
        small = chain()
        small.tick()
        commit = small.graph.commit

        def changed(changes):
            small.of("a")["energy"] += 1e-3
            commit(changes)

        small.graph.commit = changed
        with pytest.raises(ForeignChange, match="tick 2 was staged 20 times"):
            small.tick()
        small.graph.commit = commit
        assert small.tick().frame == 2
        small.assert_sound()

    @pytest.mark.parametrize("how", ["changed", "deleted", "bad"])
    def test_resting_node_is_found_when_it_is_settled(self, how):
        small = chain(decay={"settle": 4.0, "half_life": {"*": 100.0}})
        small.node("d", energy=0.5)
        small.held = attach(small.graph, small.settings, "me")
        if how == "changed":
            small.of("d")["energy"] = 0.7
        elif how == "deleted":
            small.graph.delete_node(small.key["d"])
        else:
            small.of("d")["energy"] = NAN
        for number in range(3):
            assert small.tick(5.0).frame == number + 1
        expected = {"changed": 0.2, "deleted": -0.5, "bad": -0.5}[how] * 2 ** (-5 / 100)
        assert small.held.ledger.books.external[0] == pytest.approx(expected, rel=1e-12)
        small.assert_sound()

    def test_writers_that_never_let_an_energy_be_settled(self):
        small = chain(decay={"settle": 4.0, "half_life": {"*": 100.0}})
        small.held = attach(small.graph, small.settings, "me")
        settle = small.graph.settle

        def changed(*rows):
            small.of("a")["energy"] += 1e-3
            settle(*rows)

        small.graph.settle = changed
        with pytest.raises(ForeignChange, match="settled 20 times"):
            small.tick(5.0)
        small.graph.settle = settle
        small.held = attach(small.graph, small.settings, "me")
        assert small.tick().frame == 2
        small.assert_sound()

    def test_node_added_with_energy_is_booked_when_it_is_read(self):
        small = chain()
        small.tick()
        small.node("new", energy=3.0, energy_at=1.0)
        small.link("new", "c")
        small.stimulate("new", 0.25)
        frame = small.tick()
        assert ("new", "c") in strides(frame)
        assert small.held.ledger.books.external == (3.0, 0.0)
        assert abs(frame.conservation_error) < 1e-12
        assert energy_now(small.graph, small.settings) == pytest.approx(frame.energy_total, rel=1e-12)

    def test_node_added_with_energy_strides_in_the_tick_after_it_was_read(self):
        small = chain()
        small.tick()
        small.node("new", energy=3.0, energy_at=1.0)
        small.node("d", energy=2.0)
        small.link("new", "c")
        small.link("d", "new")
        small.stimulate("d", 0.25)
        assert [("new", "c") in strides(small.tick()) for _ in range(2)] == [False, True]
        small.assert_sound()

    def test_node_added_and_stimulated(self):
        small = chain()
        small.tick()
        small.node("new")
        small.link("new", "c")
        small.stimulate("new", 2.0)
        assert ("new", "c") in strides(small.tick())


class TestFence:
    def test_another_holds_it(self):
        small = chain()
        small.tick()
        assert attach(small.graph, small.settings, "you") is None

    def test_lease_that_ran_out_is_taken_and_the_old_worker_refused(self):
        small = chain()
        small.tick()
        small.graph.now = lambda: 1000.0
        theirs = attach(small.graph, small.settings, "you")
        before = {name: dict(small.of(name)) for name in "abc"}
        with pytest.raises(Fenced):
            small.tick()
        assert {name: dict(small.of(name)) for name in "abc"} == before
        assert tick(theirs, 1.0).frame == 2

    def test_same_holder_after_a_crash_raises_the_fence(self):
        small = chain()
        small.tick()
        again = attach(small.graph, small.settings, "me")
        with pytest.raises(Fenced):
            small.tick()
        assert tick(again, 1.0).frame == 2

    def test_decay_under_a_raised_fence_is_refused(self):
        small = chain()
        small.held = attach(small.graph, small.settings, "me")
        close = small.graph.decay

        def later(*arguments):
            small.graph.now = lambda: 1000.0
            attach(small.graph, small.settings, "you")  # finds the tick committed, and finishes it
            return close(*arguments)

        small.graph.decay = _first(later, close)
        with pytest.raises(Fenced):
            small.tick()
        assert (small.graph.kept.tick, small.graph.kept.phase, small.graph.kept.decay_clock) == (1, "idle", 1.0)

    def test_ledger_that_went_on_is_refused(self):
        small = chain()
        small.tick()
        small.graph.kept = replace(small.graph.kept, tick=5)
        with pytest.raises(Fenced):
            small.tick()


class TestTurns:
    def test_s4_everyone_is_served_in_turn(self):
        small = Small()
        for k in range(25):
            small.node(f"n{k:02}", energy=3.0)
            small.node(f"t{k:02}")
            small.link(f"n{k:02}", f"t{k:02}")
        small.held = attach(small.graph, small.settings, "me")
        small.held.frontier_cap = 10
        served = []
        for number in range(5):
            frame = small.tick(0.1)
            assert frame.strides == 10
            served += [source for source, _ in strides(frame)]
            assert strides(frame) == sorted(strides(frame))
            if number == 2:  # a restart keeps the turn
                small.held = attach(small.graph, small.settings, "me")
                small.held.frontier_cap = 10
        assert sorted(served) == sorted([f"n{k:02}" for k in range(25)] * 2)

    def test_s4_turn_is_over_when_all_fit(self):
        small = Small()
        for k in range(4):
            small.node(f"n{k}", energy=1.01)
            small.node(f"t{k}")
            small.link(f"n{k}", f"t{k}")
        small.held = attach(small.graph, small.settings, "me")
        small.held.frontier_cap = 3
        assert len(strides(small.tick(0.1))) == 3
        assert small.held.ledger.turn == "n2"
        small.held.frontier_cap = 4
        assert len(strides(small.tick(0.1))) == 4
        assert small.held.ledger.turn == ""

    def test_s4_newcomers_do_not_starve_those_who_wait(self):
        small = Small()
        for k in range(6):
            small.node(f"n{k}", energy=3.0)
            small.node(f"t{k}")
            small.link(f"n{k}", f"t{k}")
        small.held = attach(small.graph, small.settings, "me")
        small.held.frontier_cap = 2
        served = []
        for number in range(6):
            small.node(f"a{number}", energy=0.0)
            small.link(f"a{number}", "t0")
            small.stimulate(f"a{number}", 2.0)
            served += [source for source, _ in strides(small.tick(0.1))]
        assert {f"n{k}" for k in range(6)} <= set(served)


class TestAttach:
    def test_opening_is_what_is_there(self):
        small = chain()
        small.of("c")["energy"] = 0.25
        small.held = attach(small.graph, small.settings, "me")
        books = small.held.ledger.books
        assert (books.total, books.opening, books.external, books.error) == (2.25, (2.25, 0.0), (0.0, 0.0), 0.0)

    def test_what_others_wrote_meanwhile_is_external(self):
        small = chain()
        small.tick()
        small.of("c")["energy"] = 5.0
        small.of("c")["energy_at"] = small.graph.kept.decay_clock
        small.held = attach(small.graph, small.settings, "me")
        assert small.held.ledger.books.external[0] == pytest.approx(5.0, abs=1e-12)
        small.assert_sound()
        assert "c" in {small.held.resident.ids[i] for i in small.held.resident.active}

    def test_statistics_that_drifted_are_counted_and_named(self):
        small = chain(learning={"gate": "off"})
        small.tick()
        small.graph.stats["R"] = WeightStats(2, 0.5, 0.0)
        small.held = attach(small.graph, small.settings, "me")
        assert small.held.stats["R"] == WeightStats(2, 0.0, 0.0)
        assert [row[0] for row in small.rejected("statistics")] == ["R"]

    def test_statistics_that_rounding_explains_are_kept(self):
        small = chain(learning={"gate": "off"})
        small.tick()
        small.graph.stats["R"] = WeightStats(2, 1e-12, 3e-9)
        small.held = attach(small.graph, small.settings, "me")
        assert small.held.stats["R"] == WeightStats(2, 1e-12, 3e-9)
        assert small.rejected("statistics") == []

    def test_recount_after_links_were_added(self):
        small = chain(learning={"gate": "off"})
        small.tick()
        small.link("c", "a", 3.0)
        recount(small.held)
        assert small.held.stats["R"].n == 3
        assert small.graph.stats["R"].mean == 1.0

    def test_committed_tick_is_closed_first(self):
        small = chain()
        small.held = attach(small.graph, small.settings, "me")
        small.graph.decay = _first(_unreachable, small.graph.decay)
        with pytest.raises(ConnectionError):
            small.tick(5.0)
        assert (small.graph.kept.phase, small.graph.kept.decay_clock) == ("committed", 0.0)
        small.held = attach(small.graph, small.settings, "me")
        assert (small.graph.kept.phase, small.graph.kept.decay_clock, small.graph.kept.tick) == ("idle", 5.0, 1)
        small.assert_sound()


class TestSettle:
    def test_s9_written_out_when_the_clock_passes_an_epoch(self):
        small = Small(decay={"settle": 60.0})
        small.node("a", energy=0.5, type="Task")
        small.node("b", energy=0.5, type="Memory")  # moved by 0.06 %: not worth a write
        for _ in range(11):
            small.tick(5.0)
        assert small.of("a") == {"id": "a", "energy": 0.5, "type": "Task"}
        small.tick(5.0)
        assert small.of("a")["energy_at"] == 60.0
        assert small.of("a")["energy"] == pytest.approx(0.5 * 2 ** (-60 / 7200), rel=1e-15)
        assert small.of("b") == {"id": "b", "energy": 0.5, "type": "Memory"}
        assert energy_now(small.graph, small.settings) == pytest.approx(small.held.ledger.books.total, rel=1e-12)

    def test_s9_under_the_floor_is_nothing_and_booked_as_decay(self):
        small = Small(decay={"settle": 5.0, "half_life": {"*": 10.0}, "floor": 0.1})
        small.node("a", energy=0.11)
        frame = small.tick(5.0)
        assert small.of("a")["energy"] == 0.0
        assert math.fsum(frame.energy_decay.values()) == pytest.approx(0.11, rel=1e-14)
        assert frame.energy_total == 0.0
        assert small.held.ledger.books.decayed[0] == pytest.approx(0.11, rel=1e-14)
        small.assert_sound()

    def test_s9_energy_is_written_as_of_the_epoch(self):
        small = chain(decay={"settle": 4.0, "half_life": {"*": 100.0}})
        small.tick(5.0)
        small.tick(1.0)
        assert {small.of(name)["energy_at"] for name in "ab"} == {4.0}
        small.assert_sound()
        assert energy_now(small.graph, small.settings) == pytest.approx(small.held.ledger.books.total, rel=1e-12)


class TestDt:
    def test_capacity_of_a_tick(self):
        small = chain()
        frame = small.tick(5.0)
        assert frame.dt == 5.0
        assert frame.energy_transferred == pytest.approx(0.2, rel=1e-12)
        again = chain()
        assert again.tick(1e9).energy_transferred == pytest.approx(0.4, rel=1e-12)  # β · E: no dt gives more
        again.assert_sound()

    @pytest.mark.parametrize("dt", [NAN, -1.0, INF])
    def test_time_that_is_none_is_refused(self, dt):
        small = chain()
        small.tick()
        before = small.graph.kept
        with pytest.raises(InputError, match="seconds"):
            small.tick(dt)
        assert small.graph.kept == before


def _first(first, then):
    """Call one function the first time, and another from then on."""
    calls = []

    def call(*arguments):
        calls.append(arguments)
        return (first if len(calls) == 1 else then)(*arguments)

    return call


def _unreachable(*_):
    raise ConnectionError


def test_a_node_whose_key_is_0_is_found_like_any_other():
    graph = MemoryGraph()
    graph.node[0] = {"graph": "default", "id": "first of a database"}
    assert graph.keys({"first of a database"}) == {"first of a database": 0}
