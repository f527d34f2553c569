"""Ticks on a copy of a graph in memory: the very code that a worker runs, and no database."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from worker.compare import Course, Named, Outcome
from worker.graph.attach import attach
from worker.graph.memory import MemoryGraph
from worker.graph.rows import numbers
from worker.physics.decay import stored
from worker.tick import SCHEDULE, tick

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.graph.held import Held
    from worker.graph.moment import Frame
    from worker.physics.model import Bools, Floats
    from worker.settings import Settings


class Plan(NamedTuple):
    """What every run is given."""

    ticks: int
    dt: float  # s
    stimuli: tuple[tuple[str, float], ...] = ()  # ids of nodes, and how much energy for each
    once: bool = False  # in the first tick alone; else in each


def trial(graph: MemoryGraph, settings: Settings, plan: Plan, done: Callable[[], object] = bool) -> Outcome:
    """Run a plan on a copy of a graph, and return how it went; `done` hears of every tick.

    Raises InputError where the settings allow no tick of this length.
    """
    warm(settings, plan.dt)
    copy = graph.copy()
    held = _attached(copy, settings)
    before, course, timings = held.ledger.books.total, [], []
    for number in range(plan.ticks):
        if number == 0 or not plan.once:
            _queue(copy, number, plan)
        start = time.perf_counter()
        frame = tick(held, plan.dt)
        course.append((*_figures(frame), time.perf_counter() - start))
        timings.append(frame.timings_ms)
        done()
    energy, active = _state(held, copy)
    return Outcome(
        before=before,
        course=Course(*map(np.array, zip(*course, strict=True))),
        energy=energy,
        active=active,
        log_weight=numbers([link.properties.get("log_weight") for link in copy.link.values()], np.nan),
        timings_ms={step: statistics.median(timing[step] for timing in timings) for step in SCHEDULE},
        rejected=len(copy.rejected),
    )


def named(graph: MemoryGraph) -> Named:
    """Return the nodes that a trial tells the energies of, in ascending id."""
    found = [graph.node[key] for key in _in_order(graph)]
    kinds = [node.get("type") for node in found]
    return Named(id=[node["id"] for node in found], type=[kind if isinstance(kind, str) else None for kind in kinds])


def warm(settings: Settings, dt: float) -> None:
    """Let the compiled code that these settings need be loaded before the first tick that is timed."""
    graph = MemoryGraph(settings.graph)
    ends = [graph.add_node(id=name, energy=10.0) for name in "ab"]
    graph.add_link(ends[0], ends[1], "R", log_weight=0.0)
    tick(_attached(graph, settings), dt)


def _attached(graph: MemoryGraph, settings: Settings) -> Held:
    """Attach to a graph that is new: nobody else can hold it."""
    return cast("Held", attach(graph, settings, "trial"))


def _queue(graph: MemoryGraph, number: int, plan: Plan) -> None:
    for k, (node, delta) in enumerate(plan.stimuli):
        graph.add_stimulus(id=f"{number:09}.{k:09}", node=node, delta=delta, created_at=number, source="trial")


def _figures(frame: Frame) -> tuple[float, ...]:
    return (
        frame.energy_total,
        frame.frontier_active,
        frame.energy_in,
        frame.energy_lost,
        frame.energy_faded,
        frame.conservation_percent / 100.0,
    )


def _state(held: Held, graph: MemoryGraph) -> tuple[Floats, Bools]:
    """Return each node's energy as it is now, and whether it is active, in ascending id; what was never loaded has none."""
    resident, place = held.resident, {key: i for i, key in enumerate(_in_order(graph))}
    energy, active = np.zeros(len(place)), np.zeros(len(place), dtype=np.bool_)
    loaded = np.array([place[key] for key in resident["key"].tolist()], dtype=np.int64)
    which = np.arange(len(loaded), dtype=np.int32)
    energy[loaded] = stored(resident.nodes, which, held.ledger.decay_clock)
    active[loaded] = resident["active"]
    return energy, active


def _in_order(graph: MemoryGraph) -> list[int]:
    return sorted(graph.node, key=lambda key: str(graph.node[key]["id"]))
