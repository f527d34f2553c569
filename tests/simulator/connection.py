"""What `Neo4jGraph` sends its queries through, and everything that can go wrong between a client and its server."""

from __future__ import annotations

import math
from contextlib import contextmanager, nullcontext

from tests.simulator.scheduler import Killed
from tests.simulator.statements import STATEMENTS
from worker.errors import CommitUnknown, Unreachable

UNSENT, LOST, KILLED_UNSENT, KILLED, FROZEN, LATE, STALLED = FATES = (
    "request lost",
    "answer lost",
    "killed before it is sent",
    "killed when it was sent",
    "frozen before",
    "frozen after",
    "server stands still",
)


def alone(tx, name, p):
    """Run a statement as a transaction of its own."""
    try:
        rows = yield from STATEMENTS[name](tx, p)
        yield
    except BaseException:
        tx.rollback()
        raise
    tx.commit()
    yield
    return rows


def within(tx, name, p):
    """Run a statement in a transaction that goes on; an error ends it."""
    try:
        return (yield from STATEMENTS[name](tx, p))
    except BaseException:
        tx.rollback()
        raise


def ended(end):
    """Commit or roll back: a step before, a step until the answer is under way."""
    yield
    end()
    yield


def forsaken(tx, steps, turns):
    """Go on until the server has noticed that its client is gone; then roll back."""
    for _ in range(turns):
        if steps is not None:
            try:
                yield next(steps)
                continue
            except (StopIteration, Unreachable):
                steps = None
        yield
    tx.rollback()


class Answer:
    """What a request will have led to."""

    def __init__(self, client, task, error=None, after=math.inf, pause=0.0):
        self.client, self.task, self.error, self.after, self.pause = client, task, error, after, pause

    def result(self):
        self.client.wait(self.after, self.task)
        if self.pause:
            self.client.wait(self.client.scheduler.now + self.pause)
        if self.error:
            self.client.scheduler.say(self.client.name, f"is told: {self.error!r}")
            raise self.error
        if self.task.error:
            raise self.task.error
        return self.task.rows


class Transaction:
    """An explicit transaction of one client."""

    def __init__(self, connection):
        self.connection = connection
        self.tx = connection.store.begin()
        self.open = True

    def run(self, name, **p):
        try:
            return self.connection.ask(name, within(self.tx, name, p), self).result()
        except (Unreachable, Killed):
            self.open = False
            raise

    def commit(self):
        self.open = False
        self.connection.ask("COMMIT", ended(self.tx.commit), self, CommitUnknown).result()

    def rollback(self):
        if self.open:
            self.connection.ask("ROLLBACK", ended(self.tx.rollback), self).result()


class Connection:
    """One client's connection; `faults` says how often something goes wrong, and how often at most."""

    vectors = False

    def __init__(self, store, client, faults, ttl, struck):
        self.store, self.client, self.faults, self.ttl, self.struck = store, client, faults, ttl, struck
        self.fence = 0  # the last that it wrote in the name of
        self.beside = lambda: None  # what others do meanwhile

    def run(self, name, **p):
        return self.begin(name, **p).result()

    def begin(self, name, **p):
        self.fence = p.get("fence", self.fence)
        return self.ask(name, alone(self.store.begin(), name, p))

    def repeating(self, every, name, **p):
        """Attaching takes no time here, so there is nothing to repeat."""
        return nullcontext()

    @contextmanager
    def transaction(self, timeout=None):
        transaction = Transaction(self)
        try:
            yield transaction
        except Killed:
            raise
        except BaseException:
            transaction.rollback()
            raise
        if transaction.open:
            transaction.rollback()

    def ask(self, name, steps, transaction=None, lost=Unreachable):
        """Send a request; sometimes it is lost, or its answer, or the client, or time."""
        client, scheduler = self.client, self.client.scheduler
        rng, fate = scheduler.rng, self.faults.fate(scheduler.rng)
        scheduler.say(client.name, f"sends {name}" + (f": {fate}" if fate else ""))
        self.beside()
        pause = self.ttl * rng.uniform(0.3, 3.0) if fate in {FROZEN, LATE, STALLED} else 0.0
        soon = scheduler.now + rng.choice((0.0, 0.05, 0.5)) * rng.random() if fate else math.inf
        if fate:
            self.struck.append((name, fate))
        if fate == FROZEN:
            client.wait(scheduler.now + pause)
        if fate in {UNSENT, KILLED_UNSENT}:
            if transaction:
                scheduler.start("forsaken", forsaken(transaction.tx, None, rng.randrange(30)))
            return Answer(client, None, self._error(fate, lost), soon)
        if fate in {LOST, KILLED}:
            if transaction and name not in {"COMMIT", "ROLLBACK"}:
                steps = forsaken(transaction.tx, steps, rng.randrange(60))
            late = soon + rng.choice((0.0, 0.0, 1.0)) * rng.random()  # it may arrive after its client has given it up
            return Answer(client, scheduler.start(name, steps, late), self._error(fate, lost), soon)
        task = scheduler.start(name, steps)
        if fate == STALLED:
            task.stall = (rng.randrange(1, 12), pause)
        return Answer(client, task, pause=pause if fate == LATE else 0.0)

    @staticmethod
    def _error(fate, lost):
        return Killed(fate) if fate in {KILLED, KILLED_UNSENT} else lost(fate)


class Faults:
    """What goes wrong in a run: each request with one chance, so many in all."""

    def __init__(self, chance, most):
        self.chance, self.left = chance, most

    def fate(self, rng):
        if not self.left or rng.random() >= self.chance:
            return ""
        self.left -= 1
        return rng.choice(FATES)


class Direct:
    """A connection on which nothing happens but what is asked: to look into a store when a run has ended."""

    vectors = False

    def __init__(self, store):
        self.store = store

    def run(self, name, **p):
        steps = alone(self.store.begin(), name, p)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value
