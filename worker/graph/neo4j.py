"""A graph in Neo4j: each method is a stage of the tick or of the lease, and a query of `cypher/` of the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from worker.errors import Fenced, ForeignChange
from worker.faults import fault_point
from worker.graph.ledger import pack, unpack
from worker.graph.port import Changes, Ledger, LinkRows, NodeChanges, NodeRows, Stimulus
from worker.physics import weights
from worker.physics.model import WeightStats

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.graph.connection import Connection, Row


class Neo4jGraph:
    """The nodes of one `graph` in one database. All writes are held by the ledger's lock and fence (RELIABILITY)."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection = connection
        self.name = name

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
        """Read the ledger; None where no worker has been."""
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

    def adopt(self, ledger: Ledger, stats: Mapping[str, WeightStats]) -> None:
        """Write what attaching has found, under the fence."""
        rows = self._run("attach/adopt", fence=ledger.fence, ledger=pack(ledger), stats=_maps(stats), types=list(stats))
        if not rows:
            raise _fenced(self.name)

    def intake(self, limit: int) -> Sequence[Stimulus]:
        """Read pending stimuli, oldest first."""
        return [Stimulus(**row) for row in self._run("intake/pending", limit=limit)]

    def nodes(self, keys: Sequence[int]) -> NodeRows:
        """Read nodes of this graph by their keys."""
        return _node_rows(self._run("load/nodes", keys=keys))

    def links(self, keys: Sequence[int]) -> LinkRows:
        """Read the out-links of nodes."""
        return LinkRows(**self._run("load/links", keys=keys)[0])

    def commit(self, changes: Changes) -> None:
        """Write a tick, whole or not at all."""
        nodes, links, ledger = changes.nodes, changes.links, changes.ledger
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
                node=nodes.key,
                id=nodes.id,
                before=nodes.before,
                energy=nodes.energy,
                rebased=nodes.rebased,
                visited=nodes.visited,
                visits=nodes.visits,
                link=links.key,
                source=links.source,
                target=links.target,
                link_before=links.before,
                log_weight=links.log_weight,
                stats=_maps(changes.stats),
                applied=changes.applied,
                rejected=changes.rejected,
            )
            self._compare(rows, {"nodes": len(nodes.key), "links": len(links.key), "applied": len(changes.applied)})
            fault_point("commit.written")
            transaction.commit()
        fault_point("commit.answered")

    def decay(self, ledger: Ledger, ttl: float) -> int:
        """Close the tick, and return the graph's revision."""
        fault_point("decay.begun")
        rows = self._run("decay/close", fence=ledger.fence, tick=ledger.tick, ledger=pack(ledger), ttl=ttl)
        self._compare(rows, {})
        fault_point("decay.answered")
        return int(rows[0]["revision"])

    def settle(self, ledger: Ledger, energy_at: float, nodes: NodeChanges) -> None:
        """Write out decayed energies as of an epoch."""
        with self.connection.transaction() as transaction:
            rows = transaction.run(
                "decay/settle",
                graph=self.name,
                fence=ledger.fence,
                tick=ledger.tick,
                ledger=pack(ledger),
                energy_at=energy_at,
                node=nodes.key,
                id=nodes.id,
                before=nodes.before,
                energy=nodes.energy,
            )
            self._compare(rows, {"nodes": len(nodes.key)})
            fault_point("settle.written")
            transaction.commit()

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


def _fenced(name: str) -> Fenced:
    return Fenced(f"another worker has taken the graph {name!r}", "nothing was lost: it goes on where this one stopped")


def _node_rows(rows: list[Row]) -> NodeRows:
    found = rows[0]["rows"]
    return NodeRows(*zip(*found, strict=True)) if found else NodeRows(*([()] * len(NodeRows._fields)))


def _stats(rows: list[Row]) -> dict[str, WeightStats]:
    return {row["type"]: WeightStats(row["n"], row["mean"], row["std"]) for row in rows}


def _maps(stats: Mapping[str, WeightStats]) -> list[dict[str, Any]]:
    return [{"type": kind, **found._asdict()} for kind, found in sorted(stats.items())]
