"""A graph in this process's memory: for tests, for trying things out, and for replay without a database.

It keeps what Neo4j would keep, in plain dictionaries, and refuses what Neo4j would refuse; the conformance suite holds the
two to the same behaviour.
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from worker.errors import Fenced, ForeignChange
from worker.graph.port import (
    COMMITTED,
    IDLE,
    NEAR,
    Changes,
    Ledger,
    LinkRows,
    NodeChanges,
    NodeRows,
    RestRows,
    Stimulus,
)
from worker.graph.rows import MOST_VISITS
from worker.physics import weights
from worker.physics.forgetting import forgotten
from worker.physics.retention import Ties
from worker.physics.weights import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
    from collections.abc import Set as AbstractSet
    from contextlib import AbstractContextManager

    from worker.physics.forgetting import Rule
    from worker.physics.hubs import Ranking
    from worker.physics.model import Ints, WeightStats

Properties = dict[str, Any]
STIMULUS = ("id", "node", "delta", "source", "budget", "candidates", "similarity")


@dataclass(slots=True)
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
    node: MutableMapping[int, Properties] = field(default_factory=dict)
    link: MutableMapping[int, Link] = field(default_factory=dict)
    entity: MutableMapping[int, Properties] = field(default_factory=dict)
    member: MutableMapping[int, list[tuple[int, Properties]]] = field(
        default_factory=lambda: defaultdict(list)
    )  # by node
    queue: dict[int, Properties] = field(default_factory=dict)
    applied: dict[str, Properties] = field(default_factory=dict)
    rejected: list[Properties] = field(default_factory=list)
    stats: dict[str, WeightStats] = field(default_factory=dict)
    noted: Counter[str] = field(default_factory=Counter)  # visits, by id, that no node has been given yet
    elsewhere: Counter[int] = field(default_factory=Counter)  # relationships that lead out of the graph, by node
    kept: Ledger | None = None
    holder: str | None = None
    expires: float = 0.0
    ttl: float = 0.0
    _out: MutableMapping[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    _key_of: dict[str, int] = field(default_factory=dict)  # by id, as it was when last looked for
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

    def put_link(self, key: int, link: Link) -> None:
        """Add a link under a key that it has elsewhere."""
        self.link[key] = link
        self._out[link.source].append(key)
        self._made = max(self._made, key)

    def add_entity(self, **properties: Any) -> int:
        """Add an entity and return its key; without a property `graph`, it is one of this graph."""
        self._made += 1
        self.entity[self._made] = {"graph": self.name, **properties}
        return self._made

    def add_member(self, node: int, entity: int, **properties: Any) -> None:
        """Make the node of this key a member of the entity of that one."""
        self.member[node].append((entity, properties))

    def add_stimulus(self, **properties: Any) -> int:
        """Append to the queue: `id`, `created_at`, `source`; `node`, `delta`, or `budget`, `candidates`, `similarity`."""
        self._made += 1
        self.queue[self._made] = properties
        return self._made

    def out_links(self, key: int) -> Sequence[int]:
        """Return the keys of the links that go out of a node."""
        return self._out.get(key, ())

    def delete_node(self, key: int) -> None:
        """Delete a node, its links and its memberships."""
        del self.node[key]
        self.member.pop(key, None)
        for link in [k for k, found in self.link.items() if key in {found.source, found.target}]:
            self.delete_link(link)

    def delete_link(self, key: int) -> None:
        """Delete a link."""
        self._out[self.link.pop(key).source].remove(key)

    def take(self, holder: str, ttl: float) -> Ledger | None:
        """Take the lease and raise the fence; None while another holder's lease is valid."""
        now = self.now()
        if self.holder not in {None, holder} and now < self.expires <= now + self.ttl:
            return None
        ledger = self.kept or Ledger()
        self.kept = replace(ledger, fence=ledger.fence + 1)
        self.holder, self.ttl, self.expires = holder, ttl, now + ttl
        return self.kept

    def renew(self, fence: int, ttl: float) -> None:
        """Keep the lease."""
        self._check(fence)
        self.expires = self.now() + ttl

    def keeping(self, fence: int, ttl: float) -> AbstractContextManager[None]:  # noqa: ARG002
        """Nothing here takes long."""
        return nullcontext()

    def release(self, fence: int) -> None:
        """Give the lease back."""
        if self.kept and self.kept.fence == fence:
            self.holder, self.expires = None, 0.0

    def ledger(self) -> Ledger | None:
        """Read the ledger; None where no worker has been."""
        return self.kept

    def census(self) -> NodeRows:
        """Read every node whose energy is not 0."""
        return self.nodes(self.energetic())

    def energetic(self) -> list[int]:
        """Return the keys of all nodes whose energy is not 0."""
        return [key for key, found in self.node.items() if "id" in found and found.get("energy", 0) != 0]

    def weights(self) -> Mapping[str, WeightStats]:
        """Count the statistics of all links by type."""
        found = defaultdict(list)
        for link in self.link.values():
            if _weighs(link):
                found[link.type].append(float(link.properties["log_weight"]))
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
        oldest = sorted(self.queue.items(), key=lambda item: (item[1]["created_at"], str(item[1].get("id"))))[:limit]
        named = [
            *(found.get("node") for _, found in oldest),
            *(own for _, found in oldest for own in _texts(found.get("candidates"))),
        ]
        key_of = self.keys({own for own in named if isinstance(own, str)})
        return [
            Stimulus(
                entry=entry,
                **{name: found.get(name) for name in STIMULUS},
                key=key_of.get(found["node"]) if isinstance(found.get("node"), str) else None,
                keys=[key_of.get(own, -1) for own in _texts(found.get("candidates"))],
                known=isinstance(found.get("id"), str) and found["id"] in self.applied,
            )
            for entry, found in oldest
        ]

    def waiting(self) -> bool:
        """Tell whether a stimulus is pending."""
        return bool(self.queue)

    def compact(self, keep: float, batch: int) -> tuple[int, bool]:
        """Drop stimuli that were taken from the queue long ago."""
        until = self.now() - keep
        applied = [own for own, found in self.applied.items() if found["taken_at"] < until][:batch]
        rejected = [found for found in self.rejected if found["taken_at"] < until][:batch]
        for own in applied:
            del self.applied[own]
        self.rejected = [found for found in self.rejected if found not in rejected]
        return len(applied) + len(rejected), batch in {len(applied), len(rejected)}

    def nodes(self, keys: Sequence[int]) -> NodeRows:
        """Read nodes by their keys."""
        there = [key for key in keys if key in self.node]
        rows = [{**self.node[key], "key": key, "entities": self._entities(key)} for key in there]
        return NodeRows._make([row.get(name) for row in rows] for name in NodeRows._fields)

    def links(self, keys: Sequence[int], most: int) -> tuple[LinkRows, Sequence[int]]:
        """Read the out-links of nodes, and which of these are hubs."""
        hubs = [key for key in keys if len(self._out[key]) > most]
        whole = (link for key in keys if len(self._out[key]) <= most for link in self._out[key])
        return self._rows([link for link in whole if self.link[link].properties.get("log_weight") is not None]), hubs

    def best(self, key: int, limit: int, ranking: Ranking) -> tuple[LinkRows, RestRows]:
        """Read the cheapest out-links of a hub, and what the others are."""
        ranked = sorted(self._ranked(key, ranking))
        last = ranked[:limit][-1][0] if ranked else 0.0
        groups = defaultdict(list)
        for cost, target, kind, link, visits in ranked[limit:]:
            weight = float(self.link[link].properties["log_weight"])
            groups[kind, visits, cost <= last + NEAR].append((weight, [target, link]))
        rest = [
            (kind, visits, min(w for w, _ in group), max(w for w, _ in group), min(at for _, at in group), len(group))
            for (kind, visits, _), group in groups.items()
        ]
        columns = zip(*rest, strict=True) if rest else [()] * len(RestRows._fields)
        return self._rows([link for _, _, _, link, _ in ranked[:limit]]), RestRows(*columns)

    def _ranked(self, key: int, ranking: Ranking) -> Iterator[tuple[float, str, str, int, int]]:
        """Give cost, target id, type, key and the target's visits of each link of a hub that the physics could take."""
        for link in self._out[key]:
            found = self.link[link]
            target = self.node.get(found.target, {})
            if not _weighs(found) or not isinstance(target.get("id"), str):
                continue
            visits = target.get("visits")
            visits = min(int(visits), ranking.most) if _number(visits, MOST_VISITS) and 0 < visits < MOST_VISITS else 0
            mean, scale = ranking.standard.get(found.type, ranking.otherwise)
            z = min(max((found.properties["log_weight"] - mean) * scale, -ranking.clip), ranking.clip)
            cost = math.log(1.0 + math.exp(-z)) + ranking.novelty * (1.0 - math.exp(-visits / ranking.wear))
            yield cost, target["id"], found.type, link, visits

    def _rows(self, keys: Sequence[int]) -> LinkRows:
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
            self.applied[done["id"]] = {**done, "taken_at": self.now()}
        self.rejected += [
            {**self.queue.pop(entry), "why": why, "taken_at": self.now()} for entry, why in changes.rejected
        ]
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

    def ties(self, keys: Sequence[int], goal: str) -> tuple[Sequence[int], Ties]:
        """Read what nodes are tied to."""
        there = [key for key in keys if key in self.node]
        goals = {
            key for key, found in self.node.items() if found.get("type") == goal and found.get("resolved") is not True
        }
        linked, around = Counter[int](), set()
        for link in self.link.values():
            linked.update({link.source, link.target})
            around |= {end for end, other in ((link.source, link.target), (link.target, link.source)) if other in goals}
        members = [len(self.member.get(key, ())) for key in there]
        degree = [linked[key] + self.elsewhere[key] + more for key, more in zip(there, members, strict=True)]
        return there, Ties(
            np.array(degree), np.array(members), np.array([key in around for key in there], dtype=np.bool_)
        )

    def settle(
        self, ledger: Ledger, energy_at: float, nodes: NodeChanges, retention: Mapping[int, float | None]
    ) -> None:
        """Write out decayed energies as of one reading, and how long nodes keep them."""
        kept = self._check(ledger.fence)
        self._compare(nodes)
        self._write(nodes, energy_at, nodes.key)
        for key, factor in retention.items():
            self.node[key].pop("retention", None)
            self.node[key].update({} if factor is None else {"retention": factor})
        self._keep(ledger, kept)

    def forget(self, ledger: Ledger, rules: Mapping[str, Rule], batch: int, ttl: float) -> tuple[str, int] | None:
        """Let the next links forget, and note in the ledger how far that has come."""
        kept, done = self._check(ledger.fence), (ledger.forgetting, ledger.forgetting_link)
        self.expires = self.now() + ttl
        left = sorted(
            (self.node[link.source]["id"], key) for key, link in self.link.items() if self._forgets(link, rules)
        )
        next_ones = [place for place in left if place > done][:batch]
        for _, key in next_ones:
            link = self.link[key]
            link.properties["log_weight"] = forgotten(link.properties["log_weight"], rules[link.type])
        if not next_ones:
            return None
        self._keep(replace(ledger, forgetting=next_ones[-1][0], forgetting_link=next_ones[-1][1]), kept)
        return next_ones[-1]

    def count_visits(self, ledger: Ledger, visits: Mapping[str, int]) -> None:
        """Give nodes the visits that commits have noted, and drop the notes."""
        self._check(ledger.fence)
        for own, key in self.keys(visits.keys()).items():
            before = self.node[key].get("visits", 0)
            self.node[key]["visits"] = visits[own] + (
                before if isinstance(before, int) and 0 < before < MOST_VISITS else 0
            )
        self.noted.clear()

    def keys(self, ids: AbstractSet[str]) -> dict[str, int]:
        """Return the keys of the nodes that have these ids. What is not where it was last found is looked for anew."""
        if any(own not in self._key_of or self.node.get(self._key_of[own], {}).get("id") != own for own in ids):
            self._key_of = self.key_of()
        return {own: self._key_of[own] for own in ids if own in self._key_of}

    def key_of(self) -> dict[str, int]:
        """Return the keys of all nodes by id."""
        return {found["id"]: key for key, found in self.node.items() if isinstance(found.get("id"), str)}

    def _forgets(self, link: Link, rules: Mapping[str, Rule]) -> bool:
        return link.type in rules and _weighs(link) and isinstance(self.node[link.source].get("id"), str)

    def _entities(self, key: int) -> list[list[Any]]:
        members = ((self.entity[entity], found) for entity, found in self.member.get(key, ()))
        return [[entity.get("id"), found.get("weight")] for entity, found in members if entity["graph"] == self.name]

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


def _weighs(link: Link) -> bool:
    """Return whether a link's log-weight is one that the physics takes."""
    return _number(link.properties.get("log_weight"), LARGEST) and link.source != link.target


def _texts(value: Any) -> list[Any]:
    return value if isinstance(value, list) and all(isinstance(own, str) for own in value) else []


def _number(value: Any, largest: float) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= largest


def _rows(*columns: np.ndarray) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.tolist() for column in columns), strict=True)
