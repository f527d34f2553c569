"""What the rows share: a clock, turns, ratios, and a steady tick beside the raw write of its rows."""

from __future__ import annotations

import gc
import statistics
import time

import numpy as np

from benchmarks.tick_cost import RAW
from benchmarks.world import DT
from worker.graph.attach import attach, detach
from worker.graph.held import write_back
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Settings
from worker.tick import tick

ROUNDS = 30
WARM_UP = 200
OTHER = 1.0000001  # raw values are the tick's times this: fresh in every round, and as good as the same


def timed(work):
    """Return how many ms the work took, and what it returned."""
    start = time.perf_counter()
    result = work()
    return (time.perf_counter() - start) * 1e3, result


def interleaved(ways, rounds, warm_up=0):
    """Let each of the ways (name → work that returns its ms) have its turn in every round, in changing order; return all ms."""
    took = {name: [] for name in ways}
    for done in range(warm_up + rounds):
        names = list(ways) if done % 2 else list(reversed(ways))
        for name in names:
            ms = ways[name]()
            if done >= warm_up:
                took[name].append(ms)
        if not done % 10:
            gc.collect()  # between rounds, so that nobody's turn pays for all
    return took


def against(ours, reference):
    """Return what every row tells: the ratio of medians, of minima, and both medians, ms."""
    return {
        "ratio": statistics.median(ours) / statistics.median(reference),
        "ratio_minimum": min(ours) / min(reference),
    }


def exponent(sizes, values):
    """Return b of the least-squares fit values ≈ a · sizes^b."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def steady_settings(graph, active, **changes):
    """Return settings under which a frontier of so many sources stays as it is, and links learn enough to be written."""
    wide = {"capacity": 100 * active, "frontier_cap": max(10_000, active)}
    return Settings(graph=graph, fanout=wide, learning={"rate": 0.1}, **changes)


class Steady:
    """A graph whose frontier stays as it is: a tick on it, and the raw write of what the tick has just written, there too.

    The raw write has the same nodes, links and properties, sends lists as clients do, and is waited for. It comes to rows that
    are still in every cache: in its favour. What it has written is then taken into the worker's memory.
    """

    def __init__(self, connection, graph, active, **changes):
        self.connection = connection
        self.held = attach(Neo4jGraph(connection, graph), steady_settings(graph, active, **changes), "bench")
        self.sent = None
        self.frames = []
        commit = self.held.graph.commit
        self.held.graph.commit = lambda rows: (setattr(self, "sent", rows), commit(rows))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        detach(self.held)

    def tick(self):
        """Return the ms of a tick."""
        took, frame = timed(lambda: tick(self.held, DT))
        self.frames.append((frame.frontier_active, frame.timings_ms))  # a frame holds the whole graph: not all of them
        return took

    def raw(self):
        """Return the ms of the raw write of what the last tick wrote."""
        nodes, links = self.sent.nodes, self.sent.links
        rows = {
            "node": nodes.key.tolist(),
            "energy": (nodes.after * OTHER).tolist(),
            "link": links.key.tolist(),
            "log_weight": (links.after * OTHER).tolist(),
        }
        took, _ = timed(lambda: self.connection.statement(RAW, **rows))
        self._take_in(rows)
        return took

    def written(self):
        """Return how many nodes and links the last tick wrote."""
        return {"nodes_written": len(self.sent.nodes.key), "links_written": len(self.sent.links.key)}

    def stages(self, last):
        """Return the median ms of each stage over the last ticks. Fails where the frontier was not steady."""
        frames = self.frames[-last:]
        assert len({active for active, _ in frames}) == 1, "the frontier is not steady"
        return {f"{step}_ms": statistics.median(timings[step] for _, timings in frames) for step in frames[0][1]}

    def _take_in(self, rows):
        resident = self.held.resident
        which = np.array([resident.index[key] for key in rows["node"]], dtype=np.int32)
        write_back(resident, which, np.array(rows["energy"]), self.sent.energy_at)
        keys = resident.link("key")
        order = np.argsort(keys)
        place = order[np.searchsorted(keys, rows["link"], sorter=order)]
        resident.link("log_weight")[place] = rows["log_weight"]


def race(steady, rounds, warm_up=WARM_UP):
    """Let a graph's tick and the raw write of its rows have their turns; return the figures of a row."""
    ticks, raws = [], []
    for done in range(warm_up + rounds):  # the raw write needs the tick's rows: so in this order
        took, raw = steady.tick(), steady.raw()
        if done >= warm_up:
            ticks.append(took)
            raws.append(raw)
    return {
        **against(ticks, raws),
        "tick_ms": statistics.median(ticks),
        "raw_ms": statistics.median(raws),
        **steady.written(),
        **steady.stages(rounds),
    }
