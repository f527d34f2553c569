"""Where a node's energy came from, by what ticks did: accounts in, roots and branches out. No graph, no file, no clock.

Energy that has mixed in a node is of one mixture: whatever leaves it, fades or is taken away, is so much of each of its
parts. Within a tick a node first has what it had before, then its stimuli; strides take from that mixture, and what they bring
is added after it, since a tick reads all energies before it changes any (SPEC §2, step 3). So the way back is linear: a share
of a node's energy after a tick is parted by what it was made of, tick by tick, until all of it is at a root: a stimulus, what
others wrote, or energy that was there at the start. The amounts are counted in what is left of them now: they sum to the
node's energy, whatever has decayed on the way.

U touched nodes, M strides, A stimuli of a tick.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count
from math import fsum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from worker.physics.model import Floats, Int32s, Ints

STIMULUS, FOREIGN, START, STRIDES, REST = "stimulus", "foreign", "start", "strides", "rest"
ROOTS = (STIMULUS, FOREIGN, START)
MOST_ROOTS = 100  # that are told one by one
CHILDREN = 12  # branches that one node may have; what is over that is cut, however much it is
MOST_PARTED = 200  # branches that are gone after


class Given(NamedTuple):
    """Energy that a stimulus gave to a node."""

    node: int  # index
    delta: float
    id: str
    source: str | None


class Foreign(NamedTuple):
    """What others made of a node's energy before a tick read it."""

    key: int  # of the node, in the database
    node: str  # id
    gain: float  # less than 0 where they took some
    energy: float  # what the node had then, the gain included


class Parts(NamedTuple):
    """What a tick's strides cost, and why they were chosen (§5), (M,) each."""

    weight: Floats
    goal: Floats
    novelty: Floats
    multiplier: Floats
    reason: Sequence[str]


class Account(NamedTuple):
    """What one tick did to energies."""

    tick: int
    ids: Sequence[str]  # of all nodes by index, those that no tick has touched too; others may be appended
    clock: float  # the decay clock's reading after it, s
    touched: Int32s  # (U,) indices, ascending; those too that others alone have changed
    before: Floats  # (U,) E as the tick found it
    read: Floats  # (U,) E with its stimuli
    after: Floats  # (U,) E with its strides
    left: Floats  # (U,) E after the tick's decay
    half_life: Floats  # (U,) s, from then on
    stimuli: list[Given]
    foreign: list[Foreign]
    source: Int32s  # (M,) indices
    target: Int32s  # (M,)
    energy: Floats  # (M,) ΔE: what the source gave
    kept: Floats  # (M,) what the target kept of it (§6)
    types: Sequence[str]  # names of link types, by index
    type: Int32s  # (M,) index into them
    key: Ints  # (M,) of the link
    share: Floats  # (M,) π
    cost: Floats  # (M,) c
    parts: Callable[[], Parts]


class Root(NamedTuple):
    """Where energy came from in the end."""

    kind: str  # STIMULUS, FOREIGN, START
    node: str  # that it came to
    tick: int  # that read it first; of the start, the first there is
    amount: float  # what is left of it in the explained node
    id: str | None = None  # of the stimulus
    source: str | None = None


@dataclass
class Branch:
    """Energy that came one way: by a link, from a root; or several that are too small, or too far, to be told apart."""

    kind: str
    amount: float  # what is left of it in the explained node
    node: str = ""  # that it came from; of a root, that it came to
    first: int = 0  # ticks
    last: int = 0
    count: int = 1  # strides, stimuli; of the rest, branches
    id: str | None = None
    source: str | None = None
    link_type: str = ""
    key: int = 0
    largest: tuple[int, int] = (0, 0)  # the stride that brought most: place of its account, and in it
    branches: list[Branch] = field(default_factory=list)


@dataclass
class _Way:
    """One way into a node: what it has brought by account, and what else is known of it."""

    branch: Branch
    amounts: dict[int, float] = field(default_factory=dict)
    most: float = 0.0


class Course:
    """Ticks that follow on each other."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        self.accounts = accounts
        self._of: dict[int, dict[str, int]] = {}

    @property
    def first(self) -> int:
        """The number of the first tick."""
        return self.accounts[0].tick

    @property
    def last(self) -> int:
        """The number of the last tick."""
        return self.accounts[-1].tick

    def energy(self, node: str) -> float | None:
        """Return a node's energy after the last tick, by its last account; None where no tick has touched it."""
        clock = self.accounts[-1].clock
        for account in reversed(self.accounts):
            place = self._place(account, node)
            if place >= 0:
                faded = (clock - account.clock) / float(account.half_life[place])
                return float(account.left[place] * np.exp2(-faded))
        return None

    def roots(self, node: str, energy: float) -> list[Root]:
        """Return what a node's `energy` after the last tick came from in the end, the most first. The amounts sum to it."""
        found: list[Root] = []
        amounts = {node: energy} if energy > 0.0 else {}
        for account in reversed(self.accounts):
            amounts = self._through(account, amounts, found)
        found += [Root(START, own, self.first, amount) for own, amount in amounts.items() if amount > 0.0]
        return sorted(found, key=lambda root: (-root.amount, root.tick, root.node, root.id or ""))

    def tree(self, node: str, energy: float, depth: int, least: float) -> list[Branch]:
        """Return the ways by which a node's `energy` came to it, and to where it came from, up to `depth` links back.

        What is under the share `least` of it is told as one branch: so at each node the branches sum to what it is given. What
        brought most is gone after first, for up to `MOST_PARTED` nodes.
        """
        found, ways = self._branches(node, {}, energy, least * energy)
        order = count()
        heap = [(-way.branch.amount, next(order), depth - 1, way) for way in ways]
        heapify(heap)
        for _ in range(MOST_PARTED):
            if not heap:
                break
            _, _, left, way = heappop(heap)
            if left:
                branch = way.branch
                branch.branches, ways = self._branches(branch.node, way.amounts, 0.0, least * energy)
                for below in ways:
                    heappush(heap, (-below.branch.amount, next(order), left - 1, below))
        return found

    def _branches(
        self, node: str, drawn: Mapping[int, float], now: float, least: float
    ) -> tuple[list[Branch], list[_Way]]:
        """Return the branches of one node, and those of them that can be gone after."""
        ways = self._ways(node, drawn, now)
        ordered = sorted(ways, key=lambda way: (-way.branch.amount, way.branch.kind, way.branch.node, way.branch.last))
        told = [way for way in ordered if way.branch.amount >= least][:CHILDREN]
        cut = ordered[len(told) :]
        rest = [Branch(REST, fsum(way.branch.amount for way in cut), count=len(cut))] if cut else []
        return [way.branch for way in told] + rest, [way for way in told if way.branch.kind == STRIDES]

    def _ways(self, node: str, drawn: Mapping[int, float], now: float) -> list[_Way]:
        """Return all ways into a node of energy that is in it now, and of what strides took from it at these accounts."""
        ways: dict[tuple[object, ...], _Way] = {}
        for at in range(len(self.accounts) - 1, -1, -1):
            account = self.accounts[at]
            place = self._place(account, node)
            if place >= 0:
                now = self._came(ways, at, place, now)
                now += drawn.get(at, 0.0)
                read = float(account.read[place])
                if now > 0.0:
                    for given in account.stimuli:
                        if given.node == account.touched[place]:
                            own = (STIMULUS, account.tick, given.id)
                            branch = Branch(STIMULUS, 0.0, node, id=given.id, source=given.source)
                            _add(ways, own, branch, at, account.tick, now * given.delta / read)
                    now *= float(account.before[place]) / read
            for change in reversed([own for own in account.foreign if own.node == node]):
                if now * change.gain > 0.0:
                    amount = now * change.gain / change.energy
                    _add(ways, (FOREIGN, account.tick), Branch(FOREIGN, 0.0, node), at, account.tick, amount)
                    now -= amount
        if now > 0.0:
            _add(ways, (START,), Branch(START, 0.0, node), 0, self.first, now)
        return list(ways.values())

    def _came(self, ways: dict[tuple[object, ...], _Way], at: int, place: int, now: float) -> float:
        """Part what a node has after a tick from what strides brought in it; return what it had kept."""
        account = self.accounts[at]
        after = float(account.after[place])
        if not (now > 0.0 < after):
            return now
        coming = np.flatnonzero(account.target == account.touched[place]).tolist()
        came = 0.0
        for k in coming:
            source, kept = account.ids[account.source[k]], float(account.kept[k])
            came += kept
            branch = Branch(
                STRIDES, 0.0, source, link_type=account.types[account.type[k]], key=int(account.key[k]), count=0
            )
            own = (STRIDES, source, branch.link_type, branch.key)
            way = _add(ways, own, branch, at, account.tick, now * kept / after)
            way.branch.count += 1
            if now * kept / after > way.most:
                way.most, way.branch.largest = now * kept / after, (at, k)
        return now * max(0.0, after - came) / after

    def _through(self, account: Account, amounts: dict[str, float], found: list[Root]) -> dict[str, float]:
        """Return where amounts were before a tick that are at nodes after it; what came to its roots there is found."""
        place = self._places(account)
        share = np.zeros(len(account.touched))
        left = {own: amount for own, amount in amounts.items() if own not in place}
        for own in amounts.keys() & place.keys():
            share[place[own]] = amounts[own]
        into = np.searchsorted(account.touched, account.target)
        out = np.searchsorted(account.touched, account.source)
        some = account.after > 0.0
        unit = np.divide(share, account.after, out=np.zeros_like(share), where=some)
        came = np.bincount(into, account.kept, minlength=len(share))
        pool = unit * np.maximum(0.0, account.after - came)
        pool += np.bincount(out, account.kept * unit[into], minlength=len(share))
        for given in account.stimuli:
            at = int(np.searchsorted(account.touched, given.node))
            amount = float(pool[at]) * given.delta / float(account.read[at])
            if amount > 0.0:
                found.append(Root(STIMULUS, account.ids[given.node], account.tick, amount, given.id, given.source))
        pool *= np.divide(account.before, account.read, out=np.zeros_like(share), where=account.read > 0.0)
        for at in np.flatnonzero(pool).tolist():
            left[account.ids[account.touched[at]]] = float(pool[at])
        for change in reversed(account.foreign):
            have = left.get(change.node, 0.0)
            if have * change.gain > 0.0:
                amount = have * change.gain / change.energy
                found.append(Root(FOREIGN, change.node, account.tick, amount))
                left[change.node] = have - amount
        return left

    def _places(self, account: Account) -> dict[str, int]:
        return {account.ids[i]: k for k, i in enumerate(account.touched.tolist())}

    def _place(self, account: Account, node: str) -> int:
        """Return where a node stands among those that a tick has touched, −1 where it does not."""
        index = self._index(account.ids).get(node, -1)
        k = int(np.searchsorted(account.touched, index))
        return k if index >= 0 and k < len(account.touched) and account.touched[k] == index else -1

    def _index(self, ids: Sequence[str]) -> dict[str, int]:
        """Return the index of each id: of one list, to which others are appended, it is made as far as it is needed."""
        of = self._of.setdefault(id(ids), {})
        for i in range(len(of), len(ids)):
            of[ids[i]] = i
        return of


def _add(
    ways: dict[tuple[object, ...], _Way], own: tuple[object, ...], branch: Branch, at: int, tick: int, amount: float
) -> _Way:
    """Add what one way has brought at an account; those come from the last to the first."""
    way = ways.setdefault(own, _Way(branch))
    way.branch.amount += amount
    way.branch.first = tick
    way.branch.last = way.branch.last or tick
    way.amounts[at] = way.amounts.get(at, 0.0) + amount
    return way


def walk(branches: Sequence[Branch]) -> Iterator[Branch]:
    """Give all branches of a tree."""
    for branch in branches:
        yield branch
        yield from walk(branch.branches)


def explanation(course: Course, node: str, energy: float, depth: int, least: float) -> dict[str, Any]:
    """Return the whole of it as plain values: what kinds of roots have brought a node's energy, which, and by what ways."""
    roots = course.roots(node, energy)
    large = [root for root in roots if root.amount >= least * energy][:MOST_ROOTS]
    return {
        "node": node,
        "tick": course.last,
        "since": course.first,
        "energy": energy,
        "sources": {kind: fsum(root.amount for root in roots if root.kind == kind) for kind in ROOTS},
        "roots": [root._asdict() for root in large],
        "other_roots": {"count": len(roots) - len(large), "amount": fsum(root.amount for root in roots[len(large) :])},
        "branches": [_told(course, branch) for branch in course.tree(node, energy, depth, least)],
    }


def _told(course: Course, branch: Branch) -> dict[str, Any]:
    """Return a branch as plain values; of its strides, the one that brought most."""
    told: dict[str, Any] = {"kind": branch.kind, "amount": branch.amount}
    if branch.kind == REST:
        return {**told, "count": branch.count}
    told |= {"node": branch.node, "first_tick": branch.first, "last_tick": branch.last}
    if branch.kind == STIMULUS:
        told |= {"id": branch.id, "source": branch.source}
    if branch.kind == STRIDES:
        below = [_told(course, one) for one in branch.branches]
        told |= {"link_type": branch.link_type, "link": str(branch.key), "strides": branch.count}
        told |= {"largest": _stride(course.accounts[branch.largest[0]], branch.largest[1]), "branches": below}
    return told


def _stride(account: Account, k: int) -> dict[str, Any]:
    """Return a stride with the parts of its cost: c = (weight + goal + novelty) · multiplier (§5)."""
    parts = account.parts()
    columns = {name: getattr(account, name) for name in ("energy", "kept", "share", "cost")}
    columns |= {name: getattr(parts, name) for name in ("weight", "goal", "novelty", "multiplier")}
    return {"tick": account.tick, **{name: float(of[k]) for name, of in columns.items()}, "reason": parts.reason[k]}
