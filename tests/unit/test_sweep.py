"""Sweeps of a small snapshot: each scenario is a replay, nothing is done twice, and what is wrong is named before all else."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import nullcontext

import pandas as pd
import pytest

from tests.stores import MemoryStore, fill
from tests.unit.test_archive import HOW
from worker.archive import plan, replay, scenario, sweep
from worker.archive.load import memory
from worker.archive.snapshot import take
from worker.errors import InputError, SettingsError, StrideError
from worker.graph.attach import attach, detach
from worker.graph.export import MemoryExport
from worker.graph.memory import MemoryGraph
from worker.settings import Settings
from worker.tick import tick

PLAN = """
ticks = 6
dt = 2.5
seeds = [3, 4]
[settings.plain]
[settings.bold]
tick.alpha = 0.2
select.epsilon = 0.5
decay.half_life = {"*" = 30}
weights.recompute_ticks = 4
[settings.all]
diffusion.impl = "matrix"
[stimuli]
one = {n002 = 5}
two = {n001 = 3, n007 = 2.5}
none = {}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A snapshot of a graph that a worker has left, with what lets nodes keep energy longer, links forget, and a queue."""
    store, settings = MemoryStore(MemoryGraph()), Settings.read(**HOW)
    keys = fill(store)
    store.member(keys[0], store.entity(id="E"), weight=1.0)
    store.link(keys[3], keys[4], "KNOWS")
    held = attach(store.graph, settings, "me")
    for _ in range(3):
        tick(held, 2.5)
    detach(held)
    store.stimulus(minute=9, id="later", node="n003", delta=1.0)
    folder = tmp_path_factory.mktemp("sweep") / "s"
    take(nullcontext(MemoryExport(store.graph)), folder, settings)
    return folder


def planned(folder, tmp_path, text=PLAN, name="results"):
    path = tmp_path / "plan.toml"
    path.write_text(text)
    snapshot, tables = replay.opened(folder)
    return sweep.Sweep(
        tmp_path / name, snapshot, plan.scenarios(plan.read(path), snapshot, set(tables.nodes["id"].to_pylist()))
    )


def tables(folder):
    scenarios, energies = (pd.read_parquet(folder / f"{kind}.parquet") for kind in ("scenarios", "energies"))
    return scenarios.drop(columns=["ms", "seconds"]), energies


def test_each_scenario_is_a_replay_of_the_same(folder, tmp_path):
    what = planned(folder, tmp_path)
    manifest = sweep.sweep(what, 1)
    assert manifest["files"]["scenarios.parquet"]["rows"] == len(what.scenarios) == 18
    names = [(own.settings, own.seed, own.stimuli) for own in what.scenarios]
    assert names == [(a, b, c) for a in ("plain", "bold", "all") for b in (3, 4) for c in ("one", "two", "none")]
    scenarios, energies = tables(what.folder)
    assert scenarios["digest"].nunique() >= 12  # of those that explore, each seed's is another
    assert sorted(path.name for path in what.folder.iterdir()) == [
        ".lock", "energies.parquet", "scenarios.parquet", "sweep.json",
    ]  # fmt: skip
    for own, row in zip(what.scenarios, scenarios.to_dict("records"), strict=True):
        graph, settings = memory(replay.opened(folder)[1]), Settings.read(**json.loads(own.values))
        found = replay.replay(graph, settings, replay.Plan(own.ticks, own.dt, own.told))
        out = tmp_path / f"replayed{own.number}"
        replay.write(out, graph, found)
        nodes, ticks = pd.read_parquet(out / "nodes.parquet"), pd.DataFrame(found.frames)
        nodes, mine = nodes[nodes["energy"] > 0], energies[energies["scenario"] == own.number]
        assert mine["node"].tolist() == nodes["id"].tolist()
        assert mine["energy"].tolist() == nodes["energy"].tolist()
        assert row["digest"] == found.held.ledger.digest
        assert (row["tick"], row["nodes"], row["strides"]) == (9, len(nodes), ticks["strides"].sum())
        assert (row["energy_total"], row["active"]) == (
            ticks["energy_total"].iloc[-1],
            ticks["frontier_active"].iloc[-1],
        )
        assert (
            row["injected"]
            == ticks["energy_in"].sum()
            == pytest.approx(1.0 + sum(t.delta for t in own.told.get(1, ())))
        )
        assert row["conservation_error"] < 1e-12


def test_a_sweep_goes_on_where_it_ended_and_does_nothing_twice(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "CHUNK", 4)
    whole = planned(folder, tmp_path, name="whole")
    sweep.sweep(whole, 2)
    what, ran, heard = planned(folder, tmp_path), [], []

    def run(snapshot, own):
        if len(ran) == 9:
            raise KeyboardInterrupt
        ran.append(own.number)
        return scenario.run(snapshot, own)

    monkeypatch.setattr(sweep, "run", run)
    with pytest.raises(KeyboardInterrupt):
        sweep.sweep(what, 1, heard.append)
    assert heard == [0, 4, 4]
    assert not (what.folder / "scenarios.parquet").exists()
    (what.folder / "parts" / ".000002.energies.parquet.77").write_bytes(b"half")  # as a kill leaves it
    heard.clear()
    done = ran[:8]
    ran.clear()
    with monkeypatch.context() as patch:
        patch.setattr(sweep, "run", lambda snapshot, own: (ran.append(own.number), scenario.run(snapshot, own))[1])
        sweep.sweep(what, 1, heard.append)
    assert (done, ran) == (list(range(8)), list(range(8, 18)))
    assert heard == [8, 4, 4, 2]
    for ours, theirs in zip(tables(what.folder), tables(whole.folder), strict=True):
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    before = {path: path.stat().st_mtime_ns for path in what.folder.glob("*.*")}
    told = []
    sweep.sweep(what, 1, told.append)
    assert told == [18]
    assert before == {path: path.stat().st_mtime_ns for path in what.folder.glob("*.*")}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda what: planned_again(what, PLAN.replace("n002 = 5", "n002 = 6")), "begun with another plan"),
        (lambda what: planned_again(what, PLAN.replace("0.2", "0.21")), "begun with another plan"),
        (lambda what: what.manifest.update(snapshot="0" * 64), "begun with another snapshot"),
        (lambda what: what.manifest.update(program="0.0"), "begun with another version"),
        (lambda what: (what.folder / "sweep.json").write_text("{}"), "not of a stridegraph sweep"),
        (lambda what: (what.folder / "sweep.json").unlink(), "it is there, and is no sweep"),
        (lambda what: (what.folder / "energies.parquet").write_bytes(b"x"), "it has 1 bytes"),
    ],
)
def test_a_folder_of_something_else_is_refused(folder, tmp_path, change, says):
    what = planned(folder, tmp_path, PLAN.replace("[3, 4]", "[3]"))
    sweep.sweep(what, 1)
    changed = change(what)
    with pytest.raises(InputError, match=says):
        sweep.sweep(changed if isinstance(changed, sweep.Sweep) else what, 1)


def planned_again(what, text):
    return planned(what.snapshot.folder, what.folder.parent, text.replace("[3, 4]", "[3]"))


def test_a_snapshot_that_is_another_by_now_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "s")
    with pytest.raises(InputError, match="another snapshot than when this began"):
        scenario.original(str(tmp_path / "s"), "0" * 64)


@pytest.mark.parametrize(
    ("text", "says", "helps"),
    [
        ("ticks = ", "plan.toml: it is no TOML", "sweep.md"),
        ("\x00", "it is no TOML", "sweep.md"),
        ("ticks = 5", "there is nothing to sweep", "sweep.md"),
        ("ticks = 5\nstimuli = {}", "stimuli are empty", "sweep.md"),
        ("ticks = 5\nsettings = {}", "settings are no tables", r"\[settings.bold\]"),
        ("seeds = [1]", "how many ticks", "ticks = 20"),
        ("ticks = 1.5\nseeds = [1]", "no whole number", "ticks = 20"),
        ("ticks = 0\nseeds = [1]", "ticks = 0 is not a number over 0", "1e\\+06"),
        ("ticks = 5\ndt = nan\nseeds = [1]", "dt = nan is not a number over 0", "3600"),
        ("ticks = 5\nseeds = []", "no list of whole numbers", r"\[0, 1\]"),
        ("ticks = 5\nseeds = [1, 1]", "a seed is there twice", "leave one out"),
        ("ticks = 5\nseed = [1]", "seed: there is no such key", "seeds"),
        ("ticks = 5\n[settings.a]\nselect.topp = 1", "settings 'a': select.topp: there is no such", "did you mean select.topk"),
        ("ticks = 5\n[settings.a]\nneo4j.uri = 'x'", "settings 'a': neo4j.uri: there is no such", ""),
        ("ticks = 5\n[settings.a]\ntick = 1", "settings 'a': tick: there is no such", ""),
        ("ticks = 5\n[settings.a]\nselect.topk = 65", "settings 'a': STRIDE_SELECT__TOPK = 65", "settings.md"),
        ("ticks = 5\n[settings.a]\ndiffusion.impl = 'legacy'\ntick.alpha = 1", "a product of at most 1", ""),
        ("ticks = 5\n[stimuli]\na = {n01 = 2}", "stimuli 'a': there is no node 'n01'", "did you mean 'n"),
        ("ticks = 5\n[stimuli]\na = {n001 = -2}", "stimuli 'a': -2 for 'n001' is not a number over 0", ""),
        ("ticks = 5\n[stimuli]\na.n.01 = 2", "stimuli 'a': {'01': 2} for 'n' is not a number", "in quotation marks"),
        ("ticks = 5\n[stimuli]\na = {n001 = 2e9}", "is over tick.energy_max", "up to 1e"),
        ("ticks = 5\nstimuli = 'nowhere.csv'", "nowhere.csv", ""),
        ("ticks = 5\nstimuli = 'a.csv'", "there is no column 'name'", "name, node, delta"),
        ("ticks = 5\nstimuli = 'b.csv'", "b.csv row 3: tick '9' is none from 1 to 5", "correct"),
        ("ticks = 5\nstimuli = 'c.csv'", "c.csv row 2: delta 'much' is not a number", "correct"),
        ("ticks = 5\nstimuli = 'd.csv'", "stimuli are empty", "sweep.md"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_before_anything_is_written(folder, tmp_path, text, says, helps):
    (tmp_path / "a.csv").write_text("node,delta\nn001,1\n")
    (tmp_path / "b.csv").write_text("name,node,delta,tick\nx,n001,1,1\nx,n001,1,9\n")
    (tmp_path / "c.csv").write_text("name,node,delta\nx,n001,much\n")
    (tmp_path / "d.csv").write_text("name,node,delta\n")
    with pytest.raises(StrideError, match=says) as told:
        planned(folder, tmp_path, text)
    assert isinstance(told.value, InputError | SettingsError)
    assert not helps or re.search(helps, told.value.remedy), told.value.remedy
    assert not (tmp_path / "results").exists()


def test_stimuli_of_a_table_come_at_their_ticks(folder, tmp_path):
    rows = [("a", "n001", 1.0, 1), ("b", "n001", 2.0, 3), ("a", "n002", 3.0, 4)]
    pd.DataFrame(rows, columns=["name", "node", "delta", "tick"]).to_parquet(tmp_path / "t.parquet")
    what = planned(folder, tmp_path, "ticks = 4\nstimuli = 't.parquet'")
    assert [(own.stimuli, list(own.told)) for own in what.scenarios] == [("a", [1, 4]), ("b", [3])]
    sweep.sweep(what, 1)
    assert tables(what.folder)[0]["injected"].tolist() == [5.0, 3.0]


def test_settings_set_here_are_part_of_the_plan(folder, tmp_path, monkeypatch):
    sweep.sweep(planned(folder, tmp_path, "ticks = 1\nseeds = [1]"), 1)
    monkeypatch.setenv("STRIDE_TICK__ALPHA", "0.3")
    with pytest.raises(InputError, match="begun with another plan"):
        sweep.check(planned(folder, tmp_path, "ticks = 1\nseeds = [1]"))
