"""The books (SPEC §13): every unit of energy that came, went, or faded, to more digits than a double has."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from worker.physics.kernels import pow2
from worker.physics.sums import summed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from worker.physics.model import Floats

TOLERANCE = 1e-9  # relative error that rounding may explain
PAUSE = 1e-2  # relative error at which nothing more is moved

Total = tuple[float, float]  # a sum of two doubles: what the first cannot hold stands in the second
ZERO: Total = (0.0, 0.0)


def add(total: Total, *terms: float) -> Total:
    """Return the total with terms added, as exact as two doubles can hold it."""
    high = math.fsum((*total, *terms))
    return high, math.fsum((*total, *terms, -high))


class Books(NamedTuple):
    """What the ledger knows of the energy in the graph, as of the decay clock's reading."""

    energy: Mapping[str, float]  # Σ E by node type
    opening: Total = ZERO  # Σ E when the ledger was made
    injected: Total = ZERO
    lost: Total = ZERO  # not kept by stickiness
    decayed: Total = ZERO
    external: Total = ZERO  # written by others, or found to be outside the physics

    @property
    def total(self) -> float:
        """Σ E of the graph."""
        return math.fsum(self.energy.values())

    @property
    def error(self) -> float:
        """What is there, less what should be: ΣE − (ΣE₀ + injected + external − lost − decayed)."""
        signed = (*self.opening, *self.injected, *self.external, *(-x for x in self.lost), *(-x for x in self.decayed))
        return math.fsum((*self.energy.values(), *(-x for x in signed)))

    def commit(self, changed: Mapping[str, Floats | Iterable[float]], injected: Iterable[float], lost: float) -> Books:
        """Return the books after a commit; `changed` has the terms of the change by node type."""
        energy = dict(self.energy)
        for kind, terms in changed.items():
            energy[kind] = max(0.0, summed(terms, energy.get(kind, 0.0)))
        return self._replace(energy=energy, injected=add(self.injected, *injected), lost=add(self.lost, lost))

    def decay(self, seconds: float, half_lives: Mapping[str, float]) -> tuple[Books, dict[str, float]]:
        """Return the books `seconds` of the decay clock later, and what has decayed by node type."""
        energy = {kind: e * left(seconds, half_lives[kind]) for kind, e in self.energy.items()}
        decayed = {kind: self.energy[kind] - energy[kind] for kind in energy}
        return self._replace(energy=energy, decayed=add(self.decayed, *decayed.values())), decayed

    def floored(self, taken: Mapping[str, float]) -> Books:
        """Return the books after energies under the floor became 0, so much by node type: booked as decay."""
        energy = dict(self.energy)
        for kind, amount in taken.items():
            energy[kind] = max(0.0, energy.get(kind, 0.0) - amount)
        return self._replace(energy=energy, decayed=add(self.decayed, *taken.values()))

    def moved(self, changed: Mapping[str, Floats | Iterable[float]]) -> Books:
        """Return the books after others have changed energies; `changed` has the terms of the change by node type."""
        terms = {kind: list(values) for kind, values in changed.items()}
        books = self.commit(terms, (), 0.0)
        return books._replace(external=add(self.external, *(term for values in terms.values() for term in values)))

    def found(self, counted: Mapping[str, float], *, opening: bool) -> Books:
        """Return the books with Σ E as counted in the database: their opening, or else a difference that is external.

        Where rounding can explain the difference, the kept sums stay: so a restart changes no bit.
        """
        if opening:
            return self._replace(energy=dict(counted), opening=add(ZERO, *counted.values()))
        difference = math.fsum((*counted.values(), *(-e for e in self.energy.values())))
        kinds = self.energy.keys() | counted.keys()
        apart = max((abs(self.energy.get(k, 0.0) - counted.get(k, 0.0)) for k in kinds), default=0.0)
        if apart <= TOLERANCE * max(1.0, self.total):
            return self
        return self._replace(energy=dict(counted), external=add(self.external, difference))


def left(seconds: float, half_life: float) -> float:
    """Return what is left of 1 after `seconds` (§9), by the one routine for powers of two."""
    return float(pow2(-seconds / half_life))
