"""Every query is EXPLAINed on a real server: one that a tick runs may seek, and never scans (DESIGN)."""

import neo4j
import pytest

from tests.stores import Neo4jStore, fill
from worker.graph.neo4j import Neo4jGraph
from worker.graph.queries import folder

pytestmark = [pytest.mark.neo4j, pytest.mark.smoke]
SCANS = (
    "AllNodesScan",
    "NodeByLabelScan",
    "RelationshipTypeScan",
    "AllRelationshipsScan",
    "NodeIndexScan",
    "CartesianProduct",
)
SCHEMA = ("migrations_unique",)  # statements that change the schema: there is no plan to look at


_forgotten = set()


@pytest.fixture(autouse=True)
def _planned_for_what_is_there(connection):
    """Have each server forget, once, the plans that it has made for other graphs."""
    if connection.settings.uri not in _forgotten:
        _forgotten.add(connection.settings.uri)
        connection.statement("CALL db.clearQueryCaches()")


def names():
    root = folder("cypher")
    return sorted(
        f"{stage.name}/{path.name.removesuffix('.cypher')}" for stage in root.iterdir() for path in stage.iterdir()
    )


def operators(plan):
    yield plan["operatorType"].partition("@")[0]
    for child in plan.get("children", []):
        yield from operators(child)


def planned(connection, name):
    """Return the operators of a query's plan."""
    settings = connection.settings
    auth = (settings.user, settings.password.get_secret_value())
    with neo4j.GraphDatabase.driver(settings.uri, auth=auth) as driver, driver.session() as session:
        return list(operators(session.run(f"EXPLAIN {connection.text(name)}").consume().plan))


def scans(connection, name):
    return [operator for operator in planned(connection, name) if any(scan in operator for scan in SCANS)]


@pytest.mark.parametrize("name", [name for name in names() if not any(word in name for word in SCHEMA)])
def test_a_query_is_valid_and_scans_only_where_its_header_says_so(connection, name):
    fill(Neo4jStore(Neo4jGraph(connection, "default")))
    found = scans(connection, name)
    text = connection.text(name)
    may_scan = any("scan" in line.lower() for line in text.splitlines() if line.startswith("// Plan:"))
    assert may_scan or not found, f"{name} scans: {found}"


@pytest.mark.parametrize("name", ["load/best", "load/links", "load/nodes"])
def test_what_a_tick_loads_is_sought_where_going_through_an_index_looks_cheap_too(connection, name):
    fill(Neo4jStore(Neo4jGraph(connection, "default")), nodes=200, links=200)
    connection.statement("CALL db.clearQueryCaches()")
    assert not scans(connection, name)


PARTS = ("intake/pending", "intake/compact", "decay/forget", "snapshot/nodes", "snapshot/entities")


@pytest.mark.parametrize("name", PARTS)
def test_what_reads_a_part_reads_no_further(connection, name):
    """A million of which a thousand are asked for: the index gives them in order."""
    found = planned(connection, name)
    assert {"PartialTop", "Limit"} & set(found), found
