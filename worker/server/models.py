"""What goes in and comes out over HTTP, as OpenAPI tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from worker.graph.desk import Budget, Direct
from worker.graph.seeds import Text as Words
from worker.graph.seeds import Vector

if TYPE_CHECKING:
    from worker.recalls import SeedLike

Text = Annotated[str, Field(min_length=1, max_length=1000)]
Amount = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ForNode(_In):
    """Energy for one node."""

    node: Text
    delta: Amount
    id: Annotated[Text | None, Field(description="the stimulus's own id: sent twice, it is applied once")] = None
    source: Annotated[str, Field(max_length=1000, description="where it comes from, for the record")] = "http"

    def amount(self) -> Direct:
        """Return it as the queue takes it."""
        return Direct(self.node, self.delta)


class ForCandidates(_In):
    """Energy to be shared out among candidates, by their similarity in (0, 1]."""

    budget: Amount
    candidates: Annotated[
        dict[Text, Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]], Field(min_length=1, max_length=1000)
    ]
    id: Annotated[Text | None, Field(description="the stimulus's own id: sent twice, it is applied once")] = None
    source: Annotated[str, Field(max_length=1000, description="where it comes from, for the record")] = "http"

    def amount(self) -> Budget:
        """Return it as the queue takes it."""
        return Budget(self.budget, self.candidates)


class Wanted(_In):
    """What to recall from: nodes by their ids, nodes that answer to words or to a vector, or several of these."""

    seeds: Annotated[
        dict[Text, Annotated[float, Field(gt=0, allow_inf_nan=False)]],
        Field(max_length=1000, description="ids of nodes, and their weights: 1 is `recall.energy`"),
    ] = {}
    text: Annotated[Text | None, Field(description="words for a full-text index")] = None
    vector: Annotated[
        list[Annotated[float, Field(allow_inf_nan=False)]] | None,
        Field(min_length=1, max_length=4096, description="for a vector index"),
    ] = None
    index: Annotated[Text | None, Field(description="which, where there are several")] = None
    k: Annotated[int, Field(ge=1, le=1000, description="how many to return")] = 10
    context: Annotated[bool, Field(description="go on from the energies that stand in the graph")] = False
    types: Annotated[list[Text], Field(max_length=100, description="only nodes of these types; none: of all")] = []
    properties: Annotated[list[Text], Field(max_length=100, description="to be told of each")] = []
    reinforce: Annotated[bool, Field(description="put what was found into the queue of stimuli")] = False
    max_nodes: Annotated[int | None, Field(ge=1, le=1_000_000, description="nodes that energy may reach")] = None
    max_ms: Annotated[float | None, Field(gt=0, le=60_000, description="after which no step more is begun")] = None

    def weighed(self) -> dict[SeedLike, float]:
        """Return the seeds with their weights."""
        weights: dict[SeedLike, float] = {}
        weights.update(self.seeds)
        if self.text:
            weights[Words(self.text, self.index)] = 1.0
        if self.vector:
            weights[Vector(tuple(self.vector), self.index)] = 1.0
        return weights

    def how(self) -> dict[str, Any]:
        """Return the rest, as `Stridegraph.recall` takes it."""
        return self.model_dump(exclude={"seeds", "text", "vector", "index"})


class PathStep(BaseModel):
    """A link that energy moved along, and how much of it."""

    source: str
    type: str
    target: str
    energy: float


class Hit(BaseModel):
    """A node that was recalled."""

    id: str
    type: str | None
    label: str | None
    energy: float
    score: Annotated[float, Field(description="energy ÷ threshold")]
    before: Annotated[float, Field(description="what stood there before; 0 without context")]
    path: Annotated[list[PathStep], Field(description="the links that brought it most, from a seed on")]
    properties: dict[str, Any]


class Recalled(BaseModel):
    """What a recall has found."""

    graph: str
    results: list[Hit]
    seeds: Annotated[dict[str, float], Field(description="the energy that each was given")]
    reached: int
    ticks: int
    partial: Annotated[str | None, Field(description="why it was broken off; null: it was not")]
    rejected: Annotated[dict[str, str], Field(description="seeds that the physics does not take, and why")]
    ms: float


class Queued(BaseModel):
    """What became of a stimulus."""

    id: str
    state: Annotated[
        Literal["queued", "waiting", "applied"],
        Field(description="`waiting`: its id was in the queue; `applied`: its id was, before"),
    ]


class Order(_In):
    """What the worker of this process is to do."""

    action: Annotated[
        Literal["pause", "resume", "refresh"],
        Field(description="`pause`: move nothing, and keep the lease; `refresh`: read the graph anew"),
    ]


class Obeyed(BaseModel):
    """An order that was passed on: the worker follows it after the transaction that is under way."""

    graph: str
    action: str
    state: Annotated[str, Field(description="what it was doing when it was told")]


class Standing(BaseModel):
    """How a graph stands, counted in the database."""

    graph: str
    tick: int
    phase: str
    nodes: int
    quarantined: int
    links: int
    energy_total: float
    active: int
    decay_clock: float
    books: dict[str, float]
    conservation_error: float
    stimuli: dict[str, int]
    fence: int
    digest: str
    worker: Annotated[str | None, Field(description="what the worker of this process is doing; null: there is none")]


class Node(BaseModel):
    """A node with energy."""

    id: str
    type: str | None
    label: str | None
    energy: float
    threshold: float


class Tops(BaseModel):
    """The nodes with most energy."""

    graph: str
    results: list[Node]


class LinkOut(BaseModel):
    """A link to another node."""

    target: str
    type: str
    log_weight: float | None
    z: Annotated[
        float | None,
        Field(
            description="its weight as the physics reads it, among the links of its type (§3); null: it skips the link"
        ),
    ]


class LinkTo(LinkOut):
    """A link to another node, and what that is called."""

    label: str | None


class LinkAmong(LinkOut):
    """A link between two of the nodes that are shown."""

    source: str


class Neighbourhood(BaseModel):
    """The nodes with most energy, and the heaviest links of each to others of them."""

    graph: str
    nodes: list[Node]
    links: list[LinkAmong]


class Found(BaseModel):
    """A node that was looked for."""

    id: str
    type: str | None
    label: str | None


class Matches(BaseModel):
    """Nodes whose id or label begins with a text."""

    graph: str
    results: list[Found]


class NodeNow(BaseModel):
    """A node as it is now."""

    graph: str
    id: str
    type: str | None
    label: str | None
    energy: Annotated[float | None, Field(description="null: it is quarantined")]
    threshold: float
    active: bool
    visits: int
    links: Annotated[list[LinkTo], Field(description="its heaviest, up to 50")]


class RootOf(BaseModel):
    """Where energy came from in the end."""

    kind: Annotated[
        Literal["stimulus", "foreign", "start"],
        Field(description="`foreign`: others wrote it; `start`: it was there before tick `since`"),
    ]
    node: Annotated[str, Field(description="that it came to")]
    tick: int
    amount: Annotated[float, Field(description="what is left of it in the explained node")]
    id: str | None
    source: str | None


class OtherRoots(BaseModel):
    """Roots that are not told one by one."""

    count: int
    amount: float


class Explained(BaseModel):
    """Where a node's energy came from. Amounts are what is left in it: `sources` sum to `energy`, and so do `branches`."""

    graph: str
    node: str
    tick: int
    since: Annotated[int, Field(description="the first tick that is held")]
    energy: float
    sources: Annotated[dict[str, float], Field(description="by kind of root")]
    roots: Annotated[list[RootOf], Field(description="those of the share `least` or more, up to 100")]
    other_roots: OtherRoots
    branches: Annotated[
        list[dict[str, Any]],
        Field(
            description="by which ways it came: `strides` along a link, with the one that brought most and the parts of "
            "its cost, and the `branches` of what it brought; `stimulus`, `foreign`, `start`; `rest`: all that are too small"
        ),
    ]


class Well(BaseModel):
    """How the process stands; `why` is for who may know."""

    healthy: bool
    ready: bool
    why: str


class Index(BaseModel):
    """What there is here."""

    name: str
    version: str
    graphs: list[str]
    paths: list[str]


class Problem(BaseModel):
    """What is wrong, and what to do about it."""

    error: str
    remedy: str
