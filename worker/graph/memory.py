"""A graph in this process's memory: for tests, for trying things out, and for replay without a database.

It keeps what Neo4j would keep, in plain dictionaries, and refuses what Neo4j would refuse; the conformance suite holds the
two to the same behaviour.
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from worker.errors import Fenced, ForeignChange
from worker.graph.port import COMMITTED, IDLE, Changes, Ledger, LinkRows, NodeChanges, NodeRows, Stimulus
from worker.physics import weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np

    from worker.physics.model import Ints, WeightStats

Properties = dict[str, Any]


@dataclass
class Link:
    """A relationship: the keys of its ends, its type, its properties."""

    source: int
    target: int
    type: str
    properties: Properties


@dataclass
class MemoryGraph:
    """One graph: nodes and links by key, the queue of stimuli, statistics, ledger. `now` is the clock of leases, s."""

    name: str = "default"
    now: Callable[[], float] = time.monotonic
    node: dict[int, Properties] = field(default_factory=dict)
    link: dict[int, Link] = field(default_factory=dict)
    queue: dict[int, Properties] = field(default_factory=dict)
    applied: dict[str, Properties] = field(default_factory=dict)
    rejected: list[Properties] = field(default_factory=list)
    stats: dict[str, WeightStats] = field(default_factory=dict)
    noted: Counter[str] = field(default_factory=Counter)  # visits, by id, that no node has been given yet
    kept: Ledger | None = None
    holder: str | None = None
    expires: float = 0.0
    _out: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    _made: int = 0

    def add_node(self, **properties: Any) -> int:
        """Add a node with these properties and return its key; None is no property."""
        self._made += 1
        self.node[self._made] = {name: value for name, value in properties.items() if value is not None}
        return self._made

    def add_link(self, source: int, target: int, kind: str, **properties: Any) -> int:
        """Add a link between two keys and return its own."""
        self._made += 1
        self.link[self._made] = Link(source, target, kind, properties)
        self._out[source].append(self._made)
        return self._made

    def add_stimulus(self, **properties: Any) -> int:
        """Append to the queue: `id`, `node` (an id), `delta`, `created_at`, `source`."""
        self._made += 1
        self.queue[self._made] = properties
        return self._made

    def delete_node(self, key: int) -> None:
        """Delete a node and its links."""
        del self.node[key]
        for link in [k for k, found in self.link.items() if key in {found.source, found.target}]:
            self.delete_link(link)

    def delete_link(self, key: int) -> None:
        """Delete a link."""
        self._out[self.link.pop(key).source].remove(key)

    def take(self, holder: str, ttl: float) -> Ledger | None:
        """Take the lease and raise the fence; None while another holder's lease is valid."""
        if self.holder not in {None, holder} and self.expires > self.now():
            return None
        ledger = self.kept or Ledger()
        self.kept = replace(ledger, fence=ledger.fence + 1)
        self.holder, self.expires = holder, self.now() + ttl
        return self.kept

    def renew(self, fence: int, ttl: float) -> None:
        """Keep the lease."""
        self._check(fence)
        self.expires = self.now() + ttl

    def release(self, fence: int) -> None:
        """Give the lease back."""
        if self.kept and self.kept.fence == fence:
            self.holder, self.expires = None, 0.0

    def ledger(self) -> Ledger | None:
        """Read the ledger; None where no worker has been."""
        return self.kept

    def census(self) -> NodeRows:
        """Read every node whose energy is not 0."""
        return self.nodes([key for key, found in self.node.items() if "id" in found and found.get("energy", 0) != 0])

    def weights(self) -> Mapping[str, WeightStats]:
        """Count the statistics of all links by type."""
        found = defaultdict(list)
        for link in self.link.values():
            value = link.properties.get("log_weight")
            if (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and math.isfinite(value)
                and link.source != link.target
            ):
                found[link.type].append(float(value))
        return {kind: weights.count(values) for kind, values in found.items()}

    def statistics(self) -> Mapping[str, WeightStats]:
        """Read the kept statistics."""
        return dict(self.stats)

    def visits(self) -> Mapping[str, int]:
        """Count the visits that commits have noted and that no node has been given yet."""
        return dict(self.noted)

    def adopt(self, ledger: Ledger, stats: Mapping[str, WeightStats]) -> None:
        """Write what attaching has found, under the fence."""
        self._keep(ledger, self._check(ledger.fence))
        self.stats = dict(stats)

    def intake(self, limit: int) -> Sequence[Stimulus]:
        """Read pending stimuli, oldest first."""
        key_of = {found["id"]: key for key, found in self.node.items() if isinstance(found.get("id"), str)}
        oldest = sorted(self.queue.items(), key=lambda item: (item[1]["created_at"], str(item[1].get("id"))))
        return [
            Stimulus(
                entry=entry,
                **{name: found.get(name) for name in ("id", "node", "delta", "source")},
                key=key_of.get(found["node"]) if isinstance(found.get("node"), str) else None,
                known=isinstance(found.get("id"), str) and found["id"] in self.applied,
            )
            for entry, found in oldest[:limit]
        ]

    def waiting(self) -> bool:
        """Tell whether a stimulus is pending."""
        return bool(self.queue)

    def nodes(self, keys: Sequence[int]) -> NodeRows:
        """Read nodes by their keys."""
        there = [key for key in keys if key in self.node]
        return NodeRows(there, *([self.node[key].get(name) for key in there] for name in NodeRows._fields[1:]))

    def links(self, keys: Sequence[int]) -> LinkRows:
        """Read the out-links of nodes."""
        keys = [
            link for key in keys for link in self._out[key] if self.link[link].properties.get("log_weight") is not None
        ]
        found = [self.link[key] for key in keys]
        return LinkRows(
            source=[link.source for link in found],
            target=[link.target for link in found],
            key=keys,
            type=[link.type for link in found],
            log_weight=[link.properties["log_weight"] for link in found],
            emotion=[link.properties.get("emotion") for link in found],
        )

    def commit(self, changes: Changes) -> None:
        """Write a tick, whole or not at all."""
        kept, nodes, links = self._check(changes.ledger.fence), changes.nodes, changes.links
        if (kept.tick, kept.phase) != (changes.ledger.tick - 1, IDLE):
            raise Fenced(f"the ledger of {self.name!r} is at tick {kept.tick}, {kept.phase}")
        self._compare(nodes)
        for key, source, target, before in _rows(links.key, links.source, links.target, links.before):
            found = self.link.get(key)
            if found is None or (found.source, found.target, found.properties.get("log_weight")) != (
                source,
                target,
                before,
            ):
                raise ForeignChange(f"link {key} is not as this tick has read it")
        if any(entry not in self.queue for entry in changes.applied):
            raise ForeignChange("a stimulus is gone")
        self._write(nodes, changes.energy_at, nodes.rebased)
        self.noted.update(changes.visited)
        for key, log_weight in _rows(links.key, links.after):
            self.link[key].properties["log_weight"] = log_weight
        for entry in changes.applied:
            done = self.queue.pop(entry)
            self.applied[done["id"]] = done
        self.rejected += [{**self.queue.pop(entry), "why": why} for entry, why in changes.rejected]
        self.stats.update(changes.stats)
        self.expires = self.now() + changes.ttl
        self._keep(changes.ledger, kept)

    def decay(self, ledger: Ledger, ttl: float) -> Callable[[], int]:
        """Close the tick; what is returned returns the graph's revision."""
        kept = self._check(ledger.fence)
        if (kept.tick, kept.phase) != (ledger.tick, COMMITTED):
            raise Fenced(f"the ledger of {self.name!r} is at tick {kept.tick}, {kept.phase}")
        self.expires = self.now() + ttl
        self._keep(ledger, kept)
        return lambda: kept.revision

    def settle(self, ledger: Ledger, energy_at: float, nodes: NodeChanges) -> None:
        """Write out decayed energies as of an epoch."""
        kept = self._check(ledger.fence)
        self._compare(nodes)
        self._write(nodes, energy_at, nodes.key)
        self._keep(ledger, kept)

    def count_visits(self, ledger: Ledger, visits: Mapping[str, int]) -> None:
        """Give nodes the visits that commits have noted, and drop the notes."""
        self._check(ledger.fence)
        for found in self.node.values():
            if more := visits.get(found.get("id")):  # type: ignore[arg-type]
                before = found.get("visits", 0)
                found["visits"] = more + (before if isinstance(before, int) and 0 < before < 1e15 else 0)
        self.noted.clear()

    def _check(self, fence: int) -> Ledger:
        if self.kept is None or self.kept.fence != fence:
            raise Fenced(f"another worker has taken the graph {self.name!r}")
        return self.kept

    def _keep(self, ledger: Ledger, before: Ledger) -> None:
        self.kept = replace(ledger, revision=before.revision)

    def _compare(self, nodes: NodeChanges) -> None:
        for (key, before), own in zip(_rows(nodes.key, nodes.before), nodes.id, strict=True):
            found = self.node.get(key, {})
            if found.get("id") != own or found.get("energy", 0.0) != before:
                raise ForeignChange(f"node {own!r} is not as this tick has read it")

    def _write(self, nodes: NodeChanges, energy_at: float, rebased: Ints) -> None:
        for key, energy in _rows(nodes.key, nodes.after):
            self.node[key]["energy"] = energy
        for key in rebased.tolist():
            self.node[key]["energy_at"] = energy_at


def _rows(*columns: np.ndarray) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.tolist() for column in columns), strict=True)
