"""A sweep that is killed, with all it has begun, goes on when it is started again: nothing twice, nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pandas as pd
import psutil

from tests.unit.test_sweep import folder  # noqa: F401  (a fixture)
from worker.archive import plan as planning
from worker.archive import replay, sweep

COUNT = 160


def start(snapshot, plan, out):
    command = [
        sys.executable,
        "-m",
        "worker.cli",
        "sweep",
        str(snapshot),
        str(plan),
        "--out",
        str(out),
        "--processes=2",
    ]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STRIDE")}
    return subprocess.Popen([*command, "--json"], env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process):
    output, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    return output


def wait_until(condition, seconds=90.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_killed_at_any_moment_it_goes_on(folder, tmp_path):  # noqa: F811
    plan = tmp_path / "plan.toml"
    pairs = "".join(f"s{i:03} = {{n{i % 40:03} = {1 + i}}}\n" for i in range(COUNT // 2))
    plan.write_text(f"ticks = 40\n[settings.a]\n[settings.b]\ntick.alpha = 0.1\n[stimuli]\n{pairs}")
    out = tmp_path / "out"
    first = start(folder, plan, out)
    wait_until(lambda: len(list(out.glob("parts/0*.scenarios.parquet"))) >= 2)
    begun = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.communicate(timeout=60)
    wait_until(lambda: not any(child.is_running() and child.status() != "zombie" for child in begun))
    parts = {path: path.stat().st_ino for path in out.glob("parts/0*.scenarios.parquet")}
    assert 2 <= len(parts) < COUNT // 16
    assert not (out / "scenarios.parquet").exists()

    said = ended(start(folder, plan, out))
    assert f'"ran":{COUNT - 16 * len(parts)},' in said
    scenarios = pd.read_parquet(out / "scenarios.parquet")
    energies = pd.read_parquet(out / "energies.parquet")
    assert scenarios["scenario"].tolist() == list(range(COUNT))
    assert not energies.duplicated(["scenario", "node"]).any()
    assert energies.groupby("scenario").size().tolist() == scenarios["nodes"].tolist()

    whole = tmp_path / "whole"
    snapshot, tables = replay.opened(folder)
    scenarios_of = planning.scenarios(planning.read(plan), snapshot, tables.nodes["id"].to_pylist())
    sweep.sweep(sweep.Sweep(whole, snapshot, scenarios_of), 1)
    pd.testing.assert_frame_equal(energies, pd.read_parquet(whole / "energies.parquet"), check_exact=True)
    same = ["scenario", "settings", "stimuli", "energy_total", "strides", "digest"]
    assert scenarios[same].equals(pd.read_parquet(whole / "scenarios.parquet")[same])
