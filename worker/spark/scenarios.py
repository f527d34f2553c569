"""Scenarios of a sweep, each a task of Spark: by the function that a process of this machine would run it by."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark import SparkFiles

from worker.archive.scenario import Rows, original, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql import SparkSession

    from worker.archive.files import Snapshot
    from worker.archive.scenario import Scenario


def rows(
    spark: SparkSession, snapshot: Snapshot, chunks: Sequence[Sequence[Scenario]], left: Sequence[int]
) -> Iterator[tuple[int, Rows]]:
    """Run what is left of chunks, and yield each one's number and what came of it. Every machine is sent the snapshot.

    As many chunks at a time as give every core of the cluster two scenarios.
    """
    context = spark.sparkContext
    context.addFile(str(snapshot.folder), recursive=True)
    one = partial(_one, snapshot.folder.name, snapshot.manifest["sha256"])
    size = max(1, 2 * context.defaultParallelism // max((len(chunk) for chunk in chunks), default=1))
    for lo in range(0, len(left), size):
        numbers = left[lo : lo + size]
        tasks = [(number, scenario) for number in numbers for scenario in chunks[number]]
        found = context.parallelize(tasks, len(tasks)).map(one).collect()
        for number in numbers:
            mine = [own for at, own in found if at == number]
            yield number, Rows(*(pa.concat_tables(tables) for tables in zip(*mine, strict=True)))


def _one(folder: str, seal: str, task: tuple[int, Scenario]) -> tuple[int, Rows]:
    """Run a scenario where the task is: the snapshot is read once in each of Spark's processes."""
    number, scenario = task
    return number, run(original(str(Path(SparkFiles.get(folder))), seal), scenario)
