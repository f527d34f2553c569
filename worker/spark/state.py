"""A snapshot as tables of Spark: nodes and links in parts, and beside them the few that ticks have touched since.

What is in parts is written anew only where energies are settled or the changes have grown too many: then the changes are
merged, and Parquet in the folder of checkpoints is what the next ticks go on from, whatever is lost of memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
from pyspark.sql import functions as f

from worker.spark.kernel import Changed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyspark.sql import DataFrame, SparkSession

NODE = {"id": pa.string(), "energy": pa.float64(), "energy_at": pa.float64(), "visits": pa.int64()}
READ = {**NODE, "stimulus": pa.float64()}
VISITED = {"id": pa.string(), "visits": pa.int64()}
LINK = {"key": pa.int64(), "log_weight": pa.float64()}
MOST = 500_000  # links that have changed, and nodes that were visited, before they are merged


class Touched(NamedTuple):
    """A node that a tick has asked for, as it is now."""

    kind: str
    energy: float
    energy_at: float
    half_life: float
    threshold: float
    visits: int


@dataclass
class State:
    """Nodes and links in parts, as of the last checkpoint, and what ticks have changed since."""

    spark: SparkSession
    folder: str  # of checkpoints: a path or URI that every machine of the cluster reaches
    nodes: DataFrame
    links: DataFrame  # with the visits of each one's target
    touched: dict[str, Touched] = field(default_factory=dict)  # nodes, since they were last written
    visited: dict[str, int] = field(default_factory=dict)  # nodes, since links were last written
    learned: dict[int, float] = field(default_factory=dict)  # links: log-weight
    checkpoints: int = 0

    def current_nodes(self) -> DataFrame:
        """Return all nodes as they are now."""
        return self._over(self.nodes, "id", "id", NODE, ((own, *_numbers(row)) for own, row in self.touched.items()))

    def read_nodes(self, stimulus: Mapping[str, float]) -> DataFrame:
        """Return all nodes as they are now, with what stimuli add to each; those must have been asked for."""
        rows = ((own, *_numbers(row), stimulus.get(own)) for own, row in self.touched.items())
        return self._over(self.nodes.withColumn("stimulus", f.lit(0.0)), "id", "id", READ, rows)

    def ask(self, ids: Iterable[str]) -> dict[str, Touched]:
        """Return those nodes of these ids that there are, in ascending id: whom no tick has asked for is looked for."""
        wanted = sorted(ids)
        if new := [own for own in wanted if own not in self.touched]:
            found = self.nodes.select("id", *Touched._fields).join(self.small(pa.table({"id": new})), "id").toArrow()
            self.touched.update((row.pop("id"), Touched(**row)) for row in found.to_pylist())
        return {own: self.touched[own] for own in wanted if own in self.touched}

    def changed(self) -> Changed:
        """Return what ticks have changed of links."""
        return Changed(
            pa.array(self.learned.keys(), pa.int64()),
            pa.array(self.learned.values(), pa.float64()),
            pa.array(self.visited.keys(), pa.string()),
            pa.array(self.visited.values(), pa.int64()),
        )

    def current_links(self, links: DataFrame) -> DataFrame:
        """Return some of the links as they are now."""
        now = self._over(links, "key", "key", LINK, self.learned.items())
        return self._over(now, "target", "id", VISITED, self.visited.items())

    def small(self, table: pa.Table) -> DataFrame:
        """Return a table of this process as one of Spark, which is sent to every part that it is joined with."""
        return f.broadcast(self.spark.createDataFrame(table))

    def keep_nodes(self, nodes: DataFrame, *more: str) -> DataFrame:
        """Write nodes out and go on from there; return the columns `more` of what was written, with each one's kind."""
        now = self.written(nodes, "nodes")
        self.nodes.unpersist()
        self.nodes, self.touched = now.drop(*more).persist(), {}
        return now.select("kind", *more)

    def merge(self) -> None:
        """Write links out where the changes have grown too many to be sent around at every tick."""
        if max(len(self.learned), len(self.visited)) > MOST:
            now = self.written(self.current_links(self.links), "links")
            self.links.unpersist()
            self.links, self.learned, self.visited = now.persist(), {}, {}

    def _over(self, table: DataFrame, own: str, key: str, columns: Mapping[str, pa.DataType], rows: Any) -> DataFrame:
        """Return a table with those rows' columns replaced that have changed."""
        found = [list(column) for column in zip(*rows, strict=True)]
        if not found:
            return table
        changes = self.small(pa.table(found, schema=pa.schema(columns)))
        names = [name for name in columns if name != key]
        new = changes.select(f.col(key).alias("_own"), *(f.col(name).alias(f"_{name}") for name in names))
        return table.join(new, table[own] == new["_own"], "left").select(
            *(
                f.coalesce(f"_{name}", table[name]).alias(name) if name in names else table[name]
                for name in table.columns
            )
        )

    def written(self, table: DataFrame, name: str) -> DataFrame:
        """Return a table as it is read from the folder of checkpoints, once it has been written there."""
        self.checkpoints += 1
        path = f"{self.folder}/{name}-{self.checkpoints:06}"
        table.write.parquet(path)
        return self.spark.read.schema(table.schema).parquet(path)  # told, so that no job looks for it


def _numbers(row: Touched) -> tuple[float, float, int]:
    """Return what ticks change of a node, in the order of NODE."""
    return row.energy, row.energy_at, row.visits
