"""Intake (SPEC §2, step 1): which entries of the queue this tick applies and what they give, and which no tick can."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from worker.graph.rows import Rejected, numbers, told
from worker.physics.decay import stored
from worker.physics.stimulus import distribute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.graph.port import Stimulus
    from worker.graph.resident import Resident
    from worker.physics.model import Floats, Int32s

AGAIN = "a stimulus of this id was applied before"


class Accepted(NamedTuple):
    """The stimuli of one tick, and what each gives to which node, in the order in which it is added up (A,)."""

    applied: list[Stimulus]
    by: list[int]  # (A,) place in `applied` of the stimulus that gives
    node: Int32s  # (A,) index of the node that gets
    delta: Floats  # (A,) energy
    rejected: list[tuple[int, str]]  # entries of the queue, and why
    named: list[Rejected]  # the same, to be told of once this tick's commit has taken them from the queue

    @property
    def nodes(self) -> Int32s:
        """The nodes that are stimulated, each once, ascending."""
        return np.unique(self.node)


class _Given(NamedTuple):
    """What one stimulus gives, or why it gives nothing; and which of its candidates are left out."""

    node: Sequence[int] = ()
    delta: Sequence[float] = ()
    why: str = ""
    without: Sequence[str] = ()


class _Reading:
    """Energies as a stimulus finds them: decayed to now, with what those before it have added."""

    def __init__(self, resident: Resident, clock: float) -> None:
        self.resident = resident
        self.clock = clock
        self.added: dict[int, float] = defaultdict(float)

    def over(self, given: _Given) -> str:
        """Return the id of a node that would have more energy than it may, or nothing."""
        most = self.resident.parameters.tick.energy_max
        before = stored(self.resident.nodes, np.array(given.node, dtype=np.int32), self.clock)
        for at, energy, delta in zip(given.node, before.tolist(), given.delta, strict=True):
            if energy + (self.added[at] + delta) > most:
                return self.resident.ids[at]
        return ""

    def energies(self, which: Int32s) -> Floats:
        """Return the energies of nodes, each given once."""
        added = np.array([self.added[at] for at in which.tolist()])
        energy: Floats = stored(self.resident.nodes, which, self.clock) + added
        return energy


def accept(stimuli: Sequence[Stimulus], resident: Resident, clock: float) -> Accepted:
    """Sort out the stimuli whose node, id or amount is none; the good ones are not held up by them."""
    reading = _Reading(resident, clock)
    ids: set[str] = set()
    found = Accepted([], [], np.empty(0, dtype=np.int32), np.empty(0), [], [])
    node: list[int] = []
    delta: list[float] = []
    for stimulus in stimuli:
        given = _given(stimulus, reading, ids)
        if given.why:
            found.rejected.append((stimulus.entry, given.why))
            found.named.append(Rejected("stimulus", str(stimulus.id), given.why))
            continue
        resident.reject(Rejected("stimulus", stimulus.id, f"{why}: left out") for why in given.without)
        for at, amount in zip(given.node, given.delta, strict=True):
            reading.added[at] += amount
        ids.add(stimulus.id)
        found.by.extend([len(found.applied)] * len(given.node))
        found.applied.append(stimulus)
        node += given.node
        delta += given.delta
    return found._replace(node=np.array(node, dtype=np.int32), delta=np.array(delta, dtype=np.float64))


def _given(stimulus: Stimulus, reading: _Reading, ids: set[str]) -> _Given:
    if not isinstance(stimulus.id, str) or not stimulus.id:
        return _Given(why="its id is missing or not text")
    if stimulus.known or stimulus.id in ids:
        return _Given(why=AGAIN)
    given = _by_budget(stimulus, reading) if stimulus.by_budget else _direct(stimulus, reading.resident)
    over = "" if given.why else reading.over(given)
    if over:
        what = f"budget {told(stimulus.budget)}" if stimulus.by_budget else f"delta {told(stimulus.delta)}"
        most = reading.resident.parameters.tick.energy_max
        return _Given(why=f"{what} would lift the energy of the node {over!r} over {most:g}")
    return given


def _direct(stimulus: Stimulus, resident: Resident) -> _Given:
    """Give `delta` to `node`."""
    at = resident.index.get(stimulus.key, -1) if stimulus.key is not None else -1
    why = _absent(resident, at, stimulus.node)
    if why:
        return _Given(why=why)
    amount = float(numbers([stimulus.delta], np.nan)[0])
    if not amount > 0.0:
        return _Given(why=f"delta {told(stimulus.delta)} is not a number over 0")
    return _Given([at], [amount])


def _by_budget(stimulus: Stimulus, reading: _Reading) -> _Given:
    """Give `budget` to those of the `candidates` that are there, by `similarity` and by what each lacks (§10)."""
    resident = reading.resident
    why = _no_budget(stimulus, resident.parameters.tick.energy_max)
    if why:
        return _Given(why=why)
    places = [resident.index.get(key, -1) for key in stimulus.keys]
    absent = [_absent(resident, at, own) for at, own in zip(places, stimulus.candidates, strict=True)]
    there = np.array([not why for why in absent])
    if not there.any():
        return _Given(why=f"none of its candidates can be used: {absent[0]}")
    node = np.array(places, dtype=np.int32)[there]
    similarity = numbers(stimulus.similarity, np.nan)[there]
    budget = float(stimulus.budget)
    delta = distribute(reading.energies(node), resident["threshold"][node], similarity, budget)
    some = delta > 0.0
    return _Given(node[some].tolist(), delta[some].tolist(), without=[why for why in absent if why])


def _absent(resident: Resident, at: int, own: object) -> str:
    if at < 0:
        return f"there is no node {told(own)} in this graph"
    return "" if resident["valid"][at] else f"the node {told(own)} is quarantined"


def _no_budget(stimulus: Stimulus, most: float) -> str:
    candidates, similarity = stimulus.candidates, stimulus.similarity
    if not (stimulus.delta is None and stimulus.node is None):
        return "it has both a node or delta and a budget"
    if not 0.0 < numbers([stimulus.budget], np.nan)[0] <= most:
        return f"budget {told(stimulus.budget)} is not a number over 0, up to {most:g}"
    if not (isinstance(candidates, list) and candidates and all(isinstance(own, str) for own in candidates)):
        return "candidates is not a list of ids"
    if len(set(candidates)) < len(candidates):
        return "candidates has a node twice"
    if not (isinstance(similarity, list) and len(similarity) == len(candidates)):
        return f"similarity is not a list of {len(candidates)} numbers, one for each candidate"
    values = numbers(similarity, np.nan)
    bad = np.flatnonzero(~((values > 0.0) & (values <= 1.0))).tolist()
    return f"similarity {told(similarity[bad[0]])} is not over 0 and at most 1" if bad else ""
