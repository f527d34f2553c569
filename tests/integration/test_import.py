"""Import into a real Neo4j: the same file twice changes nothing, bad rows are named, nothing else is lost."""

import json
import threading

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from tests.stores import Neo4jStore
from worker.cli.import_ import import_
from worker.errors import Busy, CommitUnknown, ForeignChange, InputError, TooLarge, Unreachable
from worker.graph import bulk
from worker.graph.neo4j import Neo4jGraph

pytestmark = pytest.mark.neo4j

HOSTILE = ["`", "T`]->() DETACH DELETE n //", "'", '"', "a b", "\\u0060", "$type", "日本", "\n", "x" * 1000]


@pytest.fixture
def there(connection):
    return Neo4jStore(Neo4jGraph(connection, "default"))


@pytest.fixture
def run(connection, monkeypatch, tmp_path):
    settings = connection.settings
    for name, value in (
        ("URI", settings.uri),
        ("USER", settings.user),
        ("PASSWORD", settings.password.get_secret_value()),
    ):
        monkeypatch.setenv(f"STRIDE_NEO4J__{name}", value)
    app = typer.Typer()
    app.command("import")(import_)

    def run(*arguments, refused=False, **files):
        for name, text in files.items():
            (tmp_path / f"{name}.csv").write_text(text)
            arguments += (f"--{name.rstrip('0123456789')}", str(tmp_path / f"{name}.csv"))
        done = CliRunner().invoke(app, [*arguments, "--json"])
        if refused:
            assert isinstance(done.exception, InputError), done.output
        else:
            assert done.exit_code == 0, done.output
        return json.loads(done.stdout) if done.stdout else None, done.stderr

    return run


def frame(rows, *names):
    return pd.DataFrame(rows, columns=names)


def links(*rows):
    return frame(rows, "source", "target", "type", "log_weight")


def nodes(*ids):
    return frame([[name] for name in ids], "id")


NODES = 'id,type,energy,threshold,embedding,name\na,Concept,1.5,0.5,"[1,0.5]",Anna\nb,,,,,\nc,,0,,,\n'
LINKS = "source,target,type,log_weight,since\na,b,LIKES,0.5,1999\nb,c,LIKES,-1,\na,c,KNOWS,0,\n"


@pytest.mark.smoke
def test_tables_become_a_graph(run, there):
    result, _ = run(nodes=NODES, links=LINKS)
    assert {name: result[name] for name in ("graph", "nodes_created", "links_created", "rejected", "rejections")} == {
        "graph": "default",
        "nodes_created": 3,
        "links_created": 3,
        "rejected": 0,
        "rejections": [],
    }
    assert sorted(there.nodes(), key=lambda node: node["id"]) == [
        {
            "graph": "default",
            "id": "a",
            "type": "Concept",
            "energy": 1.5,
            "threshold": 0.5,
            "embedding": [1.0, 0.5],
            "name": "Anna",
        },
        {"graph": "default", "id": "b"},
        {"graph": "default", "id": "c", "energy": 0.0},
    ]
    assert sorted(there.links()) == [("a", "KNOWS", "c", 0.0), ("a", "LIKES", "b", 0.5), ("b", "LIKES", "c", -1.0)]
    since = there._one("MATCH (:Node {graph: $graph, id: 'a'})-[r]->() RETURN properties(r) AS p ORDER BY r.log_weight")
    assert [row["p"] for row in since] == [{"log_weight": 0.0}, {"log_weight": 0.5, "since": "1999"}]


@pytest.mark.smoke
def test_the_same_files_twice_change_nothing_not_even_what_was_learned(run, there):
    run(nodes=NODES, links=LINKS)
    there._one("MATCH (n:Node {graph: $graph, id: 'a'})-[r:LIKES]->() SET n.energy = 7.0, r.log_weight = 2.0")
    before = sorted(map(repr, there.nodes())), sorted(there.links())
    for batch in ("1", "2", "25000"):
        result, _ = run("--batch", batch, nodes=NODES, links=LINKS)
        assert [result[name] for name in ("nodes_created", "nodes_existing")] == [0, 3]
        assert [result[name] for name in ("links_created", "links_existing")] == [0, 3]
        assert (sorted(map(repr, there.nodes())), sorted(there.links())) == before


def test_several_files_links_without_nodes_and_nodes_without_links(run, there):
    run(nodes="id\na\nb\n", nodes2="id\nc\na\n")
    result, _ = run(
        links="source,target,type,weight\na,b,T,1\n", links2="source,target,type,weight\nb,c,T,1\na,b,T,9\n"
    )
    assert (result["links_created"], result["links_existing"]) == (2, 1)
    assert len(there.nodes()) == 3
    assert sorted(there.links()) == [("a", "T", "b", 0.0), ("b", "T", "c", 0.0)]


MEMBERS = "node,entity,weight,since\na,food,0.5,x\nb,food,,\na,act,2,\n"
MEMBERSHIPS = [("a", "act", 2.0, None), ("a", "food", 0.5, "x"), ("b", "food", None, None)]


def memberships(there):
    text = """MATCH (n:Node {graph: $graph})-[m:MEMBER_OF]->(e:Entity {graph: $graph})
              RETURN n.id AS n, e.id AS e, m.weight AS w, m.since AS s, keys(m) AS k ORDER BY n, e"""
    rows = there._one(text)
    assert not any("fresh" in row["k"] for row in rows)
    return [(row["n"], row["e"], row["w"], row["s"]) for row in rows]


def test_members_of_entities_are_imported_once(run, there):
    result, _ = run(nodes="id\na\nb\n", members=MEMBERS)
    assert [result[f"members_{what}"] for what in ("created", "existing")] == [3, 0]
    assert memberships(there) == MEMBERSHIPS
    for batch in ("1", "25000"):
        result, _ = run("--batch", batch, members=MEMBERS.replace("0.5", "0.7"))
        assert [result[f"members_{what}"] for what in ("created", "existing")] == [0, 3]
        assert memberships(there) == MEMBERSHIPS
    (counted,) = there._one("MATCH (e:Entity {graph: $graph}) RETURN count(*) AS n")
    assert counted["n"] == 2


@pytest.mark.parametrize("strict", [False, True])
def test_bad_members_are_named(run, there, strict):
    rows = "a,food,1\nnobody,food,1\na,food,0\n,food,1\na,,1\na,act,much\na,food,3\n"
    how = ("--strict",) if strict else ()
    result, _ = run(*how, refused=strict, nodes="id\na\n", members="node,entity,weight\n" + rows)
    assert {row["row"]: row["reason"] for row in result["rejections"]} == {
        3: "there is no node 'nobody': its node",
        4: "weight is not over 0: '0'",
        5: "node is missing",
        6: "entity is missing",
        7: "weight is not a number: 'much'",
    }
    assert (result["members_created"], result["members_existing"]) == ((0, 0) if strict else (1, 1))
    assert memberships(there) == ([] if strict else [("a", "food", 1.0, None)])


def test_bad_rows_are_named_and_nothing_else_is_lost(run, there, tmp_path):
    rows = [f"n{i},x" for i in range(30)]
    result, said = run(
        nodes="id,energy\na,1\n,2\nb,\nc,-1\na,5\n" + "\n".join(rows) + "\n",
        links="source,target,type,weight\na,b,T,1\na,c,T,1\nnone,a,T,1\na,a,T,1\nnone,never,T,1\na,b,T,1\nb,a,,1\nb,a,T,1\n",
    )
    assert (result["nodes_created"], result["nodes_existing"]) == (2, 1)
    assert (result["links_created"], result["links_existing"]) == (2, 1)
    assert result["rejected"] == len(result["rejections"]) == 37
    found = {
        (row["file"].removeprefix(f"{tmp_path}/"), row["row"]): row["reason"]
        for row in result["rejections"]
        if "number" not in row["reason"]
    }
    assert found == {
        ("nodes.csv", 3): "id is missing",
        ("nodes.csv", 5): "energy is under 0: '-1'",
        ("links.csv", 3): "there is no node 'c': its target",
        ("links.csv", 4): "there is no node 'none': its source",
        ("links.csv", 5): "it links a node to itself: 'a'",
        ("links.csv", 6): "there is no node 'none': its source",
        ("links.csv", 8): "type is missing",
    }
    assert f"rejected {tmp_path}/nodes.csv row 3: id is missing" in said
    assert said.count("rejected ") == 20
    assert "… and 17 more rows" in said
    assert sorted(node["id"] for node in there.nodes()) == ["a", "b"]


def test_strict_refuses_the_whole(run, there):
    result, said = run(
        "--strict", nodes="id\na\nb\n", links="source,target,type,weight\na,b,T,1\na,c,T,1\n", refused=True
    )
    assert (result["rejected"], result["nodes_created"], result["links_created"]) == (1, 0, 0)
    assert "links.csv row 3: there is no node 'c': its target" in said
    assert there.nodes() == there.links() == []


def test_strict_takes_what_is_right_with_ends_in_the_tables_or_in_the_graph(run, there):
    there.node(id="c")
    result, _ = run("--strict", nodes="id\na\nb\na\n", links="source,target,type,weight\na,b,T,1\na,c,T,1\nc,a,T,1\n")
    assert (result["rejected"], result["nodes_created"], result["links_created"]) == (0, 2, 3)
    result, _ = run("--strict", nodes="id\na\n", links="source,target,type,weight\nx,y,T,1\n", refused=True)
    assert [row["reason"] for row in result["rejections"]] == ["there is no node 'x': its source"]


def test_no_tables_and_no_files(run, tmp_path):
    run(refused=True)
    run("--nodes", str(tmp_path / "none.csv"), refused=True)


@pytest.mark.smoke
def test_parallel_links_are_told_apart_by_their_id(connection, there):
    bulk.write(connection, "default", nodes("a", "b"), links())
    names = ("source", "target", "type", "log_weight", "id")
    rows = [
        ["a", "b", "T", 0.0, "one"],
        ["a", "b", "T", 1.0, "two"],
        ["a", "b", "T", 2.0, None],
        ["a", "b", "T", 3.0, "one"],
    ]
    for created in (3, 0):
        _, written = bulk.write(connection, "default", nodes(), frame(rows, *names))
        assert (written.created, written.existing) == (created, 4 - created)
    _, written = bulk.write(connection, "default", nodes(), links(["a", "b", "T", 9.0], ["a", "b", "S", 9.0]))
    assert (written.created, written.existing) == (1, 1)
    assert sorted(link[3] for link in there.links()) == [0.0, 1.0, 2.0, 9.0]


def test_a_relationship_without_a_log_weight_is_no_link_that_is_there_already(connection, there):
    there.link(there.node(id="a"), there.node(id="b"), "T")
    _, written = bulk.write(connection, "default", nodes(), links(["a", "b", "T", 1.0]))
    assert written.created == 1


@pytest.mark.smoke
def test_hostile_names_are_names(connection, there):
    there.node(id="victim")
    rows = [["victim", name, name, 0.0] for name in HOSTILE]
    written = bulk.write(
        connection, "default", nodes("victim", *HOSTILE).assign(**dict.fromkeys(HOSTILE, 1)), links(*rows)
    )
    assert [part.created for part in written] == [len(HOSTILE)] * 2
    assert sorted(link[1] for link in there.links()) == sorted(HOSTILE)
    found = {node["id"]: node for node in there.nodes()}
    assert found.keys() == {"victim", *HOSTILE}
    assert all(found[HOSTILE[0]][name] == 1 for name in HOSTILE)


def test_two_graphs_of_the_same_ids_are_two(connection, there):
    for graph in ("default", "other", "😀" * 200):
        written = bulk.write(connection, graph, nodes("a", "b", "x" * 7_300), links(["a", "b", "T", 1.0]))
        assert [part.created for part in written] == [3, 1]
    assert len(there.nodes()) == 3


def test_an_energy_is_given_for_now_and_the_worker_hears_of_it(connection, there):
    bulk.write(connection, "default", nodes("early"), links())
    there.graph.take("test", 60.0)
    there._one("MATCH (l:Ledger {graph: $graph}) SET l.decay_clock = 500.0")
    revision = there.graph.ledger().revision
    bulk.write(connection, "default", frame([["a", 1.0], ["b", 0.0], ["c", None]], "id", "energy"), links())
    assert {node["id"]: node.get("energy_at") for node in there.nodes()} == {
        "early": None,
        "a": 500.0,
        "b": None,
        "c": None,
    }
    assert there.graph.ledger().revision == revision + 1


class Failing:
    """A connection that fails before or after some of its calls."""

    def __init__(self, connection, failures):
        self.connection, self.failures, self.calls = connection, failures, 0

    def run(self, name, **parameters):
        if name == "import/revise":
            return self.connection.run(name, **parameters)
        self.calls += 1
        before, after = self.failures.get(self.calls, (None, None))
        if before:
            raise before("before")
        found = self.connection.run(name, **parameters)
        if after:
            raise after("after")
        return found


@pytest.fixture
def _hasty(monkeypatch):
    """Retries without waiting."""
    for method in (bulk.Bulk._create_nodes, bulk.Bulk._create_links, bulk.Bulk.unknown):
        monkeypatch.setattr(method.retry, "sleep", lambda _: None)


TABLE = nodes(*(f"n{i}" for i in range(50)))
CHAIN = links(*([f"n{i}", f"n{i + 1}", "T", 0.0] for i in range(49)))


@pytest.mark.usefixtures("_hasty")
@pytest.mark.parametrize("error", [Unreachable, Busy, CommitUnknown])
def test_what_may_heal_is_tried_again_and_a_lost_answer_writes_nothing_twice(connection, there, error):
    for when in ((error, None), (None, error)):
        failures = dict.fromkeys(range(1, 100, 2), when)
        bulk.write(Failing(connection, failures), "default", TABLE, CHAIN)
        assert (len(there.nodes()), len(there.links())) == (50, 49)


@pytest.mark.usefixtures("_hasty")
def test_a_database_that_stays_away_is_given_up_on(connection):
    failing = Failing(connection, dict.fromkeys(range(100), (Unreachable, None)))
    with pytest.raises(Unreachable):
        bulk.write(failing, "default", TABLE, CHAIN)
    assert failing.calls == 8


def test_a_batch_that_does_not_fit_is_halved(connection, there):
    class Small(Failing):
        def run(self, name, **parameters):
            if len(parameters.get("of", parameters.get("id", ()))) > 10 and name != "import/keys":
                raise TooLarge(name)
            return super().run(name, **parameters)

    written = bulk.write(Small(connection, {}), "default", TABLE, CHAIN)
    assert [part.created for part in written] == [50, 49]
    assert (len(there.nodes()), len(there.links())) == (50, 49)


@pytest.mark.usefixtures("_hasty")
def test_a_node_that_goes_while_links_are_written_to_it_is_named(connection, there):
    class Deleting(Failing):
        def run(self, name, **parameters):
            if name == "import/links" and not self.calls:
                self.calls = 1
                key = there._one("MATCH (n:Node {graph: $graph, id: 'n3'}) RETURN id(n) AS key")[0]["key"]
                there.delete_node(key)
            return self.connection.run(name, **parameters)

    _, written = bulk.write(Deleting(connection, {}), "default", TABLE, CHAIN)
    assert written.created == 47
    assert set(written.unknown.values()) == {"there is no node 'n3': its source", "there is no node 'n3': its target"}


def test_a_key_that_was_given_to_another_node_meanwhile_is_caught(connection, there):
    writer = bulk.Bulk(connection, "default")
    writer.nodes(TABLE)
    writer.links(CHAIN.iloc[:5])
    one, other = writer._keys["n1"], writer._keys["n2"]
    writer._keys |= {"n1": other, "n2": one}
    assert writer.links(CHAIN.iloc[:10]).created == 5
    assert sorted(there.links()) == sorted((f"n{i}", "T", f"n{i + 1}", 0.0) for i in range(10))


@pytest.mark.smoke
def test_two_imports_of_the_same_tables_at_once_write_them_once(connection, there):
    rng = np.random.default_rng(3)
    table = nodes(*(f"m{i:03}" for i in range(300)))
    pairs = {(f"m{a:03}", f"m{b:03}") for a, b in rng.integers(0, 300, (3000, 2)) if a != b}
    chain = links(*([a, b, "T", 0.0] for a, b in sorted(pairs)))
    totals = []

    def work():
        writer = bulk.Bulk(connection, "default", batch=200)
        totals.append((writer.nodes(table).created, writer.links(chain).created))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(totals) == 3
    assert (len(there.nodes()), len(there.links())) == (300, len(chain))
    assert sum(made for made, _ in totals) == 300
    assert sum(made for _, made in totals) == len(chain)


def test_progress_is_told_and_ends_at_all_rows(connection):
    heard = []
    bulk.write(connection, "default", TABLE, CHAIN, heard.append)
    assert sum(heard) == 99


def test_foreign_change_is_given_up_on_when_it_goes_on(connection, monkeypatch):
    monkeypatch.setattr(bulk.Bulk._create_links.retry, "sleep", lambda _: None)

    class Never(Failing):
        def run(self, name, **parameters):
            return [] if name == "import/links" else self.connection.run(name, **parameters)

    with pytest.raises(ForeignChange):
        bulk.write(Never(connection, {}), "default", TABLE, CHAIN)
