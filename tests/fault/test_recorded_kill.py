"""A recorded worker is killed, at named points and at random moments: what it and its successors did is replayed to the bit."""

from __future__ import annotations

import random
import signal
import time

import pytest

from tests.fault.processes import PACE, SETTINGS, TICKS, Process, complete, run
from worker.archive import recorded
from worker.archive.replay import opened
from worker.archive.snapshot import take
from worker.graph import export
from worker.settings import Settings

pytestmark = pytest.mark.neo4j
POINTS = (
    "select.done@3",
    "commit.written@3",
    "commit.answered@3",
    "decay.begun@3",
    "settle.written@1",
    "forget.written@1",
)


@pytest.fixture
def recording(disturbed, tmp_path, monkeypatch):
    """Give how to record, and replay in the end what was recorded, from a snapshot before to one after it."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    settings = Settings.read(graph=disturbed.graph.name)

    def snapshot(name):
        take(export.held(disturbed.graph, 60.0), tmp_path / name, settings)
        return opened(tmp_path / name)[1]

    before = snapshot("before")
    yield [f"--record={tmp_path / 'rec'}", "--record-strides"]
    after, plan = snapshot("after"), recorded.recording(tmp_path / "rec", before)
    assert plan.last == disturbed.graph.ledger().tick >= TICKS
    copy, found = recorded.replay(before, settings, plan)
    assert recorded.compare(copy, after) == 0
    assert found.digest == after.snapshot.manifest["digest"]


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_named_point_no_input_is_lost(disturbed, recording, point):
    run(disturbed, ticks=TICKS, fault=point, expected=-signal.SIGKILL, more=recording)
    complete(disturbed, more=recording)


@pytest.mark.rounds(2)
def test_killed_at_a_random_moment_again_and_again_no_input_is_lost(disturbed, recording, seed):
    rng = random.Random(seed)
    for number in range(3):
        disturbed.stimulus(minute=20 + number, id=f"late{number}", node=f"n{number:03}", delta=1.5)
        with Process(disturbed, more=recording) as process:
            process.await_line('"attached"')
            time.sleep(rng.uniform(0.0, 8 * PACE))
            process.kill()
            process.finish(-signal.SIGKILL)
    complete(disturbed, max(TICKS, disturbed.graph.ledger().tick + 1), more=recording)
