"""Adopting graphs that were not made for this, on a real Neo4j: nothing of theirs is changed, and undo leaves no trace."""

import json
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from tests.fault import test_hostile
from worker.errors import ForeignChange, InputError, Refused, StrideError, Unreachable
from worker.graph import adopt as adopting
from worker.graph import desk
from worker.graph.connection import Connection, Transaction
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
NODES = "MATCH (n) WHERE NOT n:`__Neo4jMigration` RETURN id(n) AS id, labels(n) AS labels, properties(n) AS p"
LINKS = (
    "MATCH (a)-[r]->(b) WHERE NOT a:`__Neo4jMigration`"
    " RETURN id(r) AS id, id(a) AS a, id(b) AS b, type(r) AS type, properties(r) AS p"
)
SCHEMA = ("SHOW INDEXES YIELD name, type, labelsOrTypes, properties", "SHOW CONSTRAINTS YIELD name, type, labelsOrTypes")


def everything(connection):
    """Return all that a database holds but the chain of migrations: to the last property, its type with it."""
    nodes = sorted((row["id"], sorted(row["labels"]), exact(row["p"])) for row in connection.statement(NODES))
    links = sorted((row["id"], row["a"], row["b"], row["type"], exact(row["p"])) for row in connection.statement(LINKS))
    return nodes, links, [sorted(map(repr, connection.statement(text))) for text in SCHEMA]


def exact(properties):
    return sorted((name, type(value).__name__, repr(value)) for name, value in properties.items())


def test_movies_are_adopted_tick_and_are_given_back(connection, command):
    connection.statement(MOVIES)
    before = everything(connection)
    how = ("--nodes=Person,Movie", "--links=ACTED_IN,REVIEWED,FOLLOWS", "--weight-from=REVIEWED=rating", "--json")
    ids = ("--id-from=Person=name", "--id-from=Movie=title")
    planned = command("adopt", *how, *ids, "--dry-run")
    assert everything(connection) == before
    found = command("adopt", *how, *ids)
    same = ("nodes", "links", "log_weight", "already", "left", "own_type", "without_weight", "obstacles")
    assert [found[name] for name in same] == [planned[name] for name in same]
    counted = {row["type"]: row["n"] for row in connection.statement("MATCH ()-[r]->() RETURN type(r) AS type, count(*) AS n")}
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
    command("adopt", "--undo", fails=True)
    assert command("adopt", "--undo", "--dry-run", "--json")["ticks"] == 8
    done = command("adopt", "--undo", "--yes", "--json")
    assert (done["nodes"], done["links"], done["books_dropped"]) == (52, sum(found["links"].values()), True)
    assert everything(connection) == before
    command("adopt", "--undo", fails=True)
