"""What a recall begins with: nodes named, found by a property, by words, or by a vector; and what is told of its results."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from worker.errors import InputError, NothingFound, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.graph.neo4j import Neo4jGraph

NEAR = 1000  # ids that begin alike, among which the nearest are looked for
OTHERS = 4  # times as many hits asked of an index as are wanted: it may hold other graphs too
MOST = 5  # nodes that a property, words or a vector stand for, unless it is said how many


@dataclass(frozen=True)
class Text:
    """The nodes that match words best, by a full-text index of Neo4j: by its name, or the only one there is.

    The words are searched for as they stand: no character of them is an operator.
    """

    words: str
    index: str | None = None
    most: int = MOST


@dataclass(frozen=True)
class Vector:
    """The nodes whose embeddings are nearest to a vector, by a vector index of Neo4j: by its name, or the only one there is."""

    vector: Sequence[float]  # a tuple of floats, once it is made
    index: str | None = None
    most: int = MOST

    def __post_init__(self) -> None:
        """Take any sequence of numbers."""
        object.__setattr__(self, "vector", tuple(map(float, self.vector)))


@dataclass(frozen=True)
class Property:
    """The nodes of which a property has a value, or lists it. Every node of the graph is looked at."""

    name: str
    value: str | float | bool
    most: int = MOST


Query = Text | Vector | Property


def find(graph: Neo4jGraph, seeds: Mapping[str | Query, float]) -> dict[str, tuple[int, float]]:
    """Return, by id, the key and the weight of each seed: that given, times how well it answers a query (the best: 1).

    Raises InputError where an id is unknown (it names the nearest), an index is not there, or nothing is found.
    """
    named = [seed for seed in seeds if isinstance(seed, str)]
    keys = {row["id"]: row["key"] for row in _run(graph, "recall/ids", ids=named)} if named else {}
    for own in named:
        if own not in keys:
            raise InputError(f"there is no node {own!r} in the graph {graph.name!r}", near(graph, own))
    found = {own: (key, seeds[own]) for own, key in keys.items()}
    for query, weight in seeds.items():
        if isinstance(query, str):
            continue
        rows = _rows(graph, query)
        if not rows:
            raise NothingFound(
                f"nothing in the graph {graph.name!r} answers {query}", "ask otherwise, or name a node by its id"
            )
        for row in rows:
            share = weight * row.get("score", 1.0) / rows[0].get("score", 1.0)
            if share > found.get(row["id"], (0, 0.0))[1]:
                found[row["id"]] = (row["key"], share)
    return found


def tell(
    graph: Neo4jGraph, ids: Sequence[str], properties: Sequence[str]
) -> dict[str, tuple[str | None, dict[str, Any]]]:
    """Return the label of nodes, and those of the `properties` that each has, by id."""
    rows = _run(graph, "recall/tell", ids=list(ids), properties=list(properties)) if ids else []
    return {
        row["id"]: (
            row["label"],
            {name: value for name, value in zip(properties, row["values"], strict=True) if value is not None},
        )
        for row in rows
    }


def _rows(graph: Neo4jGraph, query: Query) -> list[dict[str, Any]]:
    if query.most < 1:
        raise InputError(f"{query}: {query.most} is not how many to find", "give 1 or more")
    if isinstance(query, Property):
        return _run(graph, "recall/property", property=query.name, value=query.value, limit=query.most)
    reach = {"reach": OTHERS * query.most, "limit": query.most}
    if isinstance(query, Vector):
        index = _index(graph, "VECTOR", query.index)
        return _run(graph, "recall/vector", index=index, vector=list(query.vector), **reach)
    words = _plain(query.words)
    if not words:
        raise NothingFound("there are no words to look for", "give some")
    return _run(graph, "recall/text", index=_index(graph, "FULLTEXT", query.index), words=words, **reach)


def _index(graph: Neo4jGraph, kind: str, wanted: str | None) -> str:
    """Return the name of the index to look into. Raises InputError."""
    there = [row["name"] for row in graph.connection.run("recall/indexes") if row["type"] == kind]
    names = ", ".join(map(repr, there)) or "there is none"
    if wanted is not None and wanted not in there:
        raise InputError(
            f"there is no {kind.lower()} index {wanted!r} that serves", f"choose from those there are: {names}"
        )
    if wanted is None and len(there) != 1:
        remedy = f"name one: {names}" if there else "make one: see docs/how-to/recall.md"
        raise InputError(f"the database has {len(there)} {kind.lower()} indexes of nodes, and none is named", remedy)
    return wanted or str(there[0])


def near(graph: Neo4jGraph, own: str) -> str:
    """Return what to do about an id that is not there."""
    rows = [row for size in (3, 1) for row in _run(graph, "recall/near", prefix=own[:size], limit=NEAR)] if own else []
    return nearest(own, [row["id"] for row in rows])


def _plain(words: str) -> str:
    """Return words so that the index takes no character of them for an operator, and no word."""
    escaped = re.sub(r'([+\-&|!(){}\[\]^"~*?:\\/<>=])', r"\\\1", words)
    return re.sub(r"\b(AND|OR|NOT)\b", lambda found: found[0].lower(), escaped).strip()


def _run(graph: Neo4jGraph, query: str, **parameters: Any) -> list[dict[str, Any]]:
    return graph.connection.run(query, graph=graph.name, **parameters)
