"""Who goes next, and when: one seed decides. Exactly one thing moves at a time, on whichever thread the turn is passed on.

A client is a thread of its own; it gives its turn away only where it waits for an answer or for time to pass. The server's
work is a list of generators, each of which moves by one step a turn.
"""

from __future__ import annotations

import math
import random
import threading

from worker.errors import GraphError

MOST_TURNS = 10_000
LONGEST_STEP = 0.004  # s


class Killed(BaseException):
    """This client's process is gone."""


class Endless(Exception):
    """The run does not come to an end."""


class Task:
    """Work that the server does: steps, and in the end rows or an error."""

    def __init__(self, name, steps, wake=0.0):
        self.name = name
        self.steps = steps
        self.wake = wake
        self.waits_for = None
        self.done = False
        self.rows = self.error = None
        self.stall = (0, 0.0)  # after how many steps it stands still, and for how long

    def step(self, now):
        self.stall = (self.stall[0] - 1, self.stall[1])
        if self.stall[0] == 0:
            self.wake = now + self.stall[1]
            return
        try:
            self.waits_for = next(self.steps)
        except StopIteration as end:
            self.done, self.rows = True, end.value
        except GraphError as error:
            self.done, self.error = True, error


class Client:
    """A process that waits for its turn; `body` is what it does."""

    def __init__(self, scheduler, name, body, wake):
        self.scheduler = scheduler
        self.name = name
        self.wake = wake
        self.task = None  # that it waits for
        self.over = False
        self.turn = threading.Lock()
        self.turn.acquire()
        self._body = body
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def ready(self, now):
        return (self.task is not None and self.task.done) or self.wake <= now

    def wait(self, until, task=None):
        """Let the others go on until a moment, or until a task is done."""
        self.wake, self.task = until, task
        self.scheduler.pass_on(self)
        self.wake, self.task = 0.0, None
        if self.scheduler.ending:
            raise Killed

    def _run(self):
        self.turn.acquire()
        try:
            if not self.scheduler.ending:
                self._body(self)
        except BaseException as error:  # noqa: BLE001  (told by the main thread)
            self.scheduler.failed = self.scheduler.failed or error
        finally:
            self.over = True
            self.scheduler.pass_on(None)


class Scheduler:
    """Time, turns, and everything that takes part in a run."""

    running = None  # the one whose run is under way

    def __init__(self, seed, *, disturbed=True, trace=None):
        self.rng = random.Random(seed)
        self.disturbed = disturbed
        self.now = 0.0
        self.turns = 0
        self.tasks = []
        self.clients = []
        self.ending = False
        self.failed = None
        self.trace = trace
        self._main = threading.Lock()
        self._main.acquire()

    def clock(self):
        return self.now

    def client(self, name, body, wake=0.0):
        self.clients.append(Client(self, name, body, wake))

    def start(self, name, steps, wake=0.0):
        task = Task(name, steps, wake)
        self.tasks.append(task)
        return task

    def run(self, store):
        """Let everybody go on until all have ended. Raises what a client has failed with."""
        self.store = store
        self.pass_on(None)
        self._main.acquire()
        if self.failed:
            raise self.failed

    def say(self, who, what):
        if self.trace is not None:
            self.trace.append(f"{self.now:9.4f}  {who:12}  {what}")

    def pass_on(self, me):
        """Move the server until it is some client's turn; give it the turn, and wait for one's own."""
        while True:
            actor = self._next()
            if isinstance(actor, Task):
                self.move(actor)
            elif actor is me and me is not None:
                return
            else:
                (actor.turn if actor else self._main).release()
                if me is not None:
                    me.turn.acquire()
                return

    def move(self, task):
        task.step(self.now)
        if self.trace is not None:
            how = f"fails: {task.error}" if task.error else "is done" if task.done else "moves"
            self.say("server", f"{task.name} {f'waits for {task.waits_for}' if task.waits_for else how}")
        if task.done:
            self.tasks.remove(task)

    def _next(self):
        """Choose among those that could go on; where nobody could, let time pass."""
        self.turns += 1
        if self.turns > MOST_TURNS or self.failed:
            self.failed = self.failed or Endless(f"no end after {MOST_TURNS} turns")
            self.ending = True
        clients = [client for client in self.clients if not client.over]
        if self.ending or not clients:
            return clients[0] if clients else None
        while True:
            ready = [task for task in self.tasks if task.wake <= self.now and self._free(task)]
            ready += [client for client in clients if client.ready(self.now)]
            if ready:
                break
            later = [task.wake for task in self.tasks if task.wake > self.now]
            self.now = min([*later, *(client.wake for client in clients)])
            if self.now == math.inf:
                self.failed, self.ending = Endless("nobody can go on"), True
                return clients[0]
        if self.disturbed:
            self.now += LONGEST_STEP * self.rng.random()
        return ready[0] if len(ready) == 1 else self.rng.choice(ready)

    def _free(self, task):
        return task.waits_for is None or task.waits_for not in self.store.locks
