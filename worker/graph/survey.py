"""What a graph of somebody's own holds that can be adopted, and what stands in the way. It only reads.

Nothing that is there may be overwritten: neither by the adoption nor by a worker's ticks later on. A property of the same
name counts as what it is called only where the user says so (`id` by `id_from`, `log_weight` by `weight_from`), or where it
is only read (`type`).
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from worker.errors import InputError, alike
from worker.graph.port import MARKS
from worker.graph.transforms import TRANSFORMS, log_weight
from worker.tables import ID_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from worker.graph.neo4j import Neo4jGraph

PAGE: Final = 10_000  # nodes that are looked at by one query
LISTED: Final = 1000  # of each obstacle; beyond that they are only counted
NODE: Final = ["key", "label", "id"]
LINK: Final = ["key", "source", "target", "type", "log_weight"]
WRITTEN: Final = ("energy", "energy_at", "visits", "retention", MARKS[0])  # by a worker, or by an adoption
KEPT: Final = ("Ledger", "WeightStats", "Visits", "Stimulus", "AppliedStimulus", "RejectedStimulus", "StrideProcess")


@dataclass(frozen=True)
class Wish:
    """What is to be adopted: nodes by label, the first of which is the type; relationships by type."""

    labels: Sequence[str]
    types: Sequence[str]
    id_from: Mapping[str, str] = field(default_factory=dict)  # by label: the property; none: ids are made up
    weight_from: Mapping[str, str] = field(default_factory=dict)  # by type: the property; none: log-weights are 0
    transform: str = ""  # of TRANSFORMS; none: `identity` of a `log_weight`, else `log`
    prefix: bool = False  # whether the label and a colon stand before what comes from a property


@dataclass
class Found:
    """What can be adopted (`nodes`, `links`: a row each), what is left as it is, and why nothing may be done."""

    nodes: pd.DataFrame
    links: pd.DataFrame
    counts: Counter[str]  # nodes_already, links_already, several_labels, typed, outside, loops
    unweighted: Counter[str]  # by type: links without the property; their log-weight is 0
    obstacles: Obstacles


class Obstacles:
    """Why nothing may be done, and of each reason what it is about: the first, and how many."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.listed: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, why: str, what: str) -> None:
        """Note one more thing that stands in the way."""
        self.counts[why] += 1
        if len(self.listed[why]) < LISTED:
            self.listed[why].append(what)


def survey(graph: Neo4jGraph, wish: Wish, done: Callable[[str, int], object] = lambda *_: None) -> Found:
    """Look at all that is to be adopted; `done` hears of each page: what, and how many nodes. Raises InputError."""
    check_names(graph, wish)
    looked = _Survey(graph, wish)
    looked.nodes(done)
    looked.links(done)
    looked.duplicates()
    nodes = pd.DataFrame(looked.fresh, columns=NODE).sort_values("key")
    links = pd.DataFrame(looked.new, columns=LINK).sort_values("key")
    return Found(nodes, links, looked.counts, looked.unweighted, looked.obstacles)


def check_names(graph: Neo4jGraph, wish: Wish) -> None:
    """Refuse labels and types that are not in use, with the nearest that are. Raises InputError."""
    known = graph.connection.run("adopt/names")
    for what, wanted, words in (("label", wish.labels, "label"), ("type", wish.types, "relationship type")):
        there = [row["name"] for row in known if row["what"] == what]
        for name in wanted:
            if name not in there:
                raise InputError(f"no {words} {name!r} is in use", alike(name, there) or f"there are {_some(there)}")


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, sorted({*names} - {*KEPT})[:20])) or "none"


class _Survey:
    """Looks at nodes, then at what goes out of them, page by page."""

    def __init__(self, graph: Neo4jGraph, wish: Wish) -> None:
        self.graph, self.wish = graph, wish
        self.counts: Counter[str] = Counter()
        self.unweighted: Counter[str] = Counter()
        self.obstacles = Obstacles()
        self.fresh: list[tuple[int, str, str]] = []  # as NODE has it
        self.new: list[tuple[int, int, int, str, float]] = []  # as LINK has it
        self.named: list[tuple[str, str]] = []  # every id, and the node that has it or is to have it
        self.members: set[int] = set()
        self.adopted: set[int] = set()

    def nodes(self, done: Callable[[str, int], object]) -> None:
        run, wish = self.graph.connection.run, self.wish
        for key, own in run("adopt/members", graph=self.graph.name)[0]["rows"]:
            self.members.add(key)
            if isinstance(own, str):
                self.named.append((own, "a node that is in the graph already"))
        keys = set(run("adopt/labelled", labels=list(wish.labels))[0]["keys"])
        self.counts["nodes_already"] = len(keys & self.members)
        how = {"labels": list(wish.labels), "from": dict(wish.id_from), "written": list(WRITTEN), "own": list(KEPT)}
        for page in _pages(keys - self.members):
            for row in run("adopt/nodes", keys=page, **how)[0]["rows"]:
                self._node(*row)
            done("nodes", len(page))

    def _node(
        self,
        key: int,
        element: str,
        labels: list[str],
        graph: Any,
        own: Any,
        kind: Any,
        value: Any,
        written: list[str],
        kept: list[str],
    ) -> None:
        what = f"(:{labels[0]}) {element}"
        wanted, why = self._id(labels[0], value, own)
        reasons = [why] if why else []
        if graph is not None and graph != self.graph.name:
            reasons.append("its property `graph` says that it belongs to another graph")
            what += f" of {graph!r}"
        if kind is not None and not isinstance(kind, str):
            reasons.append("it has a `type` of its own that is no text")
        reasons += [f"it has the property `{name}`, which a worker would write over" for name in written]
        reasons += [f"its label {label} is that of what a worker keeps for itself" for label in kept]
        for reason in reasons:
            self.obstacles.add(reason, what)
        self.adopted.add(key)
        self.named.append((wanted, what))
        self.fresh.append((key, labels[0], wanted))
        self.counts["several_labels"] += len(labels) > 1
        self.counts["typed"] += kind is not None

    def _id(self, label: str, value: Any, own: Any) -> tuple[str, str]:
        """Return the id that a node is to have, and why it cannot have it."""
        name = self.wish.id_from.get(label)
        if name is None:
            return str(uuid.uuid4()), "" if own is None else "it has an `id` of its own; `--id-from id` would take it"
        wanted = f"{label}:{value}" if self.wish.prefix else str(value)
        if value is None or value == "":
            return str(uuid.uuid4()), f"it has no `{name}` to take its id from"
        if type(value) not in {str, int}:
            return wanted, f"its `{name}` is neither text nor a whole number, so it makes no id"
        if len(wanted.encode()) > ID_BYTES:
            return wanted, f"its `{name}` has over {ID_BYTES} bytes, so it makes no id"
        if own is not None and own != wanted:
            return wanted, "it has an `id` of its own that is not the text wanted"
        return wanted, ""

    def duplicates(self) -> None:
        """Find ids that several nodes would share."""
        ids = pd.DataFrame(self.named, columns=["id", "what"])
        for own, nodes in ids[ids["id"].duplicated(keep=False)].groupby("id")["what"]:
            self.obstacles.add("several nodes would have the same id", f"{own!r}: {', '.join(nodes[:5])}")

    def links(self, done: Callable[[str, int], object]) -> None:
        """Look at what goes out of all nodes of the graph, as it is to be."""
        how = {"types": list(self.wish.types), "from": dict(self.wish.weight_from)}
        for page in _pages(self.members | self.adopted):
            for row in self.graph.connection.run("adopt/links", keys=page, **how)[0]["rows"]:
                self._link(*row)
            done("links", len(page))

    def _link(
        self, key: int, source: int, target: int, kind: str, element: str, own: Any, value: Any, mark: Any
    ) -> None:
        chosen, what = kind in self.wish.types, f"[:{kind}] {element}"
        if mark == self.graph.name:
            self.counts["links_already"] += chosen
        elif source == target:
            self.counts["loops"] += chosen
        elif target not in self.members and target not in self.adopted:
            self.counts["outside"] += chosen
        elif own is not None and source in self.members and target in self.members:
            self.counts["links_already"] += chosen  # others have made it a link
        elif mark is not None:
            self.obstacles.add(f"it has a `{MARKS[0]}`: undo its adoption into the graph {mark!r}", what)
        elif own is not None and not (chosen and self.wish.weight_from.get(kind) == "log_weight"):
            self.obstacles.add(
                "it has a `log_weight` of its own, which a worker would write over; "
                f"`--links {kind} --weight-from {kind}=log_weight` would take it",
                what,
            )
        else:
            self._weigh((key, source, target, kind), value, what)

    def _weigh(self, link: tuple[int, int, int, str], value: Any, what: str) -> None:
        name = self.wish.weight_from.get(link[3])
        if value is None:
            self.unweighted[link[3]] += name is not None
            self.new.append((*link, 0.0))
            return
        chosen = self.wish.transform or ("identity" if name == "log_weight" else "log")
        weight = log_weight(value, TRANSFORMS[chosen])
        if weight is None:
            self.obstacles.add(f"its `{name}` is not what `{chosen}` takes, {TRANSFORMS[chosen].takes}", what)
            return
        self.new.append((*link, weight))


def _pages(keys: set[int]) -> Iterator[list[int]]:
    found = np.sort(np.fromiter(keys, dtype=np.int64, count=len(keys)))
    for start in range(0, len(found), PAGE):
        yield found[start : start + PAGE].tolist()
