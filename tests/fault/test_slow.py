"""A network that is slow, narrow or breaks off: the worker is slow, never wrong (RELIABILITY)."""

import random
import time

import pytest

from tests.fault.processes import Process, complete, same
from tests.fault.proxy import Proxy

pytestmark = pytest.mark.neo4j
SECONDS = 10.0
NARROW = (4_000, 20_000, 200_000)  # bytes a second


@pytest.mark.rounds(3)
def test_ticks_over_a_slow_or_narrow_link(disturbed, seed):
    """Every answer waits up to half a second, or all goes through so many bytes a second; or both."""
    rng = random.Random(seed)
    proxy = Proxy(disturbed.graph.connection.settings.uri)
    proxy.delay = rng.choice((0.02, 0.1, 0.5)) if seed % 3 != 1 else 0.0
    proxy.rate = rng.choice(NARROW) if seed % 3 != 0 else None
    with proxy, Process(disturbed, proxy.uri, STRIDE_LEASE__TTL="15") as process:
        process.await_line('"frame.end.v1"')
        time.sleep(SECONDS)
        process.stop()
    assert process.frames
    complete(disturbed)
    same(disturbed)


@pytest.mark.rounds(2)
def test_a_link_that_breaks_off_again_and_again(disturbed, seed):
    """All connections are cut at random moments, also while it attaches, reads, settles or renews."""
    rng = random.Random(seed)
    with Proxy(disturbed.graph.connection.settings.uri) as proxy, Process(disturbed, proxy.uri) as process:
        process.await_line('"attached"')
        for _ in range(5):
            time.sleep(rng.uniform(0.0, 0.5))
            proxy.cut_all()
        seen = len(process.lines)
        process.await_line('"frame.end.v1"', after=seen)
        process.stop()
    complete(disturbed)
    same(disturbed)
