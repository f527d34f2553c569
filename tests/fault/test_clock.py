"""Clocks that jump: the database's, the worker's, and a machine that slept (RELIABILITY)."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.fault.processes import PACE, TICKS, TTL, Process, complete, run, same
from tests.stores import MemoryStore, fill
from worker.events import Sinks
from worker.graph.memory import MemoryGraph
from worker.loop import Worker
from worker.settings import Settings

HOUR, YEAR = 3600, 365 * 24 * 3600
SET_CLOCK = "MATCH (l:Ledger {graph: $graph}) SET l.expires = l.expires - $jump"
JUMPS = (HOUR, -HOUR, 10 * YEAR, -10 * YEAR)
LIBRARY = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
needs_faketime = pytest.mark.skipif(
    not LIBRARY and not os.environ.get("CI"), reason="needs the Debian package faketime"
)


@pytest.mark.neo4j
@pytest.mark.rounds(1)
@pytest.mark.parametrize("jump", JUMPS)
def test_the_databases_clock_is_set_while_a_worker_runs_and_dies(disturbed, jump, seed):
    """Another takes over as soon as ever, and no tick is done twice.

    A clock that is set forward by an hour is one by which every lease that stands in the database ends an hour earlier.
    """
    with Process(disturbed) as first:
        first.await_line('"frame.end.v1"')
        time.sleep(random.Random(seed).uniform(0.0, 0.5))
        first.kill()
        first.finish(-signal.SIGKILL)
    disturbed.graph.connection.statement(SET_CLOCK, graph=disturbed.graph.name, jump=jump * 1000)
    start = time.monotonic()
    with Process(disturbed) as second:
        second.await_line('"attached"')
        assert time.monotonic() - start < 2 * TTL + 10, "twice the lease, and what it takes to start"
        second.await_line('"frame.end.v1"')
        second.stop()
    complete(disturbed)
    same(disturbed)


@needs_faketime
@pytest.mark.neo4j
@pytest.mark.rounds(1)
@pytest.mark.parametrize("jump", JUMPS)
def test_the_workers_clock_is_off(disturbed, jump, seed):
    """Nothing of a tick reads it; the clock that measures intervals goes on as it did, as it does where one is set."""
    off = {"FAKETIME": f"{jump + seed:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "LD_PRELOAD": str(LIBRARY[0])}
    run(disturbed, ticks=TICKS, fresh=True, **off)
    same(disturbed)


@pytest.mark.neo4j
@pytest.mark.rounds(1)
def test_asleep_longer_than_its_lease_and_nobody_took_the_graph(disturbed, seed):
    """It goes on where it was: its fence is still the highest."""
    with Process(disturbed) as process:
        process.await_line('"frame.end.v1"')
        time.sleep(random.Random(seed).uniform(0.0, 5 * PACE))
        process.send(signal.SIGSTOP)
        time.sleep(2 * TTL)
        process.send(signal.SIGCONT)
        seen = len(process.lines)
        process.await_line('"frame.end.v1"', after=seen)
        process.stop()
    complete(disturbed)
    same(disturbed)


class Jumping:
    """A clock of the machine that measures intervals, with a sleep of 8 h in it; waiting moves it."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.mark.rounds(1)
def test_eight_hours_of_sleep_are_a_tick_of_the_cap(seed):
    rng, clock, store = random.Random(seed), Jumping(), MemoryStore(MemoryGraph())
    fill(store, seed)
    settings = Settings(pace={"dt_max": 7.0}, lease={"ttl": 3600})
    worker = Worker(store.graph, settings, Sinks(), prepare=bool, ticks=20, clock=clock)
    frames, asleep = [], rng.randint(3, 15)

    class Seen:
        def frame(self, frame):
            frames.append(frame)
            if len(frames) == asleep:
                clock.now += 8 * HOUR

        def state(self, state, detail):
            pass

    def pause(seconds):
        clock.now += seconds

    worker.sink._sinks.append(Seen())
    worker._pause = pause
    worker.run()
    assert all(0.0 < frame.dt <= 7.0 for frame in frames)
    assert frames[asleep].dt == 7.0
    assert max(abs(frame.conservation_error) for frame in frames) <= 1e-9
