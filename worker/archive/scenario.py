"""One scenario of a sweep: ticks on a copy of a snapshot, by the code of `replay`, and what came of it as two tables.

It takes nothing but a folder and what can be pickled, so that any process that has the folder can run it.
"""

from __future__ import annotations

import json
import math
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from worker.archive import replay
from worker.archive.load import memory
from worker.archive.replay import SOURCE, Plan, Told
from worker.archive.tables import NUMBER, TEXT, WHOLE
from worker.errors import InputError
from worker.graph.attach import detach
from worker.graph.copies import Original
from worker.physics.decay import stored
from worker.settings import Settings
from worker.trial import attached, figures, ticks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.graph.held import Held

ENERGIES = pa.schema({"scenario": WHOLE, "node": TEXT, "energy": NUMBER})
SCENARIOS = pa.schema(
    {
        "scenario": WHOLE, "settings": TEXT, "stimuli": TEXT, "seed": WHOLE, "changes": TEXT, "ticks": WHOLE, "dt": NUMBER,
        "tick": WHOLE, "energy_before": NUMBER, "energy_total": NUMBER, "injected": NUMBER, "lost": NUMBER,
        "decayed": NUMBER, "nodes": WHOLE, "active": WHOLE, "strides": WHOLE, "conservation_error": NUMBER,
        "rejected": WHOLE, "digest": TEXT, "ms": NUMBER, "seconds": NUMBER,
    }
)  # fmt: skip


class Scenario(NamedTuple):
    """What is run: one of the plan's settings, with one of its stimuli and one of its seeds."""

    number: int
    settings: str  # names
    stimuli: str
    seed: int  # of exploration, `select.seed`
    changes: str  # what the settings change in those of the snapshot, as JSON
    values: str  # all settings that its outcome depends on, as JSON
    ticks: int
    dt: float  # s
    told: Mapping[int, list[Told]]  # stimuli by tick


class Rows(NamedTuple):
    """What came of scenarios."""

    scenarios: pa.Table  # a row each
    energies: pa.Table  # a row for each node that has energy at the end, in ascending id


@lru_cache(maxsize=1)
def original(folder: str, seal: str) -> Original:
    """Return a snapshot in memory, read once in a process; `seal` is its manifest's SHA-256. Raises InputError."""
    tables = replay.opened(Path(folder))[1]
    if tables.snapshot.manifest["sha256"] != seal:
        raise InputError(f"{folder}: it is another snapshot than when this began", "leave it as it is meanwhile")
    return Original(memory(tables))


def run(snapshot: Original, scenario: Scenario) -> Rows:
    """Run a scenario: the energies, totals and strides' digest that `replay` of the same comes to, to the bit."""
    started = time.perf_counter()
    settings = _settings(scenario.values)
    graph = snapshot.copy()
    held = attached(graph, settings, SOURCE)
    before, course, milliseconds, strides = held.ledger.books.total, [], 0.0, 0
    for frame, seconds in ticks(held, graph, replay.inputs(Plan(scenario.ticks, scenario.dt, scenario.told))):
        course.append(figures(frame))
        milliseconds += seconds * 1e3
        strides += len(frame.moment.strides.energy)
    detach(held)
    ids, energy = _energies(held)
    totals, active, injected, lost, decayed, error = zip(*course, strict=True)
    row = {
        **{name: getattr(scenario, name) for name in ("settings", "stimuli", "seed", "changes", "ticks", "dt")},
        "scenario": scenario.number,
        "tick": held.ledger.tick,
        "energy_before": before,
        "energy_total": totals[-1],
        "injected": math.fsum(injected),
        "lost": math.fsum(lost),
        "decayed": math.fsum(decayed),
        "nodes": len(ids),
        "active": int(active[-1]),
        "strides": strides,
        "conservation_error": max(map(abs, error)),
        "rejected": len(graph.rejected),
        "digest": held.ledger.digest,
        "ms": milliseconds,
        "seconds": time.perf_counter() - started,
    }
    columns = [pa.array(np.full(len(ids), scenario.number), WHOLE), pa.array(ids, TEXT), pa.array(energy, NUMBER)]
    return Rows(pa.Table.from_pylist([row], SCENARIOS), pa.Table.from_arrays(columns, schema=ENERGIES))


@lru_cache(maxsize=64)
def _settings(values: str) -> Settings:
    return Settings.read(**json.loads(values))


def _energies(held: Held) -> tuple[list[str], np.ndarray]:
    """Return the nodes that have energy, in ascending id, and how much: what was never loaded has none."""
    which = held.resident.energetic()
    energy = stored(held.resident.nodes, which, held.ledger.decay_clock)
    return held.resident.names(which[energy > 0.0]), energy[energy > 0.0]
