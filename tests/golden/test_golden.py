"""The golden recordings are replayed bit for bit: under any hash seed, in any order of rows, and by the naive twin to 1e-12."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from math import fsum

import pytest

from tests import naive
from tests.golden.making import HERE, NAMES, expected, make, replayed, shuffled
from tests.property.test_tick_naive import assert_same_graph
from tests.property.worlds import close, twin
from worker.archive import files, recorded, segments
from worker.archive.load import memory
from worker.archive.replay import opened, settings_for
from worker.errors import InputError

ROOT = HERE.parents[1]


@pytest.fixture(params=NAMES)
def golden(request):
    return HERE / request.param


def test_every_hash_seed_gives_the_same_bits():
    def run(seed):
        command = [sys.executable, "-m", "tests.golden", "--replay"]
        return subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        )

    with ThreadPoolExecutor(2) as some:
        for done in some.map(run, ("0", "1", "random")):
            assert json.loads(done.stdout) == {name: expected(name) for name in NAMES}


@pytest.mark.parametrize("seed", [1, 2])
def test_every_order_of_rows_gives_the_same_bits(golden, tmp_path, seed):
    shuffled(golden / "before", tmp_path / "before", seed)
    assert (tmp_path / "before" / "nodes.parquet").read_bytes() != (golden / "before" / "nodes.parquet").read_bytes()
    assert replayed(golden, tmp_path / "before") == expected(golden.name)


def test_the_recording_alone_gives_the_same_bits(golden):
    name, _, plan = recorded.alone(golden / "recording")
    settings = settings_for(files.opened(golden / "before"))[0]
    found = recorded.replay_alone(name, settings, plan)
    assert found.held.ledger.digest == expected(golden.name)["strides"]
    assert [frame["energy_total"].hex() for frame in found.frames] == expected(golden.name)["energies"]


def test_the_naive_twin_comes_to_the_same_to_1e_12():
    snapshot, tables = opened(HERE / "mind" / "before")
    settings = settings_for(snapshot)[0]
    slow = twin(None, memory(tables))
    plan = recorded.recording(HERE / "mind" / "recording", tables)
    kinds = set()
    for part in plan.parts:
        if part.episode.kind == segments.TICK:
            result = naive.tick(slow, settings.physics, part.dt, stimuli_of(part))
            kinds |= {stride.tier for stride in result.strides} | {"explored" for s in result.strides if s.explored}
    graph, found = recorded.replay(tables, settings, plan)
    assert_same_graph(found.held, graph, slow)
    assert close(found.frames[-1]["energy_total"], fsum(node.energy for node in slow.nodes.values()))
    assert kinds == {"co_activation", "causal", "background", "explored"}
    assert found.frames[-1]["decay_multiplier"] != 1.0


def stimuli_of(part):
    """Return what a tick was told of the queue, as the twin takes it."""
    told = next(step[1] for step in part.episode.steps if step[0] == "intake")
    columns = ("node", "delta", "budget", "candidates", "similarity")
    return [
        (node, delta) if budget is None else (tuple(zip(candidates, similarity, strict=True)), budget)
        for node, delta, budget, candidates, similarity in zip(*(told.get(name, ()) for name in columns), strict=True)
    ]


def test_they_hold_what_they_should(golden):
    tables = opened(golden / "before")[1]
    plan = recorded.recording(golden / "recording", tables)
    assert [part.episode.kind for part in plan.parts].count(segments.ATTACH) == 3
    assert tables.members.num_rows == tables.nodes.num_rows
    graph, _ = recorded.replay(tables, settings_for(tables.snapshot)[0], plan)
    assert (graph.changed > 0) == (golden.name == "others")


def test_made_anew_they_come_to_the_same(golden, tmp_path):
    make(golden.name, tmp_path / "anew")
    assert json.loads((tmp_path / "anew" / "expected.json").read_text()) == expected(golden.name)


def test_a_change_of_them_has_its_reason_in_the_changelog(golden):
    assert f"`{expected(golden.name)['state'][:12]}`" in (ROOT / "CHANGELOG.md").read_text()


def test_they_are_small():
    assert sum(path.stat().st_size for path in HERE.rglob("*") if path.suffix in {".parquet", ".json"}) <= 100_000


def test_a_program_of_another_schema_reads_them_or_says_so(golden, monkeypatch):
    for module in (files, segments):
        monkeypatch.setattr(module, "SCHEMA", module.SCHEMA + 1)
    for read, folder in ((files.opened, "before"), (segments.opened, "recording")):
        with pytest.raises(InputError, match=r"its schema is 1, and this program reads 2"):
            read(golden / folder)
