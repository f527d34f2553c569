"""A graph in Neo4j: each method is a stage of the tick or of the lease, and a query of `cypher/` of the same name."""

from __future__ import annotations

from concurrent.futures import wait
from typing import TYPE_CHECKING, Any

from worker.errors import Fenced, ForeignChange
from worker.faults import fault_point
from worker.graph.ledger import pack, unpack
from worker.graph.port import Changes, Ledger, LinkRows, NodeChanges, NodeRows, Stimulus
from worker.graph.wire import Bulk, chunks, separator
from worker.physics import weights
from worker.physics.model import WeightStats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from worker.graph.connection import Connection, Row
    from worker.physics.model import Floats, Ints


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
        if not self._run("lease/renew", fence=fence, ttl=ttl):
            raise _fenced(self.name)

    def release(self, fence: int) -> None:
        """Give the lease back; where another has taken the graph, there is nothing to give."""
        self._run("lease/release", fence=fence)

    def ledger(self) -> Ledger | None:
        """Read the ledger, once the last tick's close has ended, well or not; None where no worker has been."""
        if self._closing:
            wait([self._closing])
        rows = self._run("inspect/ledger")
        return unpack(rows[0]["ledger"]) if rows else None

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

    def nodes(self, keys: Sequence[int]) -> NodeRows:
        """Read nodes of this graph by their keys."""
        return _node_rows(self._run("load/nodes", keys=keys))

    def links(self, keys: Sequence[int]) -> LinkRows:
        """Read the out-links of nodes."""
        return LinkRows(**self._run("load/links", keys=keys)[0])

    def commit(self, changes: Changes) -> None:
        """Write a tick, whole or not at all."""
        nodes, links, ledger = changes.nodes, changes.links, changes.ledger
        between = separator(nodes.id)
        with self.connection.transaction() as transaction:
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
                visited=Bulk([between.join(changes.visited)] if changes.visited else []),
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

    def settle(self, ledger: Ledger, energy_at: float, nodes: NodeChanges) -> None:
        """Write out decayed energies as of an epoch."""
        between = separator(nodes.id)
        with self.connection.transaction() as transaction:
            rows = transaction.run(
                "decay/settle",
                graph=self.name,
                fence=ledger.fence,
                tick=ledger.tick,
                ledger=pack(ledger),
                energy_at=energy_at,
                between=between,
                nodes=chunks(_energies(nodes), {"id": nodes.id}, between, vectors=self.connection.vectors),
                zero=0,
            )
            self._compare(rows, {"nodes": len(nodes.key)})
            fault_point("settle.written")
            transaction.commit()

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
