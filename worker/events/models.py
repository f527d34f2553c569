"""The wire models (SPEC §13), one a kind: the schema of what `build` makes as plain dictionaries, field by field in this order.

Energies in the user's unit, times in seconds, energies "before" and "after" those of the tick. A reader lets pass what it does
not know: a kind gets a new version when a field goes or changes its meaning, not when one is added.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from worker.physics.pace import IntervalReason  # noqa: TC001  (pydantic reads the annotation)

Amount = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Reason = Literal[
    "weight", "goal", "novelty", "resonance", "complementarity", "only", "top_k", "explore", "shadow_retry"
]
State = Literal[
    "starting", "attached", "running", "waiting for lease", "waiting for database", "paused", "fenced", "stopping"
]  # fmt: skip


def _says(description: str) -> object:
    return Field(description=description)


class Model(BaseModel):
    """What every event has."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    kind: str
    graph: Annotated[str, _says("namespace of the nodes")]
    frame: Annotated[
        Count, _says("number of the tick; of the last one, where an event stands between two; 0 before the first")
    ]
    t: Annotated[AwareDatetime, _says("when the tick was closed, or the state entered")]


class FrameStart(Model):
    """A tick as it begins; written, like all of its events, when it is closed: a tick that is not committed has none."""

    kind: Literal["frame.start.v1"] = "frame.start.v1"
    dt: Annotated[Amount, _says("seconds that the tick stands for")]
    interval: Annotated[
        Amount, _says("seconds from the tick before to this one that the pace aimed at, smoothed (§11)")
    ]
    interval_reason: Annotated[
        IntervalReason,
        _says(
            "what decided it: `fixed`: a setting; else the least of the three factors; `stimulus` also where a new one has "
            "ended the wait (§11)"
        ),
    ]
    active: Annotated[Count, _says("nodes at or over their threshold, stimuli added")]
    shadow: Annotated[Count, _says("nodes under theirs that a link of this tick's sources points to")]


class StimulusInjected(Model):
    """Energy that a stimulus has brought a node: one by budget has an event for each node that it gave to."""

    kind: Literal["stimulus.injected.v1"] = "stimulus.injected.v1"
    node: str
    delta: Annotated[float, Field(gt=0), _says("energy added")]
    source: Annotated[str | None, _says("who sent it, as they say")]
    id: Annotated[str, _says("the stimulus's own id: that of several events, where it is one by budget")]


class StrideExec(Model):
    """Energy that moved along a link."""

    kind: Literal["stride.exec.v1"] = "stride.exec.v1"
    src: str
    tgt: str
    link_type: str
    delta_e: Annotated[Amount, _says("ΔE: what the source gave; stickiness may keep less (§6)")]
    e_src_pre: Annotated[Amount, _says("the source's energy as the tick read it, stimuli added")]
    e_tgt_pre: Annotated[Amount, _says("the target's energy as the tick read it, stimuli added")]
    e_tgt_post: Annotated[Amount, _says("the target's energy after all strides, before decay")]
    phi: Annotated[float, Field(ge=0, le=1), _says("share of the target's gap that the stride fills (§7)")]
    z_flow: Annotated[float, _says("rank score of delta_e among the tick's strides of this link type (§7)")]
    z_phi: Annotated[float, _says("rank score of phi among them (§7)")]
    score: Annotated[float, Field(le=0), _says("−c: the higher, the cheaper (§5)")]
    share: Annotated[float, Field(ge=0, le=1), _says("π: share of what the source gives (§6)")]
    selected_reason: Annotated[
        Reason,
        _says(
            "`shadow_retry`: from a node below its threshold; `explore`: tried by chance; `only`: the source's one link; "
            "`top_k`: not the source's cheapest; else the first term of the cost without which another link would have been "
            "the cheapest, `weight` where no single term decided"
        ),
    ]
    strategy: Annotated[Literal["exhaustive", "balanced", "selective"], _says("how candidates were kept (§4)")]


class NodeFlip(Model):
    """A node that became active, or ceased to be."""

    kind: Literal["node.flip.v1"] = "node.flip.v1"
    node: str
    direction: Literal["on", "off"]
    e_pre: Annotated[Amount, _says("its energy before the tick, without stimuli; by decay: after the tick's commit")]
    e_post: Annotated[Amount, _says("its energy after the tick's commit; by decay: after that")]
    threshold: Annotated[float, Field(gt=0)]
    cause: Annotated[
        Literal["stimulus", "stride", "decay"],
        _says("`stimulus`: that alone lifted it; `stride`: it took strides, or they took it under; `decay`: it faded"),
    ]


class EntityBoundary(Model):
    """What all strides of a tick have carried from the nodes of one main entity to those of another.

    A node's main entity is the one that it is the heaviest member of; strides from or to a node without any don't count.
    """

    kind: Literal["entity.boundary.v1"] = "entity.boundary.v1"
    src_entity: str
    tgt_entity: str
    beams: Annotated[int, Field(ge=1), _says("strides")]
    energy: Annotated[Amount, _says("Σ ΔE: what their sources gave")]
    max_phi: Annotated[
        float, Field(ge=0, le=1), _says("the largest share of a target's gap that one of them fills (§7)")
    ]
    hunger: Annotated[
        float,
        Field(ge=0, le=1),
        _says("median of max(0, Θ − E) / Θ over the nodes that they end at, each once, as the tick read them"),
    ]


class WeightsUpdated(Model):
    """A link that has learned.

    `link` is the database's own key: the one thing that tells two links of one type between the same ends apart. It is text,
    since it has more digits than a JSON reader's double may keep, and it serves while the link lives; what outlives a restore
    of the database is src, tgt and link_type.
    """

    kind: Literal["weights.updated.v1"] = "weights.updated.v1"
    link: str
    src: str
    tgt: str
    link_type: str
    tier: Annotated[Literal["co_activation", "causal", "background"], _says("what its ends were doing (§8)")]
    before: Annotated[float, _says("log-weight")]
    after: Annotated[float, _says("log-weight")]


class InputRejected(Model):
    """Something in the database that does not enter the physics, or not as it stands (§1)."""

    kind: Literal["input.rejected.v1"] = "input.rejected.v1"
    what: Annotated[str, _says("kind of thing, e.g. `node`, `link`, `stimulus`, `type`")]
    identity: Annotated[str, _says("which one")]
    why: str


class EnergyDecay(BaseModel):
    """Energy that has faded, the floor's takings included."""

    model_config = ConfigDict(frozen=True)

    total: float
    by_type: Annotated[dict[str, float], _says("by node type")]


class ConservationError(BaseModel):
    """How far the energy after the tick is from what the books say."""

    model_config = ConfigDict(frozen=True)

    absolute: float
    percent: Annotated[Amount, _says("of all energy")]


class FrameEnd(Model):
    """A tick's figures."""

    kind: Literal["frame.end.v1"] = "frame.end.v1"
    energy_in: Annotated[Amount, _says("Σ of the stimuli")]
    energy_transferred: Annotated[Amount, _says("Σ ΔE of the strides")]
    energy_decay: EnergyDecay
    energy_lost: Annotated[Amount, _says("what stickiness did not keep")]
    energy_total: Annotated[float, _says("of all nodes, after the tick")]
    conservation_error: ConservationError
    frontier_active: Annotated[Count, _says("nodes at or over their threshold, after the tick")]
    frontier_shadow: Annotated[
        Count, _says("nodes under theirs that a link of this tick's sources points to, after it")
    ]
    mean_degree_active: Annotated[Amount, _says("mean out-degree of this tick's sources")]
    diffusion_radius: Annotated[Count, _says("links from the nodes that stimuli came to, to the farthest active one")]
    branching: Annotated[
        float | None,
        _says(
            "energy reaching nodes that stay or become active, by energy leaving active nodes and their decay: a mean over "
            "20 ticks (§12); null before the first such tick"
        ),
    ]
    growth: Annotated[float | None, _says("active nodes after by active nodes before, a mean over 20 ticks (§12)")]
    spectral: Annotated[
        float | None,
        _says(
            "largest factor that the tick's decay leaves of a type's energy: the spectral radius, whatever the graph (§12)"
        ),
    ]
    decay_multiplier: Annotated[
        float,
        Field(gt=0),
        _says("by which this tick decays faster, to hold branching at its target (§12); 1: it does not"),
    ]
    strides: Count
    flips_on: Count
    flips_off: Count
    quarantined: Annotated[
        Count,
        _says("nodes that the worker has met and that have no energy the physics takes: `check` lists all there are"),
    ]
    timings_ms: Annotated[dict[str, Amount], _says("milliseconds by step")]


class WorkerState(Model):
    """What the worker is doing from now on."""

    kind: Literal["worker.state.v1"] = "worker.state.v1"
    state: State
    detail: str


class EventsLost(Model):
    """What a subscriber was too slow for: it comes before what follows the gap. Frames and states are never lost."""

    kind: Literal["events.lost.v1"] = "events.lost.v1"
    lost: Annotated[dict[str, Count], _says("events by kind, since the subscription began or was last told")]


class ActiveNode(BaseModel):
    """A node at or over its threshold."""

    model_config = ConfigDict(frozen=True)

    node: str
    type: str
    energy: Amount
    threshold: Annotated[float, Field(gt=0)]


class Sums(BaseModel):
    """The sums of the graph's books."""

    model_config = ConfigDict(frozen=True)

    opening: Annotated[float, _says("energy when the books were opened")]
    injected: Annotated[float, _says("by stimuli")]
    external: Annotated[float, _says("written by others, less what they took")]
    lost: Annotated[float, _says("not kept by stickiness")]
    decayed: float


class Snapshot(Model):
    """How the graph stands after the last tick: what a subscription begins with, unless it goes on from a frame."""

    kind: Literal["snapshot.v1"] = "snapshot.v1"
    state: Annotated[State | None, _says("what the worker is doing; null where that is not known")]
    energy_total: Annotated[float, _says("of all nodes")]
    energy_by_type: Annotated[dict[str, float], _says("by node type")]
    books: Sums
    decay_clock: Annotated[Amount, _says("seconds that energies have decayed for (§9)")]
    frontier_active: Annotated[Count, _says("nodes at or over their threshold")]
    frontier_shadow: Annotated[Count, _says("nodes under theirs that a link of the last tick's sources points to")]
    quarantined: Annotated[Count, _says("nodes that have no energy the physics takes")]
    top: Annotated[list[ActiveNode], _says("the active nodes with most energy, up to 20")]


MODELS: tuple[type[Model], ...] = (
    FrameStart,
    StimulusInjected,
    StrideExec,
    NodeFlip,
    EntityBoundary,
    WeightsUpdated,
    InputRejected,
    FrameEnd,
    WorkerState,
    EventsLost,
    Snapshot,
)
KINDS = {model.model_fields["kind"].default: model for model in MODELS}
