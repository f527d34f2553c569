"""One way to fill a graph and to look into it, whether it is in memory or in Neo4j: what the conformance suite stands on."""

from __future__ import annotations

import datetime
import hashlib
import random
from dataclasses import replace

from worker.graph.attach import attach
from worker.graph.memory import MemoryGraph
from worker.settings import Settings
from worker.tick import tick

EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class MemoryStore:
    """A graph in memory."""

    def __init__(self, graph):
        self.graph = graph

    def node(self, **properties):
        return self.graph.add_node(**properties)

    def link(self, source, target, kind="R", **properties):
        return self.graph.add_link(source, target, kind, **properties)

    def add_nodes(self, rows):
        return [self.node(**row) for row in rows]

    def add_links(self, rows):
        return [self.link(source, target, kind, **properties) for source, target, kind, properties in rows]

    def entity(self, **properties):
        return self.graph.add_entity(**properties)

    def member(self, node, entity, **properties):
        self.graph.add_member(node, entity, **properties)

    def stimulus(self, minute=0, **properties):
        return self.graph.add_stimulus(created_at=EPOCH + datetime.timedelta(minutes=minute), **properties)

    def set_node(self, key, **properties):
        self.graph.node[key].update(properties)

    def set_link(self, key, **properties):
        self.graph.link[key].properties.update(properties)

    def delete_node(self, key):
        self.graph.delete_node(key)

    def read_node(self, key):
        return dict(self.graph.node[key])

    def read_link(self, key):
        return dict(self.graph.link[key].properties)

    def nodes(self):
        return [dict(found) for found in self.graph.node.values()]

    def links(self):
        return [
            (
                self.graph.node[found.source].get("id"),
                found.type,
                self.graph.node[found.target].get("id"),
                found.properties.get("log_weight"),
            )
            for found in self.graph.link.values()
        ]

    def let_age(self, own, seconds):
        taken = [found for found in (*self.graph.applied.values(), *self.graph.rejected) if found["id"] == own]
        for found in taken:
            found["taken_at"] -= seconds

    def bump(self):
        self.graph.kept = replace(self.graph.kept, revision=self.graph.kept.revision + 1)

    def let_lease_run_out(self):
        self.graph.expires = 0.0

    def set_clock_back(self):
        self.graph.expires += 3600.0


class Neo4jStore:
    """A graph in Neo4j, written to as any client may."""

    def __init__(self, graph):
        self.graph = graph

    def _one(self, text, **parameters):
        return self.graph.connection.statement(text, graph=self.graph.name, **parameters)

    def node(self, **properties):
        return self.add_nodes([properties])[0]

    def link(self, source, target, kind="R", **properties):
        return self.add_links([(source, target, kind, properties)])[0]

    def add_nodes(self, rows):
        """Create nodes, all in one transaction; return their keys."""
        text = "UNWIND $rows AS row CREATE (n:Node) SET n = row, n.graph = $graph RETURN id(n) AS key"
        return [row["key"] for row in self._one(text, rows=rows)]

    def add_links(self, rows):
        """Create links, (source, target, type, properties), all in one transaction; return their keys."""
        text = """
        UNWIND $rows AS row MATCH (a), (b) WHERE id(a) = row[0] AND id(b) = row[1]
        CREATE (a)-[r:$(row[2])]->(b) SET r = row[3] RETURN id(r) AS key
        """
        return [row["key"] for row in self._one(text, rows=rows)]

    def entity(self, **properties):
        text = "CREATE (e:Entity) SET e = {graph: $graph}, e += $properties RETURN id(e) AS key"
        return self._one(text, properties=properties)[0]["key"]

    def member(self, node, entity, **properties):
        text = "MATCH (n), (e) WHERE id(n) = $n AND id(e) = $e CREATE (n)-[m:MEMBER_OF]->(e) SET m = $properties"
        self._one(text, n=node, e=entity, properties=properties)

    def stimulus(self, minute=0, **properties):
        text = "CREATE (s:Stimulus) SET s = $properties, s.graph = $graph, s.created_at = $at RETURN id(s) AS key"
        return self._one(text, properties=properties, at=EPOCH + datetime.timedelta(minutes=minute))[0]["key"]

    def set_node(self, key, **properties):
        self._one("MATCH (n) WHERE id(n) = $key SET n += $properties", key=key, properties=properties)

    def set_link(self, key, **properties):
        self._one("MATCH ()-[r]->() WHERE id(r) = $key SET r += $properties", key=key, properties=properties)

    def delete_node(self, key):
        self._one("MATCH (n) WHERE id(n) = $key DETACH DELETE n", key=key)

    def read_node(self, key):
        return self._one("MATCH (n) WHERE id(n) = $key RETURN properties(n) AS p", key=key)[0]["p"]

    def read_link(self, key):
        return self._one("MATCH ()-[r]->() WHERE id(r) = $key RETURN properties(r) AS p", key=key)[0]["p"]

    def nodes(self):
        return [row["p"] for row in self._one("MATCH (n:Node {graph: $graph}) RETURN properties(n) AS p")]

    def links(self):
        text = "MATCH (a:Node {graph: $graph})-[r]->(b) RETURN a.id AS a, type(r) AS t, b.id AS b, r.log_weight AS w"
        return [(row["a"], row["t"], row["b"], row["w"]) for row in self._one(text)]

    def let_age(self, own, seconds):
        text = "MATCH (s:AppliedStimulus|RejectedStimulus {graph: $graph, id: $id}) SET s.taken_at = s.taken_at - duration({seconds: $seconds})"
        self._one(text, id=own, seconds=seconds)

    def bump(self):
        self._one("MATCH (l:Ledger {graph: $graph}) SET l.revision = l.revision + 1")

    def let_lease_run_out(self):
        self._one("MATCH (l:Ledger {graph: $graph}) SET l.expires = 0")

    def set_clock_back(self):
        self._one("MATCH (l:Ledger {graph: $graph}) SET l.expires = l.expires + 3600000")


def fill(store, seed=5, nodes=40, links=150):
    """Fill a store with a small random graph that has every kind of thing a tick reads."""
    rng = random.Random(seed)
    keys = store.add_nodes(
        [
            {
                "id": f"n{i:03}",
                "type": rng.choice(["Memory", "Concept", "Task", "Odd"]),
                **({"energy": rng.choice([3, 2.5, 0.7])} if i % 5 == 0 else {}),
                **({"threshold": rng.uniform(0.5, 2.0)} if i % 7 == 0 else {}),
                **({"embedding": [rng.gauss(0, 1) for _ in range(3)]} if i % 3 == 0 else {}),
                **({"emotion": [rng.gauss(0, 1) for _ in range(2)]} if i % 4 == 0 else {}),
            }
            for i in range(nodes)
        ]
    )
    rows = []
    for _ in range(links):
        own = {"emotion": [rng.gauss(0, 1), rng.gauss(0, 1)]} if rng.random() < 0.3 else {}
        ends = rng.choice(keys), rng.choice(keys)
        kind = rng.choice(["R", "S", "T"])
        rows.append((*ends, kind, {"log_weight": rng.choice([0, rng.gauss(0, 1)]), **own}))
    store.add_links(rows)
    for i in range(4):
        store.stimulus(minute=i, id=f"s{i}", node=f"n{i:03}", delta=1.5 + i, source="test")
    return keys


def state(store):
    """Return everything that a tick may change, sorted: what two runs are compared by, to the bit."""
    noted = store.graph.visits()
    nodes = sorted(
        (n["id"], n.get("energy", 0.0), n.get("energy_at", 0.0), n.get("visits", 0) + noted.get(n["id"], 0))
        for n in store.nodes()
    )
    ledger = store.graph.ledger()
    stats = sorted((kind, *found) for kind, found in store.graph.statistics().items())
    books = {**ledger.books._asdict(), "energy": sorted(ledger.books.energy.items())}
    kept = {**vars(ledger), "fence": None, "books": books}
    return {"nodes": nodes, "links": sorted(store.links()), "stats": stats, "ledger": kept}


def digest(store):
    """Return the SHA-256 over the state: floats by their exact digits."""
    return hashlib.sha256(repr(state(store)).encode()).hexdigest()


def compile_kernels():
    """Tick a graph in memory a few times, so that whatever comes later finds all kernels compiled."""
    for impl in ("stride", "matrix"):
        store = MemoryStore(MemoryGraph())
        fill(store)
        held = attach(store.graph, Settings(diffusion={"impl": impl}, weight_decay={"enabled": True}), "compiling")
        for _ in range(3):
            tick(held, 1000.0)
