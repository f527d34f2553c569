"""`stridegraph sweep`, and `compare` of a snapshot, as the how-to pages have them, on a real Neo4j."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from tests.fault import test_hostile
from tests.stores import Neo4jStore, fill
from worker.graph.neo4j import Neo4jGraph

pytestmark = pytest.mark.neo4j
DOCS = Path(__file__).parents[2] / "docs" / "how-to"
command = test_hostile.command


def blocks(page, kind):
    return re.findall(rf"```{kind}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def words(block):
    return [shlex.split(line, comments=True)[1:] for line in block.replace("\\\n", "").splitlines()]


@pytest.fixture
def there(connection, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    store = Neo4jStore(Neo4jGraph(connection, "default"))
    keys = fill(store)
    for own in ("coffee.n.01", "tea.n.01"):
        store.link(store.node(id=own, type="Memory"), keys[7], log_weight=0.5)
    return store


def test_every_line_of_the_page_on_sweeps_does_what_it_says(there, command):
    small, large = blocks("sweep.md", "toml")
    Path("plan.toml").write_text(small)
    Path("many.toml").write_text(large)
    Path("stimuli.csv").write_text("name,node,delta\n" + "".join(f"{i},n{i:03},{1 + i}\n" for i in range(40)))
    (lines,) = blocks("sweep.md", "sh")
    _, first, again, many = [command(*line) for line in words(lines)]
    assert "results: 12 scenarios, " in first
    assert re.search(r"12 of them in \d+\.\d s", first)
    assert (again["ran"], again["scenarios"]) == (0, 12)
    assert "many: 40 scenarios, " in many
    assert {path.name for path in Path("results").iterdir()} == {
        ".lock", "energies.parquet", "scenarios.parquet", "sweep.json",
    }  # fmt: skip
    scenarios, energies = (pd.read_parquet(f"results/{kind}.parquet") for kind in ("scenarios", "energies"))
    text = (DOCS / "sweep.md").read_text()
    named = re.search(r"\| `scenarios.parquet` \| scenario: (.*?) \|\n", text)[1]
    assert set(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", named))) == set(scenarios.columns)
    assert energies.columns.tolist() == ["scenario", "node", "energy"]
    assert scenarios["settings"].tolist() == ["plain"] * 6 + ["bold"] * 6
    assert scenarios["stimuli"].tolist() == ["coffee", "both", "none"] * 4
    totals = energies.groupby("scenario")["energy"].sum()
    assert totals.to_numpy() == pytest.approx(scenarios["energy_total"].to_numpy(), rel=1e-12)


def test_a_snapshot_is_compared_as_the_page_has_it(there, command):
    _, lines = blocks("compare-settings.md", "sh")
    snapshot, run, plain, recorded = words(lines)
    command(*snapshot)
    command("inject", "n005", "4")
    command(*run, "--ticks=6")
    command("inject", "n001", "4")
    taken = command("snapshot", "after", "--json")
    said = command(*plain)
    assert "L1 distance" in said
    assert "<svg" in Path("compared.html").read_text()
    found = command(*recorded)
    assert (found["ticks"], found["snapshot"], found["recording"]) == (taken["tick"], "before", "recording")
    assert found["a"]["injected"] == found["b"]["injected"] == sum(1.5 + i for i in range(4)) + 4.0
    ledger = pd.read_parquet("after/ledger.parquet").iloc[0]
    assert found["a"]["digest"] == ledger["digest"]  # what the worker did
    other = command("compare", "before", "--recording=recording", "--b=diffusion.impl=matrix", "--json")
    assert other["a"]["digest"] == ledger["digest"] != other["b"]["digest"]
    live = command("compare", "--b", "tick.alpha=0.1", "--ticks=3", "--json", "--hold=20")
    assert (live["snapshot"], live["nodes"], live["a"]["injected"]) == (None, 42, 0.0)
    with_queue = command("compare", "after", "--b", "tick.alpha=0.1", "--ticks=3", "--json")
    assert with_queue["a"]["injected"] == 4.0  # what waited comes first, as in a replay
    assert (found["dt"], with_queue["dt"]) == (1.0, 5.0)
    for wrong in (
        ["--recording=recording", "--b=tick.alpha=0.1"],
        ["before", "--recording=recording", "--b=tick.alpha=0.1", "--dt=1"],
        ["before", "--graph=default", "--b=tick.alpha=0.1"],
        ["before", "--b=tick.alpha=0.1", "--stimulus=n0001=1"],
        ["nowhere", "--b=tick.alpha=0.1"],
    ):
        command("compare", *wrong, fails=True)
