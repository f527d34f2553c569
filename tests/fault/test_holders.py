"""Several workers on one graph: one works, the others wait; whoever wakes late is refused (RELIABILITY)."""

import random
import signal
import time
from contextlib import ExitStack

import pytest

from tests.fault.processes import Process, complete, same
from worker.faults import FAULT_POINTS

pytestmark = pytest.mark.neo4j
FROZEN = [point for point in FAULT_POINTS if not point.startswith("lease")]
EIGHT = 8
KILL_EVERY = 5.0  # s
FENCED = 1  # what a worker ends with that was too slow for its lease: on a busy machine one of eight may be


@pytest.mark.rounds(5)
def test_a_holder_frozen_past_its_lease_and_woken_is_refused_and_stops(disturbed, seed):
    rng = random.Random(seed)
    point = rng.choice(FROZEN)
    with Process(disturbed, fault=f"{point}@{rng.randint(1, 3)}:SIGSTOP") as frozen:
        frozen.await_line('"attached"')
        with Process(disturbed) as next_one:
            next_one.await_line('"frame.end.v1"')
            frozen.send(signal.SIGCONT)
            _steps_down(frozen)
            seen = len(next_one.lines)
            next_one.await_line('"frame.end.v1"', after=seen)
            next_one.stop()
    _no_tick_twice(frozen, next_one)
    complete(disturbed)
    same(disturbed)


def _steps_down(frozen):
    """See it end, or wait for the lease where the server has ended the transaction that it was frozen in."""
    until = time.monotonic() + 120.0
    while frozen.running and '"waiting for lease"' not in frozen.output:
        assert time.monotonic() < until, frozen.output
        time.sleep(0.02)
    if frozen.running:
        frozen.stop()
    else:
        frozen.finish(FENCED)
        assert "another worker" in frozen.output


def test_whoever_stops_between_statement_and_commit_does_not_keep_the_graph(disturbed):
    """It has the ledger's lock, and its connection stands: the server ends the transaction."""
    with Process(disturbed, fault="commit.written@2:SIGSTOP", STRIDE_LEASE__TTL="15") as frozen:
        frozen.await_line('"attached"')
        with Process(disturbed) as next_one:
            next_one.await_line('"frame.end.v1"')
            frozen.send(signal.SIGCONT)
            _steps_down(frozen)
            next_one.stop()
    _no_tick_twice(frozen, next_one)
    complete(disturbed)
    same(disturbed)


@pytest.mark.rounds(2)
def test_a_worker_that_waits_takes_over_within_twice_the_lease(disturbed, seed):
    lease = 3.0
    settings = {"STRIDE_LEASE__TTL": str(lease)}
    with Process(disturbed, **settings) as first:
        first.await_line('"frame.end.v1"')
        with Process(disturbed, **settings) as second, Process(disturbed, **settings) as third:
            for waiting in (second, third):
                waiting.await_line("waiting for lease")
                assert not waiting.frames
            first.kill()
            killed = time.monotonic()
            while '"attached"' not in second.output + third.output:
                assert time.monotonic() - killed < 2 * lease
                time.sleep(0.005)
            _await_tick(disturbed, disturbed.graph.ledger().tick + 1)
            for waiting in (second, third):
                waiting.stop()
    _no_tick_twice(second, third)
    complete(disturbed)
    same(disturbed)


@pytest.mark.rounds(2)  # each of them three holders killed, one every 5 s
@pytest.mark.timeout(600)
def test_eight_workers_whose_holder_is_killed_again_and_again(disturbed, seed):
    killed = []
    with ExitStack() as stack:
        workers = [stack.enter_context(Process(disturbed)) for _ in range(EIGHT)]
        for _ in range(3):
            time.sleep(KILL_EVERY)
            holder = _holder(disturbed, workers)
            ticks = disturbed.graph.ledger().tick
            holder.kill()
            killed.append(holder)
            workers.append(stack.enter_context(Process(disturbed)))
            _await_tick(disturbed, ticks + 2)
        for worker in workers:
            if worker not in killed:
                worker.await_line('"starting"')  # before that a signal ends it at once
                worker.send(signal.SIGTERM)
        for worker in workers:
            worker.finish(*[-signal.SIGKILL] if worker in killed else (0, FENCED))
    _no_tick_twice(*workers)
    same(disturbed)


def _no_tick_twice(*workers):
    done = [frame["frame"] for worker in workers for frame in worker.frames]
    assert len(set(done)) == len(done), "a tick was done twice"


def _holder(disturbed, workers):
    """Wait until one of these workers holds the graph, and return it."""
    for _ in range(1000):
        text = "MATCH (l:Ledger {graph: $graph}) RETURN l.holder AS holder"
        rows = disturbed.graph.connection.statement(text, graph=disturbed.graph.name)
        holders = [(row["holder"] or "").split(":") for row in rows]
        found = [
            worker for worker in workers if [str(worker.pid)] in [each[1:2] for each in holders] and worker.running
        ]
        if found:
            return found[0]
        time.sleep(0.02)
    raise AssertionError("nobody holds the graph")


def _await_tick(disturbed, number):
    for _ in range(3000):
        if disturbed.graph.ledger().tick >= number:
            return
        time.sleep(0.01)
    raise AssertionError(f"tick {number} did not come")
