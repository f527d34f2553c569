"""A plan of ticks on a snapshot, by Spark: the same numbers as `worker.archive.replay` gives on one machine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from worker.archive.replay import SOURCE
from worker.errors import InputError
from worker.graph.port import COMMITTED, RESTORING, Ledger
from worker.spark import reading
from worker.spark.tick import NO_STIMULI, Run, current, settle, tick

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession

    from worker.archive.replay import Plan
    from worker.settings import Settings
    from worker.spark.reading import Given


class Replayed(NamedTuple):
    """What came of a plan; its nodes and links are tables of Spark."""

    frames: list[dict[str, Any]]
    run: Run
    active: int  # nodes that are now

    def nodes(self) -> DataFrame:
        """Return all nodes that the physics takes, with their energy as it is now."""
        everyone = self.run.state.current_nodes()
        lit = current(self.run, NO_STIMULI).selectExpr("id", "now", "now >= threshold as active")
        return everyone.select("id", "kind").join(lit, "id", "left").selectExpr(
            "id", "kind as type", "coalesce(now, 0D) as energy", "coalesce(active, false) as active"
        )  # fmt: skip

    def links(self) -> DataFrame:
        """Return all links that a stride could take, with their log-weights."""
        state = self.run.state
        return state.current_links(state.links).select("source", "target", "type", "log_weight")


def attach(spark: SparkSession, found: Given, settings: Settings, folder: str) -> Run:
    """Read a snapshot's tables and bring it to where a tick can begin, as a worker does that attaches. Raises InputError."""
    parameters = settings.physics
    reading.check(parameters)
    where, ledger = found.where, found.ledger or Ledger()
    if ledger.phase == RESTORING or ledger.forgetting:
        raise InputError(f"{where}: its ledger is in the middle of {ledger.phase}", reading.LOCAL)
    for kind, half_life in ledger.half_lives.items():
        if half_life != parameters.half_life(kind):
            why = f"energies of the kind {kind!r} fade by a half-life of {half_life:g} s, and the settings say another"
            raise InputError(f"{where}: {why}", reading.LOCAL)
    if ledger.phase == COMMITTED:
        ledger, _ = ledger.closed()
    if ledger.opening:
        ledger = replace(ledger, decay_clock=reading.latest(spark, found, parameters))
    state = reading.state(spark, found, ledger, parameters, folder)
    stats = reading.recounted(reading.weighed(spark, found), found.statistics)
    run = Run(state, settings, ledger, stats, list(found.queue))
    books = ledger.books.found(reading.energies(current(run, NO_STIMULI)), opening=ledger.opening)
    half_lives = {kind: parameters.half_life(kind) for kind in sorted(books.energy)}
    run.ledger = replace(ledger, books=books, half_lives=half_lives)
    settle(run)
    return run


def replay(run: Run, plan: Plan, done: Callable[[], object] = bool) -> Replayed:
    """Run a plan; `done` hears of every tick. Raises InputError, BooksError."""
    frames = []
    for number in range(1, plan.ticks + 1):
        told = plan.stimuli.get(number, ())
        run.queue += [{"id": own, "node": node, "delta": delta, "source": SOURCE} for own, node, delta in told]
        frames.append(tick(run, plan.dt))
        done()
    active = current(run, NO_STIMULI).where("now >= threshold").count()
    return Replayed(frames, run, active)


def absent(run: Run, ids: set[str]) -> list[str]:
    """Return those ids that no node has."""
    if not ids:
        return []
    table = run.state.small(pa.table({"id": sorted(ids)}))
    there = run.state.nodes.select("id").join(table, "id").toArrow()["id"].to_pylist()
    return sorted(ids - set(there))


def write(folder: str, found: Replayed) -> None:
    """Write each tick's figures, all nodes and all links to a new folder, in parts. Raises InputError where it is there."""
    from pyspark.errors import PySparkException  # noqa: PLC0415

    try:
        found.run.state.spark.createDataFrame(pa.Table.from_pylist(found.frames)).write.parquet(
            f"{folder}/ticks.parquet"
        )
        found.nodes().write.parquet(f"{folder}/nodes.parquet")
        found.links().write.parquet(f"{folder}/links.parquet")
    except PySparkException as error:
        raise InputError(f"{folder}: {str(error).splitlines()[0][:200]}", "name a folder that is not there") from error
