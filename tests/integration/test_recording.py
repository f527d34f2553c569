"""A worker on a real Neo4j, recorded through learning, decay, stimuli, others' writes and restarts, is replayed to the bit."""

from __future__ import annotations

import random

import pytest

from tests.stores import Neo4jStore, fill
from worker.archive import recorded
from worker.archive.feeding import FeedingGraph
from worker.archive.recorder import Recorder
from worker.archive.replay import opened
from worker.archive.snapshot import take
from worker.errors import Diverged
from worker.graph import export
from worker.graph.attach import attach, detach
from worker.settings import Settings
from worker.tick import tick

pytestmark = [pytest.mark.neo4j, pytest.mark.smoke]
HOW = {
    "decay": {"settle": 20.0, "half_life": {"*": 90.0}},
    "weight_decay": {"enabled": True, "every": 60.0, "half_life": {"*": 1e-3}},
    "consolidation": {"enabled": True, "goal": "Task"},
    "resistance": {"enabled": True, "degree": 8},
    "valence": {"goal": [1.0, 0.5, 0.0], "affect": [0.5, 0.5]},
    "learning": {"rate": 0.1},
    "fanout": {"hub": 100},
    "record": {"ticks": 100},
}
TICKS = {"embedded": 1000}  # on the others, FEWER: what differs among them is seen in those
FEWER, RESTART, STRANGE = 120, 37, 17  # every so many ticks the worker starts anew, or somebody else writes


def test_what_a_live_worker_did_is_replayed_to_the_bit(graph, tmp_path, request, monkeypatch):
    ticks = TICKS.get(request.node.callspec.params["database"], FEWER)
    middle_at = ticks // RESTART // 2 * RESTART + 2  # all that others wrote before it was read when the worker attached
    last = ticks // RESTART * RESTART  # what others write after it, nobody may have read
    settings, rng = Settings.read(**HOW), random.Random(7)
    live = Neo4jStore(graph)
    keys = fill(live, nodes=60, links=300)
    live.member(keys[0], live.entity(id="E1"), weight=1.0)
    for k in range(130):  # a hub
        live.link(keys[1], keys[k % 60], f"H{k // 60}", log_weight=k / 100)

    def snapshot(name):
        take(export.held(graph, 10.0), tmp_path / name, settings)
        return opened(tmp_path / name)[1]

    def start():
        recorder = Recorder(tmp_path / "rec", settings, strides=True)
        return recorder, attach(recorder.listen(graph), settings, "me")

    before, middle = snapshot("before"), None
    recorder, held = start()
    commit = graph.commit
    for number in range(1, ticks + 1):
        if rng.random() < 0.2:
            live.stimulus(
                minute=10 + number, id=f"late{number}", node=f"n{rng.randrange(60):03}", delta=rng.uniform(0.5, 3.0)
            )
        if number % STRANGE == 0 and number < last:  # in the midst of a tick, to what it is about to write
            meddle(live, graph, held, rng, number, commit)
        if number % RESTART == 0:
            detach(held)
            recorder.close()
            recorder, held = start()
        recorder.frame(tick(held, rng.choice((0.5, 1.0, 2.5))))
        if number == middle_at:
            middle = snapshot("middle")
    detach(held)
    recorder.close()
    after = snapshot("after")
    noted, note = [], FeedingGraph._note
    monkeypatch.setattr(FeedingGraph, "_note", lambda copy, text: (noted.append(text), note(copy, text)))
    for first in (before, middle):
        plan = recorded.recording(tmp_path / "rec", first)
        assert plan.last == ticks
        copy, found = recorded.replay(first, settings, plan)
        assert found.held.ledger.digest == held.ledger.digest
        assert recorded.compare(copy, after) == 0
        assert found.digest == after.snapshot.manifest["digest"]
        assert copy.changed > 0
        assert not [text for text in noted if text.startswith("emotion")], "nobody has written any"
    live.set_node(keys[3], energy=0.5)
    with pytest.raises(Diverged, match="energy of the node 'n003'"):
        recorded.compare(copy, snapshot("other"))


def meddle(live, graph, held, rng, number, commit):
    """Write to an active node within the next commit; between ticks, add one that links to it."""
    which = held.resident.active.tolist()
    key = int(held.resident["key"][rng.choice(which)]) if which else None
    if key is not None and number % 2:
        own = {"id": f"new{number}", "type": "Memory", "energy": 5.0, "energy_at": held.ledger.decay_clock}
        live.link(live.node(**own, threshold=0.1), key, "N", log_weight=0.5)

    def written(changes):
        graph.commit = commit
        if key is not None:
            live.set_node(key, energy=rng.uniform(0.5, 3.0))
        commit(changes)

    graph.commit = written
