"""What the worker holds in memory of the graph, so that a steady tick reads nothing that it already has.

Only the holder of the lease moves energy, so what was loaded stays true until somebody else writes; such a write is found
when it is compared in the commit, and then the rows are read again (RELIABILITY).
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.graph.columns import Columns
from worker.graph.rows import QUARANTINE, Rejected, clean_nodes, numbers, told, vector
from worker.graph.texts import Names, Texts
from worker.physics import decay, valence
from worker.physics.diffusion import most_read
from worker.physics.forgetting import forgotten
from worker.physics.hubs import Rest
from worker.physics.kernels import count_shadow
from worker.physics.model import Links, Nodes
from worker.physics.retention import kind as kind_of
from worker.physics.retention import split
from worker.physics.weights import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from worker.graph.port import Graph, LinkRows, NodeRows
    from worker.physics.forgetting import Rule
    from worker.physics.hubs import Place, Ranking
    from worker.physics.model import Floats, Int32s, Ints
    from worker.physics.parameters import Parameters

UNREAD = -1  # degree of a node whose links have not been read
NONE = -1  # entity of a node that is a member of none
FAR = 2**30  # hops from the seeds of a node that no stride has reached


class Resident:
    """Nodes, links and energies that are loaded, as columns; a node's index serves as long as this object does."""

    def __init__(self, parameters: Parameters, clock: float) -> None:
        self.parameters = parameters
        self.clock = clock  # of the ledger, s: no energy can be given for a later reading
        self.ids: list[str] = []
        self.index: dict[int, int] = {}  # key → index
        self.kinds: list[str] = []  # node types, and those of them that keep their energy longer (§9)
        self.link_types: list[str] = []
        self.link_type_names: list[int] = []
        self.rejected: list[Rejected] = []
        self._named: set[Rejected] = set()  # all that was ever rejected: each is named once
        self.rest: dict[int, Rest] = {}  # what is known of a hub's other links, by the hub's index (§4)
        self.active: Int32s = np.empty(0, dtype=np.int32)  # in ascending id
        self.entities: list[str] = []
        self._kind_code: dict[str, int] = {}
        self._entity_code: dict[str, int] = {}
        self._link_type_code: dict[str, int] = {}
        self._texts = Texts(self.ids)
        self._wasted = 0
        self._stimulated: Int32s = np.empty(0, dtype=np.int32)
        self._nodes = Columns(
            key="i8", name="u8", kind="i4", valid="?", energy="f8", raw="f8", energy_at="f8", half_life="f8", threshold="f8",
            stickiness="f8", visits="i8", noted="i8", goal_cosine="f8", feeling="i4", stimulus="f8",
            start="i8", degree="i4", outdegree="i4", active="?", hops="i4", mark="?", entity="i4",
            retention="f8", retaining="f8", quarantined="i1",
        )  # fmt: skip
        self._links = Columns(key="i8", target="i4", type="u2", log_weight="f8", feeling="i4")
        self._feelings = Columns(resonance="f8", emotion="f8")  # the first is none at all
        self._feelings.append(resonance=0.0, emotion=0.0)

    def __getitem__(self, column: str) -> np.ndarray:
        """Return a column over all loaded nodes."""
        return self._nodes[column]

    def link(self, column: str) -> np.ndarray:
        """Return a column over all loaded links."""
        return self._links[column]

    @property
    def nodes(self) -> Nodes:
        """The node columns that the physics takes."""
        return Nodes(*(self._nodes[name] for name in Nodes._fields))

    @property
    def links(self) -> Links:
        """The link columns that the physics takes."""
        own = self._feelings
        of_links = {name: self._links[name] for name in Links._fields[:4]}
        return Links(**of_links, resonance=own["resonance"], emotion=own["emotion"])

    @property
    def quarantined(self) -> int:
        """How many of the nodes that are held have no energy that the physics takes."""
        return int(np.count_nonzero(self["quarantined"]))

    @property
    def quarantine(self) -> dict[str, int]:
        """How many of them there are, by what is wrong with their energy."""
        codes = self["quarantined"]
        counts = np.bincount(codes[codes > 0], minlength=1 + len(QUARANTINE))
        return dict(zip(QUARANTINE, counts[1:].tolist(), strict=True))

    @property
    def link_count(self) -> int:
        """How many links are held, the replaced ones included."""
        return self._links.size

    def add(self, rows: NodeRows) -> None:
        """Take in nodes that are not held yet."""
        if not len(rows.key):
            return
        clean, rejected = clean_nodes(rows, self.parameters, self.clock)
        self.reject(rejected)
        goal, affect = self.parameters.valence.goal, self.parameters.valence.affect
        meanings = self._vectors("embedding", rows.embedding, len(goal), clean.id.__getitem__)
        feelings = self._vectors("emotion", rows.emotion, len(affect), clean.id.__getitem__)
        kinds = self._kinds(clean.type, clean.retention)
        first = self._nodes.append(
            key=np.array(rows.key, dtype=np.int64),
            name=[fingerprint(own) for own in clean.id],
            kind=kinds,
            valid=clean.valid,
            quarantined=clean.quarantined,
            energy=clean.energy,
            raw=clean.raw,
            energy_at=clean.energy_at,
            half_life=self._half_lives()[kinds],
            threshold=clean.threshold,
            stickiness=np.array([self.parameters.stickiness_of(split(kind)[0]) for kind in self.kinds])[kinds],
            visits=clean.visits,
            noted=0,
            goal_cosine=[valence.cosine(goal, meaning) for meaning in meanings],
            feeling=self._felt(feelings),
            stimulus=0.0,
            start=0,
            degree=UNREAD,
            outdegree=0,
            active=False,
            hops=FAR,
            mark=False,
            retention=clean.retention,
            retaining=clean.retention,
            entity=[NONE if own is None else self._entity(own) for own in clean.entity],
        )
        self.ids += clean.id
        self.index.update(zip(rows.key, range(first, self._nodes.size), strict=True))

    def read_again(self, graph: Graph, which: Int32s) -> None:
        """Read nodes anew, with their links when next needed: somebody else has written to some of them.

        One that is gone, or is another now, is no longer valid and has no energy.
        """
        rows = graph.nodes(self["key"][which].tolist())
        clean, rejected = clean_nodes(rows, self.parameters, self.clock)
        self.reject(rejected)
        at = {key: i for i, key in enumerate(rows.key)}
        for i in which.tolist():
            j = at.get(int(self["key"][i]))
            same = j is not None and clean.id[j] == self.ids[i]
            self["valid"][i] = same and clean.valid[j]
            self["quarantined"][i] = same and clean.quarantined[j]
            for name, column in (("energy", clean.energy), ("raw", clean.raw), ("energy_at", clean.energy_at)):
                self[name][i] = column[j] if same else 0.0
            if not same and self.index.get(int(self["key"][i])) == i:  # whoever has the key now is read as another
                del self.index[int(self["key"][i])]
            if j is not None and same:
                self.retain(np.array([i]), clean.retention[j : j + 1])
            self._drop_links(i)

    def retain(self, which: Int32s, factor: Floats) -> None:
        """Let nodes keep their energy `factor` times as long as their type, from now on (§9)."""
        types = [split(self.kinds[code])[0] for code in self["kind"][which].tolist()]
        kinds = self._kinds(types, factor)
        self["kind"][which], self["half_life"][which] = kinds, self._half_lives()[kinds]
        self["retention"][which] = self["retaining"][which] = factor

    def reject(self, rows: Iterable[Rejected]) -> None:
        """Name what does not enter the physics, each once."""
        new = [row for row in rows if row not in self._named]
        self._named.update(new)
        self.rejected += new

    def named_before(self, rows: AbstractSet[Rejected]) -> None:
        """Name none of these again."""
        self.rejected = [row for row in self.rejected if row not in rows]
        self._named |= rows

    def read_links(self, graph: Graph, which: Int32s) -> None:
        """Read the out-links of those nodes whose links are not held, and the nodes that they point to; not of hubs (§4)."""
        sources = which[self["degree"][which] == UNREAD]
        if not len(sources):
            return
        keys = self["key"][sources]
        rows, hubs = graph.links(keys.tolist(), most_read(self.parameters))
        self._take(graph, sources[~np.isin(keys, hubs)], rows)

    def read_best(self, graph: Graph, i: int, limit: int, ranking: Ranking) -> None:
        """Read the best out-links of a hub anew, and the nodes that they point to."""
        rows, rest = graph.best(int(self["key"][i]), limit, ranking)
        self._wasted += max(0, int(self["degree"][i]))
        self._take(graph, np.array([i]), rows)
        self["outdegree"][i] += sum(rest.links)
        self.rest[i] = Rest(
            type=np.array([self._link_code(kind) for kind in rest.type], dtype=np.uint16),
            visits=np.array(rest.visits, dtype=np.int64),
            lightest=np.array(rest.lightest, dtype=np.float64),
            heaviest=np.array(rest.heaviest, dtype=np.float64),
            first=[(target, kind, key) for kind, (target, key) in zip(rest.type, rest.first, strict=True)],
        )

    def place(self, link: int) -> Place:
        """Return where a link stands among links of equal cost: by target id, link type, key (§2)."""
        target, kind = self.link("target")[link], self.link("type")[link]
        return self.ids[target], self.link_types[kind], int(self.link("key")[link])

    @property
    def wasteful(self) -> bool:
        """Whether most of the links that are held were replaced, and are of no use."""
        return self._wasted > max(1000, self._links.size // 2)

    def forget_links(self) -> None:
        """Drop all links: each is read again when it is needed."""
        self._links.size = self._wasted = 0
        self.rest.clear()
        self["degree"][:] = UNREAD
        self._forget_feelings()

    def forget_nodes(self) -> None:
        """Drop all links, and all nodes without energy whose visits are written out: each is read again when it is needed.

        Indices change. What was named is not named again; how far a node that was dropped is from the seeds is forgotten.
        """
        self.forget_links()
        self["stimulus"][self._stimulated] = 0.0
        self._stimulated = np.empty(0, dtype=np.int32)
        which = np.flatnonzero((self["energy"] > 0.0) | self["active"] | (self["noted"] > 0))
        self._nodes.keep(which)
        self._forget_feelings()
        self.ids = [self.ids[i] for i in which.tolist()]
        self.index = {key: i for i, key in enumerate(self["key"].tolist())}
        self.active = np.searchsorted(which, self.active).astype(np.int32)

    def stimulate(self, which: Int32s, delta: Floats) -> None:
        """Set the energy that this tick's stimuli add, in their order; what the tick before had added is gone."""
        self["stimulus"][self._stimulated] = 0.0
        np.add.at(self["stimulus"], which, delta)
        self._stimulated = which

    def look(self, which: Int32s, clock: float) -> tuple[Int32s, Int32s]:
        """See which of the nodes, each given once, are active at the reading `clock` and were not, or were; return both."""
        now = (decay.stored(self.nodes, which, clock) >= self["threshold"][which]) & self["valid"][which]
        was = self["active"][which]
        on, off = which[now & ~was], which[was & ~now]
        self["active"][on], self["active"][off] = True, False
        if len(off):
            self.active = self.active[self["active"][self.active]]
        if len(on):
            self.active = self.in_order(np.concatenate((self.active, on)))
        return on, off

    def forget(self, rules: Mapping[str, Rule]) -> None:
        """Let the log-weights that are held forget, as those in the graph have."""
        weight, kinds = self.link("log_weight"), self.link("type")
        for kind, rule in rules.items():
            if kind in self._link_type_code:
                mine = kinds == self._link_type_code[kind]
                weight[mine] = forgotten(weight[mine], rule)
                for rest in self.rest.values():
                    mine_of_rest = rest.type == self._link_type_code[kind]
                    for bound in (rest.lightest, rest.heaviest):
                        bound[mine_of_rest] = forgotten(bound[mine_of_rest], rule)

    def emotion(self, which: Int32s) -> Floats:
        """Return ‖emotion‖ of nodes (§9)."""
        emotion: Floats = self._feelings["emotion"][self["feeling"][which]]
        return emotion

    def names(self, which: Int32s) -> list[str]:
        """Return the nodes' own ids."""
        return list(map(self.ids.__getitem__, which.tolist()))

    def spelt(self, which: Int32s) -> Names:
        """Return the nodes' own ids as a sequence that is quick to send."""
        if self._texts.ids is not self.ids:
            self._texts = Texts(self.ids)
        self._texts.grow()
        return Names(self._texts, which)

    def in_order(self, which: Int32s) -> Int32s:
        """Return nodes in ascending id."""
        return np.array(sorted(which.tolist(), key=self.ids.__getitem__), dtype=np.int32)

    def reach(self, source: Int32s, target: Int32s) -> None:
        """Note how far from the seeds strides have carried energy: seeds are the nodes that stimuli came to."""
        self["hops"][self._stimulated] = 0
        np.minimum.at(self["hops"], target, self["hops"][source] + 1)

    def shadow(self, sources: Int32s) -> int:
        """Return how many nodes that the sources' links point to are not active."""
        return int(
            count_shadow(sources, self["start"], self["degree"], self.link("target"), self["active"], self["mark"])
        )

    def energetic(self) -> Int32s:
        """Return all nodes that have energy, in ascending id."""
        return self.in_order(np.flatnonzero(self["energy"] > 0.0).astype(np.int32))

    def visit(self, which: Int32s, visits: Ints) -> None:
        """Count visits that a commit has noted; they are `noted` until they are written to their nodes."""
        self["visits"][which] += visits
        self["noted"][which] += visits

    def _take(self, graph: Graph, sources: Int32s, rows: LinkRows) -> None:
        """Take in all that was read of the sources' links, and read the nodes that they point to."""
        missing = sorted(set(rows.target) - self.index.keys())
        if missing:
            self.add(graph.nodes(missing))
        self["degree"][sources] = self["outdegree"][sources] = 0
        self._take_links(rows)

    def _take_links(self, rows: LinkRows) -> None:
        weight = numbers(rows.log_weight, np.nan)
        source = np.array([self.index[key] for key in rows.source], dtype=np.int32)
        target = np.array([self.index.get(key, -1) for key in rows.target], dtype=np.int32)
        loop = source == target
        is_weight = np.abs(weight) <= LARGEST
        usable = is_weight & (target >= 0) & ~loop
        usable[usable] = self["valid"][target[usable]]
        self.reject(
            Rejected(
                "link",
                self._link_name(rows, i),
                "it points to its own node" if loop[i] else f"log_weight {told(rows.log_weight[i])}",
            )
            for i in np.flatnonzero(~is_weight | loop).tolist()
        )
        order = self._order(rows, source, target, np.flatnonzero(usable))
        source, target = source[order], target[order]
        affect = self.parameters.valence.affect
        feelings = self._vectors(
            "emotion", [rows.emotion[i] for i in order], len(affect), lambda place: self._link_name(rows, order[place])
        )
        first = self._links.append(
            key=np.array([rows.key[i] for i in order], dtype=np.int64),
            target=target,
            type=np.array([self._link_code(rows.type[i]) for i in order], dtype=np.uint16),
            log_weight=weight[order],
            feeling=np.where([bool(feeling) for feeling in feelings], self._felt(feelings), self["feeling"][target]),
        )
        heads, starts, counts = np.unique(source, return_index=True, return_counts=True)
        self["start"][heads] = first + starts
        self["degree"][heads] = self["outdegree"][heads] = counts

    def _link_name(self, rows: LinkRows, i: int) -> str:
        source, target = self.index[rows.source[i]], self.index.get(rows.target[i], -1)
        return f"{self.ids[source]} -[{rows.type[i]}]-> {self.ids[target] if target >= 0 else '?'}"

    def _vectors(
        self, what: str, values: Sequence[Any], size: int, name: Callable[[int], str]
    ) -> list[tuple[float, ...]]:
        """Return the vectors that rows hold, and name those that are none, or not of the `size` they are compared with."""
        found = [vector(value) for value in values]
        for i, taken in enumerate(found):
            if not taken and values[i] is not None and values[i] != []:
                self.reject([Rejected(what, name(i), "it is not a list of finite numbers")])
            elif taken and size and len(taken) != size:
                self.reject([Rejected(what, name(i), f"it has {len(taken)} numbers, not {size}")])
        return found

    def _felt(self, feelings: Sequence[tuple[float, ...]]) -> Int32s:
        """Return where each feeling is kept from now on: one that is none at all has its place already."""
        where, own = np.zeros(len(feelings), dtype=np.int32), [feeling for feeling in feelings if feeling]
        if own:
            affect = self.parameters.valence.affect
            first = self._feelings.append(
                resonance=[valence.resonance(affect, feeling) for feeling in own],
                emotion=[math.hypot(*feeling) for feeling in own],
            )
            where[[bool(feeling) for feeling in feelings]] = np.arange(first, self._feelings.size)
        return where

    def _forget_feelings(self) -> None:
        """Drop all feelings that no node has; no links are held."""
        if self._feelings.size > 1 + np.count_nonzero(self["feeling"]):
            kept, place = np.unique(np.append(self["feeling"], 0), return_inverse=True)
            self._feelings.keep(kept)
            self["feeling"][:] = place[:-1]

    def _order(self, rows: LinkRows, source: Int32s, target: Int32s, which: np.ndarray) -> np.ndarray:
        """Return `which` so that a source's links lie side by side, by target id, link type and key."""
        ids = sorted(set(target[which].tolist()), key=self.ids.__getitem__)
        place = {node: i for i, node in enumerate(ids)}
        kinds = {kind: i for i, kind in enumerate(sorted(set(rows.type)))}
        by_target = np.array([place[t] for t in target[which].tolist()], dtype=np.int64)
        by_type = np.array([kinds[rows.type[i]] for i in which], dtype=np.int64)
        by_key = np.array([rows.key[i] for i in which], dtype=np.int64)
        order: np.ndarray = which[np.lexsort((by_key, by_type, by_target, source[which]))]
        return order

    def _drop_links(self, i: int) -> None:
        self._wasted += max(0, int(self["degree"][i]))
        self["degree"][i] = UNREAD
        self.rest.pop(i, None)

    def _kinds(self, types: Sequence[str], retention: Floats) -> Int32s:
        return np.array(list(map(self._code, types, retention.tolist())), dtype=np.int32)

    def _half_lives(self) -> Floats:
        return np.array([self.parameters.half_life(kind) for kind in self.kinds])

    def _code(self, node_type: str, factor: float) -> int:
        kind = kind_of(node_type, factor)
        if kind not in self._kind_code:
            self._kind_code[kind] = len(self.kinds)
            self.kinds.append(kind)
            if node_type != "*" and node_type not in self.parameters.decay.half_life:
                self.reject([Rejected("type", node_type, "it has no half-life of its own: that of * is used")])
        return self._kind_code[kind]

    def _entity(self, own: str) -> int:
        if own not in self._entity_code:
            self._entity_code[own] = len(self.entities)
            self.entities.append(own)
        return self._entity_code[own]

    def _link_code(self, kind: str) -> int:
        if kind not in self._link_type_code:
            self._link_type_code[kind] = len(self.link_types)
            self.link_types.append(kind)
            self.link_type_names.append(fingerprint(kind))
        return self._link_type_code[kind]


def fingerprint(text: str) -> int:
    """Return 64 bits that stand for a text in digests: the same in every process, and quicker to gather than the text."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())
