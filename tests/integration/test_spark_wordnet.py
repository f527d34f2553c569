"""All of WordNet on Spark: fifty ticks, and of 117 791 nodes none has another energy than on one machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(2400)  # two or three minutes alone; beside a whole suite, on two slow cores, ten
ROOT = Path(__file__).parents[2]
TICKS = 50


def test_fifty_ticks_of_wordnet_have_the_bits_of_one_machine():
    """In a process of its own: a Java that has run one session of Spark takes no other jars for the next."""
    command = [sys.executable, "-m", "benchmarks.spark_parity", str(TICKS), "local[2]"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout)
    assert (found["nodes"], found["links"], found["ticks"]) == (117_791, 365_110, TICKS)
    assert found["nodes_by_spark"] == found["nodes"]
    assert found["strides"] > 2_000
    assert found["nodes_with_energy"] > 50
    assert found["same_strides_digest"]
    assert found["largest_relative_difference"] == 0.0
