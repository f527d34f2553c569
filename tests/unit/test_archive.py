"""Snapshots of graphs in memory: what is in their files, what is refused, and what ticks on them give."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.stores import MemoryStore, fill
from worker.archive import files, replay
from worker.archive.digest import digest
from worker.archive.load import memory
from worker.archive.replay import Plan, Told
from worker.archive.snapshot import NOBODY, settings_of, state_of, take
from worker.archive.tables import SCHEMAS
from worker.errors import InputError, SettingsError
from worker.graph.attach import attach, detach
from worker.graph.export import MemoryExport
from worker.graph.memory import MemoryGraph
from worker.settings import Settings
from worker.tick import tick

HOW = {
    "decay": {"settle": 5.0, "half_life": {"*": 60.0}},
    "weight_decay": {"enabled": True, "every": 6.0, "half_life": {"*": 1e-3}},
    "consolidation": {"enabled": True, "goal": "Task"},
    "resistance": {"enabled": True, "degree": 8},
    "fanout": {"frontier_cap": 100},
    "learning": {"rate": 0.1},
}
PLAN = Plan(6, 2.5, {1: [Told("a", "n002", 1.0)], 4: [Told("b", "n007", 2.0), Told("c", "n002", 0.5)]})


@pytest.fixture
def settings():
    return Settings.read(**HOW)


@pytest.fixture
def left(settings):
    """A graph that a worker has left, with a queue, and whatever else there may be."""
    left = MemoryStore(MemoryGraph())
    keys = fill(left)
    for number, own in enumerate(("E1", "E2")):
        left.member(keys[number], left.entity(id=own, name="x"), weight=1.0 + number)
    left.set_node(keys[9], label="secret", energy="high", visits="many")
    left.link(keys[3], keys[4], "R", log_weight=math.nan, note="secret")
    left.link(keys[3], keys[4], "KNOWS")
    held = attach(left.graph, settings, "me")
    for _ in range(3):
        tick(held, 2.5)
    detach(held)
    left.stimulus(minute=9, id="later", node="n003", delta=1.0, source="secret")
    left.stimulus(minute=8, id="shared", budget=2.0, candidates=["n009", "n001", "gone"], similarity=[1.0, 0.5, 0.1])
    left.stimulus(minute=7, id="s0", node="n001", delta=1.0)  # was applied before
    left.stimulus(minute=7, id="bad", node="n001", delta="much")
    return left


def snapshot(graph, folder, settings, **how):
    return take(nullcontext(MemoryExport(graph)), folder, settings, **how)


def state(graph):
    return digest(state_of(MemoryExport(graph)))


def replayed(folder, settings, plan=PLAN):
    """Return the graph that a snapshot becomes, and how that went."""
    graph = memory(replay.opened(folder)[1])
    return graph, replay.replay(graph, settings, plan)


def on(graph, settings, plan=PLAN):
    """Run a plan as a worker does, with a restart in between."""
    held = attach(graph, settings, "me")
    for number in range(1, plan.ticks + 1):
        for told in plan.stimuli.get(number, ()):
            MemoryStore(graph).stimulus(minute=100 + number, id=told.id, node=told.node, delta=told.delta)
        tick(held, plan.dt)
        if number == 3:
            detach(held)
            held = attach(graph, settings, "you")
    detach(held)
    return held.ledger


def test_it_goes_on_as_the_graph_does(left, settings, tmp_path):
    manifest = snapshot(left.graph, tmp_path / "a", settings)
    assert manifest["digest"] == state(left.graph) == state(memory(replay.opened(tmp_path / "a")[1]))
    ledger = on(left.graph, settings)
    graph, found = replayed(tmp_path / "a", settings)
    assert found.frames[-1]["digest"] == ledger.digest
    assert found.digest == state(left.graph) != manifest["digest"]
    assert [entry["id"] for entry in graph.rejected] == ["bad", "s0"]
    assert {"later", "shared", "a", "b", "c"} <= graph.applied.keys()


def test_one_taken_of_a_tick_that_is_not_closed_closes_it(left, settings, tmp_path, monkeypatch):
    held = attach(left.graph, settings, "me")
    monkeypatch.setattr(left.graph, "decay", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tick(held, 2.5)
    monkeypatch.undo()
    assert snapshot(left.graph, tmp_path / "a", settings)["phase"] == "committed"
    left.graph.release(held.ledger.fence)
    ledger = on(left.graph, settings)
    assert replayed(tmp_path / "a", settings)[1].frames[-1]["digest"] == ledger.digest


def written_anew(folder, to, *, seed, rows):
    """Write a snapshot's tables with their rows in another order, in groups of so many; and seal it."""
    to.mkdir()
    writer = files.Writer(to)
    for kind in SCHEMAS:
        table = pq.read_table(folder / f"{kind}.parquet").cast(SCHEMAS[kind])
        order = pd.Series(range(table.num_rows)).sample(frac=1, random_state=seed).tolist()
        table = table.take(pa.array(order, pa.int64()))
        for lo in range(0, table.num_rows, rows):
            writer.write(kind, table.slice(lo, rows))
    writer.close()
    known = json.loads((folder / files.MANIFEST).read_text())
    del known["sha256"], known["files"]
    writer.finish(known)


def test_the_order_of_rows_and_their_groups_change_no_bit(left, settings, tmp_path):
    snapshot(left.graph, tmp_path / "a", settings)
    _, expected = replayed(tmp_path / "a", settings)
    for seed, rows in ((1, 7), (2, 1000)):
        written_anew(tmp_path / "a", tmp_path / str(seed), seed=seed, rows=rows)
        _, found = replayed(tmp_path / str(seed), settings)
        assert found.digest == expected.digest
        assert found.frames[-1]["digest"] == expected.frames[-1]["digest"]


def test_pages_and_batches_change_no_bit(left, settings, tmp_path, monkeypatch):
    whole = snapshot(left.graph, tmp_path / "a", settings)
    monkeypatch.setattr("worker.graph.export.PAGE", 3)
    monkeypatch.setattr("worker.graph.export.LINKS", 5)
    pieces = snapshot(left.graph, tmp_path / "b", settings)
    assert pieces["digest"] == whole["digest"]
    assert replayed(tmp_path / "a", settings)[1].digest == replayed(tmp_path / "b", settings)[1].digest


def test_its_digest_is_taken_piece_by_piece_and_is_that_of_the_whole(left, settings, tmp_path, monkeypatch):
    """So a snapshot's memory does not grow with its links; where the order of ids is another, all is read at once."""
    monkeypatch.setattr("worker.graph.export.PAGE", 3)
    monkeypatch.setattr("worker.graph.export.LINKS", 5)
    monkeypatch.setattr("worker.archive.digest.IN_MEMORY", 100)  # so that texts are put down in files
    nameless = left.node(label="no id")
    left.link(nameless, left.graph.keys({"n005"})["n005"], "R", log_weight=1.0)
    left.link(left.graph.keys({"n005"})["n005"], nameless, "R", log_weight=0.5)
    with monkeypatch.context() as patch:
        patch.setattr(files, "digest", None)
        manifest = snapshot(left.graph, tmp_path / "a", settings)
    assert pq.ParquetFile(tmp_path / "a" / "links.parquet").num_row_groups > 10
    assert manifest["digest"] == state(left.graph)
    assert sorted(path.suffix for path in (tmp_path / "a").iterdir()) == [".json", *[".parquet"] * len(SCHEMAS)]
    left.link(left.node(id=""), nameless, "R", log_weight=0.7)  # it sorts as what has no id does
    assert snapshot(left.graph, tmp_path / "b", settings)["digest"] == state(left.graph) != manifest["digest"]


def test_another_process_of_another_hash_seed_gives_the_same_bits(left, settings, tmp_path):
    snapshot(left.graph, tmp_path / "a", settings)
    _, expected = replayed(tmp_path / "a", settings, Plan(6, 2.5, {}))
    command = [sys.executable, "-m", "worker.cli", "replay", str(tmp_path / "a"), "--ticks=6", "--dt=2.5", "--json"]
    env = {**os.environ, "PYTHONHASHSEED": "12345"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["digest"] == expected.digest


def test_any_reader_of_parquet_takes_it_as_it_is(left, settings, tmp_path, monkeypatch):
    snapshot(left.graph, tmp_path / "a", settings)
    tables = {kind: pd.read_parquet(tmp_path / "a" / f"{kind}.parquet") for kind in SCHEMAS}
    assert list(tables["nodes"]["id"]) == sorted(tables["nodes"]["id"])
    assert tables["links"]["log_weight"].dtype == tables["nodes"]["energy"].dtype == float
    assert list(tables["nodes"]["embedding"].dropna().iloc[0]) == left.graph.node[1]["embedding"]
    assert list(tables["stimuli"]["id"]) == ["bad", "s0", "shared", "later"]
    assert tables["ledger"]["tick"].tolist() == [3]
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as by_duck:
        for kind in SCHEMAS:
            found = by_duck.sql(f"FROM 'a/{kind}.parquet'").to_arrow_table()
            assert repr(found.to_pylist()) == repr(pq.read_table(tmp_path / "a" / f"{kind}.parquet").to_pylist())
        joined = "SELECT n.energy, l.type FROM 'a/links.parquet' l JOIN 'a/nodes.parquet' n ON n.id = l.target"
        assert len(by_duck.sql(joined).fetchall()) == tables["links"]["target"].notna().sum()
    for kind in SCHEMAS:
        plain = {str(column) for column in pq.ParquetFile(tmp_path / "a" / f"{kind}.parquet").schema_arrow.types}
        assert plain <= {"string", "int64", "double", "bool", "list<element: double>", "list<element: string>"}


def test_anonymised_it_has_the_same_physics_and_no_name(left, settings, tmp_path):
    known = snapshot(left.graph, tmp_path / "a", settings)
    manifest = snapshot(left.graph, tmp_path / "b", settings, anonymous=True)
    assert manifest["graph"] == NOBODY
    tables = {kind: pq.read_table(tmp_path / "b" / f"{kind}.parquet") for kind in SCHEMAS}
    told = json.dumps(manifest) + json.dumps({kind: table.to_pylist() for kind, table in tables.items()})
    assert not [word for word in ("n00", "n01", "secret", "later", "E1", "gone") if word in told]
    assert tables["nodes"]["embedding"].null_count == 40  # no goal, which alone they are compared with
    assert manifest["files"]["links.parquet"]["rows"] == known["files"]["links.parquet"]["rows"]

    plan, anonymous = (Plan(6, 2.5, {2: [Told("x", own, 2.0)]}) for own in ("n007", "000000000007"))
    ours, found = replayed(tmp_path / "a", settings, plan)
    theirs, same = replayed(tmp_path / "b", settings, anonymous)
    assert [node.get("energy") for _, node in sorted(theirs.node.items())][:9] == [
        node.get("energy") for _, node in sorted(ours.node.items())
    ][:9]
    for name in ("energy_total", "strides", "energy_transferred", "frontier_active"):
        assert [frame[name] for frame in found.frames] == [frame[name] for frame in same.frames]
    assert [link.properties.get("log_weight") for _, link in sorted(theirs.link.items())][:100] == [
        link.properties.get("log_weight") for _, link in sorted(ours.link.items())
    ][:100]
    assert len(theirs.rejected) == len(ours.rejected) == 2


def test_who_takes_turns_goes_on_with_the_next_when_anonymised(settings, tmp_path):
    graph = MemoryGraph()
    keys = [graph.add_node(id=f"n{i:03}", energy=5.0) for i in range(150)]
    for i, key in enumerate(keys):
        graph.add_link(key, keys[(i + 1) % 150], "R", log_weight=0.5)
    held = attach(graph, settings, "me")
    tick(held, 1.0)
    detach(held)
    assert held.ledger.turn == "n099"
    graph.delete_node(keys[99])
    for name, anonymous in (("a", False), ("b", True)):
        snapshot(graph, tmp_path / name, settings, anonymous=anonymous)
    ours, theirs = (replayed(tmp_path / name, settings, Plan(3, 1.0, {}))[0] for name in "ab")
    assert [node.get("energy") for node in theirs.node.values()] == [node.get("energy") for node in ours.node.values()]


def test_settings_are_those_of_the_snapshot_unless_one_is_set_here(left, settings, tmp_path, monkeypatch):
    snapshot(left.graph, tmp_path / "a", settings)
    there = files.opened(tmp_path / "a")
    assert replay.settings_for(there)[0].physics == settings.physics
    assert replay.settings_for(there)[1] == {}
    monkeypatch.setenv("STRIDE_LEARNING__RATE", "0.1")
    monkeypatch.setenv("STRIDE_DECAY__HALF_LIFE", '{"Memory": 5}')
    monkeypatch.setenv("STRIDE_TICK", '{"alpha": 0.5}')
    found, changed = replay.settings_for(there)
    assert changed == {"decay.half_life": ({"*": 60.0}, {"Memory": 5.0}), "tick.alpha": (0.02, 0.5)}
    assert (found.decay.half_life, found.decay.settle, found.tick.alpha) == ({"Memory": 5.0}, 5.0, 0.5)
    assert found.weight_decay == settings.weight_decay
    monkeypatch.setenv("STRIDE_LEARNING__RATE", "7")
    with pytest.raises(SettingsError, match="STRIDE_LEARNING__RATE"):
        replay.settings_for(there)


def test_the_manifest_has_every_setting_that_a_tick_depends_on(settings):
    found = settings_of(settings)
    assert found["decay"]["half_life"] == {"*": 60.0}
    assert found["stimulus"] == {"batch": 1000}
    assert "neo4j" not in found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("node,delta\na,1\n", "no column 'tick'"),
        ("tick,node,delta\n0,n001,1\n", "row 2: tick '0' is none from 1 to 6"),
        ("tick,node,delta\n1.5,n001,1\n", "row 2: tick '1.5' is none"),
        ("tick,node,delta\n1,n001,1\nx,n001,1\n", "row 3: tick 'x' is none"),
        ("tick,node,delta\n1,n001,-1\n", "delta '-1' is not a number over 0"),
        ("tick,node,delta\n1,n001,nan\n", "delta 'nan' is not a number over 0"),
        ("tick,node,delta\n1,,1\n", "node is missing"),
        ("tick,node,delta\n1,a,1,1\n", "it has 4 fields"),
    ],
)
def test_stimuli_that_are_none_are_refused_by_row_and_reason(tmp_path, text, why):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        replay.stimuli_of(path, 6, 1e9)
    assert why in str(refused.value)


def test_stimuli_are_read_from_tables(tmp_path):
    expected = {2: [Told("mine", "007", 1.5), Told("replay.000000003", "b", 2.0)]}
    (tmp_path / "x.csv").write_text("tick,node,delta,id\n2,007,1.5,mine\n2,b,2,\n")
    assert replay.stimuli_of(tmp_path / "x.csv", 6, 1e9) == expected
    table = pd.DataFrame({"tick": [2, 2], "node": ["007", "b"], "delta": [1.5, 2], "id": ["mine", "replay.000000003"]})
    table.to_parquet(tmp_path / "x.parquet")
    assert replay.stimuli_of(tmp_path / "x.parquet", 6, 1e9) == expected


def test_results_are_tables(left, settings, tmp_path):
    snapshot(left.graph, tmp_path / "a", settings)
    graph, found = replayed(tmp_path / "a", settings)
    replay.write(tmp_path / "out", graph, found)
    ticks, nodes, links = (
        pd.read_parquet(tmp_path / "out" / f"{name}.parquet") for name in ("ticks", "nodes", "links")
    )
    assert ticks["tick"].tolist() == [4, 5, 6, 7, 8, 9]
    assert math.fsum(nodes["energy"]) == pytest.approx(ticks["energy_total"].iloc[-1], rel=1e-12)
    assert nodes["active"].sum() == ticks["frontier_active"].iloc[-1] > 0
    assert len(links) == 151
    with pytest.raises(InputError, match="it is there already"):
        files.check_new(tmp_path / "out")


def test_one_that_breaks_off_leaves_nothing_and_one_that_is_killed_no_snapshot(left, settings, tmp_path, monkeypatch):
    def fails(kind, _):
        if kind == "links":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        snapshot(left.graph, tmp_path / "a", settings, done=fails)
    assert list(tmp_path.iterdir()) == []
    with monkeypatch.context() as patch:
        patch.setattr("worker.archive.files.shutil.rmtree", lambda *_, **__: None)  # as if it had been killed
        with pytest.raises(KeyboardInterrupt):
            snapshot(left.graph, tmp_path / "a", settings, done=fails)
    (part,) = tmp_path.iterdir()
    with pytest.raises(InputError, match=r"there is no manifest\.json in it"):
        files.opened(part)
    snapshot(left.graph, tmp_path / "a", settings)
    with pytest.raises(InputError, match="it is there already"):
        snapshot(left.graph, tmp_path / "a", settings)
    with pytest.raises(InputError, match="there is no folder"):
        snapshot(left.graph, tmp_path / "b" / "c", settings)


def test_what_others_add_while_it_is_read_is_in_it_whole_or_not_at_all(left, settings, tmp_path):
    graph = left.graph

    def adds(kind, _):
        if kind == "nodes":
            graph.add_link(1, graph.add_node(id="new"), "R", log_weight=1.0)  # a node that has been read leads to it
            graph.add_link(1, 2, "R", log_weight=1.0)

    manifest = snapshot(graph, tmp_path / "a", settings, done=adds)
    assert (manifest["files"]["nodes.parquet"]["rows"], manifest["files"]["links.parquet"]["rows"]) == (40, 153)
    assert replayed(tmp_path / "a", settings)[1].frames[-1]["tick"] == 9


def test_a_disk_that_is_full_is_told_of(left, settings, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("worker.archive.files.os.fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        snapshot(left.graph, tmp_path / "a", settings)
    assert list(tmp_path.iterdir()) == []


def test_values_that_no_file_can_hold_are_left_out_and_counted(settings, tmp_path):
    graph = MemoryGraph()
    graph.add_node(
        id="a", energy=1.0, born=Path("x"), seen=[1, 2.5], flag=True, note=None, far=[math.inf, 1.0], word="null"
    )
    manifest = snapshot(graph, tmp_path / "a", settings)
    assert manifest["left_out"] == {"born": 1}
    again = memory(replay.opened(tmp_path / "a")[1])
    assert again.node[0] == {
        "id": "a", "energy": 1.0, "seen": [1, 2.5], "flag": True, "far": [math.inf, 1.0], "word": "null",
    }  # fmt: skip
