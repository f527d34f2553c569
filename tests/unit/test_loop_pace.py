"""The main loop's pace (SPEC §11), over a graph in memory: when ticks come, what each stands for, and what ends a wait."""

import os
import random
import signal
import statistics
import threading
import time
from itertools import pairwise

import pytest

from worker.errors import CommitUnknown, ForeignChange, TooLarge, Unreachable
from worker.events.build import frame_start
from worker.graph.attach import attach
from worker.graph.memory import MemoryGraph
from worker.loop import Worker
from worker.pacer import Pacer
from worker.settings import Settings
from worker.tick import tick

LATE = 2.0  # seconds that a busy machine may hold anything up; what a test tells apart lies tens of seconds apart


@pytest.fixture(autouse=True, scope="module")
def _compiled():
    """Let the kernels be compiled before anything is timed."""
    graph = MemoryGraph("g")
    graph.add_link(graph.add_node(id="a", energy=100.0), graph.add_node(id="b"), "R", log_weight=0.0)
    tick(attach(graph, Settings(graph="g"), "me"), 1.0)


class Told:
    """A sink that keeps each tick, and the event that it began with."""

    def __init__(self):
        self.starts, self.frames, self.states = [], [], []

    def frame(self, frame):
        self.frames.append(frame)
        self.starts.append(frame_start(frame))

    def state(self, state, detail):
        self.states.append(state)

    def close(self):
        pass


class Asked(MemoryGraph):
    """A graph that does something when it is asked for the so many-th time whether a stimulus waits; `begun`: when each tick was."""

    def __init__(self, *args, at=3, then=lambda graph: None, **kwargs):
        super().__init__("g", *args, **kwargs)
        self.asked, self.begun, self.renewed, self.at, self.then = [], [], 0, at, then
        self.a = self.add_node(id="a", type="Task")

    def waiting(self):
        self.asked.append(time.monotonic())
        if len(self.asked) == self.at:
            self.then(self)
        return super().waiting()

    def intake(self, limit):
        self.begun.append(time.monotonic())
        return super().intake(limit)

    def renew(self, fence, ttl):
        self.renewed += 1
        super().renew(fence, ttl)


def stimulate(graph, node="a", delta=5.0):
    graph.add_stimulus(id=f"s{len(graph.asked)}", node=node, delta=delta, created_at=len(graph.asked))


def worker(graph, ticks=None, clock=time.monotonic, **settings):
    told = Told()
    return Worker(graph, Settings(graph="g", **settings), told, prepare=lambda: None, ticks=ticks, clock=clock), told


def test_s11_a_stimulus_ends_a_long_wait_at_once():
    injected = []

    def inject(graph):
        injected.append(time.monotonic())
        stimulate(graph)

    graph = Asked(then=inject)
    one, told = worker(graph, ticks=2)
    one.run()
    assert [frame.energy_in for frame in told.frames] == [0.0, 5.0]
    first, second = told.starts
    assert (first["interval"], first["interval_reason"]) == (60.0, "stimulus")
    assert (second["interval"], second["interval_reason"]) == (0.1, "stimulus")
    assert graph.begun[1] - injected[0] < LATE
    assert second["dt"] == pytest.approx(graph.begun[1] - graph.begun[0], abs=0.1)


def test_s11_the_ticks_after_a_stimulus_come_fast_whatever_the_pace_was():
    graph = Asked(then=stimulate)
    one, told = worker(graph, ticks=4)
    one.run()
    assert 0.09 < graph.begun[2] - graph.begun[1] < LATE
    assert told.starts[2]["interval"] == 0.1
    assert 0.1 < told.starts[3]["interval"] < 0.2


def test_s11_a_stimulus_that_is_rejected_leaves_the_mean_as_it_was():
    graph = Asked(then=lambda graph: stimulate(graph, node="nobody"))
    one, told = worker(graph, ticks=2)
    one.run()
    assert told.starts[1]["interval"] == 0.1
    assert one.pacer.interval.seconds == pytest.approx(60.0)


def test_s11_the_queue_is_looked_at_seldom_and_not_before_a_tick_may_start():
    graph = Asked(at=8, then=stimulate)
    one, _ = worker(graph, ticks=2)
    one.run()
    between = [b - a for a, b in pairwise(graph.asked)]
    assert min(between) > 0.07
    assert graph.asked[0] - graph.begun[0] > 0.09  # no tick starts sooner than pace.min after the one before


def test_s11_active_energy_sets_the_pace():
    graph = Asked()
    graph.node[graph.a]["energy"] = 100.0
    one, told = worker(graph, ticks=3)
    one.run()
    assert {(start["interval"], start["interval_reason"]) for start in told.starts} == {(0.1, "activation")}
    assert 0.19 < graph.begun[2] - graph.begun[0] < LATE


def test_s11_affect_sets_the_pace():
    one, told = worker(Asked(), ticks=2, valence={"affect": (0.6, -0.8)})
    one.run()
    assert {(start["interval"], start["interval_reason"]) for start in told.starts} == {(0.2, "arousal")}


def test_s11_dt_is_never_over_its_cap_nor_below_nothing():
    times = [0.0]
    graph = Asked()
    graph.node[graph.a]["energy"] = 100.0
    one, told = worker(graph, ticks=1, clock=lambda: times[0])
    for at in (0.0, 0.0, 0.3, 90.0):  # a clock that stands still, one that moves, and one after a long pause
        times[0] = at
        one.done = 0
        one.run()
    assert [frame.dt for frame in told.frames] == [0.1, 0.0, 0.3, 5.0]
    assert graph.kept.decay_clock == pytest.approx(5.4)


def test_s11_a_fixed_pace_pins_both_and_nothing_ends_its_waits():
    graph = Asked(at=1, then=stimulate)
    graph.node[graph.a]["energy"] = 100.0
    one, told = worker(graph, ticks=3, pace={"fixed": 0.25, "dt_max": 0.1}, valence={"affect": (1.0,)})
    threading.Timer(0.05, stimulate, (graph,)).start()
    one.run()
    assert {(s["dt"], s["interval"], s["interval_reason"]) for s in told.starts} == {(0.25, 0.25, "fixed")}
    assert 0.15 < graph.begun[1] - graph.begun[0] < LATE  # the stimulus, at 0.05, has not ended it
    assert [frame.energy_in for frame in told.frames] == [0.0, 5.0, 0.0]
    assert graph.asked == []


def test_s11_the_lease_is_kept_through_a_long_wait():
    graph = Asked(at=9, then=stimulate)
    one, _ = worker(graph, ticks=2, lease={"ttl": 1.0})
    one.run()
    assert graph.begun[1] - graph.begun[0] > 0.6
    assert 1 <= graph.renewed < len(graph.asked)  # every third of the lease, not with every look at the queue


def test_s11_a_long_wait_ends_with_sigterm():
    graph = Asked(at=2, then=lambda _: os.kill(os.getpid(), signal.SIGTERM))
    one, told = worker(graph)
    one.run()
    assert time.monotonic() - graph.asked[-1] < LATE
    assert (len(told.frames), len(graph.asked), told.states[-1]) == (1, 2, "stopping")
    assert graph.holder is None


def test_s11_a_database_that_goes_away_during_a_wait_is_waited_for():
    def vanish(_):
        raise Unreachable("gone")

    graph = Asked(then=vanish)
    one, told = worker(graph, ticks=2)
    one.run()
    assert "waiting for database" in told.states
    assert told.starts[1]["dt"] == pytest.approx(graph.begun[1] - graph.begun[0], abs=0.1)


def test_s11_a_tick_whose_answer_was_lost_is_not_counted_twice_in_dt(monkeypatch):
    times = [0.0]
    graph = Asked()
    graph.node[graph.a]["energy"] = 100.0
    commit = graph.commit
    one, told = worker(graph, clock=lambda: times[0])

    def lose(changes):
        commit(changes)
        if changes.ledger.tick == 2:
            times[0] = 1.5
            raise CommitUnknown("lost")

    monkeypatch.setattr(graph, "commit", lose)
    for at in (0.0, 1.0, 4.0):
        times[0], one.ticks = at, one.done + 1
        one.run()
    assert [frame.frame for frame in told.frames] == [1, 3, 4]
    assert [frame.dt for frame in told.frames] == [0.1, 0.5, 2.5]
    assert graph.kept.decay_clock == pytest.approx(4.1)


def test_s11_a_tick_that_was_too_large_is_tried_again_soon(monkeypatch):
    graph, kept = Asked(), []
    commit = graph.commit

    def refuse(changes):
        kept.append(time.monotonic())
        if len(kept) == 1:
            raise TooLarge("no memory")
        commit(changes)

    monkeypatch.setattr(graph, "commit", refuse)
    one, told = worker(graph, ticks=1)
    one.run()
    assert kept[1] - kept[0] < LATE
    assert len(told.frames) == 1


def simulate(stimuli, smoothing, until=600.0):
    """Pace real ticks by a simulated clock; give the interval after each, and how long each stimulus has waited for its own."""
    now, graph = [0.0], MemoryGraph("g")
    graph.add_node(id="a", type="Task")
    settings = Settings(graph="g", pace={"smoothing": smoothing})
    held, pacer, queue = attach(graph, settings, "me"), Pacer(settings, lambda: now[0]), sorted(stimuli)
    intervals, delays = [], []
    while now[0] < until:
        pacer.begin(held)
        frame = tick(held, pacer.dt)
        pacer.end(held, frame)
        intervals.append(pacer.interval.seconds)
        delays += [now[0] - float(found.id) for found in frame.moment.stimuli.applied]
        while pacer.left > 0.0:
            now[0] = min(pacer._due, pacer._poll)
            while queue and queue[0] <= now[0]:
                at = queue.pop(0)
                graph.add_stimulus(id=repr(at), node="a", delta=1e-3, created_at=at)
            if pacer.until_poll <= 0.0:
                pacer.polled(waiting=graph.waiting())
    return intervals, delays


def test_s11_smoothing_calms_the_pace_under_bursts_and_delays_no_stimulus():
    rng = random.Random(11)
    bursts = [10.0 + 12.0 * k + rng.uniform(0.0, 4.0) for k in range(45) for _ in range(6)]
    (rough, rough_delays), (smooth, delays) = simulate(bursts, 1.0), simulate(bursts, 0.3)
    assert len(delays) == len(rough_delays) == len(bursts)
    assert statistics.variance(smooth) < 0.5 * statistics.variance(rough)
    assert max(rough_delays) < 0.1 + 1e-9
    assert max(delays) < 0.1 + 1e-9


def test_a_lease_that_cannot_be_given_back_is_left_to_run_out(monkeypatch):
    def vanish(fence):
        raise Unreachable("gone")

    graph = Asked()
    monkeypatch.setattr(graph, "release", vanish)
    one, told = worker(graph, ticks=1)
    one.run()
    assert (len(told.frames), told.states[-1], graph.kept.phase) == (1, "stopping", "idle")


def test_what_others_delete_while_it_attaches_is_read_again(monkeypatch):
    def vanish(ledger, visits):
        monkeypatch.undo()
        raise ForeignChange("a node that had visits is gone")

    graph = Asked()
    graph.noted["a"] = 1
    monkeypatch.setattr(graph, "count_visits", vanish)
    one, told = worker(graph, ticks=1)
    one.run()
    assert (len(told.frames), graph.node[graph.a]["visits"]) == (1, 1)
