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
    from contextlib import AbstractContextManager

    from worker.physics.forgetting import Rule
    from worker.physics.hubs import Ranking
    from worker.physics.model import Floats, Ints, WeightStats
    from worker.physics.retention import Ties

IDLE, COMMITTED = "idle", "committed"
RESTORING = "restoring"  # no worker takes such a graph: a part of it is not there yet
MARKS = ("stridegraph_adopted", "stridegraph_before")  # properties by which an adopted node or link can be given back
NEAR = 1e-9  # costs so close count as equal where links are ranked: in a database, their last bits are its own


@dataclass(frozen=True)
class Ledger:
    """The worker's durable state: one node a graph. Times in seconds of the decay clock."""

    tick: int = 0
    phase: str = IDLE
    dt: float = 0.0  # of the tick that is committed and not yet decayed
    fence: int = 0  # who may write: raised by every worker that takes the graph
    decay_clock: float = 0.0
    settled: float = 0.0  # the last epoch whose settling is complete
    weight_clock: float = 0.0  # seconds of ticks in which links could forget
    forgotten: float = 0.0  # reading of it up to which all links have forgotten
    forgetting: str = ""  # of a forgetting that is under way: the last source that is done, and the last of its links
    forgetting_link: int = -1
    turn: str = ""  # id of the source served last, where they take turns
    revision: int = 0  # bumped by others to say that the graph has changed
    branching: float | None = None  # mean branching ratio, and mean ratio of active nodes, over 20 ticks (SPEC §12)
    growth: float | None = None
    multiplier: float = 1.0  # of the decay of the tick that is committed, and the state of what controls it (SPEC §12)
    octaves: float = 0.0
    streak: int = 0
    affect: Sequence[float] = ()  # mood of the last tick (SPEC §5)
    lasted: int = 0  # ticks in a row that it has been the same
    digest: str = ""  # SHA-256 over the strides of all ticks, each chained to the one before
    half_lives: Mapping[str, float] = field(default_factory=dict)  # s, by which energies of each kind in the books fade
    books: Books = field(default_factory=lambda: Books({}))

    @property
    def opening(self) -> bool:
        """Whether no worker has counted the graph yet: what is there is what its books open with."""
        return self.tick == 0 and not self.books.energy

    @property
    def fading(self) -> float:
        """Seconds of decay of the tick that is committed."""
        return self.dt * self.multiplier

    def closed(self) -> tuple[Ledger, dict[str, float]]:
        """Return the ledger after the decay of the tick that is committed (SPEC §9), and what has decayed by kind."""
        books, decayed = self.books.decay(self.fading, self.half_lives)
        return replace(self, phase=IDLE, decay_clock=self.decay_clock + self.fading, books=books), decayed


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
    retention: Sequence[Any]
    entities: Sequence[Any]  # those that it is a member of: a list of [id, weight]


class LinkRows(NamedTuple):
    """Links as they were read, in columns, by the keys of their ends."""

    source: Sequence[int]
    target: Sequence[int]
    key: Sequence[int]
    type: Sequence[str]
    log_weight: Sequence[Any]
    emotion: Sequence[Any]


class RestRows(NamedTuple):
    """What a hub's links are that were not read, in columns: a row a group of one link type, their targets visited alike.

    Apart are those that were ranked as good as the last that was read, up to NEAR.
    """

    type: Sequence[str]
    visits: Sequence[int]  # of the targets; at most the ranking's `most`
    lightest: Sequence[float]  # log-weights
    heaviest: Sequence[float]
    first: Sequence[Sequence[Any]]  # the smallest [id of the target, key of the link]
    links: Sequence[int]  # how many they are


class Stimulus(NamedTuple):
    """One entry of the queue: energy for a node, or for several candidates by a budget (SPEC §10).

    `key` is the node's, None where there is none; `known`: its id was applied before.
    """

    entry: int  # the entry's own key
    id: Any
    node: Any
    delta: Any
    source: Any = None
    key: int | None = None
    known: bool = False
    budget: Any = None
    candidates: Any = None
    similarity: Any = None
    keys: Sequence[int] = ()  # of the candidates, −1 where there is none

    @property
    def by_budget(self) -> bool:
        """Whether it means to be distributed."""
        return not (self.budget is None and self.candidates is None and self.similarity is None)

    @property
    def reached(self) -> set[int]:
        """Keys of all nodes that it may give energy to."""
        return {key for key in (self.key, *self.keys) if key is not None and key >= 0}


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

    def keeping(self, fence: int, ttl: float) -> AbstractContextManager[None]:
        """Keep the lease as long as the block takes, which may be longer than `ttl` and knows no moment to renew it in."""

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

    def compact(self, keep: float, batch: int) -> tuple[int, bool]:
        """Drop at most `batch` applied and as many rejected stimuli that were taken from the queue over `keep` seconds ago.

        Returns how many, and whether there may be more. It needs no fence: whoever drops them, nothing else changes.
        """

    def nodes(self, keys: Sequence[int]) -> NodeRows:
        """Read nodes of this graph; those that are gone are missing from the rows."""

    def links(self, keys: Sequence[int], most: int) -> tuple[LinkRows, Sequence[int]]:
        """Read the out-links of nodes, to nodes of this graph, that have a `log_weight`; of hubs return only their keys.

        A hub is a node that more than `most` relationships go out of.
        """

    def best(self, key: int, limit: int, ranking: Ranking) -> tuple[LinkRows, RestRows]:
        """Read the cheapest out-links of a hub, ties by target id, link type, key, and what the others are (SPEC §4).

        It ranks by the visits that nodes have been given, and only links that the physics could take.
        """

    def commit(self, changes: Changes) -> None:
        """Write a tick, whole or not at all. Raises Fenced, ForeignChange, TooLarge, Busy, Unreachable, CommitUnknown."""

    def decay(self, ledger: Ledger, ttl: float) -> Callable[[], int]:
        """Begin to close the tick: the ledger is what it becomes. Nothing may be written to the graph until it has ended.

        What is returned waits for that, and returns the graph's revision as it is then. Raises Fenced, Unreachable.
        """

    def ties(self, keys: Sequence[int], goal: str) -> tuple[Sequence[int], Ties]:
        """Read what nodes are tied to, goals being of the type `goal`: those that are there, and of each what."""

    def settle(
        self, ledger: Ledger, energy_at: float, nodes: NodeChanges, retention: Mapping[int, float | None]
    ) -> None:
        """Write out decayed energies as of one reading, under the fence; and how long those keep it for which that changes.

        `retention` is by key, of some of the nodes; None: as long as their type. Raises Fenced, ForeignChange.
        """

    def forget(self, ledger: Ledger, rules: Mapping[str, Rule], batch: int, ttl: float) -> tuple[str, int] | None:
        """Let the next links, by their source's id and their key, forget; return the last of them, None where none was left.

        Raises Fenced.
        """

    def count_visits(self, ledger: Ledger, visits: Mapping[str, int]) -> None:
        """Give nodes, by id, the visits that commits have noted, and drop the notes. Raises Fenced."""
