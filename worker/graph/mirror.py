"""A graph as it was read, on which any number of ticks can be tried: each begins with what was read, and leaves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from worker.graph.columns import Columns
from worker.graph.resident import FAR, Resident
from worker.physics.decay import stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.graph.port import LinkRows, NodeRows
    from worker.physics.model import Floats, Int32s
    from worker.physics.parameters import Parameters

ENERGY = ("energy", "raw", "energy_at")
CHANGED = (*ENERGY, "kind", "half_life", "visits", "retention", "retaining")  # by ticks


class Mirror(Resident):
    """Nodes and links as they were read, and beside them what ticks have made of them since `rewind`.

    `read_clock` is the reading (s) of the decay clock that energies are read by. Where the mirror is `apart`, they count as 0.
    """

    def __init__(self, parameters: Parameters, read_clock: float) -> None:
        super().__init__(parameters, read_clock)
        self.read_clock = read_clock
        self.apart = False
        self._learned: dict[int, float] = {}  # log-weights that ticks have changed, by the link's key
        self._nodes_read = Columns(**{name: self[name].dtype for name in CHANGED})
        self._links_read = Columns(log_weight="f8")

    def rewind(self, clock: float, *, apart: bool) -> None:
        """Undo all ticks, and set the clock; the next find the energies that were read, or none."""
        self.clock, self.apart = clock, apart
        self._learned.clear()
        self.rejected.clear()
        for name in CHANGED:
            self[name][:] = 0.0 if apart and name in ENERGY else self._nodes_read[name]
        for name, value in (("stimulus", 0.0), ("noted", 0), ("active", False), ("hops", FAR)):
            self[name][:] = value
        self.link("log_weight")[:] = self._links_read["log_weight"]
        self.active = self._stimulated = np.empty(0, dtype=np.int32)

    def before(self, which: Int32s, clock: float) -> Floats:
        """Return the energies of nodes before any tick, as of a reading of the clock: 0 where the mirror is apart."""
        if self.apart:
            return np.zeros(len(which))
        columns = {name: self._nodes_read[name] for name in ("energy", "energy_at", "half_life")}
        return stored(self.nodes._replace(**columns), which, clock)

    def learn(self, log_weight: Mapping[int, float]) -> None:
        """Note log-weights, by the link's key, that a link shall have when it is read again before the next `rewind`."""
        self._learned.update(log_weight)

    def add(self, rows: NodeRows) -> None:
        """Take in nodes that are not held yet. An energy that a worker has written as of its next epoch is taken as of now."""
        first, clock = len(self.ids), self.clock
        self.clock, latest = self.read_clock, self.read_clock + self.parameters.decay.settle
        at = [self.clock if isinstance(at, float) and self.clock < at <= latest else at for at in rows.energy_at]
        super().add(rows._replace(energy_at=at))
        self.clock = clock
        if len(self.ids) == first:
            return
        self._nodes_read.append(**{name: self[name][first:] for name in CHANGED})
        for name in ENERGY if self.apart else ():
            self[name][first:] = 0.0

    def forget_links(self) -> None:
        """Drop all links."""
        super().forget_links()
        self._links_read.size = 0

    def _take_links(self, rows: LinkRows) -> None:
        first = self.link_count
        super()._take_links(rows)
        weight = self.link("log_weight")[first:]
        self._links_read.append(log_weight=weight)
        if self._learned:
            keys = self.link("key")[first:].tolist()
            weight[:] = [self._learned.get(key, own) for key, own in zip(keys, weight.tolist(), strict=True)]
