"""A worker that is told to pause, to go on, or to read its graph anew, from another thread."""

import threading
import time

import pytest

from worker.events import Sinks
from worker.graph.memory import MemoryGraph
from worker.loop import Worker
from worker.settings import Settings

SOON = 60.0  # s after which what shall come has not come


class Told:
    def __init__(self):
        self.states, self.frames = [], []

    def frame(self, frame):
        self.frames.append(frame.frame)

    def state(self, state, detail):
        self.states.append((state, detail))

    def close(self):
        pass


@pytest.fixture
def started():
    """Start a worker at a graph; stop it at the end."""
    running = []

    def start(**settings):
        graph = MemoryGraph("g")
        graph.add_node(id="a", energy=5.0)
        told = Told()
        settings = Settings(graph="g", **{"pace": {"fixed": 0.02}, **settings})
        worker = Worker(graph, settings, Sinks(told), prepare=lambda: None)
        thread = threading.Thread(target=worker.run)
        thread.start()
        running.append((worker, thread))
        return worker, told, graph

    yield start
    for worker, thread in running:
        worker.stop()
        thread.join(SOON)
        assert not thread.is_alive()


def wait_for(condition):
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < SOON
        time.sleep(0.005)


def test_a_pause_moves_nothing_and_keeps_the_lease(started):
    worker, told, graph = started(lease={"ttl": 1.0})
    wait_for(lambda: len(told.frames) > 2)
    worker.pause()
    wait_for(lambda: worker.state == "paused")
    assert told.states[-1] == ("paused", "why: it was asked to")
    done, expires = len(told.frames), graph.expires
    wait_for(lambda: graph.expires > expires)
    assert len(told.frames) == done
    assert worker.lease_left > 0.0
    worker.resume()
    wait_for(lambda: len(told.frames) > done)
    assert told.states[-1] == ("running", "")
    assert told.frames == list(range(1, len(told.frames) + 1))


def test_a_pause_ends_a_long_wait_at_once_and_a_stop_ends_a_pause(started):
    worker, told, _ = started(pace={"fixed": 3600.0})
    wait_for(lambda: told.frames)
    start = time.monotonic()
    worker.pause()
    wait_for(lambda: worker.state == "paused")
    assert time.monotonic() - start < SOON / 4
    worker.stop()
    wait_for(lambda: worker.state == "stopping")
    assert worker.held is None


def test_a_worker_paused_before_it_has_attached_does_no_tick(started):
    worker, told, _ = started()
    worker.pause()
    wait_for(lambda: worker.state == "paused")
    before = len(told.frames)
    worker.refresh()
    wait_for(lambda: [state for state, _ in told.states].count("paused") == 2)
    assert len(told.frames) == before


def test_a_refresh_reads_the_graph_anew(started):
    worker, told, graph = started(pace={"fixed": 3600.0})
    wait_for(lambda: told.frames)
    held = worker.held
    graph.add_node(id="b", energy=7.0)
    worker.refresh()
    wait_for(lambda: worker.held is not held and len(told.frames) > 1)
    assert "b" in worker.held.resident.ids
    assert [state for state, _ in told.states].count("attached") == 2


def test_being_told_again_and_again_costs_no_tick_and_no_busy_wait(started):
    worker, told, _ = started(pace={"fixed": 0.05})
    wait_for(lambda: told.frames)
    for _ in range(50):
        worker.resume()
        worker.pause()
        worker.resume()
    done = len(told.frames)
    wait_for(lambda: len(told.frames) > done + 2)
    before = time.process_time()
    worker.pause()
    wait_for(lambda: worker.state == "paused")
    time.sleep(0.3)
    assert time.process_time() - before < 0.25
