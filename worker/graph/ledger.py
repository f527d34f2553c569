"""The ledger as the properties of a node, and back."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from worker.graph.port import Ledger
from worker.physics.books import ZERO, Books

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLAIN = tuple(f.name for f in fields(Ledger) if f.name not in {"books", "fence", "half_lives"})
_TOTALS = ("opening", "injected", "lost", "decayed", "external")


def pack(ledger: Ledger) -> dict[str, Any]:
    """Return the properties that a transaction writes; the fence is the lease's alone, and `revision` others' to bump."""
    kinds = sorted(ledger.books.energy)
    return {
        **{name: getattr(ledger, name) for name in _PLAIN if name != "revision"},
        "types": kinds,
        "energies": [ledger.books.energy[kind] for kind in kinds],
        "half_lives": [ledger.half_lives[kind] for kind in kinds],
        **{name: list(getattr(ledger.books, name)) for name in _TOTALS},
    }


def unpack(properties: Mapping[str, Any]) -> Ledger:
    """Return the ledger that a node's properties hold."""
    energy = dict(zip(properties.get("types", ()), properties.get("energies", ()), strict=True))
    half_lives = dict(zip(properties.get("types", ()), properties.get("half_lives", ()), strict=False))
    totals = {name: tuple(properties.get(name, ZERO)) for name in _TOTALS}
    plain = {name: properties[name] for name in _PLAIN if name in properties}
    plain["affect"] = tuple(properties.get("affect", ()))
    return Ledger(**plain, fence=properties.get("fence", 0), half_lives=half_lives, books=Books(energy, **totals))
