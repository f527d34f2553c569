"""From rows as they stand in a database to numbers that the physics may take (SPEC §1).

Whatever is not one is left out, and named: a `Rejected` each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from worker.physics.retention import MOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.graph.port import NodeRows
    from worker.physics.model import Floats
    from worker.physics.parameters import Parameters

TINY = 1e-12  # a negative energy down to this is rounding, and 0
MOST_VISITS = 1e15  # so many are none: decay/visits counts anew there
LATEST = 1e9  # s; a clock that has counted 31 years: where none is known, what was given later is a date, not a reading
LONGEST = 200  # characters of a value that are told
QUARANTINE = ("not_a_number", "negative", "too_large", "wrong_clock")  # why a node is quarantined: code 1, 2, …


class Rejected(NamedTuple):
    """Something that never enters the physics, and why."""

    what: str
    identity: str
    why: str


NOT_A_MEMBER: tuple[None, list[Rejected]] = (None, [])


class CleanNodes(NamedTuple):
    """Nodes in columns of numbers; where `valid` is false the node is quarantined and its numbers say nothing."""

    valid: np.ndarray
    quarantined: (
        np.ndarray
    )  # why it has no energy that the physics takes, though it has an id: a code of QUARANTINE, or 0
    id: list[str]
    type: list[str]
    energy: Floats
    raw: Floats  # the energy that is written there, to be compared with when it is overwritten; NaN, equal to none: never
    energy_at: Floats
    threshold: Floats
    visits: np.ndarray
    retention: Floats  # by how much longer than its type it keeps its energy (§9)
    entity: list[str | None]  # the main one (SPEC §1)


def numbers(values: Sequence[Any], absent: float) -> Floats:
    """Return the values as doubles: `absent` for None, NaN for what is no number (text, lists, booleans)."""
    if set(map(type, values)) <= {float, int, type(None)}:
        try:
            return np.array([absent if value is None else value for value in values], dtype=np.float64)
        except OverflowError:
            pass
    return np.array([_number(value, absent) for value in values], dtype=np.float64)


def vector(value: Any) -> tuple[float, ...]:
    """Return a vector of finite numbers; empty for anything else."""
    if isinstance(value, list | tuple) and value:
        found = numbers(value, np.nan)
        if np.isfinite(found).all():
            return tuple(found.tolist())
    return ()


def energies(rows: NodeRows, parameters: Parameters, clock: float) -> tuple[Floats, Floats, np.ndarray]:
    """Return energies, the readings that they are given for, and which of them the physics takes: none of after `clock`."""
    energy, at = numbers(rows.energy, 0.0), numbers(rows.energy_at, 0.0)
    return energy, at, (energy >= -TINY) & (energy <= parameters.tick.energy_max) & (at >= 0.0) & (at <= clock)


def told(value: Any) -> str:
    """Return a value as it is told of: its beginning, where it is long."""
    whole = repr(value)
    return whole if len(whole) <= LONGEST else f"{whole[:LONGEST]}…"


def clean_nodes(rows: NodeRows, parameters: Parameters, clock: float) -> tuple[CleanNodes, list[Rejected]]:
    """Return nodes as numbers, and what was wrong with them; an energy of a reading after `clock` would grow, and is none."""
    rejected: list[Rejected] = []
    energy, at, sound = energies(rows, parameters, clock)
    threshold, visits = numbers(rows.threshold, 0.0), numbers(rows.visits, 0.0)
    has_id = np.array([isinstance(i, str) for i in rows.id], dtype=np.bool_)
    valid = has_id & sound
    for i in np.flatnonzero(~valid).tolist():
        why = (
            f"energy {told(rows.energy[i])} at {told(rows.energy_at[i])}"
            if has_id[i]
            else "its id is missing or not text"
        )
        rejected.append(Rejected("node", _name(rows, i), why))
    types = [kind if isinstance(kind, str) else "*" for kind in rows.type]
    rejected += [
        Rejected("type", _name(rows, i), f"{told(kind)} is not text: * is used")
        for i, kind in enumerate(rows.type)
        if kind is not None and not isinstance(kind, str)
    ]
    usable = np.isfinite(threshold) & (threshold > 0.0)
    rejected += [
        Rejected("threshold", _name(rows, i), f"{told(rows.threshold[i])} is not over 0: the type's is used")
        for i in np.flatnonzero(~usable).tolist()
        if rows.threshold[i] is not None
    ]
    by_type = {kind: parameters.threshold_of(kind) for kind in set(types)}
    defaults = np.array([by_type[kind] for kind in types], dtype=np.float64)
    retention = numbers(rows.retention, 1.0)
    keeps = (retention >= 1.0) & (retention <= MOST)
    rejected += [
        Rejected("retention", _name(rows, i), f"{told(rows.retention[i])} is not from 1 to {MOST:g}: it is taken as 1")
        for i in np.flatnonzero(~keeps).tolist()
    ]
    entities = [_main_entity(_name(rows, i), found) if found else NOT_A_MEMBER for i, found in enumerate(rows.entities)]
    rejected += [row for _, bad in entities for row in bad]
    counted = (visits >= 0.0) & (visits < MOST_VISITS)
    rejected += [
        Rejected("visits", _name(rows, i), f"{told(rows.visits[i])} is no count: it is taken as 0")
        for i in np.flatnonzero(~counted).tolist()
    ]
    return CleanNodes(
        valid=valid,
        quarantined=np.where(has_id & ~sound, _why(energy, parameters), 0).astype(np.int8),
        id=[i if isinstance(i, str) else "" for i in rows.id],
        type=types,
        energy=np.where(valid, np.maximum(energy, 0.0), 0.0),
        raw=np.where(valid, energy, np.nan),
        energy_at=np.where(valid, at, 0.0),
        threshold=np.where(usable, threshold, defaults),
        retention=np.where(keeps, retention, 1.0),
        visits=np.where(counted, visits, 0.0).astype(np.int64),
        entity=[main for main, _ in entities],
    ), rejected


def _why(energy: Floats, parameters: Parameters) -> np.ndarray:
    """Return the code of what is wrong with each energy; where nothing is, with the reading that it is given for."""
    return np.select([np.isnan(energy), energy < -TINY, energy > parameters.tick.energy_max], [1, 2, 3], default=4)


def _main_entity(node: str, found: Sequence[tuple[Any, Any]]) -> tuple[str | None, list[Rejected]]:
    """Return the heaviest of the entities that a node is a member of, ties: the smallest id; and those that cannot count."""
    good, rejected = [], []
    weights = numbers([weight for _, weight in found], 1.0).tolist()
    for (own, weight), value in zip(found, weights, strict=True):
        if isinstance(own, str) and 0.0 < value < np.inf:
            good.append((-value, own))
        else:
            why = f"weight {told(weight)}" if isinstance(own, str) else "the entity's id is missing or not text"
            rejected.append(Rejected("member", f"{node} -[MEMBER_OF]-> {own}", why))
    return min(good)[1] if good else None, rejected


def _number(value: Any, absent: float) -> float:
    if value is None:
        return absent
    if isinstance(value, bool) or not isinstance(value, float | int):
        return np.nan
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _name(rows: NodeRows, i: int) -> str:
    return rows.id[i] if isinstance(rows.id[i], str) else f"(key {rows.key[i]}, id {told(rows.id[i])})"
