"""From a graph to the files of a snapshot: read while its ledger is held, in pieces."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from worker.archive import files
from worker.archive.digest import State
from worker.archive.names import Names
from worker.archive.tables import (
    SCHEMAS,
    entity_table,
    ledger_table,
    link_table,
    member_table,
    node_table,
    statistics_table,
    stimulus_table,
)
from worker.graph.export import batches
from worker.physics.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.graph.export import Export
    from worker.settings import Settings

NOBODY = "snapshot"  # name of a graph that is anonymous


def take(
    export: AbstractContextManager[Export],
    folder: Path,
    settings: Settings,
    *,
    anonymous: bool = False,
    done: Callable[[str, int], object] = lambda *_: None,
) -> dict[str, Any]:
    """Write a graph to a new folder, and return its manifest; `done` hears of every piece: table and rows.

    The graph is held only as long as it is read. Raises InputError, HeldTooLong, and what a connection raises.
    """
    files.check_new(folder)
    left_out: Counter[str] = Counter()
    meaning = bool(settings.valence.goal) or not anonymous
    with files.new(folder) as writer:
        with export as graph:
            for kind, table in pieces(graph, left_out, anonymous=anonymous, more=not anonymous, meaning=meaning):
                writer.write(kind, table)
                done(kind, table.num_rows)
            ledger = graph.ledger
        writer.close()
        return writer.finish(
            {
                "program": version("stridegraph"),
                "graph": NOBODY if anonymous else graph.name,
                "anonymous": anonymous,
                "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "tick": ledger.tick if ledger else 0,
                "phase": ledger.phase if ledger else "idle",
                "digest": writer.digest(),
                "settings": settings_of(settings),
                "left_out": dict(sorted(left_out.items())),
            }
        )


def pieces(
    graph: Export, left_out: Counter[str], *, anonymous: bool = False, more: bool = True, meaning: bool = True
) -> Iterator[tuple[str, pa.Table]]:
    """Yield a graph's tables piece by piece: entities, nodes with what they are members of, links, and the rest.

    Without `more`, properties that the physics does not know stay where they are; without `meaning`, embeddings do.
    """
    entities, nodes, noted = Names(anonymous=anonymous), Names(anonymous=anonymous), graph.visits()
    for rows in graph.entities(more=more):
        yield "entities", entity_table(rows, entities.add([own for own, _ in rows]), left_out)
    entities.complete()
    ends: list[NDArray[np.int64]] = []  # [key, degree] of a page's nodes
    for batch in graph.nodes(more=more, meaning=meaning):
        ids = nodes.add(batch.id, batch.key)
        yield "nodes", _plain(node_table(batch, ids, noted, left_out), anonymous=anonymous)
        yield "members", _plain(member_table(batch, ids, entities.of_ids, left_out), anonymous=anonymous)
        ends.append(np.array([batch.key, batch.degree], dtype=np.int64))
    nodes.complete()
    yield "links", _plain(link_table(graph.unnamed(), nodes.of_keys, left_out), anonymous=anonymous)
    for page in ends:
        for some in batches(*page.tolist()):
            links = link_table(graph.links(some, more=more), nodes.of_keys, left_out)
            yield "links", _plain(links, anonymous=anonymous)
    yield "statistics", statistics_table(graph.statistics())
    yield "stimuli", _plain(stimulus_table(nodes.stimuli(graph.stimuli()), left_out), anonymous=anonymous)
    yield "ledger", ledger_table(nodes.ledger(graph.ledger))


def tables_of(
    graph: Export, *, meaning: bool = True, done: Callable[[str, int], object] = lambda *_: None
) -> dict[str, pa.Table]:
    """Return the tables of a graph that fits into memory, without what the physics does not know; `done` as in `take`."""
    found: dict[str, list[pa.Table]] = {kind: [schema.empty_table()] for kind, schema in SCHEMAS.items()}
    for kind, table in pieces(graph, Counter(), more=False, meaning=meaning):
        found[kind].append(table)
        done(kind, table.num_rows)
    return {kind: pa.concat_tables(tables) for kind, tables in found.items()}


def state_of(graph: Export) -> State:
    """Return the state of a graph that fits into memory."""
    found = tables_of(graph, meaning=False)
    return State(*(found[kind] for kind in State._fields))


def settings_of(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the settings that a tick's outcome depends on: the physics, and how many stimuli it takes."""
    groups = {field.name: dataclasses.asdict(getattr(settings, field.name)) for field in dataclasses.fields(Parameters)}
    return {**groups, "stimulus": {"batch": settings.stimulus.batch}}


def _plain(table: pa.Table, *, anonymous: bool) -> pa.Table:
    """Return a table without what the physics does not need, where nobody shall be recognised."""
    if not anonymous:
        return table
    at = table.column_names.index("properties")
    return table.set_column(at, "properties", pa.nulls(table.num_rows, pa.string()))
