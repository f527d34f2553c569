"""From a worker's events to those who follow them, on the server's one thread: serialised once, queued for each."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from worker.events.backlog import Backlog, Part, Recent, Sent, parts_of
from worker.events.build import lost_event
from worker.events.file import lines
from worker.events.subscribers import SNAPSHOT, STATE, Bundle

if TYPE_CHECKING:
    from collections import Counter

    from worker.events.subscribers import Look, Subscribers
    from worker.settings import ServeSettings

OFTEN, SELDOM = (
    0.02,
    0.1,
)  # seconds between two looks at what the worker has handed over: where somebody follows, and else
LINGER = 60.0  # seconds for which the kinds of who has left are still made: it may come back for them


class Follower:
    """One who follows: the kinds that it wants, and what waits to be sent to it."""

    def __init__(self, kinds: frozenset[str], most: int) -> None:
        self.kinds = kinds
        self.backlog = Backlog(most)
        self.news, self.overflow = asyncio.Event(), asyncio.Event()

    def put(self, parts: list[Part]) -> int:
        """Queue what it wants of this; return how many events it lost for it."""
        lost = self.backlog.put(parts, self.kinds)
        self.news.set()
        if self.backlog.full:
            self.overflow.set()
        return lost


class Hub:
    """All who follow one graph: for the server's thread alone."""

    def __init__(self, sink: Subscribers, settings: ServeSettings) -> None:
        self.sink = sink
        self.followers: set[Follower] = set()
        self._settings = settings
        self._recent = Recent(settings.recent)
        self._look: Look | None = None
        self._lingering: list[frozenset[str]] = []

    async def run(self) -> None:
        """Take what the worker hands over, again and again.

        The worker does not call: that is a system call in every tick, at which this thread would take the interpreter from it.
        """
        while True:
            self._take()
            await asyncio.sleep(OFTEN if self.followers else SELDOM)

    def end(self) -> None:
        """Take nothing more, since the thread ends: ticks go on without it."""
        self.sink.stop()

    def follow(self, kinds: frozenset[str], after: int | None) -> Follower:
        """Add one who wants these kinds; after a tick that is still held, all that came since, else how things stand now."""
        self._take()
        follower = Follower(kinds, self._settings.backlog)
        since = None if after is None else self._recent.after(after, kinds)
        self.followers.add(follower)
        self._ask()
        follower.put(self._standing() if since is None else since)
        return follower

    def leave(self, follower: Follower) -> None:
        """Take one out; its kinds are made a while longer, for it may come back."""
        self.followers.discard(follower)
        self._lingering.append(follower.kinds)
        asyncio.get_running_loop().call_later(LINGER, self._forget, follower.kinds)

    def lost(self, counts: Counter[str]) -> str:
        """Return the line that tells a follower what it has lost."""
        return lines([lost_event(self.sink.graph, self.sink.tick, datetime.now(UTC), dict(counts))]).decode()

    def _take(self) -> None:
        gap, bundles = self.sink.gap, self.sink.take()
        for bundle in bundles:
            self._pass_on(bundle)
        if gap:  # this thread was away for so long that what came after these was lost: everyone must begin anew
            self.sink.gap = False
            self._recent.clear()
            for follower in self.followers:
                follower.overflow.set()

    def _pass_on(self, bundle: Bundle) -> None:
        parts = parts_of(bundle)
        self._recent.put(Sent(bundle.frame, bundle.look is not None, bundle.kinds, parts))
        self._look = bundle.look or self._look
        for follower in self.followers:
            if bundle.look and not follower.kinds <= bundle.kinds:  # it came while this tick was made
                follower.put(self._standing())
            else:
                self.sink.dropped += follower.put(parts)

    def _standing(self) -> list[Part]:
        """Return a snapshot, or before the first tick what the worker is doing."""
        state, tick = self.sink.entered, self.sink.tick
        if self._look:
            event = self._look.snapshot(state["state"] if state else None)
            return parts_of(Bundle(event["frame"], frozenset(), {SNAPSHOT: [event]}))
        return parts_of(Bundle(tick, frozenset(), {STATE: [state]})) if state else []

    def _ask(self) -> None:
        wanted = [follower.kinds for follower in self.followers] + self._lingering
        self.sink.kinds = frozenset().union(*wanted)

    def _forget(self, kinds: frozenset[str]) -> None:
        self._lingering.remove(kinds)
        self._ask()
