"""What the last ticks did to energies, kept in memory: what `worker.explain` goes by.

On the tick's thread only columns are copied. What strides had cost, and why they were chosen, is worked out when that is asked.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, cast

import numpy as np

from worker.events.build import as_read
from worker.explain import Account, Foreign, Given, Parts
from worker.physics import decay
from worker.physics.reasons import REASONS, selected_reasons
from worker.physics.valence import costs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.graph.moment import Frame
    from worker.graph.resident import Resident
    from worker.physics.model import Floats, Frontier, Ints, Strides
    from worker.physics.parameters import Parameters
    from worker.physics.valence import Terms

ROUNDING = 1e-9  # share of an energy that settling may have moved it by
NODE, STRIDE = 48, 80  # bytes that a node and a stride take, without what its parts are worked out of


class Trail:
    """The accounts of the last ticks, at most so many bytes of them; a sink. `eager`: parts of costs are worked out at once.

    It begins anew where a tick is missing: another worker has done it.
    """

    def __init__(self, most: float = float("inf"), *, eager: bool = False) -> None:
        self._most = most
        self._eager = eager
        self._held: deque[tuple[Account, int]] = deque()
        self._size = 0
        self._resident: Resident | None = None
        self._lock = threading.Lock()

    def frame(self, frame: Frame) -> None:
        """Take a tick."""
        followed = bool(self._held) and self._held[-1][0].tick == frame.frame - 1
        before = self._resident if followed and self._resident is not frame.resident else None
        account = account_of(frame, _found(frame, before) if before else frame.foreign)
        self._resident = frame.resident
        if self._eager:
            account.parts()
        size = NODE * len(account.touched) + STRIDE * len(account.source) + (0 if self._eager else _read(frame))
        with self._lock:
            if not followed:
                self._held.clear()
                self._size = 0
            self._held.append((account, size))
            self._size += size
            while self._size > self._most and len(self._held) > 1:
                self._size -= self._held.popleft()[1]

    def state(self, state: str, detail: str) -> None:
        """Say nothing: a state moves no energy."""

    def close(self) -> None:
        """Have nothing to close."""

    def accounts(self) -> list[Account]:
        """Return what is held, from any thread."""
        with self._lock:
            return [account for account, _ in self._held]


def account_of(frame: Frame, foreign: Sequence[Foreign]) -> Account:
    """Return the account of a tick, before the graph's memory changes again."""
    moment, resident = frame.moment, frame.resident
    strides, staged, stimuli = moment.strides, moment.staged, moment.stimuli
    touched = staged.touched
    apart = {resident.index.get(change.key, -1): change.energy for change in foreign}
    more = np.array(sorted(apart.keys() - {-1, *touched.tolist()}) if apart else [], dtype=np.int32)
    still = np.array([apart[i] for i in more.tolist()])
    order = np.argsort(np.concatenate((touched, more)))
    touched = np.concatenate((touched, more))[order]
    sent = [stimuli.applied[k] for k in stimuli.by]
    return Account(
        tick=frame.frame,
        ids=resident.ids,
        clock=resident.clock,
        touched=touched,
        before=np.concatenate((staged.before, still))[order],
        read=np.concatenate((staged.snapshot, still))[order],
        after=np.concatenate((staged.after, still))[order],
        left=decay.stored(resident.nodes, touched, resident.clock),
        half_life=resident["half_life"][touched],
        stimuli=[
            Given(node, delta, one.id, None if one.source is None else str(one.source))
            for node, delta, one in zip(stimuli.node.tolist(), stimuli.delta.tolist(), sent, strict=True)
        ],
        foreign=list(foreign),
        source=strides.source,
        target=strides.target,
        energy=strides.energy,
        kept=strides.energy * resident["stickiness"][strides.target],
        types=resident.link_types,
        type=resident.link("type")[strides.link],
        key=resident.link("key")[strides.link],
        share=strides.share,
        cost=strides.cost,
        parts=_parts(frame),
    )


def _parts(frame: Frame) -> Callable[[], Parts]:
    """Return what works out the parts of the strides' costs, once, from a copy of what they depend on."""
    frontier, strides = as_read(frame, np.arange(frame.strides))
    terms, parameters = frame.moment.terms, frame.resident.parameters
    return _Later(lambda: _worked_out(frontier, strides, terms, parameters))


def _read(frame: Frame) -> int:
    """Return how many bytes a copy of the links that a tick has read takes, with the nodes that they point to."""
    frontier = frame.moment.frontier
    row = sum(column.itemsize for column in (*frontier.links, *frontier.nodes))
    return row * int(frontier.degree.sum())


class _Later:
    """What is worked out when it is first asked for, by whichever thread."""

    def __init__(self, work: Callable[[], Parts]) -> None:
        self._work: Callable[[], Parts] | None = work
        self._found: Parts | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Parts:
        with self._lock:
            if self._work:
                self._found, self._work = self._work(), None  # what it was worked out of is let go
            return cast("Parts", self._found)


def _worked_out(frontier: Frontier, strides: Strides, terms: Terms, parameters: Parameters) -> Parts:
    reasons = selected_reasons(frontier, strides, terms, parameters)
    return Parts(*costs(frontier, strides.link, terms, parameters), reason=[REASONS[code] for code in reasons.tolist()])


def _found(frame: Frame, before: Resident) -> list[Foreign]:
    """Return what others have put on nodes where a worker has attached again since the tick before, and read all anew."""
    resident, staged = frame.resident, frame.moment.staged
    touched = np.zeros(len(resident.ids), dtype=np.bool_)
    touched[staged.touched] = True
    others = resident.energetic()
    others = others[~touched[others]]
    known = {own: i for i, own in enumerate(before.ids)}
    found: list[Foreign] = []
    for which, now, clock in (
        (staged.touched, staged.before, frame.moment.frontier.clock),
        (others, decay.stored(resident.nodes, others, resident.clock), resident.clock),
    ):
        names, keys = resident.names(which), resident["key"][which].tolist()
        there = np.array([known.get(own, -1) for own in names], dtype=np.int32)
        then = np.zeros(len(which))
        then[there >= 0] = decay.stored(before.nodes, there[there >= 0], clock)
        found += _changes(keys, names, now, then)
    return found


def _changes(keys: Sequence[int], names: Sequence[str], now: Floats, then: Floats) -> list[Foreign]:
    changed: Ints = np.flatnonzero(np.abs(now - then) > ROUNDING * np.maximum(now, then))
    return [Foreign(keys[k], names[k], float(now[k] - then[k]), float(now[k])) for k in changed.tolist()]
