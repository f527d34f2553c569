"""Random small worlds, and the two ways to run one: the real tick over a graph in memory, and the naive twin.

A world is plain data: so it can be built in another order, renamed, scaled, or given a part more.
"""

from __future__ import annotations

import math
import random
import struct
from dataclasses import dataclass, field, replace
from functools import cache

import hypothesis
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tests import naive
from worker.graph.attach import attach
from worker.graph.memory import MemoryGraph
from worker.physics.utility import z_flow
from worker.settings import Settings
from worker.tick import tick

NODE_TYPES = ("Memory", "Concept", "Task", "Unheard of")
LINK_TYPES = ("LEADS_TO", "RELATES_TO", "RARE")
GROUPS = {name: TypeAdapter(info.annotation) for name, info in Settings.model_fields.items()}


AS_LONG_AS_ITS_TYPE = {
    "consolidation": {"enabled": False},
    "resistance": {"enabled": False},
}  # every node keeps its energy


def share(part):
    """Run a test by this part of the examples: one that runs a world several times, or whose claim has few dimensions."""
    return hypothesis.settings(max_examples=max(50, int(hypothesis.settings.default.max_examples * part)))


@dataclass(frozen=True)
class World:
    """Nodes by id; links as (source, target, type, properties); for each tick its dt and its stimuli.

    A stimulus is (node, delta), or (((candidate, similarity), …), budget).
    """

    nodes: dict[str, dict]
    links: list[tuple[str, str, str, dict]]
    ticks: list[tuple[float, list[tuple[str | tuple, float]]]]
    settings: dict = field(default_factory=dict)

    def read(self):
        """Return the settings, checked group by group: to look for each in the environment takes as long as a tick or two."""
        groups = {name: GROUPS[name].validate_python(values) for name, values in self.settings.items()}
        return defaults().model_copy(update=groups)


@cache
def defaults():
    return Settings.read()


SEED, FLAG, SIZE = st.integers(0, 2**40), st.booleans(), st.sampled_from((0, 2, 3))  # made once: that takes its time
NODES, MOST_LINKS, DT = (
    st.integers(1, 16),
    st.sampled_from((0, 1, 4, 14, 14, 14)),
    st.sampled_from((1.0, 0.1, 5.0, 3.7)),
)
SCARCITY, EPSILON = st.sampled_from((0, 1, 3)), st.sampled_from((0.0, 0.0, 0.3, 1.0))
SETTINGS = st.fixed_dictionaries(
    {
        "alpha": st.sampled_from((0.02, 0.2)),
        "task_mode": st.sampled_from(("balanced", "focused", "divergent", "methodical")),
        "topk": st.one_of(st.integers(1, 6), st.just("all")),
        "temperature": st.sampled_from((1.5, 0.1)),
        "seed": st.integers(0, 2**63 - 1),
        "min_strides": st.sampled_from((0, 1, 1, 4)),
        "shadow_budget": st.sampled_from((8, 1)),
        "rate": st.sampled_from((0.01, 1.0)),
        "gate": st.sampled_from(("tiered", "tiered", "newness", "off")),
        "settle": st.sampled_from((60.0, 4.0)),
    }
)


@st.composite
def worlds(draw, *, ticks=4, emotions=True, lone_types=True, explore=True, ties=True, budgets=True, **fixed):
    """A world: some values drawn from few (ties), some from a range; hubs, parallel links, rare link types."""
    rng = random.Random(draw(SEED))
    count = draw(NODES)
    ids = [f"n{i}" for i in range(count)]  # "n10" < "n2": the order is that of code points
    alike = ties and draw(FLAG)
    size = draw(SIZE) if emotions else 0

    def vector():
        return [rng.uniform(-1, 1) for _ in range(size)]

    def some(values, low, high):
        return rng.choice(values) if alike else rng.uniform(low, high)

    def whom():
        """A node, or candidates with their similarities."""
        if rng.random() < 0.6:
            return rng.choice(ids)
        return tuple((i, some((1.0, 0.5), 1e-3, 1.0)) for i in rng.sample(ids, rng.randint(1, len(ids))))

    nodes = {}
    for i in ids:
        nodes[i] = {"type": rng.choice(NODE_TYPES)}
        if rng.random() < 0.7:
            nodes[i]["energy"] = rng.choice((0.0, some((0.5, 1.25, 2.0), 0.0, 3.0), rng.uniform(0, 1e-5)))
        if rng.random() < 0.3:
            nodes[i]["threshold"] = some((0.5, 2.0), 0.3, 2.0)
        if rng.random() < 0.3:
            nodes[i]["resolved"] = rng.random() < 0.5
        if rng.random() < 0.3:
            nodes[i]["visits"] = rng.randrange(60)
        if size and rng.random() < 0.6:
            nodes[i]["embedding"] = vector()
        if size and rng.random() < 0.6:
            nodes[i]["emotion"] = vector()
    links = []
    most = draw(MOST_LINKS) if count > 1 else 0
    for source in ids:
        for _ in range(rng.randint(0, most)):
            target = rng.choice([i for i in ids if i != source])
            kind = rng.choices(LINK_TYPES, (10, 5, 0.2))[0] if lone_types else rng.choice(LINK_TYPES[:2])
            own = {"log_weight": some((-1.0, 0.0, 0.5, 6.0), -3.0, 3.0)}
            if size and rng.random() < 0.4:
                own["emotion"] = vector()
            links.append((source, target, kind, own))
    steps = [
        (
            draw(DT),
            [
                (whom() if budgets else rng.choice(ids), some((0.75,), 1e-6, 2.0))
                for _ in range(rng.choice((0, 0, 1, 3)))
            ],
        )
        for _ in range(ticks)
    ]
    chosen, scarce = draw(SETTINGS), draw(SCARCITY)
    settings = {
        "graph": "w",
        "tick": {"alpha": chosen["alpha"], "threads": 1},
        "fanout": {
            "capacity": max(1, count // scarce) if scarce else 10_000,
            "task_mode": chosen["task_mode"],
        },
        "select": {
            "topk": chosen["topk"],
            "temperature": chosen["temperature"],
            "epsilon": draw(EPSILON) if explore else 0.0,
            "seed": chosen["seed"],
        },
        "guards": {"min_strides": chosen["min_strides"], "shadow_budget": chosen["shadow_budget"]},
        "stickiness": {"enabled": draw(FLAG)},
        "valence": {
            "goal": tuple(vector()) if rng.random() < 0.6 else (),
            "affect": tuple(vector()) if rng.random() < 0.6 else (),
            "context": rng.choice((0.5, 1.0, 2.0)),
            "persistence": rng.random() < 0.5,
        },
        "learning": {"rate": chosen["rate"], "gate": chosen["gate"]},
        "decay": {
            "settle": chosen["settle"],
            "floor": 1e-4,
            "half_life": {"Memory": 64_800.0, "Concept": 50.0, "*": 400.0},
        },
        "consolidation": {"enabled": draw(FLAG), "goal": "Task"},
        "resistance": {"enabled": draw(FLAG), "degree": 12},
        "weight_decay": {
            "enabled": draw(FLAG),
            "every": draw(st.sampled_from((2.5, 8.0))),
            "half_life": {"LEADS_TO": 1e-3, "*": 1e-4},
        },
        **fixed,
    }
    return World(nodes, links, steps, settings)


def build(world, seed=None):
    """Return the world as a graph in memory; a seed shuffles the order in which nodes and links are made.

    Parallel links keep their order: the last tie is decided by the link's id.
    """
    graph = MemoryGraph("w")
    nodes, links = list(world.nodes.items()), list(world.links)
    if seed is not None:
        random.Random(seed).shuffle(nodes)
        places = list(range(len(links)))
        random.Random(seed + 1).shuffle(places)
        parallel = {}
        for link in links:
            parallel.setdefault(link[:3], []).append(link)
        links = [parallel[links[place][:3]].pop(0) for place in places]
    keys = {name: graph.add_node(id=name, **properties) for name, properties in nodes}
    for source, target, kind, properties in links:
        graph.add_link(keys[source], keys[target], kind, **properties)
    return graph


def queue(graph, number, stimuli):
    """Append a tick's stimuli to the graph's queue."""
    for k, (who, amount) in enumerate(stimuli):
        whom = {"node": who, "delta": amount}
        if not isinstance(who, str):
            candidates, similarity = map(list, zip(*who, strict=True))
            whom = {"budget": amount, "candidates": candidates, "similarity": similarity}
        graph.add_stimulus(id=f"s{number:03}.{k:03}", created_at=number, **whom)


def steps(world, graph, *, restart=False, held=None, prepare=None):
    """Run the real ticks one after the other; yield what is held and the frame after each."""
    settings = world.read()
    held = held or attach(graph, settings, "me")
    if prepare:
        prepare(held)
    for number, (dt, stimuli) in enumerate(world.ticks):
        queue(graph, number, stimuli)
        if restart:
            held = attach(graph, settings, "me")
        yield held, tick(held, dt)


def run(world, graph=None, **how):
    """Run all ticks; return the graph and every tick's strides by name, all to the bit."""
    graph = graph or build(world)
    trace = []
    for held, frame in steps(world, graph, **how):
        trace.append((strides(held, frame), round_trip(frame.energy_total), held.ledger.digest))
    return graph, trace


def strides(held, frame):
    """Return the strides of a tick by the ids of their ends, with all that was worked out for each, in order."""
    moment, ids = frame.moment, held.resident.ids
    s, staged = moment.strides, moment.staged
    columns = zip(
        s.source.tolist(), s.target.tolist(), held.resident.link("type")[s.link].tolist(), s.rank.tolist(),
        s.cost.tolist(), s.share.tolist(), s.energy.tolist(),
        staged.phi.tolist(), z_flow(s.energy, moment.frontier.links.type[s.link]).tolist(), staged.z_phi.tolist(), staged.tier.tolist(), staged.learned.tolist(),
        strict=True,
    )  # fmt: skip
    return [
        (ids[source], ids[target], held.resident.link_types[kind], *rest) for source, target, kind, *rest in columns
    ]


def bits(graph):
    """Return the graph's state by ids, each float as its bits: nodes, links, statistics, ledger but for the fence."""
    names = {key: node["id"] for key, node in graph.node.items()}
    nodes = sorted(
        (
            node["id"],
            *(round_trip(node.get(p, 0.0)) for p in ("energy", "energy_at")),
            node.get("visits", 0) + graph.noted[node["id"]],
        )
        for node in graph.node.values()
    )
    links = sorted(
        (names[link.source], names[link.target], link.type, round_trip(link.properties["log_weight"]))
        for link in graph.link.values()
    )
    stats = sorted((kind, s.n, round_trip(s.mean), round_trip(s.std)) for kind, s in graph.stats.items())
    ledger = replace(graph.kept, fence=0)
    books = [sorted(ledger.books.energy.items()), *ledger.books[1:]]
    return nodes, links, stats, repr(replace(ledger, books=None)), repr(books)


def bits_as_floats(graph):
    """Return the nodes of `bits` with numbers for their bits: (id, energy, energy_at, visits)."""
    return [
        (name, *(struct.unpack(">d", bytes.fromhex(x))[0] for x in pair), visits)
        for name, *pair, visits in bits(graph)[0]
    ]


def round_trip(number):
    """Return a float's bits in hexadecimal."""
    return struct.pack(">d", number).hex()


def energy_now(graph, settings):
    """Return Σ E in the database, decayed to the ledger's clock (§9), by plain Python."""
    p, clock = settings.physics, graph.kept.decay_clock
    return math.fsum(
        node.get("energy", 0.0)
        * 2.0
        ** (-(clock - node.get("energy_at", 0.0)) / (node.get("retention", 1.0) * p.half_life(node.get("type", "*"))))
        for node in graph.node.values()
    )


def twin(world, graph):
    """Return the naive twin of a graph in memory that no tick has run on."""
    nodes = {
        node["id"]: naive.Node(
            id=node["id"],
            type=node["type"],
            energy=node.get("energy", 0.0),
            threshold=node.get("threshold"),
            embedding=tuple(node.get("embedding", ())),
            emotion=tuple(node.get("emotion", ())),
            visits=node.get("visits", 0),
            resolved=node.get("resolved", False),
        )
        for node in graph.node.values()
    }
    links = [
        naive.Link(
            key,
            graph.node[link.source]["id"],
            graph.node[link.target]["id"],
            link.type,
            link.properties["log_weight"],
            tuple(link.properties.get("emotion", ())),
        )
        for key, link in graph.link.items()
    ]
    return naive.NaiveGraph(nodes, links)


def close(a, b, relative=1e-12, absolute=1e-300):
    """Return whether two numbers agree, NaN with nothing."""
    return bool(a == b or abs(a - b) <= absolute + relative * abs(b))
