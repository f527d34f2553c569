"""What a graph may grow to: ticks, links of one node, active nodes, nodes around them, stimuli at once (RELIABILITY).

Each seed is a step of the size: the first in the test command, all of them at full length.
"""

import math
import random

import numpy as np
import pytest

from tests.fault.proxy import Proxy
from tests.stores import MemoryStore, Neo4jStore, fill
from worker.graph import desk
from worker.graph.attach import attach
from worker.graph.connection import Connection
from worker.graph.memory import MemoryGraph
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Settings
from worker.tick import tick

BATCH = 50_000
NODES = "UNWIND $rows AS row CREATE (n:Node) SET n = row, n.graph = $graph"
LINKS = """
UNWIND $rows AS row
MATCH (a:Node {graph: $graph, id: row[0]}), (b:Node {graph: $graph, id: row[1]})
CREATE (a)-[:R {log_weight: row[2]}]->(b)
"""
STIMULI = "UNWIND $rows AS row CREATE (s:Stimulus) SET s = row, s.graph = $graph, s.created_at = datetime()"


def write(connection, text, rows, graph="default"):
    for first in range(0, len(rows), BATCH):
        connection.statement(text, graph=graph, rows=rows[first : first + BATCH])


def name(k):
    return f"n{k:08}"


@pytest.mark.rounds(1)
@pytest.mark.timeout(0)
def test_books_do_not_drift(seed, record_property):
    """10 000 ticks with decay, stimuli, learning, settling and forgetting; then 10⁵, then 10⁶."""
    ticks = 10 ** (4 + seed)
    record_property("runs", ticks)
    store = MemoryStore(MemoryGraph())
    fill(store, seed)
    changes = {"decay": {"settle": 7.0}, "weight_decay": {"enabled": True, "every": 31.0}, "learning": {"rate": 0.01}}
    held = attach(store.graph, Settings(**changes), "me")
    rng = random.Random(seed)
    for number in range(ticks):
        if number % 10 == 0:
            store.stimulus(id=f"d{number}", node=f"n{rng.randrange(40):03}", delta=rng.uniform(0.1, 2.0))
        frame = tick(held, 0.5)
        assert abs(frame.conservation_error) <= 1e-9 * max(1.0, frame.energy_total)
    clock = held.ledger.decay_clock
    energies = [
        node.get("energy", 0.0)
        * 2.0 ** (-(clock - node.get("energy_at", 0.0)) / held.parameters.half_life(resident_kind(held, node["id"])))
        for node in store.nodes()
    ]
    assert math.fsum(energies) == pytest.approx(held.ledger.books.total, rel=1e-9)


def resident_kind(held, identity):
    return held.resident.kinds[held.resident["kind"][held.resident.ids.index(identity)]]


@pytest.mark.neo4j
@pytest.mark.rounds(1)
@pytest.mark.timeout(0)
def test_a_hub_with_links_out_and_in(connection, seed, record_property):
    """The hub's tick reads no more of a graph of 10⁴ (10⁵, 10⁶) links than the settings say, and the books hold."""
    size = 10 ** (4 + seed)
    record_property("runs", size)
    rng = random.Random(seed)
    rows = [{"id": "hub", "type": "Task", "energy": 1e6}]
    write(connection, NODES, rows + [{"id": name(k), "type": "Memory", "threshold": 1e9} for k in range(size)])
    write(
        connection,
        LINKS,
        [link for k in range(size) for link in (("hub", name(k), rng.gauss(0, 1)), (name(k), "hub", 0.0))],
    )
    graph = Neo4jGraph(connection, "default")
    travelled = counted(graph)
    held = attach(
        graph, Settings(lease={"ttl": 600}, fanout={"task_mode": "divergent", "hub": 1000}, tick={"alpha": 1e-3}), "me"
    )
    travelled.clear()
    for _ in range(20):
        frame = tick(held, 1.0)
        assert frame.mean_degree_active == size
        assert abs(frame.conservation_error) <= 1e-9 * frame.energy_total
    assert sum(travelled) < 4000


def counted(graph):
    """Count the links that a graph's reads bring, in the list that is returned."""
    travelled, links, best = [], graph.links, graph.best
    graph.links = lambda *how: travelled.append(len((rows := links(*how))[0].key)) or rows
    graph.best = lambda *how: travelled.append(len((rows := best(*how))[0].key)) or rows
    return travelled


@pytest.mark.neo4j
@pytest.mark.rounds(1)
@pytest.mark.timeout(0)
def test_all_nodes_active_and_each_served_in_turn(connection, seed, record_property):
    """With 10⁴ (10⁵, 10⁶) nodes over their threshold, no tick serves more than the cap, and all of them are served."""
    size, cap = 10 ** (4 + seed), 3000
    record_property("runs", size)
    write(connection, NODES, [{"id": name(k), "type": "Memory", "energy": 5.0} for k in range(size)])
    write(connection, LINKS, [(name(k), name((k * 7 + 1) % size), 0.0) for k in range(size)])
    graph = Neo4jGraph(connection, "default")
    held = attach(graph, Settings(lease={"ttl": 600}, fanout={"frontier_cap": cap}, learning={"rate": 0.0}), "me")
    served = np.zeros(size, dtype=np.bool_)
    for _ in range(-(-size // cap)):
        frame = tick(held, 0.01)
        sources = frame.moment.frontier.sources
        assert len(sources) == cap
        served[[int(held.resident.ids[k][1:]) for k in sources]] = True
        assert abs(frame.conservation_error) <= 1e-9 * frame.energy_total
    assert served.all()


@pytest.mark.neo4j
@pytest.mark.rounds(1)
@pytest.mark.timeout(0)
def test_a_tick_reads_and_sends_the_same_however_large_the_graph_around_it(connection, seed, record_property):
    """The bytes of a tick of 1 000 sources, beside 10⁴ (10⁵, 10⁶) nodes of ten links each, and beside none."""
    size = 10 ** (4 + seed)
    record_property("runs", size)
    sent = [bytes_of_ticks(connection, graph, nodes) for graph, nodes in (("alone", 0), ("beside", size))]
    assert sent[1] == pytest.approx(sent[0], rel=0.02)


def bytes_of_ticks(connection, graph, others):
    """Return what goes over the wire, both ways, in each of three steady ticks."""
    rng, active = random.Random(3), 1000
    nodes = [
        {"id": f"a{k:04}", "type": "Memory", "energy": rng.uniform(9, 11), "threshold": 1.0} for k in range(active)
    ]
    nodes += [{"id": name(k), "type": "Memory", "energy": 0.0, "threshold": 1e6} for k in range(others)]
    write(connection, NODES, nodes, graph)
    write(
        connection,
        LINKS,
        [(f"a{k:04}", f"a{(k * j + j) % active:04}", rng.gauss(0, 1)) for k in range(active) for j in range(1, 11)],
        graph,
    )
    write(
        connection,
        LINKS,
        [(name(k), name((k * j + j) % others), 0.0) for k in range(others) for j in range(1, 11)],
        graph,
    )
    with Proxy(connection.settings.uri) as proxy:
        settings = connection.settings.model_copy(update={"uri": proxy.uri})
        with Connection(settings) as through:
            held = attach(Neo4jGraph(through, graph), Settings(graph=graph, lease={"ttl": 600}), "me")
            for _ in range(3):
                tick(held, 0.1)
            held.closing()
            held.closing = None
            before = proxy.bytes
            for _ in range(3):
                tick(held, 0.1)
            held.closing()
            return proxy.bytes - before


@pytest.mark.neo4j
@pytest.mark.rounds(1)
@pytest.mark.timeout(0)
def test_stimuli_at_once_good_and_bad(connection, seed, record_property):
    """10³ (10⁴, 10⁵) in the queue: each good one applied once, each bad one rejected with its reason, none held up."""
    size = 10 ** (3 + seed)
    record_property("runs", size)
    store = Neo4jStore(Neo4jGraph(connection, "default"))
    fill(store)
    connection.statement("MATCH (s:Stimulus) DELETE s")
    kinds = {"unknown": ("nobody", 1.0), "nan": ("n001", math.nan), "huge": ("n001", 1e308), "negative": ("n001", -1.0)}
    bad = [
        {"id": f"{kind} {k}", "node": node, "delta": delta}
        for k in range(size // 100)
        for kind, (node, delta) in kinds.items()
    ]
    rows = [{"id": f"s{k}", "node": f"n{k % 40:03}", "delta": 0.001} for k in range(size)] + bad
    random.Random(seed).shuffle(rows)
    write(connection, STIMULI, rows)
    held = attach(store.graph, Settings(lease={"ttl": 600}, stimulus={"batch": 1000}), "me")
    batches = -(-len(rows) // 1000)
    for _ in range(batches):
        tick(held, 0.01)
    found = desk.status(store.graph, Settings())["stimuli"]
    assert found == {"pending": 0, "applied": size, "rejected": len(bad)}
    assert sum(held.ledger.books.injected) == pytest.approx(size * 0.001, rel=1e-9)
    again = [row for row in rows if row["id"].startswith("s")][:50]
    write(connection, STIMULI, again)
    tick(held, 0.01)
    assert sum(held.ledger.books.injected) == pytest.approx(size * 0.001, rel=1e-9), "an id was applied twice"
    reasons = connection.statement(
        "MATCH (s:RejectedStimulus) RETURN DISTINCT split(s.id, ' ')[0] AS kind, s.why AS why"
    )
    assert {row["kind"] for row in reasons} >= set(kinds)
    assert all(row["why"] for row in reasons)
