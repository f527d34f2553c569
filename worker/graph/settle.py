"""What is due between two ticks (SPEC §9): energies and visits written out, links that forget. Each may be broken off."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from worker.errors import ForeignChange
from worker.graph.held import by_kind, finish, node_changes, reconcile, write_back
from worker.physics import decay, forgetting
from worker.physics.retention import kind as kind_of
from worker.physics.retention import retention, split
from worker.physics.sums import summed

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.graph.held import Held
    from worker.graph.resident import Resident
    from worker.physics.books import Books
    from worker.physics.model import Floats, Int32s

FORGET_BATCH = 20_000  # links that forget in one transaction
SETTLE_BATCH = 10_000  # nodes written out in one transaction
MOST_NOTED = 1_000_000  # visits that are noted before they are written to their nodes, epoch or not
ATTEMPTS = 20  # at one batch, where others keep writing to what it writes out


def settle(held: Held) -> dict[str, float]:
    """Write decayed energies and noted visits out where the clock has passed a multiple of `decay.settle` (SPEC §9).

    Energies in batches by id, each a transaction that also books what the floor took: so it may be broken off between any two.
    Returns what the floor took, by node type. Raises ForeignChange where others write faster than it can read.
    """
    resident, parameters = held.resident, held.parameters
    at = decay.epoch(held.ledger.decay_clock, parameters.decay)
    due = held.ledger.settled < at
    if due or held.noted > MOST_NOTED:
        finish(held)
        write_visits(held)
    if not due:
        return {}
    taken: dict[str, float] = defaultdict(float)
    energetic = resident.energetic()
    _see_ties(held, energetic)
    which = resident.in_order(_due(held, energetic, at)[0])
    with held.graph.keeping(held.ledger.fence, held.ttl):
        for lo in range(0, max(len(which), 1), SETTLE_BATCH):
            last = lo + SETTLE_BATCH >= len(which)  # this batch, or none, completes it
            done = at if last else held.ledger.settled
            those = partial(_due, held, which[lo : lo + SETTLE_BATCH], at)
            for kind, amount in _written_out(held, those, at, done).items():
                taken[kind] += amount
            held.goes_on()
    return dict(taken)


def forget(held: Held) -> None:
    """Let all links forget where their clock has passed a multiple of `weight_decay.every` (SPEC §9).

    In batches that the ledger keeps count of, all by the means as the first has found them: so it may be broken off between
    any two. The statistics are counted anew at its end.
    """
    parameters, ledger = held.parameters.weight_decay, held.ledger
    at = forgetting.due(ledger.weight_clock, parameters.every)
    if not parameters.enabled or at <= ledger.forgotten:
        return
    finish(held)
    rules = forgetting.rules(held.stats, at - ledger.forgotten, held.parameters)
    while done := held.graph.forget(held.ledger, rules, FORGET_BATCH, held.ttl):
        held.ledger = replace(held.ledger, forgetting=done[0], forgetting_link=done[1])
        held.goes_on()
    held.resident.forget(rules)
    held.ledger = replace(held.ledger, forgotten=at, forgetting="", forgetting_link=-1)
    held.reads_all()
    held.stats = dict(held.graph.weights())
    held.graph.adopt(held.ledger, held.stats)


def give_back_half_lives(held: Held) -> Int32s:
    """Return the nodes whose energies have faded by another half-life than they shall, and give them that one back."""
    resident, known = held.resident, held.ledger.half_lives
    half_lives = np.array([known.get(kind, held.parameters.half_life(kind)) for kind in resident.kinds])
    half_life = half_lives[resident["kind"]] if len(half_lives) else resident["half_life"]
    which = np.flatnonzero((half_life != resident["half_life"]) & (resident["energy"] > 0.0)).astype(np.int32)
    resident["half_life"][which] = half_life[which]
    return which


def renew_half_lives(held: Held, outdated: Int32s) -> None:
    """Write out what has faded by another half-life than it will from now on, before any of it does (§9).

    As of the clock's own reading, so that energies mean the same by the old half-life and by the new: it may be broken off.
    """
    resident, clock = held.resident, held.ledger.decay_clock
    for lo in range(0, len(outdated), SETTLE_BATCH):
        now = partial(_now, held, outdated[lo : lo + SETTLE_BATCH])
        _written_out(held, now, clock, held.ledger.settled)
    resident.retain(outdated, resident["retention"][outdated])
    held.ledger = replace(held.ledger, half_lives={})
    held.ledger = held.booked_as(held.ledger.books)


def _now(held: Held, batch: Int32s) -> tuple[Int32s, Floats]:
    return batch, decay.stored(held.resident.nodes, batch, held.ledger.decay_clock)


def _see_ties(held: Held, which: Int32s) -> None:
    """See by how much longer than their type nodes shall keep their energy from now on (§9)."""
    resident, parameters = held.resident, held.parameters
    if not (parameters.consolidation.enabled or parameters.resistance.enabled):
        resident["retaining"][which] = 1.0
        return
    for lo in range(0, len(which), SETTLE_BATCH):
        batch = which[lo : lo + SETTLE_BATCH]
        keys, ties = held.graph.ties(resident["key"][batch].tolist(), parameters.consolidation.goal)
        there = batch[np.isin(resident["key"][batch], keys)]
        resident["retaining"][there] = retention(resident.emotion(there), ties, parameters)


def _due(held: Held, batch: Int32s, at: float) -> tuple[Int32s, Floats]:
    """Return which of the nodes to write out at the epoch `at`, and the energy of each: also those whose half-life changes."""
    resident, clock = held.resident, held.ledger.decay_clock
    which, energy = decay.settled(resident.nodes, batch, at, held.parameters.decay)
    changing = _changing(resident, batch)
    if not len(changing):
        return which, energy
    half_life = [held.parameters.half_life(kind) for kind in _kinds(resident, changing, "retaining")]
    again = decay.rewound(decay.stored(resident.nodes, changing, clock), clock, at, np.array(half_life))
    apart = ~np.isin(which, changing)
    return np.concatenate((which[apart], changing)), np.concatenate((energy[apart], again))


def _changing(resident: Resident, which: Int32s) -> Int32s:
    energetic = which[resident["energy"][which] > 0.0]
    changing: Int32s = energetic[resident["retaining"][energetic] != resident["retention"][energetic]]
    return changing


def _kinds(resident: Resident, which: Int32s, factor: str) -> list[str]:
    """Return the kinds of nodes, by the column that says how much longer than their type they keep their energy."""
    types = (split(resident.kinds[code])[0] for code in resident["kind"][which].tolist())
    return list(map(kind_of, types, resident[factor][which].tolist()))


def _written_out(held: Held, due: Callable[[], tuple[Int32s, Floats]], at: float, done: float) -> dict[str, float]:
    """Write out what is due; what others have written to meanwhile is read again, as in a tick.

    `done` is the epoch whose settling is complete then. Returns what the floor took, by kind.
    """
    for _ in range(ATTEMPTS):
        which, energy = due()
        try:
            return _write_out(held, which, energy, at, done)
        except ForeignChange:
            reconcile(held, which)
    raise ForeignChange(f"energies were settled {ATTEMPTS} times, and each time others had written to them")


def _write_out(held: Held, which: Int32s, energy: Floats, at: float, done: float) -> dict[str, float]:
    resident, clock = held.resident, held.ledger.decay_clock
    floored = which[energy == 0.0]
    terms = by_kind(resident, floored, np.zeros(len(floored)), decay.stored(resident.nodes, floored, clock))
    taken = {kind: summed(values) for kind, values in terms.items()}
    changing = _changing(resident, which)
    ledger = held.booked_as(_rebooked(held, held.ledger.books.floored(taken), changing), settled=done)
    factors = resident["retaining"][changing]
    written = (None if factor == 1.0 else factor for factor in factors.tolist())
    retained = dict(zip(resident["key"][changing].tolist(), written, strict=True))
    order = np.argsort(resident["key"][which])
    which, energy = which[order], energy[order]
    held.graph.settle(ledger, at, node_changes(resident, which, energy, at), retained)
    resident.retain(changing, factors)
    write_back(resident, which, energy, at)
    held.ledger = ledger
    return taken


def _rebooked(held: Held, books: Books, changing: Int32s) -> Books:
    """Return the books with the energy of nodes that keep it longer, or no longer, under their new kind."""
    resident, moved = held.resident, defaultdict[str, list[float]](list)
    energy = decay.stored(resident.nodes, changing, held.ledger.decay_clock).tolist()
    for column, sign in (("retention", -1.0), ("retaining", 1.0)):
        for kind, amount in zip(_kinds(resident, changing, column), energy, strict=True):
            moved[kind].append(sign * amount)
    return books.commit(moved, (), 0.0)


def write_visits(held: Held) -> None:
    """Give nodes the visits that commits have noted; after `finish`, and before this tick's commit. Raises Fenced."""
    resident = held.resident
    which = np.flatnonzero(resident["noted"]).astype(np.int32)
    if len(which):
        visits = resident["noted"][which].tolist()
        held.graph.count_visits(held.ledger, dict(zip(resident.names(which), visits, strict=True)))
    resident["noted"][which], held.noted = 0, 0
