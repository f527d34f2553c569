"""What a recording costs a tick: none, one, and one with strides, in turns on the same graph.

Ticks come without a pause, as no worker does them, so that all of a recorder's threads compute beside the tick. Each turn begins
with the end of a segment, which is written in the background, in the time of who asked for it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.common import WARM_UP
from benchmarks.world import DT, build
from worker.archive.recorder import Recorder
from worker.graph.attach import attach
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Settings
from worker.tick import tick

ACTIVE = 1_000
SEGMENT = 50  # ticks of a turn, and of a segment: one is written in the background at each turn
TURNS = 6
KINDS = {"none": None, "inputs": False, "strides": True}


def measure(connection, turns=TURNS):
    """Return the time of a turn with strides over that of one without a recording, and each kind's tick, ms."""
    build(connection, "bench-recording", ACTIVE, 10 * ACTIVE)
    settings = Settings(
        graph="bench-recording",
        fanout={"capacity": 100 * ACTIVE},
        learning={"rate": 0.1},
        record={"ticks": SEGMENT, "seconds": 3600},
    )
    plain = Neo4jGraph(connection, settings.graph)
    held = attach(plain, settings, "bench")
    for _ in range(WARM_UP):
        tick(held, DT)
    took = {name: [] for name in KINDS}
    with tempfile.TemporaryDirectory(prefix="stridegraph-recording-") as home:
        recorders = {
            name: Recorder(Path(home) / name, settings, strides=strides)
            for name, strides in KINDS.items()
            if strides is not None
        }
        graphs = {name: one.listen(plain) for name, one in recorders.items()}
        for turn in range(turns + 1):
            for name, times in took.items():
                held.graph = graphs.get(name, plain)
                recorder = recorders.get(name)
                start = time.perf_counter()
                for _ in range(SEGMENT):
                    frame = tick(held, DT)
                    if recorder:
                        recorder.frame(frame)
                if turn:  # in the first no segment ends
                    times.append((time.perf_counter() - start) * 1e3 / SEGMENT)
        for one in recorders.values():
            one.close()
            assert not one.stopped
        size = {name: sum(f.stat().st_size for f in one.folder.iterdir()) for name, one in recorders.items()}
    ratios = {name: [one / none for one, none in zip(took[name], took["none"], strict=True)] for name in recorders}
    ticks = SEGMENT * (turns + 1)
    return {
        "ratio": statistics.median(ratios["strides"]),
        "ratio_minimum": min(took["strides"]) / min(took["none"]),
        "ratio_inputs": statistics.median(ratios["inputs"]),
        "ratio_inputs_minimum": min(took["inputs"]) / min(took["none"]),
        **{f"tick_{name}_ms": statistics.median(times) for name, times in took.items()},
        **{f"bytes_a_tick_{name}": value / ticks for name, value in size.items()},
        "strides": len(frame.moment.strides.link),
    }
