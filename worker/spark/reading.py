"""From a snapshot, wherever Spark can read it, to the tables that ticks go on from; what they cannot do is refused here."""

from __future__ import annotations

import json
import math
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pyspark.sql import functions as f

from worker.archive import files
from worker.errors import InputError
from worker.graph.ledger import unpack
from worker.graph.rows import LATEST, TINY
from worker.physics import weights
from worker.physics.books import TOLERANCE
from worker.physics.model import WeightStats
from worker.physics.weights import LARGEST
from worker.spark import kernel
from worker.spark.state import State

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from worker.graph.port import Ledger
    from worker.physics.parameters import Parameters

NODES = (
    "id string, kind string, energy double, energy_at double, half_life double, threshold double, stickiness double, "
    "visits long, goal_cosine double, resonance double, feeling double, retention double"
)
LINKS = (
    "key long, source string, target string, type string, log_weight double, visits long, goal_cosine double, "
    "stickiness double, resonance double, feeling double"
)
LOCAL = "replay it without --engine spark"
BESIDE = ("ledger", "statistics", "stimuli")  # tables that this process reads whole


class Given(NamedTuple):
    """What a snapshot holds beside nodes and links."""

    where: str
    manifest: dict[str, Any]
    ledger: Ledger | None
    statistics: dict[str, WeightStats]
    queue: list[dict[str, Any]]  # in its order

    def table(self, spark: SparkSession, kind: str) -> DataFrame:
        """Return a table of the snapshot. Raises InputError where it has other rows than its manifest says."""
        return spark.read.parquet(f"{self.where}/{kind}.parquet")


def given(spark: SparkSession, where: str) -> Given:
    """Look at a snapshot in a folder, byte by byte, or under a URI that Spark reads, where the manifest alone is looked at.

    Raises InputError.
    """
    if "://" in where:
        found = Given(where, _manifest(spark, where), None, {}, [])
        tables = {kind: found.table(spark, kind).toArrow() for kind in BESIDE}
    else:
        there = files.opened(Path(where))
        found = Given(str(there.folder.resolve()), there.manifest, None, {}, [])
        tables = {kind: there.table(kind) for kind in BESIDE}
    rows = {kind: table.to_pylist() for kind, table in tables.items()}
    return found._replace(
        ledger=next((unpack({k: v for k, v in row.items() if v is not None}) for row in rows["ledger"]), None),
        statistics={row.pop("type"): WeightStats(**row) for row in rows["statistics"]},
        queue=[entry(row) for row in sorted(rows["stimuli"], key=lambda row: row["place"])],
    )


def check(parameters: Parameters) -> None:
    """Refuse settings that ticks on Spark do not carry out, rather than do something else. Raises InputError."""
    for name, wanted, here in (
        ("diffusion.impl", "stride", parameters.diffusion.impl),
        ("select.epsilon", 0.0, parameters.select.epsilon),
        ("criticality.enabled", False, parameters.criticality.enabled),
        ("consolidation.enabled", False, parameters.consolidation.enabled),
        ("resistance.enabled", False, parameters.resistance.enabled),
        ("weight_decay.enabled", False, parameters.weight_decay.enabled),
    ):
        if here != wanted:
            raise InputError(f"{name} is {here!r}: with --engine spark only {wanted!r} is carried out", LOCAL)


def state(spark: SparkSession, found: Given, ledger: Ledger, parameters: Parameters, folder: str) -> State:
    """Return the nodes and links that the physics takes, in parts by source. Raises InputError."""
    raw = found.table(spark, "nodes").select(*kernel.RAW)
    clean = partial(kernel.clean, parameters=parameters, clock=ledger.decay_clock)
    # once all are there, Spark knows whether they can go to every part
    nodes = raw.mapInArrow(clean, NODES).persist()
    if nodes.where("retention != 1").take(1):
        raise InputError("some nodes keep their energy longer than their type: with --engine spark none does", LOCAL)
    links = _linked(weighed(spark, found), nodes, parameters)
    state = State(spark, folder, nodes, links)
    state.links = state.written(links.repartition("source").sortWithinPartitions("source"), "links").persist()
    degree = state.links.groupBy("source").agg(f.count("key").cast("int").alias("degree"))
    state.keep_nodes(
        nodes.drop("retention").join(degree.withColumnRenamed("source", "id"), "id", "left").fillna(0, ["degree"])
    )
    return state


def weighed(spark: SparkSession, found: Given) -> DataFrame:
    """Return the links whose log-weights count for the statistics of their type (§3)."""
    links = found.table(spark, "links")
    return links.where(f"abs(log_weight) <= {LARGEST}D and not coalesce(source = target, false)")


def counted(links: DataFrame) -> dict[str, WeightStats]:
    """Count the statistics of log-weights by link type, each sum exact: the same bits as anywhere (§3)."""
    plain = links.select("type", "log_weight")
    schema = "type string, n long, high double, low double"
    sums = _summed(plain.mapInArrow(partial(kernel.counted, means=None), schema))
    means = {kind: total / n for kind, (n, total) in sums.items()}
    squares = _summed(plain.mapInArrow(partial(kernel.counted, means=means), schema))
    return {kind: WeightStats(n, means[kind], math.sqrt(squares[kind][1] / n)) for kind, (n, _) in sums.items()}


def recounted(links: DataFrame, kept: dict[str, WeightStats]) -> dict[str, WeightStats]:
    """Return the kept statistics, and those counted where there are none, or others by more than rounding."""
    return {
        kind: kept[kind] if kind in kept and weights.drift(kept[kind], found) <= TOLERANCE else found
        for kind, found in counted(links).items()
    }


def latest(spark: SparkSession, found: Given, parameters: Parameters) -> float:
    """Return the latest reading that an energy is given for: where a clock begins of which no ledger tells."""
    nodes = found.table(spark, "nodes").where(
        f"energy != 0 and not isnan(energy) and energy >= {-TINY} and energy <= {parameters.tick.energy_max} "
        f"and energy_at >= 0 and energy_at <= {LATEST}"
    )
    row = nodes.agg(f.max("energy_at").alias("at")).first()
    return float(row["at"] or 0.0) if row else 0.0


def _linked(links: DataFrame, nodes: DataFrame, parameters: Parameters) -> DataFrame:
    """Return the links that a source could stride along, with what does not change of their targets."""
    ends = nodes.select(f.col("id").alias("target"), "visits", "goal_cosine", "stickiness", "resonance", "feeling")
    named = links.where("source is not null").select("key", "source", "target", "type", "log_weight", "emotion")
    felt = named.join(ends, "target").select("emotion", *(part.split()[0] for part in LINKS.split(", ")))
    return felt.mapInArrow(partial(kernel.feel, affect=parameters.valence.affect), LINKS)


def _summed(parts: DataFrame) -> dict[str, tuple[int, float]]:
    found: dict[str, tuple[int, list[float]]] = {}
    for row in parts.toArrow().to_pylist():
        n, terms = found.get(row["type"], (0, []))
        found[row["type"]] = (n + row["n"], [*terms, row["high"], row["low"]])
    return {kind: (n, math.fsum(terms)) for kind, (n, terms) in sorted(found.items())}


def _manifest(spark: SparkSession, where: str) -> dict[str, Any]:
    from pyspark.errors import PySparkException  # noqa: PLC0415

    try:
        row = spark.read.text(f"{where}/{files.MANIFEST}", wholetext=True).first()
    except PySparkException as error:
        raise InputError(f"{where}/{files.MANIFEST}: {str(error).splitlines()[0][:200]}", "check the URI") from error
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / files.MANIFEST).write_text(row["value"] if row else "", encoding="utf-8")
        return files.described(Path(folder))


def entry(row: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of the queue: its columns, and over them what has none of its own."""
    more = row.pop("properties")
    return {name: value for name, value in row.items() if value is not None} | (json.loads(more) if more else {})


def energies(nodes: DataFrame) -> dict[str, float]:
    """Return Σ E by kind of node, each sum exact (§13)."""
    as_sums = nodes.select(f.col("kind").alias("type"), f.col("now").alias("log_weight"))
    parts = as_sums.mapInArrow(partial(kernel.counted, means=None), "type string, n long, high double, low double")
    return {kind: total for kind, (_, total) in _summed(parts).items()}
