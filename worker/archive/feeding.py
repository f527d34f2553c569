"""A graph in memory that others change as a recording says they did: when a worker had read it, and not before.

What a tick reads is told in groups, each up to a write that came of it. A group's changes are made before anything of it is
read; so a tick that was staged twice, since others had written between, is staged twice again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.archive.listening import NODE, told
from worker.errors import ForeignChange, NotReplayable
from worker.graph.ledger import pack
from worker.graph.memory import Link, MemoryGraph
from worker.graph.port import COMMITTED, RestRows
from worker.physics.model import WeightStats
from worker.physics.retention import Ties

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from worker.archive.journal import Step
    from worker.graph.port import Changes, Ledger, LinkRows, NodeChanges, Stimulus
    from worker.physics.forgetting import Rule
    from worker.physics.hubs import Ranking

ENDS = {"committed", "refused", "settled", "unsettled"}
OF_DATABASE = "forgetting_link"  # a field of the ledger: a key that serves one database alone
FORCED = "others had written to what was read, as recorded"


class Cut(Exception):
    """The worker had ended here: after a commit and before the tick was closed, or before what was due next was written."""


@dataclass
class Group:
    """What was told up to a write, and what became of that."""

    steps: list[Step] = field(default_factory=list)
    answers: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    outcome: str = ""


@dataclass
class FeedingGraph(MemoryGraph):
    """A graph in memory with a recording's inputs. `apart` tells where a ledger that is written is not the recorded one.

    `alone`: there is no snapshot, and the graph has what the recorded worker had read since it attached, and no more.
    """

    alone: bool = False
    apart: str = ""
    changed: int = 0  # nodes and links that others have changed
    changes: list[str] = field(default_factory=list)  # those of the attaching or tick that is under way
    _groups: list[Group] = field(default_factory=list)
    _cut: bool = False
    _left: Mapping[str, Any] | None = None  # the ledger as the worker had left it, where this is the last that it did
    _own: bool = True  # nothing is told: only the replay attaches here
    _counted: bool = False  # visits stand where they stood: since attaching, when nodes are given those noted

    def feed(self, steps: Iterable[Step], *, cut: bool = False, left: Mapping[str, Any] | None = None) -> None:
        """Let the next attaching, or tick, be told what these steps say.

        `cut`: it ended before the tick was closed; `left`: the ledger that whoever attached after it has found.
        """
        self._groups, self._cut, self._left, self.apart, self._own = [Group()], cut, left, "", False
        self.changes.clear()
        for step in steps:
            if step[0] in ENDS:
                self._groups[-1].outcome = step[0]
                self._groups.append(Group())
            elif len(step) > 1:
                self._groups[-1].steps.append(step)
                self._groups[-1].answers[step[0]].append(step[1])
        self._counted = self._counted or bool(self._groups[0].answers.get("take"))
        self._change()

    def intake(self, limit: int) -> Sequence[Stimulus]:
        """Read what was pending."""
        if self._groups:
            self.queue.clear()
            for columns in self._groups[0].answers["intake"][:1]:
                self._queue(columns)
        return super().intake(limit)

    def weights(self) -> Mapping[str, WeightStats]:
        """Return the statistics as they were counted: of links, too, that no tick has read.

        Whoever attaches only here, where the worker had long been attached, goes on from those that it kept.
        """
        if self._own and self.stats:
            return dict(self.stats)
        found = self._answer("weights")
        return {kind: WeightStats(*own) for kind, own in found.items()} if found is not None else super().weights()

    def adopt(self, ledger: Ledger, stats: Mapping[str, WeightStats]) -> None:
        """Write what attaching has found."""
        self._compare_ledger(ledger, self._answer("adopt"))
        super().adopt(ledger, stats)

    def statistics(self) -> Mapping[str, WeightStats]:
        """Read the kept statistics; without a snapshot, those that attaching had come to."""
        found = self._groups[0].answers["statistics"] if self.alone and self._groups else []
        return {kind: WeightStats(*own) for kind, own in found[0].items()} if found else super().statistics()

    def links(self, keys: Sequence[int], most: int) -> tuple[LinkRows, Sequence[int]]:
        """Read out-links; without a snapshot, a node whose links were not read whole is a hub."""
        found = self._answer("links") if self.alone else None
        if found is None:
            return super().links(keys, most)
        whole = set(found["of"])
        hubs = [key for key in keys if self.node[key]["id"] not in whole]
        return super().links([key for key in keys if key not in hubs], len(self.link))[0], hubs

    def ties(self, keys: Sequence[int], goal: str) -> tuple[Sequence[int], Ties]:
        """Return what nodes were tied to."""
        found = self._answer("ties")
        at = {own: i for i, own in enumerate(found["of"])} if found is not None else {}
        there = [key for key in keys if self.node.get(key, {}).get("id") in at]
        if len(there) < len(at) or found is None:
            return super().ties(keys, goal)
        which = [at[self.node[key]["id"]] for key in there]
        columns = {name: np.array(found[name])[which] for name in ("degree", "entities")}
        return there, Ties(**columns, goal=np.array(found["goal"], dtype=np.bool_)[which])

    def best(self, key: int, limit: int, ranking: Ranking) -> tuple[LinkRows, RestRows]:
        """Read the best links of a hub. Raises NotReplayable where others have changed some: not all of them were read."""
        if self.alone:
            return self._told_best()
        rows, rest = super().best(key, limit, ranking)
        own = self.node[key]["id"]
        for found in self._groups[0].answers["best"] if self._groups else ():
            if (found["of"], found["limit"]) == (own, limit) and not self._has(rows, rest, found):
                raise NotReplayable(
                    f"tick {self.next_tick}: others have changed links of {own!r}, which has so many that not all are recorded",
                    "replay from a snapshot that was taken after it",
                )
        return rows, rest

    def commit(self, changes: Changes) -> None:
        """Write a tick, or refuse it as it was refused."""
        if self._groups:
            group = self._groups[0]
            self._compare_ledger(changes.ledger, (group.answers["commit"] or [None])[0])
            if group.outcome == "refused":
                self._next()
                raise ForeignChange(FORCED)
        super().commit(changes)
        self._next()

    def decay(self, ledger: Ledger, ttl: float) -> Callable[[], int]:
        """Close the tick."""
        if self._cut and self.kept and self.kept.phase == COMMITTED:
            raise Cut
        return super().decay(ledger, ttl)

    def settle(
        self, ledger: Ledger, energy_at: float, nodes: NodeChanges, retention: Mapping[int, float | None]
    ) -> None:
        """Write out energies, or refuse them as they were refused. What became of the last may be told by the ledger alone."""
        outcome = self._groups[0].outcome if self._groups else ""
        if outcome == "unsettled":
            self._next()
            raise ForeignChange(FORCED)
        if not outcome and self._left is not None and difference(self._left, pack(ledger)):
            raise Cut
        super().settle(ledger, energy_at, nodes, retention)
        if self._groups and self._groups[0].outcome == "settled":
            self._next()

    def forget(self, ledger: Ledger, rules: Mapping[str, Rule], batch: int, ttl: float) -> tuple[str, int] | None:
        """Let links forget: their statistics are counted anew after that. Raises NotReplayable where that had broken off."""
        self._own = False
        if self._left is not None and self._groups and not self._groups[0].answers["adopt"]:
            if self._left["forgetting"] in {"", ledger.forgetting}:
                raise Cut
            if len(self.link) > batch:
                why = f"tick {self.next_tick}: the worker had ended while links were forgetting, which is recorded by no link"
                raise NotReplayable(why, "replay from a snapshot that was taken after it")
        return super().forget(ledger, rules, batch, ttl)

    @property
    def next_tick(self) -> int:
        """The number of the tick that is under way, or is next."""
        return (self.kept.tick if self.kept else 0) + 1

    def _answer(self, what: str) -> Any:
        """Return what was told next of something, None where nothing was."""
        answers = self._groups[0].answers[what] if self._groups else []
        return answers.pop(0) if answers else None

    def _next(self) -> None:
        if self._groups:
            del self._groups[0]
            self._change()

    def _change(self) -> None:
        """Make the changes of the group that is next: nodes first, since links point to them."""
        steps = self._groups[0].steps if self._groups else []
        for what, found in steps:
            if what in {"nodes", "census"}:
                self._nodes(found)
            if what == "census":
                self._others(set(found["id"]))
            if what == "intake" and found:
                self._absent(found)
        for what, found in steps:
            if what == "links":
                self._links(found)

    def _note(self, text: str) -> None:
        self.changed += 1
        self.changes.append(text)

    def _nodes(self, found: Mapping[str, list[Any]]) -> None:
        self._delete(found.get("gone", ()))
        names = [name for name in NODE if name in found]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*(found[name] for name in names), strict=True)]
        rows = [row for row in rows if isinstance(row["id"], str)]
        keys = self.keys({row["id"] for row in rows})
        for row in rows:
            if row["id"] not in keys:
                self.add_node(**row)
                self._note(f"the node {row['id']!r} is new")
                continue
            self._node(self.node[keys[row["id"]]], row)

    def _node(self, node: dict[str, Any], row: dict[str, Any]) -> None:
        for name, value in row.items():
            have = node.get(name)
            if _same(have, value) or (name == "visits" and self._visits_same(node, value)):
                continue
            self._note(f"{name} of the node {row['id']!r} is {have!r}, and {value!r} was read")
            if value is None:
                del node[name]
            else:
                node[name] = value

    def _visits_same(self, node: Mapping[str, Any], value: Any) -> bool:
        """Tell whether visits differ only by those that were noted and not yet given to the node, there or here."""
        return not self._counted or value == (node.get("visits") or 0) + self.noted[node["id"]]

    def _others(self, energetic: set[Any]) -> None:
        """Take the energy of nodes that had none when all that have some were read."""
        for node in self.node.values():
            if isinstance(node.get("id"), str) and node.get("energy", 0) != 0 and node["id"] not in energetic:
                self._note(f"the node {node['id']!r} has energy, and had none")
                del node["energy"]

    def _absent(self, found: Mapping[str, list[Any]]) -> None:
        """Delete nodes that stimuli name and that were not there."""
        named = [own for own, there in zip(found["node"], found["there"], strict=True) if not there]
        for ids, there in zip(found["candidates"], found["all"], strict=True):
            named += [own for own, known in zip(ids or (), there, strict=False) if not known]
        self._delete(own for own in named if isinstance(own, str))

    def _delete(self, ids: Iterable[str]) -> None:
        for own, key in self.keys(set(ids)).items():
            self._note(f"the node {own!r} is gone")
            self.delete_node(key)

    def _links(self, found: Mapping[str, list[Any]]) -> None:
        ends = {own for name in ("of", "source", "target") for own in found[name] if own is not None}
        keys = self.keys(ends)
        names = ("source", "target", "key", "type", "log_weight", "emotion")
        rows = {row[2]: row for row in zip(*(found[name] for name in names), strict=True)}
        mine = (link for own in found["of"] if own in keys for link in self.out_links(keys[own]))
        for key in [k for k in mine if k not in rows and self.link[k].properties.get("log_weight") is not None]:
            self._note(f"the link {key} is gone")
            self.delete_link(key)
        for source, target, key, kind, weight, emotion in rows.values():
            if source in keys and target in keys:
                self._link(key, Link(keys[source], keys[target], kind, {"log_weight": weight, "emotion": emotion}))

    def _link(self, key: int, read: Link) -> None:
        """Make a link what was read of it; a link without an emotion is read as one with none of its numbers."""
        have = self.link.get(key)
        if have and (have.source, have.target, have.type) != (read.source, read.target, read.type):
            self.delete_link(key)
            have = None
        if not have:
            self._note(f"the link {key} is new")
            self.put_link(key, read)
            return
        for name, value in read.properties.items():
            if not _same(have.properties.get(name), value) and (value != [] or have.properties.get(name)):
                self._note(f"{name} of the link {key} is {have.properties.get(name)!r}, and {value!r} was read")
                have.properties[name] = value

    def _queue(self, columns: Mapping[str, list[Any]]) -> None:
        names = ("id", "node", "delta", "source", "budget", "candidates", "similarity")
        for place, known in enumerate(columns.get("known", ())):
            row = {name: columns[name][place] for name in names if columns[name][place] is not None}
            if known:
                self.applied.setdefault(row["id"], {"taken_at": self.now()})
            elif isinstance(row.get("id"), str):
                self.applied.pop(row["id"], None)
            self.add_stimulus(created_at=place, **row)

    def _told_best(self) -> tuple[LinkRows, RestRows]:
        """Return the best links of a hub as they were read, and take them in."""
        found = self._answer("best") or {}
        if "rest" not in found:
            raise NotReplayable(
                f"tick {self.next_tick}: what was read of a hub is not recorded whole, by an earlier version",
                "name a snapshot that was taken before it",
            )
        keys = self.keys({own for own in (found["of"], *found["target"]) if own is not None})
        names = ("key", "target", "type", "log_weight", "emotion")
        for link, target, kind, weight, emotion in zip(*(found[name] for name in names), strict=True):
            if target in keys:
                self._link(
                    link, Link(keys[found["of"]], keys[target], kind, {"log_weight": weight, "emotion": emotion})
                )
        return self._rows([link for link in found["key"] if link in self.link]), RestRows(*found["rest"])

    def _has(self, rows: LinkRows, rest: RestRows, found: Mapping[str, Any]) -> bool:
        """Tell whether a hub's best links, and how many others it has, are as they were read."""
        if len(rows.key) + sum(rest.links) != len(found["key"]) + found["others"]:
            return False
        links = [self.link.get(key) for key in found["key"]]
        return all(
            link is not None and _same(link.properties.get("log_weight"), weight)
            for link, weight in zip(links, found["log_weight"], strict=True)
        )

    def _compare_ledger(self, ledger: Ledger, recorded: dict[str, Any] | None) -> None:
        if recorded is not None and not self.apart:
            self.apart = difference(recorded, pack(ledger))


def difference(recorded: Mapping[str, Any], replayed: Mapping[str, Any]) -> str:
    """Return the first field in which two ledgers differ, and how; nothing where they are the same. The digest comes first."""
    for name in sorted(recorded.keys() - {OF_DATABASE}, key=lambda name: (name != "digest", name)):
        ours, theirs = replayed.get(name), recorded[name]
        if isinstance(ours, list | tuple):
            ours = list(ours)
        if ours != theirs:
            return f"{name} of the ledger is recorded as {theirs!r}, and is {ours!r}"
    return ""


def _same(have: Any, read: Any) -> bool:
    """Tell whether a value is what was read; what no JSON can hold is like any other such."""
    mine = told([have])[0]
    odd = isinstance(mine, dict) and isinstance(read, dict)
    return odd or bool(mine == read) or (isinstance(mine, tuple) and list(mine) == read)
