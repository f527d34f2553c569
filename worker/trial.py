"""Ticks on a copy of a graph in memory: the very code that a worker runs, and no database."""

from __future__ import annotations

import math
import statistics
import time
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from worker.compare import Course, Moment, Named, Outcome
from worker.graph.attach import attach, recount
from worker.graph.memory import MemoryGraph
from worker.graph.rows import numbers
from worker.physics.decay import stored
from worker.tick import SCHEDULE, tick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from worker.graph.copies import Original
    from worker.graph.held import Held
    from worker.graph.memory import Link, Properties
    from worker.graph.moment import Frame
    from worker.settings import Settings

SOURCE = "trial"


class Input(NamedTuple):
    """What one tick is given."""

    dt: float  # s
    stimuli: Sequence[Mapping[str, Any]] = ()  # as entries of the queue, without `created_at`


def steady(ticks: int, dt: float, stimuli: Sequence[tuple[str, float]] = (), *, once: bool = False) -> list[Input]:
    """Return the inputs of ticks of one length: so much energy for each node in each of them, or in the first alone."""
    return [
        Input(
            dt,
            [
                {"id": f"{number:09}.{k:09}", "node": node, "delta": delta, "source": SOURCE}
                for k, (node, delta) in enumerate(stimuli)
            ]
            if number == 0 or not once
            else (),
        )
        for number in range(ticks)
    ]


def ticks(held: Held, graph: MemoryGraph, inputs: Iterable[Input]) -> Iterator[tuple[Frame, float]]:
    """Run ticks on a graph in memory that is attached to, and yield each with its seconds.

    What waits in the queue comes before what the inputs add to it. Statistics are counted anew as often as a worker does it.
    """
    place = len(graph.queue)
    for given in inputs:
        for stimulus in given.stimuli:
            graph.add_stimulus(created_at=place, **stimulus)
            place += 1
        start = time.perf_counter()
        frame = tick(held, given.dt)
        yield frame, time.perf_counter() - start
        held.resident.rejected.clear()
        if frame.frame % held.settings.weights.recompute_ticks == 0:
            recount(held)


def trial(
    original: Original,
    settings: Settings,
    inputs: Sequence[Input],
    done: Callable[[], object] = bool,
    *,
    moments: int = 0,
) -> Outcome:
    """Run ticks on a copy of a graph, and return how it went; `done` hears of every tick.

    Where so many `moments` are asked for, all energies are kept at about as many ticks, the last among them.

    Raises InputError where the settings allow no tick of this length.
    """
    for dt in {given.dt for given in inputs}:
        warm(settings, dt)
    copy = original.copy()
    held = attached(copy, settings, SOURCE)
    before, course, timings = held.ledger.books.total, [], []
    place, kept = {key: i for i, (key, _) in enumerate(_in_order(copy))}, {}
    every = math.ceil(len(inputs) / moments) if moments else 0
    for number, (frame, seconds) in enumerate(ticks(held, copy, inputs), 1):
        course.append((*figures(frame), seconds))
        timings.append(frame.timings_ms)
        if every and (number == len(inputs) or number % every == 0):
            kept[number] = _moment(held, place)
        done()
    energy, active = np.zeros(len(place)), np.zeros(len(place), dtype=np.bool_)
    last = _moment(held, place)
    energy[last.place] = last.energy
    active[[place[key] for key in held.resident["key"][held.resident.active].tolist()]] = True
    return Outcome(
        before=before,
        course=Course(*map(np.array, zip(*course, strict=True))),
        energy=energy,
        active=active,
        log_weight=numbers([link.properties["log_weight"] for link in weighed(copy)], np.nan),
        timings_ms={step: statistics.median(timing[step] for timing in timings) for step in SCHEDULE},
        rejected=len(copy.rejected),
        digest=held.ledger.digest,
        moments=kept,
    )


def weighed(graph: MemoryGraph) -> list[Link]:
    """Return the relationships that are links: those that have a log-weight."""
    return [link for link in graph.link.values() if link.properties.get("log_weight") is not None]


def named(graph: MemoryGraph) -> Named:
    """Return the nodes that a trial tells the energies of, in ascending id."""
    found = [node for _, node in _in_order(graph)]
    kinds = [node.get("type") for node in found]
    return Named(id=[node["id"] for node in found], type=[kind if isinstance(kind, str) else None for kind in kinds])


def warm(settings: Settings, dt: float) -> None:
    """Let the compiled code that these settings need be loaded before the first tick that is timed.

    Raises InputError where they allow no tick of this length.
    """
    graph = MemoryGraph(settings.graph)
    ends = [graph.add_node(id=name, energy=10.0) for name in "ab"]
    graph.add_link(ends[0], ends[1], "R", log_weight=0.0)
    tick(attached(graph, settings, SOURCE), dt)


def attached(graph: MemoryGraph, settings: Settings, holder: str) -> Held:
    """Attach to a graph that nobody else can hold."""
    return cast("Held", attach(graph, settings, holder))


def figures(frame: Frame) -> tuple[float, ...]:
    """Return what a tick was, as a course tells it, but for its seconds."""
    return (
        frame.energy_total,
        frame.frontier_active,
        frame.energy_in,
        frame.energy_lost,
        frame.energy_faded,
        frame.conservation_percent / 100.0,
    )


def _moment(held: Held, place: Mapping[int, int]) -> Moment:
    """Return the nodes that have energy now; what was never loaded has none."""
    which = np.flatnonzero(held.resident["energy"] > 0.0).astype(np.int32)
    at = np.array([place[key] for key in held.resident["key"][which].tolist()], dtype=np.int64)
    return Moment(at, stored(held.resident.nodes, which, held.ledger.decay_clock))


def _in_order(graph: MemoryGraph) -> list[tuple[int, Properties]]:
    """Return keys and nodes in ascending id; one without an id that is text takes no part."""
    found = [item for item in graph.node.items() if isinstance(item[1].get("id"), str)]
    return sorted(found, key=lambda item: item[1]["id"])
