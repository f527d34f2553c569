"""Snapshots that are damaged, foreign or newer are refused before anything is written; one beside a worker is of one tick."""

from __future__ import annotations

import json
import threading
import time
from contextlib import nullcontext
from unittest import mock

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import structlog

from tests.fault import test_hostile
from tests.stores import MemoryStore, Neo4jStore, fill
from worker.archive import files, replay
from worker.archive.load import memory
from worker.archive.snapshot import take
from worker.archive.tables import SCHEMAS
from worker.errors import InputError
from worker.events import Sinks
from worker.graph import export
from worker.graph.attach import attach, detach
from worker.graph.export import MemoryExport
from worker.graph.memory import MemoryGraph
from worker.graph.neo4j import Neo4jGraph
from worker.graph.port import Ledger
from worker.loop import Worker
from worker.settings import Settings
from worker.tick import tick

NAMES = [*(f"{kind}.parquet" for kind in SCHEMAS), files.MANIFEST]
command = test_hostile.command


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A snapshot of every kind of thing."""
    store, settings = MemoryStore(MemoryGraph()), Settings()
    keys = fill(store)
    store.member(keys[0], store.entity(id="E"), weight=1.0)
    held = attach(store.graph, settings, "me")
    tick(held, 2.0)
    detach(held)
    store.stimulus(id="late", node="n001", delta=1.0)
    folder = tmp_path_factory.mktemp("snapshot") / "whole"
    take(nullcontext(MemoryExport(store.graph)), folder, settings)
    return folder


@pytest.fixture
def damaged(whole, tmp_path):
    """Return a snapshot one file of which is another; the others are the same."""
    folder = tmp_path / "damaged"
    folder.mkdir()
    for name in NAMES:
        (folder / name).hardlink_to(whole / name)

    def damaged(name, content):
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)
        return folder

    return damaged


def refused(folder):
    """Have a snapshot restored by the command, to a database that must not be asked for anything; return why it is not."""
    with (
        mock.patch("worker.cli.restore.open_graph", side_effect=AssertionError("the database was asked")),
        pytest.raises(InputError) as told,
    ):
        test_hostile.app(["restore", str(folder), "--graph", "new"], standalone_mode=False)
    return str(told.value)


def unread(folder):
    """Return why a snapshot is not read: what `restore` and `replay` do before all else."""
    with pytest.raises(InputError) as told:
        files.opened(folder)
    return str(told.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_byte_that_is_another_is_found_in_any_file(whole, damaged, name):
    content = (whole / name).read_bytes()
    for k in range(40):
        at = k * (len(content) - 1) // 39
        for flip in (0x01, 0x20, 0xFF):
            folder = damaged(name, content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :])
            assert name in unread(folder)
    assert name in refused(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_cut_off_anywhere_is_refused(whole, damaged, name):
    content = (whole / name).read_bytes()
    for k in range(100):
        assert name in unread(damaged(name, content[: k * len(content) // 100]))
    assert name in unread(damaged(name, content + b"\n"))
    assert name in refused(damaged(name, None))


def test_what_is_no_snapshot_is_refused(whole, damaged, tmp_path):
    assert "there is no manifest.json in it" in refused(tmp_path)
    assert "there is no manifest.json in it" in refused(tmp_path / "nowhere")
    assert "there is no manifest.json in it" in refused(whole / "nodes.parquet")
    for text in (b"[]", b'"x"', b"{}", b'{"format": "a recording"}', b"[" * 100_000, b"\xff", b"nul", b""):
        assert "manifest.json" in refused(damaged(files.MANIFEST, text))


def wait_until(condition):
    until = time.monotonic() + 120.0
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def properties(table, text):
    """Give every row of a table these properties."""
    return table.set_column(table.column_names.index("properties"), "properties", pa.array([text] * len(table)))


def sealed(folder, change):
    """Change a manifest and seal it anew, as another program might."""
    manifest = json.loads((folder / files.MANIFEST).read_text())
    del manifest["sha256"]
    change(manifest)
    manifest["sha256"] = files.seal(manifest)
    return files.written(manifest)


def test_a_newer_schema_is_refused_and_says_what_helps(whole, damaged):
    why = refused(damaged(files.MANIFEST, sealed(whole, lambda manifest: manifest.update(schema=2))))
    assert "its schema is 2, and this program reads up to 1" in why
    assert "update Stridegraph" in why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda m: m["files"].pop("links.parquet"), "does not name the tables"),
        (lambda m: m["files"]["links.parquet"].pop("sha256"), "does not name the tables"),
        (lambda m: m["files"].update({"../x.parquet": {}}), "does not name the tables"),
        (lambda m: m["files"]["links.parquet"].update(rows=7), "it has 150 rows, and not 7"),
        (lambda m: m.update(schema="1"), "its SHA-256 is another"),
        (lambda m: m.update(graph=7), "does not say"),
        (lambda m: m.pop("settings"), "does not say"),
        (lambda m: m.update(settings=[]), "does not say"),
        (lambda m: m.update(settings={"tick": 1}), "does not say"),
        (lambda m: m.update(files=[]), "does not name the tables"),
        (lambda m: m["files"].update({"links.parquet": 1}), "does not name the tables"),
    ],
)
def test_a_manifest_of_other_contents_is_refused_however_well_sealed(whole, damaged, change, why):
    assert why in refused(damaged(files.MANIFEST, sealed(whole, change)))


@pytest.mark.parametrize(
    ("kind", "change", "why"),
    [
        ("nodes", lambda t: t.slice(1), "a source is not among the nodes"),
        ("nodes", lambda t: t.take([0, *range(len(t))]), "a id is there twice"),
        ("nodes", lambda t: t.rename_columns(["own", *t.column_names[1:]]), "columns are not those"),
        ("nodes", lambda t: t.drop_columns(["visits"]), "columns are not those"),
        ("nodes", lambda t: properties(t, '{"id": "other"}'), "one that says whose they are"),
        ("nodes", lambda t: properties(t, '{"graph": "other"}'), "one that says whose they are"),
        ("links", lambda t: properties(t, '{"graph"'), "properties are no JSON object"),
        ("links", lambda t: t.take([0, 0]), "a key is there twice"),
        ("entities", lambda t: t.slice(1), "a entity is not among the entities"),
        ("ledger", lambda t: t.take([0, 0]), "there are two"),
    ],
)
def test_tables_that_do_not_go_together_are_refused_however_well_sealed(whole, tmp_path, kind, change, why):
    folder = tmp_path / "other"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes((whole / name).read_bytes())
    path = folder / f"{kind}.parquet"
    table = change(pq.read_table(path))
    pq.write_table(table, path)

    def told(manifest):
        manifest["files"][path.name] = {"rows": len(table), "bytes": path.stat().st_size, "sha256": files.sha256(path)}

    (folder / files.MANIFEST).write_bytes(sealed(folder, told))
    assert why in refused(folder)


@pytest.mark.neo4j
def test_beside_a_running_worker_it_is_of_exactly_one_tick(connection, tmp_path):
    """Every tick leaves the digest of all strides in its frame: the snapshot's, and what follows from it, are those."""
    graph = Neo4jGraph(connection, "default")
    fill(Neo4jStore(graph), nodes=120, links=700)
    settings = Settings.read(
        pace={"fixed": 0.05}, decay={"settle": 0.2}, events={"file": tmp_path / "events.jsonl"}, tick={"alpha": 0.2}
    )
    sinks = Sinks.of(settings.events, "default")
    worker = Worker(graph, settings, sinks, prepare=lambda: None)
    running = threading.Thread(target=worker.run)
    running.start()
    try:
        other = Neo4jGraph(connection, "default")
        manifests = []
        for k in range(6):
            wait_until(lambda: (other.ledger() or Ledger()).tick > 2 * k)  # noqa: B023  (it is called at once)
            manifests.append(take(export.held(other, 10.0), tmp_path / f"s{k}", settings))
    finally:
        worker.stop()
        running.join(20.0)
        sinks.close()
        structlog.reset_defaults()
    totals = {}
    for line in (tmp_path / "events.jsonl").read_bytes().splitlines():
        event = orjson.loads(line)
        if event["kind"] == "frame.end.v1":
            totals[event["frame"]] = event["energy_total"]
    ticks = [manifest["tick"] for manifest in manifests]
    assert ticks == sorted(ticks)
    assert len(set(ticks)) > 3
    last = max(totals)
    final = take(export.held(other, 10.0), tmp_path / "final", settings)
    for k, first in enumerate(ticks):
        copy = memory(replay.opened(tmp_path / f"s{k}")[1])
        found = replay.replay(copy, settings, replay.Plan(last - first, 0.05, {}))
        assert {frame["tick"]: frame["energy_total"] for frame in found.frames}.items() <= totals.items()
        assert found.digest == final["digest"]


HOSTILE = ["'}) DETACH DELETE n //", "$graph", "../../etc", "\x1b[2J[bold]", "\0", "\u202e", "`", "x" * 200]


@pytest.mark.neo4j
@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_graph_of_any_name_comes_back_under_any_name(connection, command, tmp_path, name):
    plan = {"graphs": [name, "beside"], "ids": [name, "b", "c"], "types": ["`", name.replace("\0", "0")],
            "labels": ["a"], "entities": [name], "stimuli": ["s"], "value": name, "source": name}  # fmt: skip
    world = test_hostile.World(connection, plan)
    before, own = world.beside(), world.own()
    taken = command("snapshot", str(tmp_path / "a"), "--json", f"--graph={name}")
    assert taken["graph"] == name
    assert (world.beside(), world.own()) == (before, own)
    restored = command("restore", str(tmp_path / "a"), "--json", f"--graph=new{name}"[:207])
    assert restored["digest"] == taken["digest"]
    again = command("snapshot", str(tmp_path / "b"), "--json", f"--graph=new{name}"[:207])
    assert again["digest"] == taken["digest"]
    assert {**again["rows"], "ledger": 0} == taken[
        "rows"
    ]  # a graph that is restored has one: nobody ticks it before it is whole
    command("restore", str(tmp_path / "a"), f"--graph={name}", fails=True)
    replayed = command("replay", str(tmp_path / "a"), "--ticks=2", "--json", f"--out={tmp_path / 'out'}")
    assert len(replayed["digest"]) == 64
    assert world.own() == own
