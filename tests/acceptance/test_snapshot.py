"""`stridegraph snapshot`, `restore` and `replay` as the how-to page has them, on a real Neo4j: what they print and write."""

import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.fault import test_hostile
from tests.stores import Neo4jStore, fill
from worker.errors import InputError
from worker.graph.neo4j import Neo4jGraph

pytestmark = pytest.mark.neo4j
PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "snapshot-and-replay.md").read_text()
LINES, RECORDING = (block.splitlines() for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
command = test_hostile.command


def test_every_line_of_the_page_does_what_it_says(connection, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Neo4jStore(Neo4jGraph(connection, "default"))
    fill(store)
    command("run", "--ticks=2")
    Path("stimuli.csv").write_text("tick,node,delta\n1,n001,5\n7,n002,2.5\n")
    said = []
    for line in LINES:
        words = shlex.split(line, comments=True)
        with monkeypatch.context() as patch:
            while "=" in words[0]:
                patch.setenv(*words.pop(0).split("=", 1))
            said.append(command(*words[1:]))
    taken, anonymous, plain, stimulated, changed, restored = said
    assert "the graph 'default' at tick 2" in taken
    digests = [re.search(r"digest (\w{64})\n", text)[1] for text in (taken, anonymous, plain, stimulated, restored)]
    assert digests[0] == digests[4]
    assert len({*digests, changed["digest"]}) == 5
    assert re.search(r"nodes +40\nlinks +150\n", taken)
    assert "500 ticks in" in plain
    assert changed["settings"] == {"tick.alpha": {"snapshot": 0.02, "here": 0.05}}
    assert (changed["ticks"], changed["tick"]) == (500, 502)
    assert "restored as 'monday': 40 nodes and 150 relationships, at tick 2" in restored
    ticks = pd.read_parquet("tried/ticks.parquet")
    assert ticks["energy_in"].tolist()[:7] == [5.0, 0, 0, 0, 0, 0, 2.5]
    ends = [json.loads(line) for line in Path("tried.jsonl").read_text().splitlines() if '"frame.end.v1"' in line]
    assert [end["energy_total"] for end in ends] == ticks["energy_total"].tolist()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "monday",
        "shared",
        "stimuli.csv",
        "tried",
        "tried.jsonl",
    ]
    monkeypatch.setenv("STRIDE_TICK__ALPHA", "0.05")
    told = CliRunner().invoke(test_hostile.app, ["replay", "monday", "--ticks=1"]).stderr
    assert "tick.alpha is 0.05, by STRIDE_TICK__ALPHA; the snapshot has 0.02" in told


def test_a_recording_is_made_and_replayed_as_the_page_has_it(connection, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Neo4jStore(Neo4jGraph(connection, "default"))
    fill(store)
    said = [
        command(*words[1:], *(["--ticks=4"] if words[1] == "run" else []))
        for words in (shlex.split(line, comments=True) for line in RECORDING)
    ]
    digests = [re.search(r"digest (\w{64})\n", text)[1] for text in (said[0], said[2], said[3])]
    assert digests[0] != digests[1] == digests[2]
    assert sorted(path.name for path in Path("recording").iterdir()) == [".lock", "000001.json", "000001.parquet"]
    table = pd.read_parquet("recording/000001.parquet")
    assert table["tick"].tolist() == [0, 1, 2, 3, 4]
    assert {"source", "target", "energy", "weight", "multiplier"} <= table["strides"][1][0].keys()
    found = command(
        "replay", "before", "--recording=recording", "--ticks=2", "--out=tried", "--events=e.jsonl", "--json"
    )
    assert (found["ticks"], found["tick"]) == (2, 2)
    assert pd.read_parquet("tried/ticks.parquet")["dt"].tolist() == [1.0, 1.0]
    assert Path("e.jsonl").read_text().count('"frame.end.v1"') == 2
    with monkeypatch.context() as patch:
        patch.setenv("STRIDE_TICK__ALPHA", "0.05")
        command("replay", "before", "--recording=recording", fails=True)
    for wrong in (
        ["--expect=before"],
        ["--recording=recording", "--dt=1"],
        ["--recording=recording", "--expect=before"],
    ):
        command("replay", "before", *wrong, fails=True)
    command("run", "--ticks=1", "--record=no/where", fails=True)
    command("run", "--graph=a", "--graph=b", "--record=recording", fails=True)
    command("run", "--ticks=1", "--record-strides", fails=True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("snapshot", "."), "it is there already"),
        (("snapshot", "no/where"), "there is no folder no"),
        (("replay", "."), "there is no manifest.json in it"),
        (("replay", "monday", "--dt=nan"), "--dt nan is not a number over 0"),
        (("replay", "monday", "--out=."), "it is there already"),
        (("restore", "nowhere", "--graph=x"), "there is no manifest.json in it"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_read(monkeypatch, tmp_path, arguments, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRIDE_NEO4J__URI", "bolt://127.0.0.1:9")
    with pytest.raises(InputError) as told:
        test_hostile.app(arguments, standalone_mode=False)
    assert says in str(told.value)
