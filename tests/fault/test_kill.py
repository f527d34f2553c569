"""A worker that dies, or loses the answer to COMMIT, leaves the bits that an uninterrupted run leaves (RELIABILITY)."""

import random
import signal
import time

import pytest

from tests.fault.processes import PACE, TICKS, Process, complete, run, same
from tests.fault.proxy import Proxy
from worker.faults import FAULT_POINTS

pytestmark = pytest.mark.neo4j
ONCE = {"lease.taken", "lease.releasing"}  # points that a worker reaches once
SLOW = {
    "lease.renewing": {"STRIDE_PACE__FIXED": "1"}
}  # a pause so long that it must renew the lease, however busy the machine


@pytest.mark.rounds(2)
@pytest.mark.parametrize("point", FAULT_POINTS)
def test_killed_at_a_named_point_and_restarted(disturbed, point, seed):
    settings = SLOW.get(point, {})
    at = 1 if point in ONCE else 1 + seed % (2 if point == "settle.written" else 3)  # it settles twice in so many ticks
    run(disturbed, ticks=TICKS, fault=f"{point}@{at}", expected=-signal.SIGKILL, **settings)
    complete(disturbed, **settings)
    same(disturbed, **settings)


@pytest.mark.rounds(2)
def test_killed_at_a_random_moment_again_and_again(disturbed, seed):
    rng = random.Random(seed)
    for _ in range(rng.randint(1, 3)):
        with Process(disturbed) as process:
            process.await_line('"attached"')
            time.sleep(rng.uniform(0.0, 8 * PACE))
            process.kill()
            process.finish(-signal.SIGKILL)
    complete(disturbed, max(TICKS, disturbed.graph.ledger().tick + 1))
    same(disturbed)


@pytest.mark.rounds(3)  # the commits of the first ticks, or a settling
def test_killed_right_after_commit_was_sent(disturbed, seed):
    with Proxy(disturbed.graph.connection.settings.uri, "sent", 1 + seed % TICKS) as proxy:
        with Process(disturbed, proxy.uri, TICKS) as process:
            proxy.act = process.kill
            process.finish(-signal.SIGKILL)
        assert proxy.struck.is_set()
    complete(disturbed)
    same(disturbed)


@pytest.mark.rounds(10)
@pytest.mark.parametrize("fault", ["before", "after"])
def test_the_answer_to_commit_is_lost_and_the_worker_goes_on(disturbed, fault, seed):
    with Proxy(disturbed.graph.connection.settings.uri, fault, 1 + seed % TICKS) as proxy:
        run(disturbed, proxy.uri, ticks=TICKS)
        assert proxy.struck.is_set()
    same(disturbed)


@pytest.mark.rounds(1)
@pytest.mark.parametrize("point", sorted(set(FAULT_POINTS) - {"lease.renewing"}))
def test_sigterm_at_a_named_point_ends_it_after_the_transaction(disturbed, point, seed):
    at = 1 if point in ONCE else 1 + seed % 3
    ticks = TICKS if point == "lease.releasing" else 10_000
    with Process(disturbed, ticks=ticks, fault=f"{point}@{at}:SIGTERM") as process:
        process.await_line('"starting"')  # what it takes until then, on a busy machine, is not its ending
        start = time.monotonic()
        process.finish()
    assert time.monotonic() - start < 10 + 5, "10 s, and what it takes to attach"
    ledger = disturbed.graph.ledger()
    assert ledger.phase == "idle"
    assert disturbed.graph.take("next", 1.0) is not None, "the lease was given back"
    disturbed.graph.release(ledger.fence + 1)
    complete(disturbed)
    same(disturbed)
