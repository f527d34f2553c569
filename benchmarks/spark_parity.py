"""`python -m benchmarks.spark_parity [TICKS] [MASTER]`: WordNet by both engines: how far apart they are, and what Spark costs."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import psutil
from platformdirs import user_cache_path

from worker import wordnet
from worker.archive import replay
from worker.archive.replay import Plan, Told
from worker.archive.snapshot import take
from worker.database.artifacts import fetch
from worker.graph.export import MemoryExport
from worker.graph.memory import MemoryGraph
from worker.settings import Settings
from worker.spark import replay as by_spark
from worker.spark.reading import given
from worker.spark.session import session
from worker.trial import SOURCE, attached, ticks

WORD, ENERGY = "coffee", 20.0


class Ready(NamedTuple):
    """A graph in memory, its snapshot, and what both engines are to run."""

    graph: MemoryGraph
    folder: Path
    plan: Plan


def main() -> None:
    count, master = int((sys.argv[1:2] or ["50"])[0]), (sys.argv[2:3] or ["local[2]"])[0]
    with tempfile.TemporaryDirectory() as home, ThreadPoolExecutor(1) as beside:
        ready = beside.submit(wordnet_and_coffee, Path(home) / "wordnet", count)  # while Java starts
        with session(master, {}) as spark:
            print(json.dumps(measured(spark, ready.result()), indent=1))


def wordnet_and_coffee(folder: Path, count: int) -> Ready:
    """Take a snapshot of all of WordNet, and plan ticks, in whose first and middle one "coffee" is stimulated.

    Raises DatabaseError.
    """
    words = wordnet.load(fetch(wordnet.COORDINATE, wordnet.SHA256, user_cache_path("stridegraph")))
    graph = MemoryGraph("wordnet")
    keys = {
        own: graph.add_node(id=own, type=kind) for own, kind in zip(words.nodes["id"], words.nodes["type"], strict=True)
    }
    for link in words.links.itertuples():
        graph.add_link(keys[link.source], keys[link.target], link.type, log_weight=link.log_weight)
    take(nullcontext(MemoryExport(graph)), folder, Settings())
    found = [Told(own, own, ENERGY) for own in words.find(WORD)]
    plan = Plan(count, 5.0, {1: found, count // 2: [told._replace(id=f"{told.id} again") for told in found]})
    return Ready(graph, folder, plan)


def measured(spark, ready: Ready) -> dict:
    """Run a plan by both engines, the other from a snapshot; return how far apart they are, and what Spark has cost."""
    graph, folder, plan = ready
    start = time.perf_counter()
    held = attached(graph, Settings(), SOURCE)
    frames = [replay.figures_of(frame, held) for frame, _ in ticks(held, graph, replay.inputs(plan))]
    local = time.perf_counter() - start
    checkpoints = folder.parent / "checkpoints"
    start, spent = time.perf_counter(), cpu()
    run = by_spark.attach(spark, given(spark, str(folder)), Settings(), str(checkpoints))
    attach, attach_cpu = time.perf_counter() - start, cpu() - spent
    spent = cpu()
    many = by_spark.replay(run, plan)
    tick_cpu = (cpu() - spent) / plan.ticks
    nodes = many.nodes().toArrow().sort_by("id")
    theirs = {row["id"]: row["energy"] for row in replay._nodes(graph, held).to_pylist()}  # noqa: SLF001
    apart = [
        abs(energy - theirs[own]) / max(theirs[own], 1e-300)
        for own, energy in zip(nodes["id"].to_pylist(), nodes["energy"].to_pylist(), strict=True)
        if energy != theirs[own]
    ]
    milliseconds = sorted(frame["ms"] for frame in many.frames)
    cached = spark._jsc.sc().getRDDStorageInfo()  # noqa: SLF001
    return {
        "nodes": len(theirs), "nodes_by_spark": nodes.num_rows, "links": len(graph.link),
        "ticks": plan.ticks, "strides": sum(frame["strides"] for frame in many.frames),
        "most_active": max(frame["active"] for frame in many.frames),
        "nodes_with_energy": sum(energy > 0.0 for energy in theirs.values()),
        "nodes_apart": len(apart), "largest_relative_difference": max(apart, default=0.0),
        "same_strides_digest": frames[-1]["digest"] == many.frames[-1]["digest"],
        "local_seconds": local, "attach_seconds": attach, "attach_cpu_seconds": attach_cpu,
        "tick_ms_median": milliseconds[len(milliseconds) // 2], "tick_ms_most": milliseconds[-1],
        "tick_cpu_seconds": tick_cpu,
        "cached_bytes": [int(table.memSize() + table.diskSize()) for table in cached],
        "cached_names": [str(table.name())[:60] for table in cached],
        "written_bytes": {path.name: sum(f.stat().st_size for f in path.rglob("*.parquet"))
                          for path in sorted(checkpoints.iterdir())},
        "load": psutil.getloadavg(),
    }  # fmt: skip


def cpu() -> float:
    """Return the seconds that this process and all it started have computed."""
    here = psutil.Process()
    return sum(sum(each.cpu_times()[:2]) for each in (here, *here.children(recursive=True)))


if __name__ == "__main__":
    main()
