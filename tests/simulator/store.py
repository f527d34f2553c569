"""What a database holds, and transactions as Neo4j has them: read-committed, write locks until the end, deadlocks refused.

A transaction is a generator that yields before each of its steps; where it waits for a lock, it yields what it waits for.
What it writes is seen by others all at once, when it is committed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from worker.errors import Busy

LEDGER = ("ledger", 0)


class Link(NamedTuple):
    source: int
    target: int
    type: str
    properties: dict


@dataclass
class Store:
    """One graph in one database. `now` is the database's clock, s."""

    now: object
    node: dict = field(default_factory=dict)
    link: dict = field(default_factory=dict)
    stimulus: dict = field(default_factory=dict)
    applied: dict = field(default_factory=dict)  # by id
    stats: dict = field(default_factory=dict)  # by link type
    visits: list = field(default_factory=list)  # notes, each of many ids
    ledger: dict | None = None
    locks: dict = field(default_factory=dict)  # what is locked: by which transaction
    ticks: list = field(default_factory=list)  # numbers of the ticks that were committed, in that order
    wrong: list = field(default_factory=list)  # what should never have been committed
    deadlocks: int = 0
    given: list = field(
        default_factory=list
    )  # energies that others have given to nodes, and the clock's reading they are for

    def begin(self):
        return Transaction(self)


class Transaction:
    """Locks that are held, and changes that nobody sees yet."""

    def __init__(self, store):
        self.store = store
        self.held = []
        self.pending = []
        self.waits_for = None
        self.fence = None  # in whose name it writes, where it writes in a worker's

    def lock(self, entity):
        """Take a write lock; wait for it as long as it takes. Raises Busy where that would be for ever."""
        yield
        locks = self.store.locks
        while (holder := locks.get(entity)) not in {None, self}:
            self.waits_for = entity
            if self._in_circle(holder):
                self.store.deadlocks += 1
                self.rollback()
                raise Busy(f"deadlock over {entity}")
            yield entity
        self.waits_for = None
        if holder is None:
            locks[entity] = self
            self.held.append(entity)

    def _in_circle(self, holder):
        while holder not in {None, self}:
            holder = self.store.locks.get(holder.waits_for) if holder.waits_for else None
        return holder is self

    def write(self, change, *arguments):
        self.pending.append((change, arguments))

    def commit(self):
        store = self.store
        if self.pending and self.fence is not None and store.ledger["fence"] != self.fence:
            store.wrong.append(f"fence {self.fence} wrote while it was {store.ledger['fence']}")
        before = store.ledger["tick"] if store.ledger else 0
        for change, arguments in self.pending:
            change(*arguments)
        if store.ledger and store.ledger["tick"] != before:
            store.ticks.append(store.ledger["tick"])
        self._end()

    def rollback(self):
        self._end()

    def _end(self):
        for entity in self.held:
            del self.store.locks[entity]
        self.held, self.pending, self.waits_for = [], [], None
