"""How-to pages that have no test of their own: each of their lines is run on a real Neo4j, and does what the page says."""

import re
import shlex
from pathlib import Path

import pytest

from tests.fault import test_hostile
from tests.stores import Neo4jStore, fill
from worker.graph.neo4j import Neo4jGraph

pytestmark = pytest.mark.neo4j
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
command = test_hostile.command


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (HOW_TO / page).read_text(), re.DOTALL)


@pytest.fixture
def told(command, monkeypatch):
    """Run the lines of a block, with the variables that stand before them; return what each has printed."""

    def told(block):
        said = []
        for line in block.splitlines():
            words = shlex.split(line)
            with monkeypatch.context() as patch:
                while "=" in words[0]:
                    patch.setenv(*words.pop(0).split("=", 1))
                said.append(command(*words[1:]))
        return said

    return told


def test_tune(connection, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(Neo4jStore(Neo4jGraph(connection, "default")))
    first, live = (block for block in blocks("tune.md", "sh"))
    taken, page, found, replayed = told(first)
    assert "the graph 'default' at tick 0" in taken
    assert "tick.alpha" in page
    assert "0.04" in Path("alpha.html").read_text()
    assert found["b"]["changes"] == {"select.topk": 8}
    assert found["l1"] > 0.0
    assert "100 ticks in" in replayed
    ticked, top = told(live)
    assert ticked.count("tick") >= 3
    assert "n003" in top or "n00" in top


def test_from_pagerank(connection, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("URI", connection.settings.uri),
        ("USER", connection.settings.user),
        ("PASSWORD", connection.settings.password.get_secret_value()),
    ):
        monkeypatch.setenv(f"STRIDE_NEO4J__{name}", value)
    prepare, compare = blocks("from-pagerank.md", "python")
    known = {}
    exec(compile(prepare, "from-pagerank.md", "exec"), known)
    (imported,) = told(*blocks("from-pagerank.md", "sh"))
    assert re.search(r"links +508 created", imported)
    exec(compile(compare, "from-pagerank.md", "exec"), known)
    said = re.search(r"On this graph that prints (\d\.\d) and (\d\.\d)", (HOW_TO / "from-pagerank.md").read_text())
    assert [f"{known['few']:.1f}", f"{known['all_links']:.1f}"] == list(said.groups())
