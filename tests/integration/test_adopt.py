"""Adopting graphs that were not made for this, on a real Neo4j: nothing of theirs is changed, and undo leaves no trace."""

import json
import subprocess
import sys
import time

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.fault import test_hostile
from worker.errors import ForeignChange, InputError, Refused, SchemaError, Unreachable
from worker.graph import adopt as adopting
from worker.graph import desk
from worker.graph.connection import Transaction
from worker.graph.neo4j import Neo4jGraph
from worker.graph.survey import Wish, survey
from worker.settings import Settings

pytestmark = pytest.mark.neo4j
command = test_hostile.command

# the schema of Neo4j's movies: two labels with keys of their own, relationships with lists and numbers, no weight anywhere
MOVIES = """
UNWIND range(0, 39) AS i CREATE (:Person {name: 'Person ' + i, born: 1950 + i})
WITH count(*) AS people
UNWIND range(0, 11) AS i CREATE (:Movie {title: 'Movie ' + i, released: 1980 + i, tagline: 'So it goes'})
WITH count(*) AS films
MATCH (p:Person), (m:Movie)
WITH p, m, (p.born * 7 + m.released * 13) % 10 AS dice
FOREACH (_ IN CASE WHEN dice < 2 THEN [1] ELSE [] END | CREATE (p)-[:ACTED_IN {roles: [p.name, 'Other']}]->(m))
FOREACH (_ IN CASE WHEN dice = 3 THEN [1] ELSE [] END | CREATE (p)-[:DIRECTED]->(m))
FOREACH (_ IN CASE WHEN dice = 4 THEN [1] ELSE [] END | CREATE (p)-[:REVIEWED {rating: 10 * dice + m.released % 9, summary: 'Well'}]->(m))
WITH p, collect(m) AS films
MATCH (q:Person) WHERE q.born = p.born + 7
CREATE (p)-[:FOLLOWS]->(q)
"""
# the schema of northwind: keys that are text digits, the same ones under each label, and numbers on relationships
NORTHWIND = """
UNWIND range(1, 8) AS i CREATE (:Category {categoryID: toString(i), categoryName: 'Category ' + i})
WITH count(*) AS done
UNWIND range(1, 30) AS i MATCH (c:Category {categoryID: toString(1 + i % 8)})
CREATE (:Product {productID: toString(i), unitPrice: 1.5 * i, discontinued: i % 7 = 0})-[:PART_OF]->(c)
WITH count(*) AS done
UNWIND range(1, 12) AS i CREATE (:Customer {customerID: 'C' + i})-[:PURCHASED]->(:Order {orderID: toString(i), shipped: date('1997-01-01') + duration({days: i})})
WITH count(*) AS done
MATCH (o:Order), (p:Product) WHERE (toInteger(o.orderID) * 5 + toInteger(p.productID)) % 6 = 0
CREATE (o)-[:ORDERS {quantity: 1 + toInteger(p.productID) % 4, discount: 0.1}]->(p)
"""
LIBRARY = """
UNWIND range(0, 49999) AS i
CALL (i) {
  CREATE (:Author {key: i, name: 'Author ' + i})-[:WROTE {stars: 1 + i % 5}]->(:Book {isbn: toString(i), pages: 90 + i % 700})
} IN TRANSACTIONS OF 10000 ROWS
"""
FRIENDS = """
MATCH (a:Author) WITH a ORDER BY a.key WITH collect(a) AS all
UNWIND range(0, 49999) AS i WITH all[i] AS a, all[(i * 7 + 1) % 50000] AS b CREATE (a)-[:KNOWS {since: a.key}]->(b)
"""
NODES = "MATCH (n) WHERE NOT n:`__Neo4jMigration` RETURN id(n) AS id, labels(n) AS labels, properties(n) AS p"
LINKS = (
    "MATCH (a)-[r]->(b) WHERE NOT a:`__Neo4jMigration`"
    " RETURN id(r) AS id, id(a) AS a, id(b) AS b, type(r) AS type, properties(r) AS p"
)
SCHEMA = (
    "SHOW INDEXES YIELD name, type, labelsOrTypes, properties",
    "SHOW CONSTRAINTS YIELD name, type, labelsOrTypes",
)


def everything(connection):
    """Return all that a database holds but the chain of migrations: to the last property, its type with it."""
    nodes = sorted((row["id"], sorted(row["labels"]), exact(row["p"])) for row in connection.statement(NODES))
    links = sorted((row["id"], row["a"], row["b"], row["type"], exact(row["p"])) for row in connection.statement(LINKS))
    return nodes, links, [sorted(map(repr, connection.statement(text))) for text in SCHEMA]


def without_ledger(connection):
    nodes, *rest = everything(connection)
    return [node for node in nodes if "Ledger" not in node[1]], *rest


def exact(properties):
    return sorted((name, type(value).__name__, repr(value)) for name, value in properties.items())


def test_movies_are_adopted_tick_and_are_given_back(connection, command, tmp_path):
    connection.statement(MOVIES)
    before = everything(connection)
    how = ("--nodes=Person,Movie", "--links=ACTED_IN,REVIEWED,FOLLOWS", "--weight-from=REVIEWED=rating", "--json")
    ids = ("--id-from=Person=name", "--id-from=Movie=title")
    planned = command("adopt", *how, *ids, "--dry-run")
    assert everything(connection) == before
    found = command("adopt", *how, *ids)
    same = ("nodes", "links", "log_weight", "already", "left", "own_type", "without_weight", "obstacles")
    assert [found[name] for name in same] == [planned[name] for name in same]
    counted = {
        row["type"]: row["n"] for row in connection.statement("MATCH ()-[r]->() RETURN type(r) AS type, count(*) AS n")
    }
    assert found["nodes"] == {"Person": 40, "Movie": 12}
    assert found["links"] == {kind: counted[kind] for kind in ("ACTED_IN", "REVIEWED", "FOLLOWS")}
    assert min(found["links"].values()) > 10
    assert found["log_weight"]["FOLLOWS"] == [0.0, 0.0]
    assert 3.6 < found["log_weight"]["REVIEWED"][0] < found["log_weight"]["REVIEWED"][1] < 3.9
    assert command("check", "--json")["count"] == 0
    again = command("adopt", *how, *ids)
    assert again["already"] == {"nodes": 52, "links": sum(found["links"].values())}
    assert set(again["nodes"].values()) == set(again["links"].values()) == {0}

    command("inject", "Person 1", "9")
    command("run", "--ticks=8")
    assert command("top", "--json")["results"][0]["energy"] > 1
    assert {hit["type"] for hit in command("recall", "Person 1", "--json")["results"]} == {"Person", "Movie"}
    learned = "MATCH ()-[r]->() WHERE r.log_weight <> coalesce(log(r.rating), 0) RETURN count(*) AS n"
    assert connection.statement(learned)[0]["n"] > 0
    command("snapshot", str(tmp_path / "taken"))
    for table, own in (("nodes", "born"), ("links", "rating")):
        properties = pd.read_parquet(tmp_path / "taken" / f"{table}.parquet")["properties"].dropna()
        assert properties.str.contains(own).any()
        assert not properties.str.contains("stridegraph").any()
    command("adopt", "--undo", fails=True)
    assert command("adopt", "--undo", "--dry-run", "--json")["ticks"] == 8
    done = command("adopt", "--undo", "--yes", "--json")
    assert (done["nodes"], done["links"], done["books_dropped"]) == (52, sum(found["links"].values()), True)
    assert everything(connection) == before
    command("adopt", "--undo", fails=True)


@pytest.mark.timeout(1200)  # two minutes alone, of which most is the comparing
def test_a_hundred_thousand_nodes_are_adopted_tick_and_are_given_back(connection, command):
    connection.statement(LIBRARY)
    connection.statement(FRIENDS)
    before = everything(connection)
    how = ("--nodes=Author,Book", "--links=WROTE,KNOWS", "--id-from=Author=name", "--id-from=Book=isbn")
    found = command("adopt", *how, "--weight-from=WROTE=stars", "--json")
    assert (found["nodes"], found["links"]) == ({"Author": 50_000, "Book": 50_000}, {"WROTE": 50_000, "KNOWS": 50_000})
    command("inject", "Author 17", "30")
    command("run", "--ticks=5")
    assert {"Author 17", "Author 120"} <= {node["id"] for node in command("top", "--json")["results"]}
    command("adopt", "--undo", "--yes")
    assert everything(connection) == before


def test_northwind_has_the_same_keys_under_each_label(connection, command):
    connection.statement(NORTHWIND)
    before = everything(connection)
    how = [
        "--nodes=Product,Order,Category,Customer",
        "--links=ORDERS,PURCHASED,PART_OF",
        "--weight-from=quantity",
        "--json",
    ]
    how += [f"--id-from={name}={name.lower()}ID" for name in ("Product", "Order", "Category", "Customer")]
    found = refused(how)
    assert {row["why"] for row in found["obstacles"]} == {"several nodes would have the same id"}
    assert sum(row["count"] for row in found["obstacles"]) == 12
    assert everything(connection) == before
    found = command("adopt", *how, "--id-prefix", "--batch=7")
    assert list(found["nodes"].values()) == [30, 12, 8, 12]
    assert found["without_weight"] == {"PURCHASED": 12, "PART_OF": 30}
    assert found["log_weight"]["ORDERS"] == [0.0, pytest.approx(1.386, abs=1e-3)]
    assert command("check", "--json")["count"] == 0
    recalled = command("recall", "Order:3", "--json")["results"]
    assert {"Order", "Product"} <= {hit["type"] for hit in recalled} <= set(found["nodes"])
    command("adopt", "--undo", "--batch=7")
    assert everything(connection) == before


def refused(arguments):
    """Return what a refused adoption prints as JSON."""
    done = CliRunner().invoke(test_hostile.app, ["adopt", *arguments])
    assert isinstance(done.exception, InputError), done.output
    return json.loads(done.stdout)


OWN = """
CREATE (a:Memory {id: 'a', type: 'dream', embedding: [1.0, 0.5], label: 'A'}), (b:Memory:Node {id: 'b'}),
       (c:Memory:Task {id: 'c', graph: 'default', threshold: 2}), (d:Task:Entity {id: 'd'}), (e:Other {id: 1, energy: 'much'})
CREATE (a)-[:CAUSES {log_weight: 2, since: 1999}]->(b), (b)-[:CAUSES {log_weight: 0.5}]->(c), (c)-[:CAUSES]->(d),
       (d)-[:CAUSES]->(d), (a)-[:CAUSES {log_weight: 'none of yours'}]->(e), (a)-[:LIKES {rank: 0.9}]->(d)
"""


@pytest.mark.smoke
def test_what_is_called_like_a_property_of_the_physics_is_used_where_it_is_said_and_comes_back_exactly(
    connection, command
):
    connection.statement(OWN)
    before = everything(connection)
    how = ("--nodes=Task,Memory", "--links=CAUSES", "--links=LIKES", "--id-from=id", "--weight-from=CAUSES=log_weight")
    found = command("adopt", *how, "--json")
    assert (found["nodes"], found["links"]) == ({"Task": 2, "Memory": 2}, {"CAUSES": 3, "LIKES": 1})
    assert (found["several_labels"], found["own_type"]) == (1, 1)
    assert found["left"] == {"end_not_adopted": 1, "to_itself": 1}
    types = "MATCH (n:Node {graph: 'default'}) RETURN n.id AS id, n.type AS type ORDER BY id"
    assert [(row["id"], row["type"]) for row in connection.statement(types)] == [
        ("a", "dream"), ("b", "Memory"), ("c", "Task"), ("d", "Task"),
    ]  # fmt: skip
    assert command("check", "--json")["count"] == 0
    command("inject", "a", "30")
    command("run", "--ticks=6")
    weights = "MATCH (:Memory {id: 'a'})-[r:CAUSES]->(:Memory) RETURN r.log_weight AS w"
    assert connection.statement(weights)[0]["w"] > 2
    done = command("adopt", "--undo", "--yes", "--json")
    assert (done["nodes"], done["links"], done["books_dropped"]) == (4, 4, True)
    assert everything(connection) == before


BAD = {
    "CREATE (:M {id: 'x'}), (:M {id: 'y'})": ("an `id` of its own; `--id-from id`", 2, ()),
    "CREATE (:M {id: 7})": ("an `id` of its own that is not the text wanted", 1, ("--id-from=id",)),
    "CREATE (:M {key: 'x'}), (:M {key: 'x'}), (:M {key: 'y'})": ("have the same id", 1, ("--id-from=key",)),
    "CREATE (:M), (:M {key: ''}), (:M {key: 'y'})": ("it has no `key`", 2, ("--id-from=key",)),
    "CREATE (:M {key: date()}), (:M {key: 1.5}), (:M {key: true})": ("neither text nor", 3, ("--id-from=key",)),
    "CREATE (:M {key: reduce(s = '', i IN range(1, 8000) | s + 'x')})": ("over 7300 bytes", 1, ("--id-from=key",)),
    "CREATE (:M {graph: 'theirs'}), (:M:Node {graph: 'other', id: 'x'})": ("belongs to another graph", 2, ()),
    "CREATE (:M {type: 3}), (:M {type: ['a']})": ("a `type` of its own that is no text", 2, ()),
    "CREATE (:M {energy: 250}), (:M)": ("the property `energy`", 1, ()),
    "CREATE (:M {visits: 9}), (:M {energy_at: date()}), (:M {retention: 'long'})": ("the property `visits`", 1, ()),
    "CREATE (:M:Stimulus {name: 'bell'})": ("its label Stimulus", 1, ()),
    "CREATE (:M)-[:R {w: 0}]->(:M)-[:R {w: 'x'}]->(:M)": (
        "is not what `log` takes, a number over 0",
        2,
        ("--weight-from=w",),
    ),
    "CREATE (:M)-[:R {w: 1}]->(:M)-[:R {w: 0.5}]->(:M)": ("`logit` takes", 1, ("--weight-from=w", "--transform=logit")),
    "CREATE (:M)-[:R {w: -1.5}]->(:M)": ("`log1p` takes", 1, ("--weight-from=w", "--transform=log1p")),
    "CREATE (:M)-[:R {w: 0.0 / 0.0}]->(:M)": ("`identity` takes", 1, ("--weight-from=w", "--transform=identity")),
    "CREATE (:M)-[:R {log_weight: 1.0}]->(:M)": ("`log_weight` of its own", 1, ()),
    "CREATE (:M)-[:R]->(:M)-[:S {log_weight: 1.0}]->(:M)": ("`log_weight` of its own", 1, ()),
    "CREATE (:M)-[:R {log_weight: 'heavy'}]->(:M)": ("`identity` takes", 1, ("--weight-from=log_weight",)),
}


def test_what_stands_in_the_way_is_named_and_nothing_is_changed(connection, command):
    for text, (why, count, said) in BAD.items():
        connection.statement("MATCH (n) WHERE NOT n:`__Neo4jMigration` DETACH DELETE n")
        how = (*said, "--links=R") if "[:R" in text else said
        connection.statement(text)
        before = everything(connection)
        found = refused(["--nodes=M", *how, "--json"])["obstacles"]
        (row,) = [row for row in found if why in row["why"]]
        assert row["count"] == len(row["listed"]) == count, (text, found)
        assert everything(connection) == before, text


WRONG = {
    ("--nodes=Memry",): "did you mean 'Memory'",
    ("--nodes=MEMORY,Task",): "did you mean 'Memory'",
    ("--nodes=Memory", "--links=CAUSE"): "did you mean 'CAUSES'",
    ("--nodes=Qqq",): "there are 'Entity', 'Memory'",
    (): "nothing to adopt",
    ("--nodes=Memory", "--transform=sqrt"): "choose from log, log1p, logit, identity",
    ("--nodes=Memory", "--id-from=Mem=id"): "is none of --nodes",
    ("--links=CAUSES", "--weight-from=log_weight", "--transform=log"): "would write over",
    ('--nodes=Mem"ory',): None,
    ("--undo", "--nodes=Memory"): "name that alone",
    ("--undo",): "nothing was adopted",
}


def test_wrong_words_are_answered_with_what_there_is(connection, command):
    connection.statement(OWN)
    for arguments, says in WRONG.items():
        done = CliRunner().invoke(test_hostile.app, ["adopt", *arguments])
        assert isinstance(done.exception, InputError), (arguments, done.output)
        assert says is None or says in str(done.exception), done.exception


@pytest.mark.smoke
def test_hostile_names_are_names(connection, command):
    label, kind, key = 'M`) DETACH DELETE n //, "x"', "T`]->() DELETE r //", "k'] = 1 //"
    quoted = [name.replace("`", "``") for name in (label, kind, key)]
    connection.statement(
        "CREATE (:`{0}` {{`{2}`: 'one'}})-[:`{1}` {{`{2}`: 2}}]->(:`{0}` {{`{2}`: 'two'}})".format(*quoted)
    )
    before = everything(connection)
    listed = ['"' + text.replace('"', '""') + '"' for text in (label, kind, f"{label}={key}", f"{kind}={key}")]
    how = [
        f"{option}={text}"
        for option, text in zip(("--nodes", "--links", "--id-from", "--weight-from"), listed, strict=True)
    ]
    found = command("adopt", *how, "--json")
    assert (found["nodes"], found["links"]) == ({label: 2}, {kind: 1})
    command("adopt", *how)
    command("adopt", "--undo")
    assert everything(connection) == before


PARTS = Wish(["Person", "Movie"], ["ACTED_IN", "FOLLOWS"])


class Cut:
    """Breaks the connection at one of the commits: before it, or with its answer lost."""

    def __init__(self, monkeypatch, lost):
        self.at = self.calls = 0
        commit = Transaction.commit

        def cut(transaction):
            self.calls += 1
            if lost or self.calls != self.at:
                commit(transaction)
            if self.calls == self.at:
                raise Unreachable("cut")

        monkeypatch.setattr(Transaction, "commit", cut)

    def broken(self, at, what):
        self.at, self.calls = at, 0
        with pytest.raises(Unreachable, match="in part: cut") as told:
            what()
        assert "goes on where it was broken off" in told.value.remedy
        self.at = 0


@pytest.mark.parametrize("lost", [False, True])
def test_one_that_is_broken_off_anywhere_goes_on_or_is_undone(connection, monkeypatch, lost):
    connection.statement(MOVIES)
    graph, before, cut = Neo4jGraph(connection, "default"), everything(connection), Cut(monkeypatch, lost)

    def take():
        adopting.adopt(graph, PARTS, survey(graph, PARTS), batch=25)

    def back():
        adopting.give_back(graph, adopting.adopted(graph), 60.0, batch=25)

    take()
    whole = everything_but_ids(connection)
    for at in (1, 2, cut.calls):
        cut.broken(at, back)
        back()
        assert everything(connection) == before, at
        cut.broken(at, take)
        back()
        assert everything(connection) == before, at
        cut.broken(at, take)
        take()
        assert everything_but_ids(connection) == whole, at


def everything_but_ids(connection):
    """Return the same of an adopted graph, whose ids are made up."""
    nodes, links, schema = everything(connection)
    bare = [
        (own, labels, [entry for entry in p if entry[0] not in {"id", "revision"}])
        for own, labels, p in nodes
        if "Ledger" not in labels
    ]
    return bare, links, schema


def test_a_process_that_is_killed_leaves_what_the_next_one_ends(connection, command):
    connection.statement("UNWIND range(1, 600) AS i CREATE (:M {key: toString(i)})-[:R {w: i}]->(:X)")
    before = everything(connection)
    how = ("adopt", "--nodes=M,X", "--links=R", "--batch=1")
    counted = "MATCH ()-[r:R]->() WHERE r.stridegraph_adopted IS NOT NULL RETURN count(r) AS n"
    with subprocess.Popen([sys.executable, "-m", "worker.cli", *how], stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 300
        while connection.statement(counted)[0]["n"] < 5 and time.monotonic() < until:
            time.sleep(0.02)
        process.kill()
    assert 5 <= connection.statement(counted)[0]["n"] < 600
    assert command(*how[:3], "--json")["already"]["links"] >= 5
    assert connection.statement(counted)[0]["n"] == 600
    command("adopt", "--undo")
    assert everything(connection) == before


def test_a_worker_hears_of_what_is_adopted_and_undo_waits_for_it(connection, command):
    connection.statement(MOVIES)
    command("adopt", "--nodes=Person", "--id-from=name", "--links=FOLLOWS")
    graph, settings = Neo4jGraph(connection, "default"), Settings()
    revision = graph.ledger().revision
    mine = graph.take("a worker", 60.0)
    found = command(
        "adopt", "--nodes=Person,Movie", "--links=ACTED_IN", "--id-from=Person=name", "--id-from=Movie=title", "--json"
    )
    assert found["already"] == {"nodes": 40, "links": 0}
    assert found["nodes"] == {"Person": 0, "Movie": 12}
    assert graph.ledger().revision == revision + 1
    later = command("adopt", "--links=DIRECTED", "--json")
    assert (later["nodes"], later["links"]) == ({}, {"DIRECTED": later["links"]["DIRECTED"]})
    assert later["links"]["DIRECTED"] > 10
    before = without_ledger(connection)
    with pytest.raises(Refused, match="a worker is running"):
        adopting.give_back(graph, adopting.adopted(graph), 60.0)
    assert without_ledger(connection) == before
    assert graph.ledger().fence == mine.fence
    graph.release(mine.fence)
    assert desk.check(graph, settings).total == 0


def test_what_others_have_made_nodes_and_links_of_the_graph_is_left_to_them(connection, command):
    connection.statement("CREATE (:Node:M {graph: 'default', id: 'theirs', energy: 5.0})-[:R]->(:M {key: 'mine'})")
    before = everything(connection)
    found = command("adopt", "--nodes=M", "--links=R", "--id-from=key", "--json")
    assert (found["nodes"], found["links"], found["already"]["nodes"]) == ({"M": 1}, {"R": 1}, 1)
    connection.statement("MATCH (a:M {id: 'mine'}), (b:M {id: 'theirs'}) CREATE (a)-[:R {log_weight: 1.0}]->(b)")
    connection.statement("MATCH (:M {id: 'mine'})-[r:R]->() DELETE r")
    done = command("adopt", "--undo", "--json")
    assert not done["books_dropped"]
    assert without_ledger(connection) == before


def test_what_changes_between_the_look_and_the_writing_is_not_written_over(connection):
    connection.statement("CREATE (:M {key: 'a'})-[:R]->(:M {key: 'b'})")
    graph = Neo4jGraph(connection, "default")
    wish = Wish(["M"], ["R"], {"M": "key"})
    for change in ("SET n.id = 'own'", "SET n.energy = 1", "SET n.key = 'other'", "REMOVE n:M", "DETACH DELETE n"):
        found = survey(graph, wish)
        connection.statement(f"MATCH (n {{key: 'a'}}) {change}")
        before = without_ledger(connection)
        with pytest.raises(ForeignChange, match="not as they were"):
            adopting.adopt(graph, wish, found)
        assert without_ledger(connection)[0] == before[0]
        adopting.give_back(graph, adopting.adopted(graph), 60.0)
        connection.statement("MATCH (n) WHERE NOT n:`__Neo4jMigration` DETACH DELETE n")
        connection.statement("CREATE (:M {key: 'a'})-[:R]->(:M {key: 'b'})")


def test_a_constraint_of_their_own_stands_and_what_was_done_is_undone(connection):
    connection.statement("CREATE (:M {key: 'a'}), (:M {key: 'b'})")
    connection.statement("CREATE CONSTRAINT theirs FOR (m:M) REQUIRE m.type IS UNIQUE")
    graph, wish = Neo4jGraph(connection, "default"), Wish(["M"], [])
    try:
        before = everything(connection)
        with pytest.raises(SchemaError, match="adopted in part"):
            adopting.adopt(graph, wish, survey(graph, wish), batch=1)
        assert len(adopting.adopted(graph).nodes) == 1
        adopting.give_back(graph, adopting.adopted(graph), 60.0)
        assert everything(connection) == before
    finally:
        connection.statement("DROP CONSTRAINT theirs")
