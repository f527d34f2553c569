"""Ticks on a snapshot, by the very code that a worker runs, and no database: the same input gives the same bits."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from worker.archive import files
from worker.archive.digest import digest
from worker.archive.load import Tables
from worker.archive.snapshot import state_of
from worker.errors import InputError
from worker.events.build import frame_end
from worker.graph.attach import attach, detach, recount
from worker.graph.export import MemoryExport
from worker.graph.rows import numbers
from worker.physics.decay import stored
from worker.settings import Settings, variable
from worker.table_files import columns, rows
from worker.tick import tick

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from worker.archive.files import Snapshot
    from worker.events import Sink
    from worker.graph.held import Held
    from worker.graph.memory import MemoryGraph
    from worker.graph.moment import Frame

SOURCE = "replay"
NEEDED = ("tick", "node", "delta")
PIECE = 100_000  # rows of a file of stimuli read at a time


class Told(NamedTuple):
    """A stimulus that is put into the queue before a tick."""

    id: str
    node: str
    delta: float


class Plan(NamedTuple):
    """What is run on a snapshot."""

    ticks: int
    dt: float  # s
    stimuli: Mapping[int, list[Told]]  # by tick, the first being 1


class Replayed(NamedTuple):
    """What came of it."""

    frames: list[dict[str, Any]]
    held: Held
    digest: str  # of the state at the end


def settings_for(snapshot: Snapshot) -> tuple[Settings, dict[str, tuple[Any, Any]]]:
    """Return the settings of a snapshot's manifest, under those of the environment; and which of these differ, from and to.

    Raises InputError, SettingsError.
    """
    kept = snapshot.manifest["settings"]
    here = Settings.read()
    unset = {
        group: {name: value for name, value in values.items() if not _is_set(group, name)}
        for group, values in kept.items()
    }
    settings = Settings.read(**unset)
    changed = {}
    for group, values in kept.items():
        for name, value in values.items():
            ours = _plain(getattr(getattr(here, group), name))
            if _is_set(group, name) and ours != value:
                changed[f"{group}.{name}"] = (value, ours)
    return settings, changed


def stimuli_of(path: Path, ticks: int, energy_max: float) -> dict[int, list[Told]]:
    """Read stimuli from a table: `tick` (1 is the first), `node`, `delta`, and their own `id` where it has one.

    Raises InputError.
    """
    names = columns(path)
    for name in NEEDED:
        if name not in names:
            raise InputError(f"{path}: there is no column {name!r}", f"a table of stimuli needs {', '.join(NEEDED)}")
    found: dict[int, list[Told]] = {}
    for piece, broken in rows(path, names, PIECE):
        for row, why in broken.items():
            raise InputError(f"{path} row {row}: {why}", "correct it")
        own = piece["id"].tolist() if "id" in names else [None] * len(piece)
        for row, at, node, delta, named in zip(
            piece.index, *(piece[name].tolist() for name in NEEDED), own, strict=True
        ):
            number, amount = (numbers([_parsed(value)], np.nan)[0] for value in (at, delta))
            if not (np.isfinite(number) and number == int(number) and 1 <= number <= ticks):
                raise InputError(
                    f"{path} row {row}: tick {at!r} is none from 1 to {ticks}", "correct it, or give more --ticks"
                )
            if not 0.0 < amount <= energy_max:
                raise InputError(
                    f"{path} row {row}: delta {delta!r} is not a number over 0", f"give one up to {energy_max:g}"
                )
            if not isinstance(node, str):
                raise InputError(f"{path} row {row}: node is missing", "correct it")
            identity = named if isinstance(named, str) and named else f"{SOURCE}.{row:09}"
            found.setdefault(int(number), []).append(Told(identity, node, float(amount)))
    return found


def replay(
    graph: MemoryGraph, settings: Settings, plan: Plan, sink: Sink | None = None, done: Callable[[], object] = bool
) -> Replayed:
    """Run a plan on a graph in memory, which is changed by it; `done` hears of every tick.

    Raises InputError where the settings allow no tick of this length.
    """
    held = cast("Held", attach(graph, settings, SOURCE))
    frames, place = [], len(graph.queue)  # what waits in it has its place for its time
    for number in range(1, plan.ticks + 1):
        for own, node, delta in plan.stimuli.get(number, ()):
            graph.add_stimulus(id=own, node=node, delta=delta, created_at=place, source=SOURCE)
            place += 1
        frame = tick(held, plan.dt)
        frames.append(figures_of(frame, held))
        if sink:
            sink.frame(frame)
        held.resident.rejected.clear()
        if frame.frame % settings.weights.recompute_ticks == 0:
            recount(held)
        done()
    detach(held)
    return Replayed(frames, held, digest(state_of(MemoryExport(graph), settings)))


def opened(folder: Path) -> tuple[Snapshot, Tables]:
    """Return a snapshot and its tables, once all of it has been looked at. Raises InputError."""
    snapshot = files.opened(folder)
    return snapshot, Tables(snapshot)


def write(folder: Path, graph: MemoryGraph, found: Replayed) -> None:
    """Write each tick's figures, all nodes and all links to a new folder. Raises InputError."""
    with files.beside(folder) as part:
        for name, table in (
            ("ticks", pa.Table.from_pylist(found.frames)),
            ("nodes", _nodes(graph, found.held)),
            ("links", _links(graph)),
        ):
            pq.write_table(table, part / f"{name}.parquet")
            files.force(part / f"{name}.parquet")


def figures_of(frame: Frame, held: Held) -> dict[str, Any]:
    """Return a tick's figures as columns, with the digest of its strides and of all before it."""
    event = frame_end(frame)
    timings, decay, error = event.pop("timings_ms"), event.pop("energy_decay"), event.pop("conservation_error")
    plain = {name: value for name, value in event.items() if name not in {"kind", "graph", "frame", "t"}}
    return {
        "tick": frame.frame,
        "dt": frame.dt,
        **plain,
        "energy_decay": decay["total"],
        "conservation_error": error["absolute"],
        "digest": held.ledger.digest,
        "ms": sum(timings.values()),
    }


def _nodes(graph: MemoryGraph, held: Held) -> pa.Table:
    """Return all nodes in ascending id, with their energy as it is now."""
    resident = held.resident
    now = stored(resident.nodes, np.arange(len(resident.ids), dtype=np.int32), held.ledger.decay_clock).tolist()
    loaded = {key: (now[i], bool(resident["active"][i])) for key, i in resident.index.items()}
    named = sorted((node["id"], key) for key, node in graph.node.items() if isinstance(node.get("id"), str))
    states = [loaded.get(key, (0.0, False)) for _, key in named]
    kinds = [graph.node[key].get("type") for _, key in named]
    return pa.table(
        {
            "id": pa.array([own for own, _ in named], pa.string()),
            "type": pa.array([kind if isinstance(kind, str) else None for kind in kinds], pa.string()),
            "energy": pa.array([energy for energy, _ in states], pa.float64()),
            "active": pa.array([active for _, active in states], pa.bool_()),
        }
    )


def _links(graph: MemoryGraph) -> pa.Table:
    """Return all links with their log-weights."""
    found = state_of(MemoryExport(graph), Settings()).links
    return found.filter(found["log_weight"].is_valid()).select(["source", "target", "type", "log_weight"])


def _is_set(group: str, name: str) -> bool:
    """Tell whether the environment has a say in a setting, by itself or as part of its group."""
    if variable(group, name) in os.environ:
        return True
    try:
        return name in json.loads(os.environ.get(variable(group), "{}"))
    except ValueError:
        return False


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value))  # type: ignore[arg-type]


def _parsed(value: Any) -> Any:
    """Return what a table holds, as a number where it is text that says one: CSV carries nothing else."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
