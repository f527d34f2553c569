"""The benchmarks are no part of the test run; what judges their figures is."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import guard, latency, report
from benchmarks.queries import query
from benchmarks.rows import ROWS, Target


@pytest.mark.parametrize("name", report.PAGES)
def test_the_docs_tables_are_those_of_the_kept_runs(name):
    assert report.PAGES[name]() == (report.DOCS / name).read_text(), "run: make bench-docs"


def test_every_row_has_a_target_or_a_plot_and_every_query_a_header():
    drawn = re.search(r"PLOTS = .*", (Path(guard.__file__).parent / "plots.py").read_text(), re.DOTALL).group()
    assert [name for name, row in ROWS.items() if not row.targets and f'"{name}"' not in drawn] == []
    for path in (Path(guard.__file__).parent / "cypher").glob("*.cypher"):
        header = [line for line in query(path.stem).splitlines() if line.startswith("// ")]
        assert [line[3:].split(":")[0] for line in header if re.match(r"// [PR]\w+:", line)] == [
            "Purpose", "Parameters", "Returns", "Plan",
        ], path  # fmt: skip


def test_a_target_is_met_on_its_own_side():
    assert Target("ratio", "≤", 1.25, "").met({"ratio": 1.25})
    assert not Target("ratio", "≤", 1.25, "").met({"ratio": 1.26})
    assert Target("gain", "≥", 12.0, "").met({"gain": 12.0, "ratio": 0.0})
    assert not Target("gain", "≥", 12.0, "").met({"gain": 11.9})


@pytest.mark.parametrize(
    ("factor", "noise", "slower"),
    [(1.0, 0.02, False), (1.2, 0.02, True), (1.03, 0.001, False), (1.2, 0.6, False), (0.8, 0.02, False)],
    ids=["alike", "slower", "slower by less than matters", "slower by less than the noise", "faster"],
)
def test_the_guard_fails_on_what_is_slower_beyond_the_noise(factor, noise, slower):
    rng = np.random.default_rng(1)
    took = {name: 10.0 * np.exp(rng.normal(0.0, noise, 60)) for name in guard.SIDES}
    took["here"] = took["here"] * factor
    found = guard.judged(took)
    assert found["slower"] is slower
    assert found["low"] <= found["ratio"] <= found["high"]


def test_the_guard_takes_a_machine_that_slows_down_for_no_fault_of_the_code():
    drift = np.linspace(1.0, 3.0, 60)
    rng = np.random.default_rng(1)
    took = {name: 10.0 * drift * np.exp(rng.normal(0.0, 0.02, 60)) for name in guard.SIDES}
    assert not guard.judged(took)["slower"]
    assert guard.judged(took)["noise"] < 0.02


def test_what_held_the_server_up_is_read_from_its_log(tmp_path):
    def line(at, message):
        return json.dumps({"time": f"2026-11-24 18:05:{at}+0000", "level": "INFO", "message": message})

    log = tmp_path / "debug.log"
    log.write_text(
        "\n".join(
            [
                line("10.000", '[neo4j/796361f5] Checkpoint triggered by "x" @ txId: 3 checkpoint started...'),
                line("12.000", '[neo4j/796361f5] Checkpoint triggered by "x" @ txId: 3 checkpoint completed in 1s 299ms. Checkpoint flushed'),
                line("20.000", "Detected VM stop-the-world pause: {pauseTime=573, gcTime=680, gcCount=2}"),
            ]
        )
    )  # fmt: skip
    found = latency._events(log)
    assert [what for what, _, _ in found] == ["a checkpoint", "the server's Java stood still"]
    assert [end - begin for _, begin, end in found] == pytest.approx([1.299, 0.573])
    assert found[1][2] - found[0][2] == pytest.approx(8.0)


def test_the_cause_of_a_slow_tick_is_named():
    usual = {"load": 1.0, "commit": 50.0}
    tick = (100.0, 100.4, 400.0, {"load": 1.0, "commit": 399.0}, 2)
    events = [("a checkpoint", 99.0, 100.1), ("the server's Java stood still", 101.0, 102.0)]
    assert latency._cause(tick, usual, [(100.1, 100.2)], events) == (
        "commit 399 ms (usually 50), garbage collection 100 ms, 2 batches of settling, a checkpoint"
    )
