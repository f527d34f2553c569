"""`stridegraph explain` as the how-to page has it, on a real Neo4j: every line does what it says, to the digit."""

import math
import re
import shlex
from pathlib import Path

import pytest

from tests.fault import test_hostile

pytestmark = pytest.mark.neo4j
PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "explain.md").read_text()
command = test_hostile.command


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def test_every_line_of_the_page_does_what_it_says(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    nodes, links, shown, *_ = blocks("text")
    Path("nodes.csv").write_text(nodes)
    Path("links.csv").write_text(links)
    lines = blocks("sh")[0].splitlines()
    *_, tree, found = [command(*shlex.split(line, comments=True)[1:]) for line in lines]
    assert [line.rstrip() for line in tree.splitlines()] == shown.splitlines()
    assert (found["tick"], found["since"], found["node"]) == (20, 1, "morning")
    for amounts in (found["sources"].values(), [branch["amount"] for branch in found["branches"]]):
        assert math.isclose(math.fsum(amounts), found["energy"], rel_tol=1e-9)
    assert [root["id"] for root in found["roots"] if root["kind"] == "stimulus"] == ["first"]
    assert all(not branch["branches"] for branch in found["branches"])
    for code in blocks("python"):
        exec(compile(code, "explain.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == ["90% from coffee", "9% from cup", "1% from tea"]
    command("explain", "mornin", "--recording=recording", fails=True)
    command("explain", "morning", "--recording=recording", "--tick=41", fails=True)
