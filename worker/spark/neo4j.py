"""A graph in Neo4j as the tables of a snapshot, read in parts by Neo4j's own connector while its ledger is held."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import functions as f

from worker.archive.tables import NUMBER, NUMBERS, TEXT, WHOLE, stimulus_table
from worker.errors import InputError
from worker.graph.rows import MOST_VISITS
from worker.spark.kernel import RAW
from worker.spark.reading import Given, entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from worker.graph.export import Neo4jExport
    from worker.settings import Neo4jSettings

# Whatever a property holds arrives as text, a number as JSON writes it: the connector would guess one type from a few rows.
NODES = "`<id>` long, graph string, " + ", ".join(f"{name} string" for name in RAW)
LINKS = (
    "`<rel.id>` long, `<source.id>` long, `<target.id>` long, `source.id` string, `source.graph` string, "
    "`target.graph` string, `rel.log_weight` string, `rel.emotion` string"
)
LINK = {
    "key": "<rel.id>", "_source": "<source.id>", "_target": "<target.id>", "log_weight": "rel.log_weight",
    "emotion": "rel.emotion",
}  # fmt: skip
NO_LINKS = pa.schema({
    "key": WHOLE, "_source": WHOLE, "_target": WHOLE, "log_weight": NUMBER, "emotion": NUMBERS, "type": TEXT,
}).empty_table()  # fmt: skip


class Source(NamedTuple):
    """Where the connector reads."""

    spark: SparkSession
    settings: Neo4jSettings
    graph: str

    def read(self, schema: str, **what: str) -> DataFrame:
        """Return what one of the connector's own queries reads."""
        options = {
            "url": self.settings.uri,
            "database": self.settings.database,
            "authentication.basic.username": self.settings.user,
            "authentication.basic.password": self.settings.password.get_secret_value(),
            **{name.replace("_", "."): value for name, value in what.items()},
        }
        return self.spark.read.format("org.neo4j.spark.DataSource").options(**options).schema(schema).load()


def given(spark: SparkSession, export: Neo4jExport, settings: Neo4jSettings, folder: str) -> Given:
    """Write a graph's nodes and links to a folder that all machines reach, and return them with what stands beside them.

    What is read in this process comes last: it finds out whether the ledger was held to the end. Raises InputError, Busy.
    """
    source = Source(spark, settings, export.name)
    try:
        nodes = _nodes(source).persist()
        _counted(nodes, export.visits()).write.parquet(f"{folder}/nodes.parquet")
        _links(source, nodes, export.types()).write.parquet(f"{folder}/links.parquet")
        nodes.unpersist()
    except PySparkException as error:
        why = f"the graph {export.name!r} could not be read by the connector: {_reason(error)}"
        raise InputError(why, "take a snapshot, and replay that") from error
    queue = stimulus_table(export.stimuli(), Counter()).to_pylist()
    statistics = dict(export.statistics())
    return Given(folder, {}, export.ledger, statistics, [entry(row) for row in queue])


def _nodes(source: Source) -> DataFrame:
    """Return the nodes of the graph whose id is text: it is compared with one where they are."""
    nodes = source.read(NODES, labels=":Node", partitions=str(source.spark.sparkContext.defaultParallelism))
    return nodes.where((f.col("graph") == source.graph) & (f.col("id") >= ""))


def _counted(nodes: DataFrame, noted: Mapping[str, int]) -> DataFrame:
    """Return nodes as a snapshot has them, with the visits that commits have noted and that no node has been given yet."""
    table = pa.table({"id": pa.array(noted, TEXT), "noted": pa.array(noted.values(), WHOLE)})
    both = nodes.join(f.broadcast(nodes.sparkSession.createDataFrame(table)), "id", "left")
    own = f"try_cast(visits as double) between 0 and {MOST_VISITS} - 1"
    visits = f"if({own}, bigint(floor(try_cast(visits as double))), null)"
    counted = {"visits": f"if(noted is null, {visits}, coalesce({visits}, 0) + noted)"}
    numbers = {name: _number(name) for name in ("energy", "energy_at", "threshold", "retention")}
    lists = {name: _numbers(name) for name in ("embedding", "emotion")}
    return both.select(
        "id", "type", *(f.expr(text).alias(own) for own, text in {**counted, **numbers, **lists}.items())
    )


def _number(name: str) -> str:
    """Return the expression for a property that should be a number: NaN where it is none."""
    return f"if({name} is null, null, coalesce(try_cast({name} as double), double('NaN')))"


def _numbers(name: str) -> str:
    """Return the expression for a property that should be a list of numbers: nothing where it is none."""
    return f"from_json({name}, 'array<double>')"


def _links(source: Source, nodes: DataFrame, types: Sequence[str]) -> DataFrame:
    """Return the relationships between nodes of the graph, of all types, their ends by the ids of these nodes."""
    none = source.spark.createDataFrame(NO_LINKS)
    parts = (_of_type(source, kind) for kind in types)
    start, end = (
        nodes.select(f.col("<id>").alias(f"_{name}"), f.col("id").alias(name)) for name in ("source", "target")
    )
    both = reduce(type(nodes).unionByName, parts, none).join(start, "_source", "left").join(end, "_target", "left")
    weighed = both.where(
        "source is not null or _source != _target"
    )  # of no name: they count for their type's mean (§3)
    return weighed.select("key", "source", "target", "type", "log_weight", "emotion")


def _of_type(source: Source, kind: str) -> DataFrame:
    """Return the links of a type, in one part: of filtered ones the connector cannot count how many there are to share out."""
    ends = {"relationship_source_labels": ":Node", "relationship_target_labels": ":Node"}
    mine = (f.col(f"`{end}.graph`") == source.graph for end in ("source", "target"))
    links = (
        source.read(LINKS, relationship=kind, **ends)
        .where(and_(*mine))
        .where("`rel.log_weight` is not null and `source.id` is not null")
    )
    plain = links.select(*(f.col(f"`{name}`").alias(own) for own, name in LINK.items()), f.lit(kind).alias("type"))
    return plain.withColumns({"log_weight": f.expr(_number("log_weight")), "emotion": f.expr(_numbers("emotion"))})


def _reason(error: PySparkException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if line.startswith("Caused by:")), lines[0])[:300]
