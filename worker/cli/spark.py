"""`stridegraph replay --engine spark`: the options that belong to it, and what it tells."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from worker.archive import replay as archive
from worker.archive.files import Snapshot
from worker.cli.console import connect, out, print_json, progress, say, settings_of
from worker.cli.plain import plain
from worker.errors import InputError
from worker.graph.export import held
from worker.graph.neo4j import Neo4jGraph
from worker.spark.session import connector, is_local, session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyspark.sql import SparkSession

    from worker.archive.scenario import Rows
    from worker.settings import Settings
    from worker.spark.reading import Given


class Engine(NamedTuple):
    """Where Spark runs, what it is told beside that, and where it writes what it goes on from."""

    master: str
    conf: Mapping[str, str]
    checkpoints: str | None


class Held(NamedTuple):
    """A graph in Neo4j that is to be read, and for how long a worker may have to wait for that."""

    graph: str | None
    hold: float  # s


class Asked(NamedTuple):
    """What is to be replayed."""

    source: str | Held  # a snapshot's folder or URI, or a graph
    ticks: int
    dt: float  # s
    stimuli: Path | None
    results: str | None


def engine_of(master: str | None, conf: list[str], checkpoints: str | None) -> Engine:
    """Return the engine that the options describe. Raises InputError."""
    pairs = [text.partition("=") for text in conf]
    for text, (name, equals, _) in zip(conf, pairs, strict=True):
        if not (equals and name.startswith("spark.")):
            raise InputError(f"--conf {text!r}: it is not spark.KEY=VALUE", "for example: spark.driver.memory=8g")
    where = master or "local[*]"
    if not (checkpoints or is_local(where)):
        why = f"--master {where}: its machines need a folder that all of them reach"
        raise InputError(why, "name one: --checkpoints s3a://bucket/checkpoints")
    return Engine(where, {name: value for name, _, value in pairs}, checkpoints)


@contextmanager
def scenarios(master: str | None, conf: list[str]) -> Iterator[Callable[..., Iterator[tuple[int, Rows]]]]:
    """Give what runs scenarios of a sweep on Spark. Raises InputError, EngineError."""
    engine = engine_of(master, conf, "none is needed")
    with session(engine.master, engine.conf) as spark:
        from worker.spark.scenarios import rows  # noqa: PLC0415  (an extra, which `session` has looked for)

        yield partial(rows, spark)


def replay(asked: Asked, engine: Engine, *, as_json: bool) -> None:
    """Run a plan on a snapshot, or on a graph in Neo4j, by Spark, and tell what came of it.

    Raises InputError, EngineError, HeldTooLong, and what a connection raises.
    """
    started = time.monotonic()
    with ExitStack() as stack:
        spark = stack.enter_context(session(engine.master, _with_connector(asked, engine.conf)))
        from worker.spark import replay as by_spark  # noqa: PLC0415  (an extra, which `session` has looked for)

        home = engine.checkpoints or stack.enter_context(tempfile.TemporaryDirectory(prefix="stridegraph-spark-"))
        folder = f"{home.rstrip('/')}/{time.time_ns()}"
        found, settings = _read(asked.source, spark, folder)
        stimuli = archive.stimuli_of(asked.stimuli, asked.ticks, settings.tick.energy_max) if asked.stimuli else {}
        run = by_spark.attach(spark, found, settings, folder)
        told = {told.node for some in stimuli.values() for told in some}
        if missing := by_spark.absent(run, told):
            raise InputError(f"there is no node {missing[0]!r} in {_name(asked.source, settings)}", "see its nodes")
        bar = stack.enter_context(progress())
        task = bar.add_task("ticking", total=asked.ticks)
        done = by_spark.replay(run, archive.Plan(asked.ticks, asked.dt, stimuli), lambda: bar.advance(task))
        for line in run.rejected:
            say(plain(f"left out: the stimulus {line}"))
        if asked.results:
            by_spark.write(asked.results, done)
        last = done.frames[-1]
        if as_json:
            print_json({"snapshot": _name(asked.source, settings), "ticks": len(done.frames), "tick": last["tick"],
                        "energy_total": last["energy_total"], "frontier_active": done.active,
                        "seconds": time.monotonic() - started, "strides": last["digest"]})  # fmt: skip
            return
        out.print(
            f"tick {last['tick']}: active {done.active:,}, total energy {last['energy_total']:.6g}, "
            f"{len(done.frames):,} ticks in {time.monotonic() - started:.1f} s\nstrides {last['digest']}",
            soft_wrap=True,
        )


def _with_connector(asked: Asked, conf: Mapping[str, str]) -> Mapping[str, str]:
    """Return Spark's settings, and among its jars the one that reads from Neo4j where it is asked to."""
    if isinstance(asked.source, str):
        return conf
    jars = ",".join(filter(None, (str(connector()), conf.get("spark.jars"))))
    return {**conf, "spark.jars": jars}


def _read(source: str | Held, spark: SparkSession, folder: str) -> tuple[Given, Settings]:
    """Return what ticks begin from, and the settings of a snapshot or those in force."""
    if isinstance(source, str):
        from worker.spark.reading import given  # noqa: PLC0415

        found = given(spark, source)
        settings, changed = archive.settings_for(Snapshot(Path(found.where), found.manifest))
        for name, (was, now) in changed.items():
            say(plain(f"{name} is {now!r}, by the environment; the snapshot has {was!r}"))
        return found, settings
    from worker.spark import neo4j, reading  # noqa: PLC0415

    settings = settings_of(source.graph)
    reading.check(settings.physics)
    with connect(settings) as connection, held(Neo4jGraph(connection, settings.graph), source.hold) as export:
        return neo4j.given(spark, export, connection.settings, folder), settings


def _name(source: str | Held, settings: Settings) -> str:
    return source if isinstance(source, str) else settings.graph
