"""Workers and statements that break one promise each: what is patched, and by what."""

from __future__ import annotations

import random
from dataclasses import replace

from tests.simulator import statements
from tests.simulator.scheduler import Scheduler
from tests.simulator.store import LEDGER
from worker.errors import CommitUnknown
from worker.graph import change, wire
from worker.graph.held import finish
from worker.graph.neo4j import Neo4jGraph


def _yes(*_):
    return True


def _compare_first(tx, p, *at):
    """Compare the ledger in a WHERE, and lock it after that."""
    tx.fence = p["fence"]
    yield
    found = statements.holds(tx.store.ledger, p, at)
    yield from tx.lock(LEDGER)
    return found


def _energies_compared_first(tx, p, **also):
    """Compare each energy in a WHERE, and lock its node after that."""
    store, written = tx.store, 0
    for chunk in p["nodes"]:
        for key, before, after in zip(chunk["key"], chunk["before"], chunk["after"], strict=True):
            if store.node[key].get("energy", 0.0) == before:
                yield from tx.lock(("node", key))
                tx.write(store.node[key].update, {"energy": after, **also})
                written += 1
    return written


def _move_the_clock_first(held, moment, dt):
    """Move the decay clock in a transaction of its own, then write the tick."""
    finish(held)
    changes = change.changes(held, moment, dt)
    closed, _ = changes.ledger.closed()
    held.graph.adopt(replace(held.ledger, decay_clock=closed.decay_clock), held.stats)
    held.graph.commit(changes._replace(ledger=closed))
    change.take_in(held, changes, moment)


def _decayed_before(held):
    held.ledger, decayed = held.ledger.closed()
    held.resident.clock = held.ledger.decay_clock
    return decayed


_commit = Neo4jGraph.commit


def _commit_until_answered(graph, changes):
    """Send a commit of unknown outcome again, without a look at the ledger."""
    while True:
        try:
            return _commit(graph, changes)
        except CommitUnknown:
            continue


_chunks = wire.chunks


def _shuffled(numbers, texts, between, *, vectors):
    order = list(range(len(next(iter(numbers.values())))))
    random.shuffle(order)
    texts = {name: [values[k] for k in order] for name, values in texts.items()}
    return _chunks({name: values[order] for name, values in numbers.items()}, texts, between, vectors=vectors)


def _by_the_wall(ledger):
    return max(0.0, Scheduler.running.now - ledger.decay_clock)


MUTANTS = {
    "no-fence": {"tests.simulator.statements.fence_holds": _yes},
    "no-ledger-check": {
        "tests.simulator.statements.tick_holds": _yes,
        "worker.graph.attach.COMMITTED": "(not looked at)",
    },
    "decay-before-commit": {"worker.tick.commit": _move_the_clock_first, "worker.tick.decay": _decayed_before},
    "blind-retry": {"worker.graph.neo4j.Neo4jGraph.commit": _commit_until_answered},
    "unsorted-rows": {"worker.graph.neo4j.chunks": _shuffled},
    "wall-clock-decay": {"worker.graph.port.Ledger.fading": property(_by_the_wall)},
    "compare-before-lock": {"tests.simulator.statements.mine": _compare_first},
    "energies-before-lock": {"tests.simulator.statements._write_nodes": _energies_compared_first},
}
