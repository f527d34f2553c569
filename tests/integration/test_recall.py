"""Recall on a real Neo4j: seeds by id, property, words and vector; nothing is written; and a worker may tick beside it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from stridegraph import InputError, Property, Stridegraph, Text, Vector
from tests.stores import Neo4jStore, fill
from worker.graph.attach import attach, detach
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Settings
from worker.tick import tick

pytestmark = [pytest.mark.neo4j, pytest.mark.smoke]
PATIENT = {"max_ms": 60_000.0}  # a server that was just started takes seconds for its first plans
ALL = """
MATCH (n) OPTIONAL MATCH (n)-[r]->(m)
RETURN elementId(n) AS n, labels(n) AS l, properties(n) AS p, elementId(r) AS r, type(r) AS t, properties(r) AS q, elementId(m) AS m
ORDER BY n, r
"""
INDEXES = (
    "CREATE FULLTEXT INDEX test_words FOR (n:Node) ON EACH [n.text]",
    """CREATE VECTOR INDEX test_meaning FOR (n:Node) ON (n.embedding)
    OPTIONS {indexConfig: {`vector.dimensions`: 3, `vector.similarity_function`: 'cosine'}}""",
)


@pytest.fixture
def filled(connection):
    found = Neo4jStore(Neo4jGraph(connection, "default"))
    keys = fill(found)
    for i, text in enumerate(("black coffee, hot", "tea and coffee", "a violin: AND/OR?", "green tea")):
        found.set_node(keys[i], text=text, words=text.split(), label=f"L{i}")
    elsewhere = Neo4jStore(Neo4jGraph(connection, "elsewhere"))
    elsewhere.node(id="n000", text="coffee coffee coffee", embedding=[1.0, 0.0, 0.0])
    return found


@pytest.fixture
def graph(filled):
    return Stridegraph(filled.graph, Settings(recall=PATIENT))


@pytest.fixture
def indexes(connection):
    for text in INDEXES:
        connection.statement(text)
    connection.statement("CALL db.awaitIndexes(60)")
    yield
    for text in INDEXES:
        connection.statement(f"DROP INDEX {text.split()[3]}")


def everything(connection):
    return repr(connection.statement(ALL))


def test_it_writes_nothing_and_goes_on_from_the_energies_that_stand_there(filled, graph, connection):
    before = everything(connection)
    apart, within = graph.recall("n003", 50), graph.recall("n003", 50, context=True)
    assert everything(connection) == before
    assert (apart.seeds, apart.partial, apart.ticks) == ({"n003": 20.0}, "", 8)
    assert {hit.before for hit in apart.results} == {0.0}
    assert {hit.id for hit in apart.results} < {hit.id for hit in within.results}
    assert any(hit.before > 0.0 for hit in within.results)
    assert graph.recall("n003", 50)._replace(ms=0) == apart._replace(ms=0)

    held = attach(filled.graph, graph.settings, "me")
    tick(held, 5.0)
    detach(held)
    assert graph.recall("n003", 50)._replace(ms=0) == apart._replace(ms=0)  # fresh enough
    graph.settings = graph.settings.model_copy()
    anew = Stridegraph(filled.graph, graph.settings).recall("n003", 50, context=True)
    assert anew.results != within.results  # four stimuli have been applied since


def test_seeds_are_found_by_words_by_a_vector_and_by_a_property(graph, indexes):
    found = graph.recall(Text("Coffee!"), 3, properties=["text", "nothing"])
    assert found.seeds == {"n000": 20.0, "n001": pytest.approx(20.0, rel=0.5)} or found.seeds.keys() == {"n000", "n001"}
    assert max(found.seeds.values()) == 20.0
    assert found.results[0].properties.keys() == {"text"}
    assert found.results[0].label in {"L0", "L1"}
    assert graph.recall(Text("AND/OR?", most=1)).seeds.keys() <= {"n001", "n002"}
    for nothing in ("xyzzy", '"', "   "):
        with pytest.raises(InputError):
            graph.recall(Text(nothing))

    nearest = graph.recall(Vector([1.0, 0.0, 0.0], most=2))
    assert len(nearest.seeds) == 2
    assert max(nearest.seeds.values()) == 20.0

    assert graph.recall(Property("words", "tea")).seeds == {"n001": 20.0, "n003": 20.0}
    assert graph.recall({Property("label", "L2"): 0.5, "n000": 2.0}).seeds == {"n000": 40.0, "n002": 10.0}
    assert graph.recall(Property("words", "tea"), 50, types=["Memory"]).results
    assert {hit.type for hit in graph.recall("n003", 50, types=["Memory"]).results} == {"Memory"}


def test_what_cannot_be_a_seed_is_named_with_what_could(graph):
    with pytest.raises(InputError, match=r"no node 'n0003'.*(\n.*)*did you mean 'n0"):
        graph.recall("n0003")
    with pytest.raises(InputError, match="0 fulltext indexes"):
        graph.recall(Text("coffee"))
    for bad in ([], {"n001": 0.0}, {"n001": float("nan")}, [3], Text("coffee", index="x"), Property("words", "x")):
        with pytest.raises(InputError):
            graph.recall(bad)


def test_over_its_budget_it_returns_what_it_has(graph):
    few, fewest, quick = (
        graph.recall("n003", max_nodes=9),
        graph.recall("n003", max_nodes=1),
        graph.recall("n003", max_ms=0.001),
    )
    assert "may reach 9" in few.partial
    assert 0 < few.ticks < 8
    assert (fewest.ticks, fewest.results[0].id) == (1, "n003")
    assert graph.recall("n003", max_nodes=9)._replace(ms=0) == few._replace(ms=0)
    assert few.results[0].id == "n003"
    assert "ms are over" in quick.partial
    assert graph.recall("n003").partial == ""


def test_what_was_of_use_is_fed_back_and_learned_from(filled, graph):
    found = graph.recall("n003", 3, reinforce=True)
    ids = {hit.id for hit in found.results}
    queued = filled.graph.connection.statement(
        "MATCH (s:Stimulus {source: 'recall'}) RETURN s.candidates AS c, s.budget AS b"
    )
    assert [(set(row["c"]), row["b"]) for row in queued] == [(ids, pytest.approx(1.0))]
    assert len(ids) == 3
    assert graph.run(1)[0]["energy_in"] > 0.0
    assert graph.top(1)[0]["energy"] > 0.0


def test_beside_a_worker_that_ticks_it_is_never_refused_and_never_in_the_way(filled, graph):
    graph.settings = Settings(recall={"fresh": 0.0, **PATIENT})
    beside = Stridegraph(filled.graph, graph.settings)
    stop, ticks, found = threading.Event(), [], []

    def work():
        held = attach(filled.graph, Settings(decay={"settle": 5.0}), "me")
        while not stop.is_set():
            ticks.append(tick(held, 3.0).conservation_error)
        detach(held)

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            while len(ticks) < 20 and not working.done():
                found += [beside.recall("n003", 5, context=bool(len(found) % 2))]
        finally:
            stop.set()
        working.result(30)
    assert len(found) > 3
    assert max(map(abs, ticks)) < 1e-9
    assert all(one.results and not one.partial and not one.rejected for one in found)
    assert all(one.cosine(one) == pytest.approx(1.0) for one in [beside.recall_vector("n003")])
