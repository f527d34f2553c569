"""`stridegraph adopt` as the how-to page has it, on a real Neo4j: every line does what it says, and all of it can be taken back."""

import re
import shlex
from pathlib import Path

import pytest

from tests.fault import test_hostile
from tests.integration.test_adopt import everything
from worker.graph.migrate import migrate

pytestmark = pytest.mark.neo4j
PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "your-own-graph.md").read_text()
command = test_hostile.command


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def statements(block):
    return [text for text in block.split(";") if text.strip()]


def test_every_line_of_the_page_does_what_it_says(connection, command):
    made, renamed, dropped = blocks("cypher")
    for text in statements(made):
        connection.statement(text)
    before = everything(connection)
    taken, given_back = (
        [command(*shlex.split(line, comments=True)[1:]) for line in block.splitlines()] for block in blocks("sh")
    )
    planned, adopted, checked, _, _, top, recalled = taken
    (shown,) = blocks("text")
    assert planned.startswith(shown.rstrip("\n"))
    assert adopted.splitlines()[:-1] == shown.splitlines()[:-1]
    assert "nothing is wrong with the graph 'default'" in checked
    assert {"garden", "dig the pond"} <= set(re.findall(r"garden|dig the pond", top))
    assert "garden" in recalled
    assert "4 nodes and 3 links would be given back as they were" in given_back[0]
    assert "given back as they were, and what the worker kept of the graph is gone" in given_back[1]
    assert everything(connection) == before
    connection.statement("MATCH (n:Memory {name: 'rain'}) SET n.energy = 3")
    command("adopt", "--nodes=Memory", fails=True)
    for text in statements(renamed):
        connection.statement(text)
    command("adopt", "--nodes=Memory", "--dry-run")
    try:
        for text in statements(dropped):
            connection.statement(text)
        assert connection.statement("SHOW INDEXES YIELD name WHERE name STARTS WITH 'stridegraph'") == []
        assert connection.statement("SHOW CONSTRAINTS YIELD name WHERE name STARTS WITH 'stridegraph'") == []
    finally:
        migrate(connection)
