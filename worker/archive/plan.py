"""The plan of a sweep: a file of TOML that names settings, stimuli and seeds; each with each other is a scenario.

ticks = 20
dt = 5.0                      # s; 5 if it is not said
seeds = [0, 1]                # of exploration; those of the settings if they are not said

[settings.plain]              # those of the snapshot; as if it stood there where there is no other
[settings.bold]
tick.alpha = 0.05

[stimuli]                     # or the name of a table with the columns name, node, delta and, if not all are 1, tick
coffee = {"coffee.n.01" = 20}
"""

from __future__ import annotations

import json
import math
import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from worker.archive import replay
from worker.archive.replay import PIECE, Told, number_of
from worker.archive.scenario import Scenario
from worker.archive.snapshot import settings_of
from worker.errors import InputError, SettingsError, StrideError, nearest
from worker.settings import check_known
from worker.table_files import columns, rows
from worker.trial import warm

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from worker.archive.files import Snapshot
    from worker.settings import Settings

KEYS = {"ticks", "dt", "seeds", "settings", "stimuli"}
DT = 5.0  # s
MOST = {"ticks": 1_000_000, "dt": 3600.0}
SEEDS = 2**63
LARGEST = 100_000_000  # bytes of a plan
NEEDED = ("name", "node", "delta")
LIKE = "see docs/how-to/sweep.md"

Stimuli = dict[str, dict[int, list[Told]]]  # by name, and then by tick


class Plan(NamedTuple):
    """What is swept."""

    path: Path
    ticks: int
    dt: float  # s
    seeds: tuple[int, ...]  # none: that of the settings
    settings: Mapping[str, Mapping[str, Any]]  # what each changes
    stimuli: Stimuli


def read(path: Path) -> Plan:
    """Read a plan. Raises InputError."""
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path}: it is larger than any plan", "put stimuli into a table: stimuli = 'stimuli.csv'")
        found = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", "name a file of TOML") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: it is no TOML: {str(error)[:200]}", LIKE) from error
    for key in found.keys() - KEYS:
        raise InputError(f"{path}: {key}: there is no such key in a plan", f"there are {', '.join(sorted(KEYS))}")
    if not found.keys() & {"seeds", "settings", "stimuli"}:
        raise InputError(f"{path}: it has neither settings nor stimuli nor seeds: there is nothing to sweep", LIKE)
    if "ticks" not in found:
        raise InputError(f"{path}: it does not say how many ticks", "for example: ticks = 20")
    ticks, dt = _number(path, "ticks", found["ticks"]), _number(path, "dt", found.get("dt", DT))
    if ticks != int(ticks):
        raise InputError(f"{path}: ticks = {ticks!r} is no whole number", "for example: ticks = 20")
    settings = found.get("settings", {"": {}})
    if not isinstance(settings, dict) or not settings or not all(isinstance(own, dict) for own in settings.values()):
        raise InputError(f"{path}: settings are no tables with names", "for example: [settings.bold]")
    stimuli = _stimuli(path, found.get("stimuli"), int(ticks))
    return Plan(path, int(ticks), float(dt), _seeds(path, found.get("seeds")), settings, stimuli)


def scenarios(plan: Plan, snapshot: Snapshot, known: Collection[str]) -> list[Scenario]:
    """Return what a plan means for a snapshot whose nodes are `known`: all settings, seeds and stimuli, in this order.

    Raises InputError, SettingsError, each with the name of what is wrong.
    """
    found: list[Scenario] = []
    resolved = {name: _resolved(plan, name, snapshot) for name in plan.settings}
    most = min(settings.tick.energy_max for settings in resolved.values())
    for name, by_tick in plan.stimuli.items():
        for told in (told for some in by_tick.values() for told in some):
            if told.node not in known:
                why = f"{plan.path}: stimuli {name!r}: there is no node {told.node!r} in {snapshot.folder}"
                raise InputError(why, nearest(told.node, known))
            if told.delta > most:
                why = f"{plan.path}: stimuli {name!r}: {told.delta:g} for {told.node!r} is over tick.energy_max"
                raise InputError(why, f"give up to {most:g}")
    for name, settings in resolved.items():
        changes = json.dumps(plan.settings[name], sort_keys=True)
        for seed in plan.seeds or (settings.select.seed,):
            groups = settings_of(settings)
            groups["select"]["seed"] = seed
            values = json.dumps(groups, sort_keys=True)
            found += [
                Scenario(0, name, own, seed, changes, values, plan.ticks, plan.dt, told)
                for own, told in plan.stimuli.items()
            ]
    return [scenario._replace(number=number) for number, scenario in enumerate(found)]


def _resolved(plan: Plan, name: str, snapshot: Snapshot) -> Settings:
    """Return a plan's settings, on those of the snapshot and of the environment; try them on a tick."""
    changes = plan.settings[name]
    try:
        check_known(changes, snapshot.manifest["settings"])
        settings = replay.settings_for(snapshot, **changes)[0]
        warm(settings, plan.dt)
    except StrideError as error:
        kind = type(error) if isinstance(error, InputError) else SettingsError
        raise kind(f"{plan.path}: settings {name!r}: {error.args[0]}", error.remedy) from error
    return settings


def _number(path: Path, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST[key]:
        raise InputError(f"{path}: {key} = {value!r} is not a number over 0", f"give one up to {MOST[key]:g}")
    return value


def _seeds(path: Path, value: Any) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not value or not all(type(own) is int and 0 <= own < SEEDS for own in value):
        raise InputError(
            f"{path}: seeds = {value!r} is no list of whole numbers from 0 on", "for example: seeds = [0, 1]"
        )
    if len(set(value)) < len(value):
        raise InputError(f"{path}: a seed is there twice", "leave one out")
    return tuple(value)


def _stimuli(path: Path, value: Any, ticks: int) -> Stimuli:
    """Return stimuli by name, those of a table or those that stand in the plan; none: one name, and no stimulus."""
    if value is None:
        return {"": {}}
    found = _of_table(path.parent / value, ticks) if isinstance(value, str) else _in_plan(path, value)
    if not found:
        raise InputError(f"{path}: stimuli are empty: there is nothing to sweep", LIKE)
    return found


def _in_plan(path: Path, value: Any) -> Stimuli:
    if not isinstance(value, dict) or not all(isinstance(own, dict) for own in value.values()):
        raise InputError(
            f"{path}: stimuli are neither a file's name nor tables", 'for example: coffee = {"coffee.n.01" = 20}'
        )
    found: Stimuli = {}
    for name, energies in value.items():
        for node, energy in energies.items():
            if isinstance(energy, bool) or not isinstance(energy, int | float) or not 0.0 < energy < math.inf:
                why = f"{path}: stimuli {name!r}: {energy!r} for {node!r} is not a number over 0"
                raise InputError(why, 'write an id with dots in quotation marks: "coffee.n.01" = 20')
        told = [Told(f"{name}.{k:09}", node, float(energy)) for k, (node, energy) in enumerate(energies.items())]
        found[name] = {1: told} if told else {}
    return found


def _of_table(path: Path, ticks: int) -> Stimuli:
    names = columns(path)
    for name in NEEDED:
        if name not in names:
            raise InputError(f"{path}: there is no column {name!r}", f"stimuli of a sweep need {', '.join(NEEDED)}")
    found: Stimuli = {}
    for row, given in _rows(path, names):
        delta, tick = number_of(given["delta"]), number_of(given.get("tick", 1))
        if not isinstance(given["name"], str) or not isinstance(given["node"], str):
            raise InputError(f"{path} row {row}: name or node is missing, or no text", "correct it")
        if not 0.0 < delta < math.inf:
            raise InputError(f"{path} row {row}: delta {given['delta']!r} is not a number over 0", "correct it")
        if not (np.isfinite(tick) and tick == int(tick) and 1 <= tick <= ticks):
            raise InputError(f"{path} row {row}: tick {given['tick']!r} is none from 1 to {ticks}", "correct it")
        own = found.setdefault(given["name"], {}).setdefault(int(tick), [])
        own.append(Told(f"{given['name']}.{int(tick):09}.{len(own):09}", given["node"], float(delta)))
    return found


def _rows(path: Path, names: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for piece, broken in rows(path, names, PIECE):
        for row, why in broken.items():
            raise InputError(f"{path} row {row}: {why}", "correct it")
        wanted = [name for name in (*NEEDED, "tick") if name in names]
        for row, *values in zip(piece.index, *(piece[name].tolist() for name in wanted), strict=True):
            yield row, dict(zip(wanted, values, strict=True))
