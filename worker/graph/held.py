"""What a worker holds of a graph, and what keeps that true: reading again, booking what others have written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.errors import ForeignChange
from worker.explain import Foreign
from worker.graph.port import NodeChanges
from worker.physics import decay

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.graph.port import Graph, Ledger
    from worker.graph.resident import Resident
    from worker.physics.books import Books
    from worker.physics.model import Floats, Int32s, WeightStats
    from worker.physics.parameters import Parameters
    from worker.settings import Settings


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
    kept: int = 0  # nodes that were in memory when all others were last dropped
    turn: str = ""  # id of the last source that this tick serves, where they take turns
    stale: bool = False  # others say, by the ledger's revision, that the graph has changed
    closing: Callable[[], int] | None = None  # the close of the last tick, as long as nobody has waited for it
    noted: int = 0  # visits that commits have noted and that are not written to their nodes yet
    foreign: list[Foreign] = field(default_factory=list)  # what others have made of energies since the last commit
    before_commit: list[Foreign] = field(default_factory=list)  # and before that, since the one before it
    goes_on: Callable[[], object] = lambda: None  # called after each batch of what takes many
    reads_all: Callable[[], object] = lambda: None  # called before all links are read

    def booked_as(self, books: Books, **changes: Any) -> Ledger:
        """Return the ledger with these books, and other changes: it keeps the half-life of each kind that they know."""
        known = self.ledger.half_lives
        half_lives = {kind: known.get(kind) or self.parameters.half_life(kind) for kind in sorted(books.energy)}
        return replace(self.ledger, books=books, half_lives=half_lives, **changes)

    @cached_property
    def parameters(self) -> Parameters:
        """The numbers of the physics."""
        return self.settings.physics

    @property
    def ttl(self) -> float:
        """Seconds by which a transaction renews the lease."""
        return self.settings.lease.ttl


def finish(held: Held) -> None:
    """Wait until the last tick is known to be closed; before any other write to the graph. Raises Fenced, Unreachable."""
    if held.closing:
        closing, held.closing = held.closing, None
        held.stale = closing() != held.ledger.revision


def reconcile(held: Held, which: Int32s) -> None:
    """Read nodes again that somebody else may have written to, and book the difference as external."""
    resident, clock = held.resident, held.ledger.decay_clock
    before = decay.stored(resident.nodes, which, clock)
    resident.read_again(held.graph, which)
    after = decay.stored(resident.nodes, which, clock)
    resident.look(which, clock)
    _note(held, which, before, after)
    held.ledger = held.booked_as(held.ledger.books.moved(by_kind(resident, which, before, after)))


def book_arrivals(held: Held) -> None:
    """Book the energy of nodes that were read since they were last booked: attaching had read all, so others wrote it."""
    resident, clock = held.resident, held.ledger.decay_clock
    new = np.arange(held.booked, len(resident.ids), dtype=np.int32)
    held.booked = len(resident.ids)
    new = new[resident["energy"][new] > 0.0]
    if len(new):
        resident.look(new, clock)
        nothing, energy = np.zeros(len(new)), decay.stored(resident.nodes, new, clock)
        _note(held, new, nothing, energy)
        terms = by_kind(resident, new, nothing, energy)
        held.ledger = held.booked_as(held.ledger.books.moved(terms))


def _note(held: Held, which: Int32s, before: Floats, after: Floats) -> None:
    """Note the nodes whose energy others have changed."""
    changed = np.flatnonzero(after != before)
    if len(changed):
        which, gains, energy = which[changed], (after - before)[changed].tolist(), after[changed].tolist()
        held.foreign += map(Foreign, held.resident["key"][which].tolist(), held.resident.names(which), gains, energy)


def read_anew(held: Held) -> None:
    """Drop what is held where the settings say so: everything at every tick, or the links where they have grown too many."""
    limits = held.settings.resident
    if not limits.enabled:
        reconcile(held, held.resident.active)
    if not limits.enabled or held.resident.link_count > limits.max_links or held.resident.wasteful:
        held.resident.forget_links()


def make_room(held: Held) -> None:
    """Drop what can be read again where too many nodes are held; not where most of them would stay."""
    resident = held.resident
    if len(resident.ids) > max(held.settings.resident.max_nodes, 2 * held.kept):
        resident.forget_nodes()
        held.booked = held.kept = len(resident.ids)


def by_kind(resident: Resident, which: Int32s, before: Floats, after: Floats) -> dict[str, Floats]:
    """Return the terms of Σ (after − before) by kind: node type, and how much longer than that energy is kept (§9)."""
    kinds = resident["kind"][which]
    terms: dict[str, Floats] = {}
    for code in np.flatnonzero(np.bincount(kinds)).tolist():
        mine = kinds == code
        terms[resident.kinds[code]] = np.concatenate((after[mine], -before[mine]))
    return terms


def node_changes(resident: Resident, which: Int32s, energy: Floats, at: float) -> NodeChanges:
    """Return the rows that write energies as of the epoch `at`; `which` ascends by key.

    Raises ForeignChange where one of them is quarantined by now: links to it that are held must be read again.
    """
    keys, before = resident["key"][which], resident["raw"][which]
    if np.isnan(before).any():
        raise ForeignChange(f"{int(np.isnan(before).sum())} of {len(keys)} nodes to write are quarantined by now")
    return NodeChanges(
        key=keys,
        id=resident.spelt(which),
        before=before,
        after=energy,
        rebased=keys[resident["energy_at"][which] != at],
    )


def write_back(resident: Resident, which: Int32s, energy: Floats, at: float) -> None:
    """Take into memory what was written to the database."""
    resident["energy"][which] = resident["raw"][which] = energy
    resident["energy_at"][which] = at
