"""What two runs on one graph have in common and what not: arrays in, a report out. No graph, no file, no clock.

N nodes, in ascending id; L links; n ticks. Both runs had the same nodes, links, ticks and stimuli.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.physics.model import Bools, Floats, Ints

WORST = 20  # nodes named for the difference alone, in the top or not


class Named(NamedTuple):
    """The nodes of the graph (N,)."""

    id: Sequence[str]
    type: Sequence[str | None]


class Course(NamedTuple):
    """What each tick was (n,)."""

    energy: Floats  # Σ E after it
    active: Ints
    injected: Floats
    lost: Floats  # not kept by stickiness
    decayed: Floats
    error: Floats  # Σ E less what it should be, relative to Σ E or 1
    seconds: Floats


class Moment(NamedTuple):
    """The nodes that had energy after a tick: their places among all nodes (K,), and how much (K,)."""

    place: Ints
    energy: Floats


class Outcome(NamedTuple):
    """A run: what there was, how it went, what there is."""

    before: float  # Σ E
    course: Course
    energy: Floats  # (N,)
    active: Bools  # (N,)
    log_weight: Floats  # (L,), NaN where it is no number
    timings_ms: Mapping[str, float]  # median of each step
    rejected: int  # stimuli that no tick could apply
    digest: str = ""  # of all strides
    moments: Mapping[int, Moment] = {}  # by tick


@dataclass(frozen=True)
class Side:
    """One setting's figures."""

    ticks: int
    energy_before: float
    energy_total: float  # counted, node by node
    active: int
    injected: float
    lost: float
    decayed: float
    conservation_error: float  # the largest of all ticks, relative
    books_error: float  # of the whole run: Σ E as counted, less before + injected − lost − decayed; relative
    steady: bool
    steady_since: int | None  # the first tick from which on Σ E stayed
    change: float  # of Σ E in the last tick, relative
    seconds: float
    median_ms: float
    timings_ms: Mapping[str, float]
    stimuli_rejected: int
    digest: str  # of all strides


@dataclass(frozen=True)
class Links:
    """How far apart what the links have learned is."""

    count: int
    differing: int
    l1: float  # Σ |log w_a − log w_b|
    largest: float
    at: int | None  # the place of the link that differs most


@dataclass(frozen=True)
class Row:
    """One node on both sides; a rank only where it has energy."""

    id: str
    type: str | None
    energy_a: float
    energy_b: float
    difference: float  # b less a
    rank_a: int | None
    rank_b: int | None


@dataclass(frozen=True)
class Agreement:
    """How far both sides rank alike, in the course of time (m,)."""

    tick: Sequence[int]
    rank_correlation: Sequence[float | None]  # as in the report
    overlap: Sequence[float | None]  # nodes in the top of both, of those in either; None where neither has any


@dataclass(frozen=True)
class Report:
    """Both sides, and what is between them."""

    a: Side
    b: Side
    l1: float  # Σ |E_a − E_b|
    l1_relative: float | None  # to Σ E_a; None where there is none
    largest: float
    largest_node: str | None
    top: int
    top_union: int
    top_overlap: int  # nodes that are in the top of both
    rank_correlation: float | None  # Spearman's, over the union of both tops; None where ranks say nothing
    links: Links
    rows: Sequence[Row]  # the union of both tops and the WORST nodes, by |difference|


def report(nodes: Named, a: Outcome, b: Outcome, top: int, bound: float) -> Report:
    """Compare two runs: over the `top` nodes of each, and steady where Σ E changes by at most `bound` of it in a tick."""
    apart, ranks = np.abs(b.energy - a.energy), (ranked(a.energy), ranked(b.energy))
    tops = [(rank > 0) & (rank <= top) for rank in ranks]
    union, total = tops[0] | tops[1], math.fsum(a.energy)
    worst = np.argsort(-apart, kind="stable")
    l1, most = math.fsum(apart), worst[:1][apart[worst[:1]] > 0.0]
    shown = union.copy()
    shown[worst[:WORST]] |= apart[worst[:WORST]] > 0.0
    return Report(
        a=side(a, bound),
        b=side(b, bound),
        l1=l1,
        l1_relative=l1 / total if total else None,
        largest=float(apart.max(initial=0.0)),
        largest_node=nodes.id[most[0]] if len(most) else None,
        top=top,
        top_union=int(union.sum()),
        top_overlap=int((tops[0] & tops[1]).sum()),
        rank_correlation=correlation(a.energy[union], b.energy[union]),
        links=links(a.log_weight, b.log_weight),
        rows=[_row(nodes, a, b, ranks, i) for i in worst[shown[worst]].tolist()],
    )


def agreement(size: int, a: Outcome, b: Outcome, top: int) -> Agreement:
    """Compare the `top` of both sides, of `size` nodes, at every moment that both have."""
    found: list[tuple[int, float | None, float | None]] = []
    for tick in sorted(a.moments.keys() & b.moments.keys()):
        energies = [_spread(run.moments[tick], size) for run in (a, b)]
        tops = [(rank > 0) & (rank <= top) for rank in map(ranked, energies)]
        union = tops[0] | tops[1]
        both = int((tops[0] & tops[1]).sum())
        share = both / int(union.sum()) if union.any() else None
        found.append((tick, correlation(energies[0][union], energies[1][union]), share))
    return Agreement(*map(list, zip(*found, strict=True))) if found else Agreement([], [], [])


def _spread(moment: Moment, size: int) -> Floats:
    energy = np.zeros(size)
    energy[moment.place] = moment.energy
    return energy


def side(run: Outcome, bound: float) -> Side:
    """Return one run's figures."""
    course = run.course
    total, flows = math.fsum(run.energy), {name: math.fsum(getattr(course, name)) for name in _FLOWS}
    should = math.fsum((run.before, flows["injected"], -flows["lost"], -flows["decayed"]))
    change, since = changes(run.before, course.energy), steady_since(run.before, course.energy, bound)
    return Side(
        ticks=len(course.energy),
        energy_before=run.before,
        energy_total=total,
        active=int(run.active.sum()),
        **flows,
        conservation_error=float(np.abs(course.error).max(initial=0.0)),
        books_error=abs(total - should) / max(total, 1.0),
        steady=since is not None,
        steady_since=since,
        change=float(change[-1]),
        seconds=math.fsum(course.seconds),
        median_ms=float(np.median(course.seconds)) * 1e3,
        timings_ms=run.timings_ms,
        stimuli_rejected=run.rejected,
        digest=run.digest,
    )


def changes(before: float, energy: Floats) -> Floats:
    """Return |Σ E after a tick less before it|, relative to the larger of both (n,); 0 where there is none."""
    was = np.concatenate(([before], energy[:-1]))
    size = np.maximum(was, energy)
    return np.divide(np.abs(energy - was), size, out=np.zeros(len(energy)), where=size > 0.0)


def steady_since(before: float, energy: Floats, bound: float) -> int | None:
    """Return the first tick from which on Σ E changes by at most `bound` in each tick; None where the last one does not."""
    moving = np.flatnonzero(changes(before, energy) > bound)
    first = int(moving[-1]) + 2 if len(moving) else 1
    return first if first <= len(energy) else None


def ranked(energy: Floats) -> Ints:
    """Return each node's rank, 1 for the most energy, ties by id (N,); 0 where there is none."""
    rank = np.zeros(len(energy), dtype=np.int64)
    rank[np.argsort(-energy, kind="stable")] = np.arange(1, len(energy) + 1)
    return np.where(energy > 0.0, rank, 0)


def correlation(a: Floats, b: Floats) -> float | None:
    """Return Spearman's rank correlation; None for fewer than two nodes, or where one side ranks none over another."""
    if np.array_equal(a, b) and len(a):
        return 1.0
    if len(a) < 2 or np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        return None
    from scipy.stats import spearmanr  # noqa: PLC0415  (half a second, that every other command would start later)

    return float(spearmanr(a, b).statistic)


def links(a: Floats, b: Floats) -> Links:
    """Return how far apart the log-weights are; those that are no number on either side are the same."""
    apart = np.where(np.isfinite(a) & np.isfinite(b), np.abs(b - a), 0.0)
    largest = float(apart.max(initial=0.0))
    return Links(
        count=len(apart),
        differing=int(np.count_nonzero(apart)),
        l1=math.fsum(apart),
        largest=largest,
        at=int(apart.argmax()) if largest > 0.0 else None,
    )


_FLOWS = ("injected", "lost", "decayed")


def _row(nodes: Named, a: Outcome, b: Outcome, ranks: tuple[Ints, Ints], i: int) -> Row:
    energy = float(a.energy[i]), float(b.energy[i])
    rank_a, rank_b = (int(rank[i]) or None for rank in ranks)
    return Row(nodes.id[i], nodes.type[i], *energy, energy[1] - energy[0], rank_a, rank_b)
