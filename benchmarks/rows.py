"""Every row of `make bench`: what it measures, by what, and which targets it is held to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import (
    clients,
    graphs,
    import_speed,
    kernel_speed,
    latency,
    loading,
    memory,
    page,
    peers,
    recall_speed,
    recording_cost,
    scaling,
    start,
    subscribers,
    tick_cost,
    variants,
)
from benchmarks.common import ROUNDS

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """A bound on one figure. Beside `figure` a row may return `<figure>_minimum`: the same of the minima."""

    figure: str
    sign: str  # "≤" or "≥"
    bound: float
    what: str

    def met(self, figures: Figures) -> bool:
        """Tell whether the figure keeps to the bound."""
        value = figures[self.figure]
        return bool(value <= self.bound if self.sign == "≤" else value >= self.bound)


@dataclass(frozen=True)
class Row:
    """One thing that is measured on a real server, or without one."""

    what: str
    measure: Callable[[Any], Figures]
    targets: tuple[Target, ...] = ()
    honest: str = ""  # how it is ensured that nobody writes less, waits less or is warmed less


def at_most(bound: float, what: str, figure: str = "ratio") -> Target:
    return Target(figure, "≤", bound, what)


def at_least(bound: float, what: str, figure: str = "ratio") -> Target:
    return Target(figure, "≥", bound, what)


TWIN = (
    "the raw write takes its rows from the tick's own commit: same nodes, links and values; both wait for their answer; values are "
    "fresh in every round; 200 ticks and as many raw writes warm both"
)
SAME = (
    "the raw write takes its rows from the tick's own commit, in the same graph, with other values; both wait for their answer; "
    "200 ticks and as many raw writes warm both; the frontier is asserted to be steady"
)
ROWS = {
    "tick-1000": Row(
        "a steady tick with 1 000 active nodes of ten links, everything on, and one raw statement that writes the same rows",
        lambda c: tick_cost.measure(c, 1_000, ROUNDS),
        (at_most(1.25, "tick, F = 1 000 ÷ raw write"),),
        TWIN,
    ),
    "tick-10000": Row(
        "the same with 10 000 active nodes",
        lambda c: tick_cost.measure(c, 10_000, ROUNDS),
        (at_most(1.15, "tick, F = 10 000 ÷ raw write"),),
        TWIN,
    ),
    "clients": Row(
        "the same tick, a naive client (hydrated rows, a Python loop, maps by id) and one Cypher statement",
        lambda c: clients.measure(c, ROUNDS),
        (
            at_least(12.0, "tick, times faster than the naive client", "times_faster_than_naive"),
            at_least(1.7, "tick, times faster than one Cypher statement", "times_faster_than_query"),
        ),
        "all energies of the three graphs are compared after the first tick, to 1e-9, and the nodes and links written are counted in "
        "the last, to 3 %. The tick also keeps its ledger, books, visits and statistics, and decays: the others do not",
    ),
    "resident-off": Row(
        "a tick that reads its frontier every time, and the raw write",
        lambda c: variants.resident_off(c, ROUNDS),
        (at_most(1.8, "tick with `resident.enabled=false` ÷ raw write"),),
        SAME,
    ),
    "decay": Row(
        "a tick, and one whose commit leaves nothing to close, so that no transaction decays",
        lambda c: variants.decay(c, ROUNDS),
        (at_most(1.05, "tick with decay ÷ without"),),
        "the nodes and links written are asserted to be as many on both graphs, tick for tick; ticks follow each other at once, so "
        "that a close that nobody waits for still costs what it keeps the next commit waiting",
    ),
    "growth": Row(
        "1 000 active nodes in graphs of 10 000, 100 000 and 1 000 000 nodes, ten links each",
        scaling.growth,
        (at_most(1.1, "(tick ÷ raw write) at 10⁶ nodes ÷ at 10⁴", "growth"),),
        SAME,
    ),
    "attach": Row(
        "all of a graph in the worker's memory, against reading it row by row, and against the server's own scan of it",
        lambda c: loading.whole(c, ROUNDS),
        (
            at_least(18.0, "whole-graph load, times faster than rows", "times_faster_than_rows"),
            at_least(1.2, "whole-graph load, times as fast as the server's own scan", "times_faster_than_scan"),
        ),
        "each way's count of links is asserted, and all three see type and log-weight of each; three rounds warm all",
    ),
    "import": Row(
        "links a second of an import, and of the fastest raw creation of the same rows",
        lambda c: import_speed.measure(c, 5),
        (at_least(0.9, "import ÷ raw creation"),),
        "what the import says it created is asserted to be all rows; five rounds, since one takes half a minute",
    ),
    "kernel": Row(
        "selection and transfer, compiled, and the plain Python loop of `tests/naive.py`: 10⁶ links, 10 % active",
        lambda _: kernel_speed.measure(ROUNDS),
        (
            at_least(800.0, "kernel, K = 1, times faster than the plain loop"),
            at_least(200.0, "K = 4, times faster than the plain loop", "ratio_k4"),
            at_least(200.0, "K = 4 with goal and mood, times faster than the plain loop", "ratio_complete"),
            at_most(1.5, "K = 4 with goal and mood ÷ K = 4", "complete_in_k4"),
            at_most(1.3, "K = 4 a stride ÷ K = 1 a stride", "k4_stride_in_k1_strides"),
        ),
        "strides and energies of both are compared, to 1e-12, before anything is timed; the loop remembers each cosine, since the "
        "kernel finds them ready; both are timed by their thread's own clock, in turns of 40 ms each",
    ),
    "kernel-bound": Row(
        "the same, K = 1, on 10⁷ links, and reading 8.6 random lines of memory a stride",
        lambda _: kernel_speed.measure_bound(ROUNDS),
        (at_most(1.6, "kernel, K = 1, 10⁷ links ÷ random lines of memory"),),
        "both read the same arrays' worth of memory, in turns, by their thread's own clock",
    ),
    "memory": Row(
        "resident pages of a process before and after 3 000 000 links are taken in",
        memory.measure,
        (at_most(28.0, "resident memory, bytes a link", "links_bytes"),),
        "the operating system's count of pages, in a process of its own",
    ),
    "start": Row(
        "`stridegraph run` as a process, from its start to its first committed tick, less what lies between `starting` and `attached`",
        start.measure,
        (at_most(0.7, "start of process to first tick, less the load, s", "warm_s"),),
        "the ledger in the database says when the tick was committed; once also without compiled code kept",
    ),
    "peers": Row(
        "one step on the same graph by the tick, the matrix implementation, a plain Python loop, and PageRank of GDS, networkx, igraph",
        lambda c: peers.measure(c, ROUNDS),
        (),
        "all have the same nodes, links, weights and seeds; what each reads and writes is told, since it is not the same thing",
    ),
    "scale-frontier": Row("a tick and the raw write by active nodes", scaling.frontier, honest=SAME),
    "scale-load": Row(
        "import, attach, load and memory by links",
        loading.by_links,
        honest="the count of links held is asserted to be the count imported; once each, after a small one that warms all",
    ),
    "scale-recall": Row(
        "a recall by the nodes that it reaches",
        scaling.recall,
        honest="seeds are others in every round, so that all links are read anew; two rounds warm all",
    ),
    "scale-graphs": Row(
        "ticks a second by the number of graphs of one process",
        graphs.measure,
        honest="whole workers, as `stridegraph run` has them: all they write is waited for; counted after three seconds",
    ),
    "latency": Row(
        "from a stimulus to the commit of its tick, at rest and while 1 000 stimuli come in a second; the worst ticks",
        latency.measure,
        (at_most(5.0, "the worst tick ÷ the median", "worst_over_median"),),
        "the moment of a commit is when its transaction has answered; all stimuli that were put in are asserted to be applied",
    ),
    "subscribers": Row(
        "a tick with one subscriber to everything, and without a server; also nobody, fifty, and one that is dead",
        lambda c: subscribers.measure(c, ROUNDS),
        (at_most(1.05, "tick with one subscriber ÷ without a server"),),
        "the same ticks on the same graph in turns of ten",
    ),
    "tick-recorded": Row(
        "a tick that is recorded with its strides, and one that is not; also one without strides",
        recording_cost.measure,
        (at_most(1.05, "tick recorded with strides ÷ not recorded"),),
        "the same graph in turns of 50 ticks without a pause, and segments are written beside them",
    ),
    "page": Row(
        "frames a second of the page with 5 000 nodes, in Chromium without a graphics card",
        page.measure,
        (at_least(1.0, "frames a second ÷ 30"),),
        "the browser's own animation frames are counted, once the forces have settled; a worker ticks, and the ticks seen are told",
    ),
    "recall": Row(
        "recalls on WordNet while a worker ticks in a process beside it",
        recall_speed.measure,
        (at_most(1.0, "p50 ÷ 50 ms or p95 ÷ 150 ms, the worse"),),
        "whole calls; every recall is asserted to find something; words that nobody has recalled yet are told by themselves",
    ),
}
