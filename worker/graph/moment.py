"""What a tick was: everything that went into it, and the figures that come out (SPEC §13)."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from worker.graph.resident import FAR
from worker.physics.books import left
from worker.physics.retention import split
from worker.physics.sums import summed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from worker.explain import Foreign
    from worker.graph.held import Held
    from worker.graph.resident import Resident
    from worker.graph.stimuli import Accepted
    from worker.physics.books import Books
    from worker.physics.model import Frontier, Int32s, Staged, Strides
    from worker.physics.pace import Interval
    from worker.physics.valence import Terms


class Moment(NamedTuple):
    """One tick's arrays, from intake to stage, and the books it began with."""

    books: Books
    stimuli: Accepted
    frontier: Frontier
    strides: Strides
    staged: Staged
    terms: Terms
    lasted: int  # ticks in a row that the mood has been the same
    attempt: int = 0  # times that it was staged before, and others had written to what it read


class Flips(NamedTuple):
    """Nodes that became active or ceased to be: by the commit, and by decay."""

    on: Int32s
    off: Int32s
    faded: Int32s


class Stopwatch:
    """Milliseconds spent in each step of a schedule."""

    def __init__(self, schedule: Sequence[str]) -> None:
        self.timings_ms = dict.fromkeys(schedule, 0.0)

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Time one step."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings_ms[step] += (time.perf_counter() - start) * 1e3


@dataclass(frozen=True)
class Frame:
    """The figures of one tick, and what explains them (`moment`, as long as the graph's memory is not changed)."""

    graph: str
    frame: int
    at: datetime
    dt: float
    energy_in: float
    energy_transferred: float
    energy_decay: dict[str, float]  # by node type
    energy_lost: float
    energy_total: float
    conservation_error: float
    frontier_active: int
    frontier_shadow: int
    mean_degree_active: float
    diffusion_radius: int
    branching: float | None
    growth: float | None
    spectral: float | None
    decay_multiplier: float
    strides: int
    flips_on: int
    flips_off: int
    quarantined: int
    timings_ms: dict[str, float]
    books: Books  # after the tick
    resident: Resident
    moment: Moment
    flips: Flips
    foreign: Sequence[Foreign] = ()  # what others have made of energies before the tick read them
    interval: Interval | None = None  # None where whoever ticks keeps no pace

    @property
    def energy_faded(self) -> float:
        """Energy that has decayed, of all types."""
        return math.fsum(self.energy_decay.values())

    @property
    def conservation_percent(self) -> float:
        """The conservation error in percent of all energy."""
        return 100.0 * abs(self.conservation_error) / max(self.energy_total, 1.0)


def _by_type(decayed: Mapping[str, float]) -> dict[str, float]:
    """Return what has decayed by node type, however long its nodes keep their energy."""
    found: dict[str, float] = defaultdict(float)
    for kind, amount in decayed.items():
        found[split(kind)[0]] += amount
    return dict(found)


def figures(held: Held, moment: Moment, flips: Flips, decayed: dict[str, float], watch: Stopwatch) -> Frame:
    """Return the figures of the tick that has just been closed."""
    resident, frontier, staged, books = held.resident, moment.frontier, moment.staged, held.ledger.books
    energy_in = math.fsum(moment.stimuli.delta)
    degree = resident["outdegree"][frontier.sources[~frontier.retried]]
    hops = resident["hops"][resident.active]
    return Frame(
        graph=held.graph.name,
        frame=held.ledger.tick,
        at=datetime.now(UTC),
        dt=held.ledger.dt,
        energy_in=energy_in,
        energy_transferred=summed(moment.strides.energy),
        energy_decay=_by_type(decayed),
        energy_lost=staged.lost,
        energy_total=books.total,
        conservation_error=math.fsum(
            (
                *books.energy.values(),
                *(-e for e in moment.books.energy.values()),
                *moment.books.external,  # others may have written to what was settled after the commit
                *(-e for e in books.external),
                -energy_in,
                staged.lost,
                *decayed.values(),
            )
        ),
        frontier_active=len(resident.active),
        frontier_shadow=resident.shadow(frontier.sources[~frontier.retried]),
        mean_degree_active=float(degree.mean()) if len(degree) else 0.0,
        diffusion_radius=int(hops[hops < FAR].max(initial=0)),
        branching=held.ledger.branching,
        growth=held.ledger.growth,
        spectral=max(
            (left(held.ledger.fading, held.parameters.half_life(kind)) for kind, e in books.energy.items() if e > 0.0),
            default=None,
        ),
        decay_multiplier=held.ledger.multiplier,
        strides=len(moment.strides.energy),
        flips_on=len(flips.on),
        flips_off=len(flips.off) + len(flips.faded),
        quarantined=resident.quarantined,
        timings_ms=watch.timings_ms,
        books=books,
        resident=resident,
        moment=moment,
        flips=flips,
        foreign=held.before_commit,
    )
