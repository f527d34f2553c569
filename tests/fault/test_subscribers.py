"""Subscribers that are slow, dead, or flood the server: no tick waits for them, what they lose is counted, memory is bounded.

What they cost a tick is measured by `make bench ROW=subscribers`.
"""

import random
import socket
import time
from collections import Counter

import pytest
from websockets.exceptions import ConnectionClosed

from tests.served import graph_of, serving, wait_for
from worker.events import build
from worker.events.subscribers import SUBSCRIBED

EVENTS = 10_000  # that each of them is to be sent
MOST = 30_000  # bytes that may wait for one


class Made:
    """A sink that counts what subscribers are to be sent of each tick, kind by kind."""

    def __init__(self, share):
        self.share, self.counts = share, {}

    def frame(self, frame):
        some = build.sample(frame, self.share)
        self.counts[frame.frame] = Counter(
            {
                "stride.exec.v1": len(some),
                "weights.updated.v1": int((frame.moment.staged.learned[some] != 0.0).sum()),
                "node.flip.v1": frame.flips_on + frame.flips_off,
                "stimulus.injected.v1": len(frame.moment.stimuli.node),
                "frame.start.v1": 1,
                "frame.end.v1": 1,
            }
        )

    def state(self, state, detail):
        pass

    def close(self):
        pass

    def since(self, frame):
        counts = self.counts.copy()  # the worker's thread goes on writing
        return sum((counts[number] for number in counts if number > frame), Counter())


@pytest.fixture
def there():
    with serving(graph_of(500, links=12), pace=0.002, backlog=MOST) as there:
        yield there


def stimulated(there, rng):
    for _ in range(3):
        there.graph.add_stimulus(id=f"{rng.random()}", node=f"n{rng.randrange(500):03}", delta=3.0, created_at=0)


@pytest.mark.rounds(1)
def test_a_slow_one_gets_or_is_told_of_every_event(there, seed):
    rng = random.Random(seed)
    with there.working() as worker:
        made = Made(there.settings.serve.share)
        there.serving.metrics.of("g").sinks.add(made)
        query = "?kinds=" + ",".join(
            sorted(SUBSCRIBED - {"worker.state.v1", "entity.boundary.v1", "input.rejected.v1"})
        )
        wait_for(lambda: made.counts)
        with there.follow(query, max_queue=1) as events:
            while (event := next(events))["kind"] == "snapshot.v1":  # a second one, where it came while a tick was made
                begun = event["frame"]
            got, lost = Counter([event["kind"]]), Counter(event.get("lost", {}))
            while made.since(begun).total() < EVENTS:
                stimulated(there, rng)
                event = next(events)
                got[event["kind"]] += 1
                lost.update(event.get("lost", {}))
                if rng.random() < 0.01:
                    time.sleep(rng.uniform(0.0, 0.3))
                (follower,) = there.hub.followers
                assert follower.backlog.size <= MOST
            worker.pause()
            wait_for(lambda: worker.state == "paused")
            last = max(made.counts)
            while not (event["kind"] == "frame.end.v1" and event["frame"] == last):
                event = next(events)
                got[event["kind"]] += 1
                lost.update(event.get("lost", {}))
        del got["events.lost.v1"]
        assert got + lost == made.since(begun)
        assert not lost.keys() & {"frame.start.v1", "frame.end.v1"}
        assert there.hub.sink.dropped == lost.total()


@pytest.mark.rounds(1)
def test_dead_ones_are_cut_off_and_the_others_miss_nothing(there, seed, monkeypatch):
    monkeypatch.setattr("worker.server.app.GONE", 0.1)
    rng = random.Random(seed)
    host, port = there.host.split(":")
    with there.working() as worker, there.follow("?kinds=frame.end.v1") as events:
        frames = [events.until("frame.end.v1")[-1]["frame"]]
        dead = []
        for _ in range(1 + rng.randrange(8)):
            dead.append(socket.socket())
            dead[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            dead[-1].connect((host, int(port)))
            head = f"GET /events HTTP/1.1\r\nHost: {there.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            dead[-1].sendall(f"{head}Sec-WebSocket-Key: {'A' * 22}==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        wait_for(lambda: len(there.hub.followers) > 1)
        while len(there.hub.followers) > 1 or frames[-1] < frames[0] + 50:
            stimulated(there, rng)
            frames.append(events.until("frame.end.v1")[-1]["frame"])
        assert frames == list(range(frames[0], frames[-1] + 1))
        assert there.hub.sink.dropped > 0
        assert worker.state == "running"
        wait_for(lambda: len(there.serving.listener._server.server_state.connections) == 1)
        for one in dead:
            one.close()


def say_much(flood, rng):
    for _ in range(EVENTS):
        flood.socket.send("x" * rng.randrange(1, 6000))


@pytest.mark.rounds(1)
def test_those_that_flood_it_are_cut_off(there, seed):
    rng = random.Random(seed)
    with there.working() as worker, there.follow("?kinds=frame.end.v1") as events:
        first = events.until("frame.end.v1")[-1]["frame"]
        for _ in range(20):
            with there.follow("?kinds=worker.state.v1") as flood:
                with pytest.raises(ConnectionClosed):
                    say_much(flood, rng)
                assert flood.socket.close_code in (1006, 1008, 1009)  # 1006: it was cut while more was on its way
        assert next(events)["frame"] == first + 1
        wait_for(lambda: len(there.hub.followers) == 1)
        done = worker.done
        wait_for(lambda: worker.done > done + 5)
