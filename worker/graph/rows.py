"""From rows as they stand in a database to numbers that the physics may take (SPEC §1).

Whatever is not one is left out, and named: a `Rejected` each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.graph.port import NodeRows
    from worker.physics.model import Floats
    from worker.physics.parameters import Parameters

TINY = 1e-12  # a negative energy down to this is rounding, and 0


class Rejected(NamedTuple):
    """Something that never enters the physics, and why."""

    what: str
    identity: str
    why: str


class CleanNodes(NamedTuple):
    """Nodes in columns of numbers; where `valid` is false the node is quarantined and its numbers say nothing."""

    valid: np.ndarray
    id: list[str]
    type: list[str]
    energy: Floats
    raw: Floats  # the energy that is written there, to be compared with when it is overwritten
    energy_at: Floats
    threshold: Floats
    visits: np.ndarray


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


def clean_nodes(rows: NodeRows, parameters: Parameters, clock: float) -> tuple[CleanNodes, list[Rejected]]:
    """Return nodes as numbers, and what was wrong with them; an energy of a reading after `clock` would grow, and is none."""
    rejected: list[Rejected] = []
    energy, at = numbers(rows.energy, 0.0), numbers(rows.energy_at, 0.0)
    threshold, visits = numbers(rows.threshold, 0.0), numbers(rows.visits, 0.0)
    has_id = np.array([isinstance(i, str) for i in rows.id], dtype=np.bool_)
    valid = has_id & (energy >= -TINY) & (energy <= parameters.tick.energy_max) & (at >= 0.0) & (at <= clock)
    for i in np.flatnonzero(~valid).tolist():
        why = (
            "its id is missing or not text" if not has_id[i] else f"energy {rows.energy[i]!r} at {rows.energy_at[i]!r}"
        )
        rejected.append(Rejected("node", _name(rows, i), why))
    types = [kind if isinstance(kind, str) else "*" for kind in rows.type]
    usable = np.isfinite(threshold) & (threshold > 0.0)
    rejected += [
        Rejected("threshold", _name(rows, i), f"{rows.threshold[i]!r} is not over 0: the type's is used")
        for i in np.flatnonzero(~usable).tolist()
        if rows.threshold[i] is not None
    ]
    by_type = {kind: parameters.threshold_of(kind) for kind in set(types)}
    defaults = np.array([by_type[kind] for kind in types], dtype=np.float64)
    counted = np.isfinite(visits) & (visits >= 0.0)
    return CleanNodes(
        valid=valid,
        id=[i if isinstance(i, str) else "" for i in rows.id],
        type=types,
        energy=np.where(valid, np.maximum(energy, 0.0), 0.0),
        raw=np.where(valid, energy, 0.0),
        energy_at=np.where(valid, at, 0.0),
        threshold=np.where(usable, threshold, defaults),
        visits=np.where(counted, visits, 0.0).astype(np.int64),
    ), rejected


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
    return rows.id[i] if isinstance(rows.id[i], str) else f"(key {rows.key[i]}, id {rows.id[i]!r})"
