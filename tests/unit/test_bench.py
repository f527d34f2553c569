"""The benchmarks are no part of the test run; what judges their figures is."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import agree, guard, latency, plots, report
from benchmarks.queries import query
from benchmarks.rows import ROWS, Target


@pytest.mark.parametrize("name", report.PAGES)
def test_the_docs_tables_are_those_of_the_kept_runs(name):
    assert report.PAGES[name]() == (report.DOCS / name).read_text(), "run: make bench-docs"


def test_every_row_has_a_target_or_a_plot_and_every_query_a_header():
    drawn = {row for _, rows in report.PLOTS.values() for row in rows}
    assert {name for name, row in ROWS.items() if not row.targets} <= drawn <= ROWS.keys()
    for path in (Path(guard.__file__).parent / "cypher").glob("*.cypher"):
        header = [line for line in query(path.stem).splitlines() if line.startswith("// ")]
        assert [line[3:].split(":")[0] for line in header if re.match(r"// [PR]\w+:", line)] == [
            "Purpose", "Parameters", "Returns", "Plan",
        ], path  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a folder whose only run has measured every row."""
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    monkeypatch.setattr(plots, "IMAGES", tmp_path)
    found = {name: {target.figure: 2.0 for target in row.targets} for name, row in ROWS.items()}
    for name, columns in report.SERIES.items():
        found[name] |= {column: [10.0, 100.0, 1000.0] for column in columns}
    found["scale-load"]["links"] = [10_000, 100_000, 1_000_000]
    found["growth"] |= {"store_bytes_a_link": 100.0, "tick_exponent": 0.25}
    found["peers"] |= {f"{name}{end}": 3.5 for name in report.PEERS for end in ("_ms", "_minimum_ms")} | {
        "tick_nodes": 4192
    }
    found["latency"] |= {f"{name}_{end}": 12.0 for name in ("rest", "load") for end in ("p50_ms", "p99_ms", "stimuli")}
    found["latency"] |= {f"{name}_sample_ms": list(range(101)) for name in ("rest", "load")}
    found["latency"] |= {
        "ticks": 600,
        "seconds": 60.0,
        "tick_median_ms": 70.0,
        "worst_ms": [700.0],
        "worst_causes": ["commit 690 ms"],
    }
    report.keep(found)
    return tmp_path


def test_pages_and_plots_show_what_was_measured(run):
    pages = {name: page() for name, page in report.PAGES.items()}
    assert "| tick, F = 1 000 ÷ raw write (`tick-1000`) | ≤ 1.25 | **2** |  | no |" in pages["_bench_targets.md"]
    assert "| a tick, committed | 3.5 | 3.5 | the queue | 4,192 nodes |" in pages["_bench_peers.md"]
    assert "| tick ms | 10 | 100 | 1,000 | 0.25 |" in pages["_bench_scale.md"]
    assert "| 10⁸ | 27.8 h | 27.8 h | 27.8 h | 100 GB | 10 GB |" in pages["_bench_scale.md"]
    assert "- 700 ms: commit 690 ms" in pages["_bench_latency.md"]
    plots.draw()
    drawn = {path.name: path.read_bytes() for path in run.glob("*.svg")}
    assert {f"../images/{name}" for name in drawn} == set(re.findall(r"\((\S+\.svg)\)", "".join(pages.values())))
    plots.draw()
    assert drawn == {path.name: path.read_bytes() for path in run.glob("*.svg")}


def test_only_a_whole_row_is_taken_from_a_later_run(run):
    next(run.glob("*.json")).rename(run / "20000101T000000Z.json")
    report.keep({"decay": {"ratio": 9.0}, "growth": {"half": 1.0}})
    assert report.latest()["decay"][1] == {"ratio": 9.0}
    assert report.latest()["growth"][1]["growth"] == 2.0
    assert agree.compared() == [("tick with decay ÷ without", 2.0, 9.0, 3.5)]


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
