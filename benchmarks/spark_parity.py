"""`python -m benchmarks.spark_parity [TICKS] [MASTER]`: WordNet by both engines: how far apart they are, and what Spark costs."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import psutil
from platformdirs import user_cache_path

from worker import wordnet
from worker.archive import files, replay
from worker.archive.load import memory
from worker.archive.replay import Plan, Told
from worker.archive.snapshot import take
from worker.database.artifacts import fetch
from worker.graph.export import MemoryExport
from worker.graph.memory import MemoryGraph
from worker.settings import Settings
from worker.spark import replay as by_spark
from worker.spark.reading import given
from worker.spark.session import session

WORD, ENERGY = "coffee", 20.0


def main() -> None:
    ticks, master = int((sys.argv[1:2] or ["50"])[0]), (sys.argv[2:3] or ["local[2]"])[0]
    with tempfile.TemporaryDirectory() as home, session(master, {}) as spark:
        folder, words = Path(home) / "wordnet", loaded()
        graph = MemoryGraph("wordnet")
        keys = {
            own: graph.add_node(id=own, type=kind)
            for own, kind in zip(words.nodes["id"], words.nodes["type"], strict=True)
        }
        for link in words.links.itertuples():
            graph.add_link(keys[link.source], keys[link.target], link.type, log_weight=link.log_weight)
        take(nullcontext(MemoryExport(graph)), folder, Settings())
        found = [Told(own, own, ENERGY) for own in words.find(WORD)]
        plan = Plan(ticks, 5.0, {1: found, ticks // 2: [told._replace(id=f"{told.id} again") for told in found]})
        print(json.dumps(measured(spark, folder, plan), indent=1))


def loaded() -> wordnet.WordNet:
    return wordnet.load(fetch(wordnet.COORDINATE, wordnet.SHA256, user_cache_path("stridegraph")))


def measured(spark, folder: Path, plan: Plan) -> dict:
    start = time.perf_counter()
    graph = memory(replay.opened(folder)[1])
    one = replay.replay(graph, Settings(), plan)
    local = time.perf_counter() - start
    start, spent = time.perf_counter(), cpu()
    run = by_spark.attach(spark, given(spark, str(folder)), Settings(), str(folder.parent / "checkpoints"))
    attach, attach_cpu = time.perf_counter() - start, cpu() - spent
    spent = cpu()
    many = by_spark.replay(run, plan)
    nodes = many.nodes().toArrow().sort_by("id")
    theirs = {row["id"]: row["energy"] for row in replay._nodes(graph, one.held).to_pylist()}  # noqa: SLF001
    apart = [
        abs(energy - theirs[own]) / max(theirs[own], 1e-300)
        for own, energy in zip(nodes["id"].to_pylist(), nodes["energy"].to_pylist(), strict=True)
        if energy != theirs[own]
    ]
    milliseconds = sorted(frame["ms"] for frame in many.frames)
    links = spark._jsc.sc().getRDDStorageInfo()  # noqa: SLF001
    return {
        "nodes": len(theirs), "links": sum(row["rows"] for row in [files.opened(folder).manifest["files"]["links.parquet"]]),
        "ticks": plan.ticks, "strides": sum(frame["strides"] for frame in many.frames),
        "most_active": max(frame["active"] for frame in many.frames),
        "nodes_apart": len(apart), "largest_relative_difference": max(apart, default=0.0),
        "same_strides_digest": one.frames[-1]["digest"] == many.frames[-1]["digest"],
        "local_seconds": local, "attach_seconds": attach, "attach_cpu_seconds": attach_cpu,
        "tick_ms_median": milliseconds[len(milliseconds) // 2], "tick_ms_most": milliseconds[-1],
        "tick_cpu_seconds": (cpu() - spent) / plan.ticks,
        "cached_bytes": [int(table.memSize() + table.diskSize()) for table in links],
        "cached_names": [str(table.name())[:60] for table in links],
        "written_bytes": {path.name: sum(f.stat().st_size for f in path.rglob("*.parquet"))
                          for path in sorted((folder.parent / "checkpoints").iterdir())},
        "load": psutil.getloadavg(),
    }  # fmt: skip


def cpu() -> float:
    """Return the seconds that this process and all it started have computed."""
    here = psutil.Process()
    return sum(sum(each.cpu_times()[:2]) for each in (here, *here.children(recursive=True)))


if __name__ == "__main__":
    main()
