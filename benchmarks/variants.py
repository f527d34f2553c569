"""A steady tick with one thing changed: nothing held in memory, or no transaction that decays."""

from __future__ import annotations

import statistics
from dataclasses import replace

from benchmarks.common import WARM_UP, Steady, against, interleaved, race
from benchmarks.world import build
from worker.graph.port import IDLE

ACTIVE = 1_000


def resident_off(connection, rounds):
    """Return a tick that reads its frontier every time, against the raw write of the same rows."""
    build(connection, "bench-off", ACTIVE, 10 * ACTIVE)
    with Steady(connection, "bench-off", ACTIVE, resident={"enabled": False}) as off:
        return race(off, rounds)


def decay(connection, rounds):
    """Return a tick against one whose commit leaves nothing to close, so that no second transaction follows: on twin graphs."""
    for graph in ("bench-decay", "bench-no-decay"):
        build(connection, graph, ACTIVE, 10 * ACTIVE)
    with (
        Steady(connection, "bench-decay", ACTIVE) as decaying,
        Steady(connection, "bench-no-decay", ACTIVE) as other,
    ):
        _without_decay(other.held.graph)
        took = interleaved({"tick": decaying.tick, "no_decay": other.tick}, rounds, WARM_UP)
        assert decaying.held.ledger.tick == other.held.ledger.tick
        written = decaying.written(), other.written()
        assert written[0] == written[1], f"they did not write the same: {written}"
        return {
            **against(took["tick"], took["no_decay"]),
            **{f"{name}_ms": statistics.median(times) for name, times in took.items()},
            **written[0],
        }


def _without_decay(graph):
    commit = graph.commit
    graph.commit = lambda changes: commit(changes._replace(ledger=replace(changes.ledger, phase=IDLE)))
    graph.decay = lambda ledger, _: lambda: ledger.revision
