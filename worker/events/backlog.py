"""What waits for one subscriber, bounded; and what may be sent again to one that comes back."""

from __future__ import annotations

from collections import Counter, deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from worker.events.file import lines
from worker.events.subscribers import SNAPSHOT, STATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from collections.abc import Set as AbstractSet

    from worker.events.subscribers import Bundle

BATCH = 100  # events of a part
OVERHEAD = 200  # bytes of what was sent, about, even where nothing was
MESSAGE = 65_536  # bytes of a message, unless one part is larger
LOST_FIRST = frozenset({"stride.exec.v1", "weights.updated.v1"})
NEVER_LOST = frozenset({"frame.start.v1", "frame.end.v1", STATE, SNAPSHOT})


class Part(NamedTuple):
    """Some events of one kind and one tick, as JSON Lines: shared by all who get them."""

    frame: int
    kind: str
    events: int
    size: int  # bytes
    text: str


def parts_of(bundle: Bundle) -> list[Part]:
    """Make the events of a bundle, and write them as JSON Lines."""
    made = []
    for kind, events in bundle.parts.items():
        left = iter(events)
        while some := list(islice(left, BATCH)):
            text = lines(some)
            made.append(Part(bundle.frame, kind, len(some), len(text), text.decode()))
    return made


class Backlog:
    """The parts that a subscriber has not been sent yet, at most so many bytes of them.

    Over that it loses the oldest strides and what they have taught first, then all else but frames and states. `full` is
    that even these are too many: who is that slow must begin anew.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.size = 0
        self.full = False
        self.lost: Counter[str] = Counter()  # events by kind that it was not told of
        self._parts: deque[Part] = deque()

    def __len__(self) -> int:
        """Return how many parts wait."""
        return len(self._parts)

    def put(self, parts: Iterable[Part], kinds: AbstractSet[str]) -> int:
        """Append those of the kinds that are wanted, and each snapshot; return how many events were lost for it."""
        before = self.lost.total()
        for part in parts:
            if part.kind in kinds or part.kind == SNAPSHOT:
                self._parts.append(part)
                self.size += part.size
        for may_go in (LOST_FIRST.__contains__, lambda kind: kind not in NEVER_LOST):
            if self.size > self.most:
                self._lose(may_go)
        self.full = self.full or self.size > self.most
        return self.lost.total() - before

    def take(self) -> tuple[Counter[str], str]:
        """Return what was lost since the last time, and the next message; nothing where nothing waits.

        A snapshot comes alone: what was lost, was lost after it.
        """
        if self._parts and self._parts[0].kind == SNAPSHOT:
            snapshot = self._parts.popleft()
            self.size -= snapshot.size
            return Counter(), snapshot.text
        lost, self.lost = self.lost, Counter()
        message: list[str] = []
        size = 0
        while self._parts and (not message or size + self._parts[0].size <= MESSAGE):
            part = self._parts.popleft()
            message.append(part.text)
            size += part.size
        self.size -= size
        return lost, "".join(message)

    def _lose(self, may_go: Callable[[str], bool]) -> None:
        kept: deque[Part] = deque()
        while self._parts:
            part = self._parts.popleft()
            if self.size > self.most and may_go(part.kind):
                self.size -= part.size
                self.lost[part.kind] += part.events
            else:
                kept.append(part)
        self._parts = kept


class Sent(NamedTuple):
    """What was made of a bundle: a tick, or a state after it."""

    frame: int
    is_tick: bool
    kinds: frozenset[str]  # that were wanted, whether there were any or not
    parts: list[Part]

    @property
    def size(self) -> int:
        """Return about how many bytes it holds."""
        return OVERHEAD + sum(part.size for part in self.parts)


class Recent:
    """The last ticks as they were sent, at most so many bytes of them: for who was away for a moment."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._size = 0
        self._held: deque[Sent] = deque()

    def put(self, sent: Sent) -> None:
        """Keep it, and drop the oldest over the bound."""
        self._held.append(sent)
        self._size += sent.size
        while self._size > self.most:
            self._size -= self._held.popleft().size

    def clear(self) -> None:
        """Drop all: something between was lost."""
        self._held.clear()
        self._size = 0

    def after(self, frame: int, kinds: AbstractSet[str]) -> list[Part] | None:
        """Return everything of these kinds after a tick, in order; None where some of it is not held.

        A state that was entered since then is among it, and maybe the one before.
        """
        ticks = [sent.frame for sent in self._held if sent.is_tick]
        later = [sent for sent in self._held if sent.frame > frame]
        if not ticks or [sent.frame for sent in later if sent.is_tick] != list(range(frame + 1, ticks[-1] + 1)):
            return None
        if frame > ticks[-1] or not all(kinds <= sent.kinds for sent in later):
            return None
        at = [part for sent in self._held if sent.frame == frame and not sent.is_tick for part in sent.parts]
        return [part for part in (*at, *(part for sent in later for part in sent.parts)) if part.kind in kinds]
