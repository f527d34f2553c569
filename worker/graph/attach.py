"""Attaching: from a lease on a graph to everything that a tick stands on, and what is due between two ticks."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from worker.errors import ForeignChange
from worker.graph.port import COMMITTED, NodeChanges
from worker.graph.resident import Resident
from worker.graph.rows import Rejected, numbers
from worker.physics import decay, weights
from worker.physics.books import TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.graph.port import Graph, Ledger, NodeRows
    from worker.physics.model import Floats, Int32s, WeightStats
    from worker.physics.parameters import Parameters
    from worker.settings import Settings

SETTLE_BATCH = 10_000  # nodes written out in one transaction
MOST_NOTED = 1_000_000  # visits that are noted before they are written to their nodes, epoch or not
ATTEMPTS = 20  # at one batch, where others keep writing to what it writes out


@dataclass
class Held:
    """A graph whose lease this worker holds, and what it knows of it. The ledger is what the database's ledger says."""

    graph: Graph
    settings: Settings
    ledger: Ledger
    stats: dict[str, WeightStats]
    resident: Resident
    frontier_cap: int
    booked: int = 0  # nodes in memory whose energy the books know
    turn: str = ""  # id of the last source that this tick serves, where they take turns
    stale: bool = False  # others say, by the ledger's revision, that the graph has changed
    closing: Callable[[], int] | None = None  # the close of the last tick, as long as nobody has waited for it
    noted: int = 0  # visits that commits have noted and that are not written to their nodes yet

    @property
    def parameters(self) -> Parameters:
        """The numbers of the physics."""
        return self.settings.physics

    @property
    def ttl(self) -> float:
        """Seconds by which a transaction renews the lease."""
        return self.settings.lease.ttl


def attach(graph: Graph, settings: Settings, holder: str) -> Held | None:
    """Take the graph, finish what another has left half-done, and count what is there; None while another holds it.

    Raises Fenced, Unreachable, SchemaError.
    """
    ledger = graph.take(holder, settings.lease.ttl)
    if ledger is None:
        return None
    parameters = settings.physics
    if ledger.phase == COMMITTED:
        ledger, _ = ledger.closed(parameters.half_life)
        graph.decay(ledger, settings.lease.ttl)()
    if noted := graph.visits():
        graph.count_visits(ledger, noted)
    census, opening = graph.census(), ledger.tick == 0 and not ledger.books.energy
    if opening:
        ledger = replace(ledger, decay_clock=_latest(census))
    resident = Resident(parameters, ledger.decay_clock)
    held = Held(graph, settings, ledger, {}, resident, parameters.fanout.frontier_cap)
    resident.add(census)
    everyone = np.arange(len(resident.ids), dtype=np.int32)
    resident.look(everyone, ledger.decay_clock)
    held.ledger = replace(ledger, books=ledger.books.found(_counted(held, everyone), opening=opening))
    held.booked = len(everyone)
    held.stats = _recounted(held, graph.statistics())
    graph.adopt(held.ledger, held.stats)
    settle(held)
    return held


def finish(held: Held) -> None:
    """Wait until the last tick is known to be closed; before any other write to the graph. Raises Fenced, Unreachable."""
    if held.closing:
        closing, held.closing = held.closing, None
        held.stale = closing() != held.ledger.revision


def detach(held: Held) -> None:
    """Give the lease back, so that whoever comes next need not wait for it to run out."""
    finish(held)
    held.graph.release(held.ledger.fence)


def recount(held: Held) -> None:
    """Count the statistics of all links anew; what has drifted from what was kept is replaced (SPEC §3)."""
    finish(held)
    held.stats = _recounted(held, held.stats)
    held.graph.adopt(held.ledger, held.stats)


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
        _write_visits(held)
    if not due:
        return {}
    taken: dict[str, float] = defaultdict(float)
    which, _ = decay.settled(resident.nodes, resident.energetic(), at, parameters.decay)
    for lo in range(0, len(which), SETTLE_BATCH):
        for kind, amount in _settle_batch(held, which[lo : lo + SETTLE_BATCH], at).items():
            taken[kind] += amount
    held.ledger = replace(held.ledger, settled=at)
    return dict(taken)


def reconcile(held: Held, which: Int32s) -> None:
    """Read nodes again that somebody else may have written to, and book the difference as external."""
    resident, clock = held.resident, held.ledger.decay_clock
    before = decay.stored(resident.nodes, which, clock)
    resident.read_again(held.graph, which)
    after = decay.stored(resident.nodes, which, clock)
    resident.look(which, clock)
    held.ledger = replace(held.ledger, books=held.ledger.books.moved(by_type(resident, which, before, after)))


def book_arrivals(held: Held) -> None:
    """Book the energy of nodes that were read since they were last booked: attaching had read all, so others wrote it."""
    resident, clock = held.resident, held.ledger.decay_clock
    new = np.arange(held.booked, len(resident.ids), dtype=np.int32)
    held.booked = len(resident.ids)
    new = new[resident["energy"][new] > 0.0]
    if len(new):
        resident.look(new, clock)
        terms = by_type(resident, new, np.zeros(len(new)), decay.stored(resident.nodes, new, clock))
        held.ledger = replace(held.ledger, books=held.ledger.books.moved(terms))


def read_anew(held: Held) -> None:
    """Drop what is held where the settings say so: everything at every tick, or the links where they have grown too many."""
    limits = held.settings.resident
    if not limits.enabled:
        reconcile(held, held.resident.active)
    if not limits.enabled or held.resident.link_count > limits.max_links:
        held.resident.forget_links()


def by_type(resident: Resident, which: Int32s, before: Floats, after: Floats) -> dict[str, list[float]]:
    """Return the terms of Σ (after − before) by node type."""
    terms: dict[str, list[float]] = defaultdict(list)
    kinds = resident["type"][which]
    for code in np.unique(kinds):
        mine = kinds == code
        terms[resident.types[code]] += [*after[mine].tolist(), *(-before[mine]).tolist()]
    return dict(terms)


def node_changes(resident: Resident, which: Int32s, energy: Floats, at: float) -> NodeChanges:
    """Return the rows that write energies as of the epoch `at`; `which` ascends by key."""
    keys = resident["key"][which]
    return NodeChanges(
        key=keys,
        id=resident.names(which),
        before=resident["raw"][which],
        after=energy,
        rebased=keys[resident["energy_at"][which] != at],
    )


def write_back(resident: Resident, which: Int32s, energy: Floats, at: float) -> None:
    """Take into memory what was written to the database."""
    resident["energy"][which] = resident["raw"][which] = energy
    resident["energy_at"][which] = at


def _latest(census: NodeRows) -> float:
    """Return the latest reading that an energy is given for: where a clock begins, in a graph that had another before."""
    at = numbers(census.energy_at, 0.0)
    return float(at[np.isfinite(at)].max(initial=0.0))


def _counted(held: Held, everyone: Int32s) -> dict[str, float]:
    energy = decay.stored(held.resident.nodes, everyone, held.ledger.decay_clock)
    nothing = np.zeros(len(everyone))
    return {kind: math.fsum(terms) for kind, terms in by_type(held.resident, everyone, nothing, energy).items()}


def _recounted(held: Held, kept: Mapping[str, WeightStats]) -> dict[str, WeightStats]:
    stats = {}
    for kind, counted in held.graph.weights().items():
        apart = weights.drift(kept[kind], counted) if kind in kept else math.inf
        stats[kind] = counted if apart > TOLERANCE else kept[kind]
        if kind in kept and apart > TOLERANCE:
            held.resident.rejected.append(
                Rejected("statistics", kind, f"kept {kept[kind]}, counted {counted}: the count is used")
            )
    return stats


def _settle_batch(held: Held, batch: Int32s, at: float) -> dict[str, float]:
    """Write out those of the batch that need it; what others have written to is read again, as in a tick."""
    for _ in range(ATTEMPTS):
        which, energy = decay.settled(held.resident.nodes, batch, at, held.parameters.decay)
        try:
            return _write_out(held, which, energy, at)
        except ForeignChange:
            reconcile(held, which)
    raise ForeignChange(f"energies were settled {ATTEMPTS} times, and each time others had written to them")


def _write_visits(held: Held) -> None:
    resident = held.resident
    which = np.flatnonzero(resident["noted"]).astype(np.int32)
    if len(which):
        visits = resident["noted"][which].tolist()
        held.graph.count_visits(held.ledger, dict(zip(resident.names(which), visits, strict=True)))
    resident["noted"][which], held.noted = 0, 0


def _write_out(held: Held, which: Int32s, energy: Floats, at: float) -> dict[str, float]:
    resident, clock = held.resident, held.ledger.decay_clock
    floored = which[energy == 0.0]
    terms = by_type(resident, floored, np.zeros(len(floored)), decay.stored(resident.nodes, floored, clock))
    taken = {kind: math.fsum(values) for kind, values in terms.items()}
    ledger = replace(held.ledger, books=held.ledger.books.floored(taken))
    order = np.argsort(resident["key"][which])
    which, energy = which[order], energy[order]
    held.graph.settle(ledger, at, node_changes(resident, which, energy, at))
    write_back(resident, which, energy, at)
    held.ledger = ledger
    return taken
