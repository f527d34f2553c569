"""A graph in Neo4j: each method is a stage of the tick or of the lease, and a query of `cypher/` of the same name."""

from __future__ import annotations

from concurrent.futures import wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.errors import Busy, Fenced, ForeignChange
from worker.faults import fault_point
from worker.graph.ledger import pack, unpack
from worker.graph.port import NEAR, Changes, Ledger, LinkRows, NodeChanges, NodeRows, RestRows, Stimulus
from worker.graph.texts import joined, separator
from worker.graph.wire import Bulk, chunks
from worker.physics import weights
from worker.physics.model import WeightStats
from worker.physics.retention import Ties

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from worker.graph.connection import Connection, Row
    from worker.physics.forgetting import Rule
    from worker.physics.hubs import Ranking
    from worker.physics.model import Floats, Ints

LOOKS = 100  # at a ledger, until two in a row have found the same
ENDED = 60.0  # s after which the server ends a transaction whose worker was frozen in it: it has the ledger's lock


class Neo4jGraph:
    """The nodes of one `graph` in one database. All writes are held by the ledger's lock and fence (RELIABILITY)."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection = connection
        self.name = name
        self._closing: Future[list[Row]] | None = None  # the close of the last tick, which nobody may have waited for

    def take(self, holder: str, ttl: float) -> Ledger | None:
        """Take the lease and raise the fence; None while another holder's lease is valid."""
        fresh = {**pack(Ledger()), "fence": 0, "revision": 0}
        rows = self._run("lease/take", holder=holder, fresh=fresh, ttl=ttl)
        fault_point("lease.taken")
        return unpack(rows[0]["ledger"]) if rows else None

    def renew(self, fence: int, ttl: float) -> None:
        """Keep the lease."""
        fault_point("lease.renewing")
        if not self._run("lease/renew", fence=fence, ttl=ttl):
            raise _fenced(self.name)

    def keeping(self, fence: int, ttl: float) -> AbstractContextManager[None]:
        """Keep the lease as long as the block takes: it is renewed from a thread beside it."""
        return self.connection.repeating(ttl / 3, "lease/renew", graph=self.name, fence=fence, ttl=ttl)

    def release(self, fence: int) -> None:
        """Give the lease back; where another has taken the graph, there is nothing to give."""
        fault_point("lease.releasing")
        self._run("lease/release", fence=fence)

    def ledger(self) -> Ledger | None:
        """Read the ledger, once the last tick's close has ended, well or not; None where no worker has been.

        This takes no lock, and so may meet a commit halfway, some properties of before it and some of after it: what is
        returned was found twice. Raises Busy where that never happens.
        """
        if self._closing:
            wait([self._closing])
        before = None
        for _ in range(LOOKS):
            rows = self._run("inspect/ledger")
            if rows == before:
                with suppress(ValueError):  # its lists do not go together
                    return unpack(rows[0]["ledger"]) if rows else None
            before = rows
        raise Busy(f"the ledger of the graph {self.name!r} was another at each of {LOOKS} looks")

    def census(self) -> NodeRows:
        """Read every node whose energy is not 0."""
        return _node_rows(self._run("attach/census"))

    def weights(self) -> Mapping[str, WeightStats]:
        """Count the statistics of all links by type."""
        return {row["type"]: weights.count(row["weights"]) for row in self._run("attach/weights")}

    def statistics(self) -> Mapping[str, WeightStats]:
        """Read the kept statistics by link type."""
        return _stats(self._run("attach/statistics"))

    def visits(self) -> Mapping[str, int]:
        """Count the visits that commits have noted and that no node has been given yet."""
        return {row["id"]: row["visits"] for row in self._run("attach/visits")}

    def adopt(self, ledger: Ledger, stats: Mapping[str, WeightStats]) -> None:
        """Write what attaching has found, under the fence."""
        rows = self._run("attach/adopt", fence=ledger.fence, ledger=pack(ledger), stats=_maps(stats), types=list(stats))
        if not rows:
            raise _fenced(self.name)

    def intake(self, limit: int) -> Sequence[Stimulus]:
        """Read pending stimuli, oldest first."""
        return [Stimulus(**row) for row in self._run("intake/pending", limit=limit)]

    def waiting(self) -> bool:
        """Tell whether a stimulus is pending."""
        return bool(self._run("intake/waiting")[0]["waiting"])

    def compact(self, keep: float, batch: int) -> tuple[int, bool]:
        """Drop stimuli that were taken from the queue long ago."""
        row = self._run("intake/compact", keep=keep, batch=batch)[0]
        return row["dropped"], row["more"]

    def nodes(self, keys: Sequence[int]) -> NodeRows:
        """Read nodes of this graph by their keys."""
        return _node_rows(self._run("load/nodes", keys=keys))

    def links(self, keys: Sequence[int], most: int) -> tuple[LinkRows, Sequence[int]]:
        """Read the out-links of nodes, and which of these are hubs."""
        row = self._run("load/links", keys=keys, most=most)[0]
        hubs = row.pop("hubs")
        return LinkRows(**row), hubs

    def best(self, key: int, limit: int, ranking: Ranking) -> tuple[LinkRows, RestRows]:
        """Read the cheapest out-links of a hub, and what the others are."""
        row = self._run("load/best", key=key, limit=limit, near=NEAR, **ranking._asdict())[0]
        rest = row.pop("rest")
        columns = zip(*rest, strict=True) if rest else [()] * len(RestRows._fields)
        return LinkRows(source=[key] * len(row["key"]), **row), RestRows(*columns)

    def commit(self, changes: Changes) -> None:
        """Write a tick, whole or not at all."""
        nodes, links, ledger = changes.nodes, changes.links, changes.ledger
        between = separator(nodes.id)
        with self.connection.transaction(ENDED) as transaction:
            fault_point("commit.begun")
            rows = transaction.run(
                "commit/apply",
                graph=self.name,
                fence=ledger.fence,
                tick=ledger.tick,
                ledger=pack(ledger),
                ttl=changes.ttl,
                energy_at=changes.energy_at,
                between=between,
                nodes=chunks(_energies(nodes), {"id": nodes.id}, between, vectors=self.connection.vectors),
                visited=Bulk([joined(changes.visited, between)] if changes.visited else []),
                rebased=nodes.rebased.tolist(),
                links=chunks(links._asdict(), {}, between, vectors=self.connection.vectors),
                stats=_maps(changes.stats),
                applied=changes.applied,
                rejected=changes.rejected,
                zero=0,
            )
            self._compare(rows, {"nodes": len(nodes.key), "links": len(links.key), "applied": len(changes.applied)})
            fault_point("commit.written")
            transaction.commit()
        fault_point("commit.answered")

    def decay(self, ledger: Ledger, ttl: float) -> Callable[[], int]:
        """Begin to close the tick; what is returned waits for it, and returns the graph's revision."""
        fault_point("decay.begun")
        answer = self._closing = self.connection.begin(
            "decay/close", graph=self.name, fence=ledger.fence, tick=ledger.tick, ledger=pack(ledger), ttl=ttl
        )

        def revision() -> int:
            rows = answer.result()
            self._compare(rows, {})
            fault_point("decay.answered")
            return int(rows[0]["revision"])

        return revision

    def ties(self, keys: Sequence[int], goal: str) -> tuple[Sequence[int], Ties]:
        """Read what nodes are tied to."""
        row = self._run("decay/ties", keys=keys, goal=goal)[0]
        return row["key"], Ties(
            np.array(row["degree"]), np.array(row["entities"]), np.array(row["goal"], dtype=np.bool_)
        )

    def settle(
        self, ledger: Ledger, energy_at: float, nodes: NodeChanges, retention: Mapping[int, float | None]
    ) -> None:
        """Write out decayed energies as of one reading, and how long nodes keep them."""
        between = separator(nodes.id)
        with self.connection.transaction(ENDED) as transaction:
            rows = transaction.run(
                "decay/settle",
                graph=self.name,
                fence=ledger.fence,
                tick=ledger.tick,
                ledger=pack(ledger),
                energy_at=energy_at,
                between=between,
                nodes=chunks(_energies(nodes), {"id": nodes.id}, between, vectors=self.connection.vectors),
                retained=list(retention),
                factor=list(retention.values()),
                zero=0,
            )
            self._compare(rows, {"nodes": len(nodes.key)})
            fault_point("settle.written")
            transaction.commit()

    def forget(self, ledger: Ledger, rules: Mapping[str, Rule], batch: int, ttl: float) -> tuple[str, int] | None:
        """Let the next links forget, and note in the ledger how far that has come."""
        rows = self._run(
            "decay/forget",
            fence=ledger.fence,
            tick=ledger.tick,
            node=ledger.forgetting,
            link=ledger.forgetting_link,
            mean={kind: rule.mean for kind, rule in rules.items()},
            left={kind: rule.left for kind, rule in rules.items()},
            batch=batch,
            ttl=ttl,
        )
        self._compare(rows, {})
        fault_point("forget.written")
        return None if rows[0]["node"] is None else (rows[0]["node"], rows[0]["link"])

    def count_visits(self, ledger: Ledger, visits: Mapping[str, int]) -> None:
        """Give nodes the visits that commits have noted, and drop the notes."""
        rows = self._run(
            "decay/visits", fence=ledger.fence, id=sorted(visits), visits=[visits[i] for i in sorted(visits)]
        )
        self._compare(rows, {})

    def _compare(self, rows: list[Row], sent: Mapping[str, int]) -> None:
        """Refuse what was not written as it was sent: raises Fenced, or ForeignChange, and the transaction is rolled back."""
        if not rows:
            raise _fenced(self.name)
        for name, count in sent.items():
            if rows[0][name] != count:
                raise ForeignChange(
                    f"{count - rows[0][name]} of {count} rows ({name}) are not as this tick has read them"
                )

    def _run(self, name: str, **parameters: Any) -> list[Row]:
        return self.connection.run(name, graph=self.name, **parameters)


def _energies(nodes: NodeChanges) -> dict[str, Floats | Ints]:
    return {"key": nodes.key, "before": nodes.before, "after": nodes.after}


def _fenced(name: str) -> Fenced:
    return Fenced(f"another worker has taken the graph {name!r}", "nothing was lost: it goes on where this one stopped")


def _node_rows(rows: list[Row]) -> NodeRows:
    found = rows[0]["rows"]
    return NodeRows(*zip(*found, strict=True)) if found else NodeRows(*([()] * len(NodeRows._fields)))


def _stats(rows: list[Row]) -> dict[str, WeightStats]:
    return {row["type"]: WeightStats(row["n"], row["mean"], row["std"]) for row in rows}


def _maps(stats: Mapping[str, WeightStats]) -> list[dict[str, Any]]:
    return [{"type": kind, **found._asdict()} for kind, found in sorted(stats.items())]
