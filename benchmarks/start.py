"""From the start of `stridegraph run` as a process to its first committed tick, less the load, by wall clock and by processor.

Once with no compiled code kept (`cold_s`), then with it. The load lies between the states `starting` and `attached` of the process's own
log; the rest is told: imports, settings, loading what is compiled, the tick. Some of it runs beside the load, and is then not waited for.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime

from benchmarks.world import build

AIM = 0.7  # s


def measure(connection, rounds=7):
    """Return how many times the aim it is from start to first tick with compiled code kept (`ratio`), and seconds of each part."""
    build(connection, "start", 10, 100)
    settings = connection.settings
    with tempfile.TemporaryDirectory() as kept:
        env = {
            **os.environ, "STRIDE_NEO4J__URI": settings.uri, "STRIDE_NEO4J__USER": settings.user,
            "STRIDE_NEO4J__PASSWORD": settings.password.get_secret_value(), "NUMBA_CACHE_DIR": kept,
        }  # fmt: skip
        cold, _, cold_cpu = _start(env)
        found = [_start(env) for _ in range(rounds)]
    rest, load, cpu = (list(column) for column in zip(*found, strict=True))
    return {
        "ratio": statistics.median(rest) / AIM, "ratio_minimum": min(rest) / AIM, "warm_s": statistics.median(rest),
        "load_s": statistics.median(load), "warm_cpu_s": statistics.median(cpu), "cold_s": cold, "cold_cpu_s": cold_cpu,
    }  # fmt: skip


def _start(env):
    """Return seconds from start to first tick less the load, of the load, and of processor until the end."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "worker.cli", "run", "--graph", "start", "--ticks", "1", "--json"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        ticked = time.perf_counter() - start
        log = process.communicate()[1]
    assert process.returncode == 0, log
    at = {row["state"]: datetime.fromisoformat(row["timestamp"]) for row in _states(log)}
    load = (at["attached"] - at["starting"]).total_seconds()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ticked - load, load, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _states(log):
    rows = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [row for row in rows if row.get("event") == "worker.state"]
