"""Bad input (RELIABILITY) as data: how to spoil a healthy graph, as any client may, and what each spoiling must come to."""

from __future__ import annotations

import datetime
import math
import random
from typing import TYPE_CHECKING, NamedTuple

from worker.graph.memory import MemoryGraph

if TYPE_CHECKING:
    from collections.abc import Callable

NAN, INF = math.nan, math.inf
HOSTILE = "we`ird 'type' \"of\"\n}) DETACH DELETE n // \U0001f600"
NODES = 12


class Named(NamedTuple):
    """What an event or a check says: kind, a part of the identity, a part of the reason. `{own}` is the row's own id."""

    what: str
    identity: str
    why: str = ""


class Row(NamedTuple):
    """One way to spoil a graph, and what it gets."""

    name: str
    spoil: Callable[[Spoiler], object]
    outcome: str  # `quarantined`, `named` (taken with a default, or left out), `rejected`, `refused`, `fine`
    told: tuple[Named, ...] = ()  # by events, once each
    listed: tuple[Named, ...] = ()  # by check
    apart: bool = True  # it cannot touch the rest, which gets the very bits that it gets alone
    strides: bool = False  # energy moves from its own node, or to it
    only: str = ""  # `neo4j` or `memory`: the other cannot hold it


class Spoiler:
    """Writes one row's bad input under an id of its own."""

    def __init__(self, store, keys, own):
        self.store, self.keys, self.own = store, keys, own

    @property
    def in_memory(self):
        return isinstance(self.store.graph, MemoryGraph)

    def node(self, **properties):
        return self.store.node(**{"id": self.own, **properties})

    def linked(self, **properties):
        """Add a node that healthy ones link to, and that links to one."""
        key = self.node(**properties)
        self.store.link(self.keys[0], key, "BAD", log_weight=4.0)
        self.store.link(key, self.keys[1], "BAD", log_weight=4.0)
        return key

    def link(self, **properties):
        """Add a link of the healthy ones' type from an active node."""
        return self.store.link(self.keys[0], self.node(), "R", **properties)

    def pair(self, kind, *, count=1, **properties):
        """Add two nodes of their own, the first of them active, and links between them."""
        source, target = self.node(**{"energy": 3.0, **properties}), self.store.node(id=f"{self.own}-end")
        self.store.add_links([(source, target, kind, {"log_weight": 0.5})] * count)

    def target(self, **properties):
        """Add a node, and an active one of its own that links to it."""
        self.store.link(
            self.store.node(id=f"{self.own}-start", energy=3.0), self.node(**properties), "R", log_weight=0.5
        )

    def stimulus(self, **properties):
        return self.store.stimulus(minute=10, **{"id": self.own, "node": "n03", "delta": 0.5, **properties})

    def member(self, **properties):
        self.store.member(self.node(energy=0.5), self.store.entity(id=f"{self.own}-entity"), **properties)


def healthy(store):
    """Fill a store with a small graph that has nothing wrong, and a stimulus; return its keys."""
    rng = random.Random(11)
    keys = store.add_nodes(
        [
            {
                "id": f"n{i:02}",
                "type": ("Memory", "Concept", "Task")[i % 3],
                **({"energy": 2.0 + i / 7} if i % 4 == 0 else {}),
                **({"embedding": [rng.gauss(0, 1) for _ in range(3)]} if i % 3 == 0 else {}),
                **({"emotion": [rng.gauss(0, 1) for _ in range(2)]} if i % 5 == 0 else {}),
            }
            for i in range(NODES)
        ]
    )
    store.add_links(
        [
            (keys[i], keys[(i + step) % NODES], "RS"[step % 2], {"log_weight": rng.gauss(0, 1)})
            for i in range(NODES)
            for step in (1, 2, 5)
        ]
    )
    store.stimulus(minute=0, id="s0", node="n03", delta=1.5, source="test")
    return keys


def energy(name, why, value=NAN, **properties):
    """Return a row: a node that is quarantined for what stands in `energy` or `energy_at`."""
    return Row(
        name,
        lambda bad: bad.linked(**{"energy": value, **properties}),
        "quarantined",
        (Named("node", "{own}", "energy"),),
        (Named("node", "{own}", f"{why}: quarantined"),),
    )


def oddity(name, what, why, **properties):
    """Return a row: a node that is taken, but for one property that is named."""
    return Row(
        name,
        lambda bad: bad.node(**{"energy": 0.5, **properties}),
        "named",
        (Named(what, "{own}"),),
        (Named("node", "{own}", f"{next(iter(properties))} {why}"),),
    )


def link(name, why, **properties):
    """Return a row: a link that is skipped."""
    told = Named("link", "n00 -[R]-> {own}")
    return Row(name, lambda bad: bad.link(**properties), "named", (told,), (told._replace(why=why),))


def stimulus(name, why, **properties):
    """Return a row: a stimulus that is rejected."""
    told = Named("stimulus", str(properties.get("id", "{own}")), why)
    listed = told._replace(identity="") if told.identity == "None" else told  # by the database's own name for it
    return Row(name, lambda bad: bad.stimulus(**properties), "rejected", (told,), (listed,))


def fine(name, **properties):
    """Return a row: a resting node with which nothing is wrong."""
    return Row(name, lambda bad: bad.node(**{"energy": 0.5, **properties}), "fine")


def works(name, spoil, **how):
    """Return a row: something odd that takes part like all the rest."""
    return Row(name, spoil, "fine", apart=False, **how)


def _loop(bad):
    key = bad.node(energy=3.0)
    bad.store.link(key, key, "R", log_weight=5.0)


def _foreign_link(bad):
    key = bad.node(energy=0.0)
    bad.store.link(bad.keys[0], key, "R", log_weight=5.0)
    bad.store.set_node(key, graph="another")


def _odd_link_emotion(value):
    def spoil(bad):
        key, end = bad.node(energy=3.0), bad.store.node(id=f"{bad.own}-end")
        bad.store.link(key, end, "BAD", log_weight=0.5, emotion=value)

    return spoil


def _labelled(bad):
    key = bad.node(energy=0.5)
    if not bad.in_memory:
        bad.store._one("MATCH (n) WHERE id(n) = $key SET n:$($label)", key=key, label=HOSTILE)


def _no_graph(bad):
    bad.store.set_node(bad.linked(energy=3.0), graph=None)


def _undated(bad):
    bad.store._one("CREATE (:Stimulus {graph: $graph, id: $id, node: 'n03', delta: 1.0})", id=bad.own)


def _to_quarantined(bad):
    bad.node(energy="much")
    bad.stimulus(node=bad.own)


def _twice(bad):
    bad.stimulus()
    bad.stimulus()


def link_emotion(name, value, why):
    """Return a row: a link whose feeling is none."""
    told = Named("emotion", "{own} -[BAD]-> {own}-end")
    return Row(
        name,
        _odd_link_emotion(value),
        "named",
        (told,),
        (Named("link", told.identity, why),),
        apart=False,
        strides=True,
    )


NOT_FINITE, NO_NUMBER = "is not finite", "is not a number"
NO_READING = "energy_at is not a reading of the clock"
NOT_REACHED = "energy_at is a reading that the clock has not reached"
ROWS = (
    energy("energy NaN", f"energy {NOT_FINITE}"),
    energy("energy +Inf", f"energy {NOT_FINITE}", INF),
    energy("energy -Inf", f"energy {NOT_FINITE}", -INF),
    energy("energy text", f"energy {NO_NUMBER}", "1.5"),
    energy("energy long text", f"energy {NO_NUMBER}", "x" * 100_000),
    energy("energy list", f"energy {NO_NUMBER}", [1.5]),
    energy("energy boolean", f"energy {NO_NUMBER}", value=True),
    energy("energy false", f"energy {NO_NUMBER}", value=False),
    energy("energy date", f"energy {NO_NUMBER}", datetime.date(2026, 1, 1)),
    energy("energy bytes", f"energy {NO_NUMBER}", b"\x01"),
    energy("energy below 0", "energy is below 0", -1.0),
    energy("energy just below rounding", "energy is below 0", -1.1e-12),
    energy("energy over the most", "energy is over tick.energy_max", 1.1e9),
    energy("energy a huge integer", "energy is over tick.energy_max", 2**62),
    energy("energy_at NaN", NO_READING, 3.0, energy_at=NAN),
    energy("energy_at Inf", NO_READING, 3.0, energy_at=INF),
    energy("energy_at below 0", NO_READING, 3.0, energy_at=-1.0),
    energy("energy_at text", f"energy_at {NO_NUMBER}", 3.0, energy_at="then"),
    energy("energy_at boolean", f"energy_at {NO_NUMBER}", 3.0, energy_at=True),
    energy("energy_at a date", f"energy_at {NO_NUMBER}", 3.0, energy_at=datetime.date(2026, 1, 1)),
    energy("energy_at the time of day", NOT_REACHED, 3.0, energy_at=1_790_000_000),
    energy("energy_at beyond all", NOT_REACHED, 3.0, energy_at=1e300),
    energy("energy_at text, no energy", f"energy_at {NO_NUMBER}", None, energy_at="then"),
    fine("energy missing", energy=None),
    fine("energy an integer", energy=0),
    works("energy an integer that strides", lambda bad: bad.pair("R", energy=3, energy_at=0), strides=True),
    fine("energy rounded below 0", energy=-1e-15),
    works("energy the most", lambda bad: bad.node(energy=1e9)),
    link("log_weight NaN", "log_weight is not finite: skipped", log_weight=NAN),
    link("log_weight +Inf", "log_weight is not finite: skipped", log_weight=INF),
    link("log_weight -Inf", "log_weight is not finite: skipped", log_weight=-INF),
    link("log_weight text", "log_weight is not a number: skipped", log_weight="heavy"),
    link("log_weight list", "log_weight is not a number: skipped", log_weight=[1.0]),
    link("log_weight boolean", "log_weight is not a number: skipped", log_weight=True),
    link("log_weight beyond all", "log_weight is over 1e100: skipped", log_weight=1e300),
    Row("log_weight missing", lambda bad: bad.link(), "fine"),
    works("σ = 0", lambda bad: bad.pair("ALIKE", count=5), strides=True),
    works("fewer than 3 links", lambda bad: bad.pair("FEW"), strides=True),
    works("parallel links", lambda bad: bad.pair("PARALLEL", count=3), strides=True),
    works("no out-links", lambda bad: bad.node(energy=3.0)),
    Row(
        "self-loop",
        _loop,
        "named",
        (Named("link", "{own} -[R]-> {own}", "own node"),),
        (Named("link", "{own} -[R]-> {own}", "not a stride"),),
        apart=False,
    ),
    Row(
        "link to another graph",
        _foreign_link,
        "named",
        listed=(Named("link", "n00 -[R]-> {own}", "it leaves the graph"),),
        only="neo4j",
    ),
    oddity("threshold 0", "threshold", "is not over 0", threshold=0),
    oddity("threshold below 0", "threshold", "is not over 0", threshold=-1.0),
    oddity("threshold NaN", "threshold", "is not over 0", threshold=NAN),
    oddity("threshold Inf", "threshold", "is not over 0", threshold=INF),
    oddity("threshold text", "threshold", NO_NUMBER, threshold="high"),
    oddity("threshold boolean", "threshold", NO_NUMBER, threshold=True),
    works("threshold next to nothing", lambda bad: bad.pair("R", threshold=5e-324), strides=True),
    fine("threshold next to everything", threshold=1.7e308),
    oddity("type a number", "type", "is not text", type=7),
    oddity("type a list", "type", "is not text", type=["Memory"]),
    oddity("visits text", "visits", NO_NUMBER, visits="many"),
    oddity("visits NaN", "visits", "is no count", visits=NAN),
    oddity("visits below 0", "visits", "is no count", visits=-3),
    oddity("visits beyond all", "visits", "is no count", visits=2**62),
    oddity("retention text", "retention", NO_NUMBER, retention="long"),
    oddity("retention NaN", "retention", "is not from 1 to 3", retention=NAN),
    oddity("retention 0", "retention", "is not from 1 to 3", retention=0),
    oddity("embedding text", "embedding", "is not a list of numbers", embedding="vector"),
    oddity("embedding a number", "embedding", "is not a list of numbers", embedding=0),
    oddity("embedding of texts", "embedding", "is not a list of numbers", embedding=["a", "b", "c"]),
    oddity("embedding with NaN", "embedding", "has a number that is not finite", embedding=[1.0, NAN, 0.0]),
    oddity("embedding with Inf", "embedding", "has a number that is not finite", embedding=[1.0, INF, 0.0]),
    oddity("embedding too long", "embedding", "has another length than the goal", embedding=[1.0] * 4),
    works("embedding empty", lambda bad: bad.target(embedding=[]), strides=True),
    works("embedding zero", lambda bad: bad.target(embedding=[0.0, 0.0, 0.0]), strides=True),
    works("embedding tiny", lambda bad: bad.target(embedding=[5e-324, 0.0, 0.0]), strides=True),
    works("embedding huge", lambda bad: bad.target(embedding=[1.7e308, 1.7e308, 1.7e308]), strides=True),
    oddity("emotion text", "emotion", "is not a list of numbers", emotion="sad"),
    oddity("emotion with NaN", "emotion", "has a number that is not finite", emotion=[NAN, 1.0]),
    oddity("emotion too short", "emotion", "has another length than the affect", emotion=[1.0]),
    works("emotion huge", lambda bad: bad.target(emotion=[1.7e308, 1.7e308]), strides=True),
    link_emotion("link emotion text", "sad", "emotion is not a list of numbers"),
    link_emotion("link emotion with NaN", [NAN, 1.0], "emotion has a number that is not finite"),
    link_emotion("link emotion too long", [1.0, 0.0, 1.0], "emotion has another length than the affect"),
    Row(
        "id missing",
        lambda bad: bad.linked(id=None, energy=3.0),
        "named",
        (Named("node", "id None", "its id is missing or not text"),),
        (Named("node", "", "it has no id: no worker sees it"),),
    ),
    Row(
        "id a number",
        lambda bad: bad.linked(id=7, energy=3.0),
        "named",
        (Named("node", "id 7", "its id is missing or not text"),),
        (Named("node", "7", "its id is not text: no worker sees it"),),
    ),
    Row(
        "graph missing",
        _no_graph,
        "named",
        listed=(
            Named("node", "{own}", "it has no graph: no worker sees it"),
            Named("link", "n00 -[BAD]-> {own}", "it leaves the graph"),
        ),
        only="neo4j",
    ),
    works("id empty", lambda bad: bad.pair("R", id=""), strides=True),
    works("id hostile", lambda bad: bad.pair("R", id=HOSTILE), strides=True),
    works("id of lines", lambda bad: bad.pair("R", id="\n\n0\n1"), strides=True),
    works("id of 7 kB", lambda bad: bad.pair("R", id="x" * 7000), strides=True),
    works("id of 10 kB", lambda bad: bad.pair("R", id="y" * 10_000), strides=True, only="memory"),
    Row("id of 10 kB in a database", lambda bad: bad.node(id="y" * 10_000, energy=3.0), "refused", only="neo4j"),
    Row("label hostile", _labelled, "fine"),
    works("link type hostile", lambda bad: bad.pair(HOSTILE, count=3), strides=True),
    works("node type hostile", lambda bad: bad.pair("R", type=HOSTILE), strides=True, told=(Named("type", HOSTILE),)),
    works("node type empty", lambda bad: bad.pair("R", type=""), strides=True, told=(Named("type", ""),)),
    stimulus("stimulus NaN", "delta nan is not a number over 0", delta=NAN),
    stimulus("stimulus Inf", "over 1e+09", delta=INF),
    stimulus("stimulus 1e308", "over 1e+09", delta=1e308),
    stimulus("stimulus below 0", "delta -1.0 is not a number over 0", delta=-1.0),
    stimulus("stimulus 0", "delta 0 is not a number over 0", delta=0),
    stimulus("stimulus text", "is not a number over 0", delta="much"),
    stimulus("stimulus without amount", "delta None is not a number over 0", delta=None),
    stimulus("stimulus to nobody", "there is no node", node="nobody"),
    stimulus("stimulus to no node", "there is no node None", node=None),
    stimulus("stimulus to a list", "there is no node", node=["n03"]),
    stimulus("stimulus without id", "its id is missing or not text", id=None),
    stimulus("stimulus of a number", "its id is missing or not text", id=7),
    stimulus("stimulus of no candidate", "candidates is not a list of ids", node=None, delta=None, budget=1.0),
    stimulus(
        "stimulus of a bad similarity",
        "similarity nan is not over 0",
        node=None,
        delta=None,
        budget=1.0,
        candidates=["n03"],
        similarity=[NAN],
    ),
    Row(
        "stimulus to a quarantined node",
        _to_quarantined,
        "quarantined",
        (Named("node", "{own}", "energy 'much'"), Named("stimulus", "{own}", "is quarantined")),
        (Named("node", "{own}", f"energy {NO_NUMBER}: quarantined"), Named("stimulus", "{own}", "is quarantined")),
    ),
    Row("stimulus twice", _twice, "refused", only="neo4j"),
    Row(
        "stimulus undated",
        _undated,
        "named",
        listed=(Named("stimulus", "{own}", "it has no created_at: no worker sees it"),),
        only="neo4j",
    ),
    *(
        Row(
            f"membership {value!r}",
            lambda bad, value=value: bad.member(weight=value),
            "named",
            (Named("member", "{own} -[MEMBER_OF]-> {own}-entity"),),
            (Named("member", "{own} -[MEMBER_OF]-> {own}-entity", why),),
        )
        for value, why in ((NAN, "not a finite number"), (-1.0, "not a finite number"), ("much", "not a number"))
    ),
)
