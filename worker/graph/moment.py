"""What a tick was: everything that went into it, and the figures that come out (SPEC §13)."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from worker.graph.resident import FAR
from worker.physics.books import left

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.graph.attach import Held
    from worker.graph.resident import Resident
    from worker.graph.stimuli import Accepted
    from worker.physics.books import Books
    from worker.physics.model import Frontier, Int32s, Staged, Strides
    from worker.physics.pace import Interval


class Moment(NamedTuple):
    """One tick's arrays, from intake to stage, and the books it began with."""

    books: Books
    stimuli: Accepted
    frontier: Frontier
    strides: Strides
    staged: Staged


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
    strides: int
    flips_on: int
    flips_off: int
    timings_ms: dict[str, float]
    resident: Resident
    moment: Moment
    flips: Flips
    interval: Interval | None = None  # None where whoever ticks keeps no pace

    @property
    def energy_faded(self) -> float:
        """Energy that has decayed, of all types."""
        return math.fsum(self.energy_decay.values())

    @property
    def conservation_percent(self) -> float:
        """The conservation error in percent of all energy."""
        return 100.0 * abs(self.conservation_error) / max(self.energy_total, 1.0)


def figures(held: Held, moment: Moment, flips: Flips, decayed: dict[str, float], watch: Stopwatch) -> Frame:
    """Return the figures of the tick that has just been closed."""
    resident, frontier, staged, books = held.resident, moment.frontier, moment.staged, held.ledger.books
    energy_in = math.fsum(moment.stimuli.delta)
    degree = frontier.degree[~frontier.retried]
    hops = resident["hops"][resident.active]
    return Frame(
        graph=held.graph.name,
        frame=held.ledger.tick,
        at=datetime.now(UTC),
        dt=held.ledger.dt,
        energy_in=energy_in,
        energy_transferred=math.fsum(moment.strides.energy.tolist()),
        energy_decay=decayed,
        energy_lost=staged.lost,
        energy_total=books.total,
        conservation_error=math.fsum(
            (
                *books.energy.values(),
                *(-e for e in moment.books.energy.values()),
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
            (left(held.ledger.dt, held.parameters.half_life(kind)) for kind, e in books.energy.items() if e > 0.0),
            default=None,
        ),
        strides=len(moment.strides.energy),
        flips_on=len(flips.on),
        flips_off=len(flips.off) + len(flips.faded),
        timings_ms=watch.timings_ms,
        resident=resident,
        moment=moment,
        flips=flips,
    )
