"""What goes in and comes out over HTTP, as OpenAPI tells it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from worker.graph.desk import Budget, Direct

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
        dict[str, Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]], Field(min_length=1, max_length=1000)
    ]
    id: Annotated[Text | None, Field(description="the stimulus's own id: sent twice, it is applied once")] = None
    source: Annotated[str, Field(max_length=1000, description="where it comes from, for the record")] = "http"

    def amount(self) -> Budget:
        """Return it as the queue takes it."""
        return Budget(self.budget, self.candidates)


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
    links: Annotated[list[LinkOut], Field(description="its heaviest, up to 50")]


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
