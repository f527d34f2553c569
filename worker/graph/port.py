"""What a tick needs of a graph. Neo4j and the in-memory graph provide it, held to one conformance suite.

A `key` is the graph's own quick handle of a node or link. It serves one attached session: every write by a key also
compares what the tick believes to be there, so that a key that was given to something else meanwhile is caught.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from worker.physics.books import Books

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from worker.physics.model import Floats, Ints, WeightStats

IDLE, COMMITTED = "idle", "committed"


@dataclass(frozen=True)
class Ledger:
    """The worker's durable state: one node a graph. Times in seconds of the decay clock."""

    tick: int = 0
    phase: str = IDLE
    dt: float = 0.0  # of the tick that is committed and not yet decayed
    fence: int = 0  # who may write: raised by every worker that takes the graph
    decay_clock: float = 0.0
    settled: float = 0.0  # the last epoch whose settling is complete
    turn: str = ""  # id of the source served last, where they take turns
    revision: int = 0  # bumped by others to say that the graph has changed
    branching: float | None = None  # mean branching ratio, and mean ratio of active nodes, over 20 ticks (SPEC §12)
    growth: float | None = None
    digest: str = ""  # SHA-256 over the strides of all ticks, each chained to the one before
    books: Books = field(default_factory=lambda: Books({}))

    def closed(self, half_life: Callable[[str], float]) -> tuple[Ledger, dict[str, float]]:
        """Return the ledger after the decay of the tick that is committed (SPEC §9), and what has decayed by node type."""
        books, decayed = self.books.decay(self.dt, {kind: half_life(kind) for kind in self.books.energy})
        return replace(self, phase=IDLE, decay_clock=self.decay_clock + self.dt, books=books), decayed


class NodeRows(NamedTuple):
    """Nodes as they were read, in columns; values are whatever is in the database."""

    key: Sequence[int]
    id: Sequence[Any]
    type: Sequence[Any]
    energy: Sequence[Any]
    energy_at: Sequence[Any]
    threshold: Sequence[Any]
    visits: Sequence[Any]
    embedding: Sequence[Any]
    emotion: Sequence[Any]


class LinkRows(NamedTuple):
    """Links as they were read, in columns, by the keys of their ends."""

    source: Sequence[int]
    target: Sequence[int]
    key: Sequence[int]
    type: Sequence[str]
    log_weight: Sequence[Any]
    emotion: Sequence[Any]


class Stimulus(NamedTuple):
    """One entry of the queue. `key` is the node's, None where there is none; `known`: its id was applied before."""

    entry: int  # the entry's own key
    id: Any
    node: Any
    delta: Any
    source: Any = None
    key: int | None = None
    known: bool = False


class NodeChanges(NamedTuple):
    """Energies to write, in columns (U,), ascending by key: what is there now, and what shall be."""

    key: Ints
    id: Sequence[str]
    before: Floats
    after: Floats
    rebased: Ints  # keys of those whose `energy_at` changes too


class LinkChanges(NamedTuple):
    """Log-weights to write, in columns (M,), ascending by key: the ends and the value there now, and what shall be."""

    key: Ints
    source: Ints
    target: Ints
    before: Floats
    after: Floats


class Changes(NamedTuple):
    """Everything that one commit writes. The ledger's fence, tick and phase are those it must find, plus one tick."""

    ledger: Ledger
    energy_at: float  # the epoch that energies are written as of
    nodes: NodeChanges
    visited: Sequence[str]  # ids of the nodes where strides ended, one for each stride
    links: LinkChanges
    stats: Mapping[str, WeightStats]
    applied: Sequence[int]  # entries of the queue that are consumed
    rejected: Sequence[tuple[int, str]]  # entries that no tick can apply, and why
    ttl: float  # the lease is renewed by so many seconds


class Graph(Protocol):
    """A namespace of nodes and links in a store, and the ledger that says who may move its energy."""

    name: str

    def take(self, holder: str, ttl: float) -> Ledger | None:
        """Take the lease and raise the fence; None while another holder's lease is valid. Makes the ledger at first."""

    def renew(self, fence: int, ttl: float) -> None:
        """Keep the lease. Raises Fenced."""

    def release(self, fence: int) -> None:
        """Give the lease back, so that the next need not wait for it to run out."""

    def ledger(self) -> Ledger | None:
        """Read the ledger; None where no worker has been here yet."""

    def census(self) -> NodeRows:
        """Read every node that has an energy other than 0 (scans; when attaching)."""

    def weights(self) -> Mapping[str, WeightStats]:
        """Count the statistics of all links by type (scans; when attaching and now and then)."""

    def statistics(self) -> Mapping[str, WeightStats]:
        """Read the kept statistics by link type."""

    def visits(self) -> Mapping[str, int]:
        """Count, by id, the visits that commits have noted and that no node has been given yet."""

    def adopt(self, ledger: Ledger, stats: Mapping[str, WeightStats]) -> None:
        """Write what attaching has found, under the fence. Raises Fenced."""

    def intake(self, limit: int) -> Sequence[Stimulus]:
        """Read pending stimuli, oldest first, ties by id."""

    def waiting(self) -> bool:
        """Tell whether `intake` would read anything: asked many times a second, so as cheap as can be."""

    def nodes(self, keys: Sequence[int]) -> NodeRows:
        """Read nodes of this graph; those that are gone are missing from the rows."""

    def links(self, keys: Sequence[int]) -> LinkRows:
        """Read the out-links of nodes, to nodes of this graph, that have a `log_weight`."""

    def commit(self, changes: Changes) -> None:
        """Write a tick, whole or not at all. Raises Fenced, ForeignChange, TooLarge, Busy, Unreachable, CommitUnknown."""

    def decay(self, ledger: Ledger, ttl: float) -> Callable[[], int]:
        """Begin to close the tick: the ledger is what it becomes. Nothing may be written to the graph until it has ended.

        What is returned waits for that, and returns the graph's revision as it is then. Raises Fenced, Unreachable.
        """

    def settle(self, ledger: Ledger, energy_at: float, nodes: NodeChanges) -> None:
        """Write out decayed energies as of an epoch, under the fence. Raises Fenced, ForeignChange."""

    def count_visits(self, ledger: Ledger, visits: Mapping[str, int]) -> None:
        """Give nodes, by id, the visits that commits have noted, and drop the notes. Raises Fenced."""
