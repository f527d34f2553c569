"""Every number of the physics that can be set: default, range, unit and section of the spec, each once.

Plain frozen dataclasses, so that the physics needs no settings; `worker.settings` reads them from the environment and
checks the ranges that stand here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt, doc

from worker.physics.retention import split

Positive = Annotated[float, Gt(0), Le(1e12)]


@dataclass(frozen=True)
class Tick:
    """How much moves (§6)."""

    alpha: Annotated[float, Gt(0), Le(1), doc("α: share of a source's energy that its strides may move, 1/s")] = 0.02
    threads: Annotated[int, Ge(1), Le(64), doc("threads of the kernel; the bits don't depend on it")] = 1
    energy_max: Annotated[float, Gt(0), Le(1e15), doc("an energy over it is quarantined")] = 1e9


@dataclass(frozen=True)
class Weights:
    """Reading log-weights (§3)."""

    z_clip: Annotated[float, Gt(0), Le(10), doc("standard scores are clipped to ± this")] = 3.0
    std_floor: Annotated[float, Gt(0), Le(100), doc("σ of a link type is taken to be at least this")] = 0.5
    recompute_ticks: Annotated[int, Ge(1), doc("ticks between two recomputations of the statistics from all links")] = (
        10_000
    )


@dataclass(frozen=True)
class Fanout:
    """How many of a node's links are candidates (§4)."""

    low: Annotated[int, Ge(1), Le(1000), doc("out-degree under which all links are candidates")] = 3
    high: Annotated[int, Ge(1), Le(100_000), doc("out-degree over which only `selective_k` are")] = 10
    selective_k: Annotated[int, Ge(1), Le(1000), doc("candidates kept of a node of high degree")] = 5
    capacity: Annotated[
        int, Ge(1), doc("active nodes that working memory holds; near it, fewer candidates are kept")
    ] = 10_000
    task_mode: Annotated[
        Literal["balanced", "focused", "divergent", "methodical"],
        doc("`balanced`: by degree; `focused`: at most 2; `divergent`: half as many again; `methodical`: all"),
    ] = "balanced"
    frontier_cap: Annotated[int, Ge(100), Le(10_000_000), doc("most sources in a tick; over it they take turns")] = (
        10_000
    )
    hub: Annotated[
        int,
        Ge(100),
        Le(1_000_000_000),
        doc("out-degree over which the database ranks a node's links, and only the best tenth of so many are read"),
    ] = 10_000

    def __post_init__(self) -> None:
        """Refuse a table in which a source of higher degree keeps fewer links."""
        if self.low > self.high:
            raise ValueError("fanout.low must not be over fanout.high")
        if self.selective_k < max(self.low, -(-self.high // 2)):
            raise ValueError(
                f"must be at least {max(self.low, -(-self.high // 2))}: what is kept never falls as the degree grows"
            )
        if self.hub < 4 * self.enough:
            raise ValueError(f"fanout.hub must be at least {4 * self.enough}: 4 times what may be kept of its links")

    @property
    def enough(self) -> int:
        """Links of a node from which on no more are ever kept, and the strategy is `selective`."""
        return max(self.high + 1, self.selective_k * 3 // 2)

    @property
    def buffer(self) -> int:
        """Links of a hub that are read, the best: more than can be kept, so that they serve for many ticks."""
        return max(self.hub // 10, 2 * self.enough)


@dataclass(frozen=True)
class Valence:
    """The terms of a stride's cost beside its weight (§5)."""

    goal_weight: Annotated[float, Ge(0), Le(10), doc("λ_goal")] = 1.0
    novelty_weight: Annotated[float, Ge(0), Le(10), doc("λ_nov")] = 0.25
    novelty_scale: Annotated[float, Gt(0), Le(1e9), doc("visits after which a node's novelty has fallen to 1/e")] = 20.0
    resonance: Annotated[float, Ge(0), Le(10), doc("λ_res: how much the mood favours links that feel like it")] = 0.6
    complementarity: Annotated[
        float, Ge(0), Le(10), doc("λ_comp: how much it favours links that feel the opposite")
    ] = 0.8
    context: Annotated[float, Ge(0), Le(2), doc("g_ctx: 0.5 in focus, 2 in recovery")] = 1.0
    goal: Annotated[tuple[float, ...], doc("goal vector, compared with each target's `embedding`; empty: no goal")] = ()
    affect: Annotated[tuple[float, ...], doc("affect A, compared with each link's `emotion`; empty: neutral")] = ()
    persistence: Annotated[
        bool, doc("on: a mood that lasts over 20 ticks loses its resonance, by e^(−0.05) a tick, until it changes")
    ] = False


@dataclass(frozen=True)
class Select:
    """Which candidates become strides (§6)."""

    topk: Annotated[
        Annotated[int, Ge(1), Le(64)] | Literal["all"], doc("K: strides of a source in a tick, 1 to 64, or `all`")
    ] = 4
    temperature: Annotated[
        float, Gt(0), Le(1e12), doc("T of the shares: near 0 the cheapest takes all, large: equal shares")
    ] = 1.5
    epsilon: Annotated[
        float,
        Ge(0),
        Le(1),
        doc("ε: how often a source tries a link that it had not chosen, in place of its last stride"),
    ] = 0.0
    seed: Annotated[int, Ge(0), Lt(2**63), doc("seed of that choice; same seed, tick and source: same link")] = 0


@dataclass(frozen=True)
class Diffusion:
    """How strides are worked out (§6)."""

    impl: Annotated[
        Literal["stride", "matrix", "legacy"],
        doc(
            "`stride`: along the cheapest links; `matrix`: the same rule along all links, as one sparse operator; "
            "`legacy`: the old full-graph step by weight alone, α · Δt at most 1, for comparisons"
        ),
    ] = "stride"


@dataclass(frozen=True)
class Guards:
    """What a source cannot exceed, and what helps where none strides (§6)."""

    beta: Annotated[float, Ge(0.05), Le(0.2), doc("β: most of its energy that a source gives away in a tick")] = 0.2
    min_strides: Annotated[
        int, Ge(0), doc("strides under which nodes below their threshold may stride too; 0: they never may")
    ] = 1
    shadow_budget: Annotated[int, Ge(0), Le(10_000), doc("most such nodes in a tick, those with the largest E/Θ")] = 8


STICKINESS = MappingProxyType({"Memory": 0.9, "Task": 0.3})


@dataclass(frozen=True)
class Stickiness:
    """What a node keeps of the energy that arrives (§6)."""

    enabled: Annotated[bool, doc("off: all of it; on: by node type, and the rest is lost, which the books include")] = (
        False
    )
    types: Annotated[
        dict[str, Annotated[float, Ge(0.1), Le(1)]], doc("share that is kept, by node type; 1 for all other types")
    ] = field(default_factory=lambda: dict(STICKINESS))


@dataclass(frozen=True)
class Learning:
    """How links grow (§8)."""

    rate: Annotated[float, Ge(0), Le(1), doc("η")] = 0.01
    kappa: Annotated[float, Ge(0), Le(10), doc("κ: how much a link's emotion speeds its learning up")] = 0.4
    log_weight_max: Annotated[float, Gt(0), Le(1000), doc("log-weight at which learning ends")] = 5.0
    gate: Annotated[
        Literal["tiered", "newness", "off"],
        doc("`tiered`: by tier; `newness`: only where both ends were inactive and the target is lifted; `off`: never"),
    ] = "tiered"


HALF_LIVES = MappingProxyType(
    {
        "Memory": 64_800.0,
        "Principle": 32_400.0,
        "Concept": 16_200.0,
        "Task": 7_200.0,
        "Trigger": 10_800.0,
        "*": 14_400.0,
    }
)
THRESHOLDS = MappingProxyType(
    {"Memory": 0.83, "Concept": 0.93, "Principle": 1.17, "Mechanism": 1.27, "Document": 0.73, "Event": 0.87}
)


@dataclass(frozen=True)
class Decay:
    """How energy fades (§9)."""

    half_life: Annotated[dict[str, Positive], doc("half-life of energy by node type, s; `*` for all other types")] = (
        field(default_factory=lambda: dict(HALF_LIVES))
    )
    settle: Annotated[float, Gt(0), Le(1e9), doc("decayed seconds after which energies are written out")] = 60.0
    floor: Annotated[float, Ge(0), Le(0.1), doc("energy under this share of the threshold is 0 when settled")] = 1e-6


@dataclass(frozen=True)
class Consolidation:
    """What moves us stays longer (§9)."""

    enabled: Annotated[
        bool,
        doc("on: the half-life is longer of a node with a strong emotion, or that an unresolved goal is linked to"),
    ] = False
    factor: Annotated[float, Ge(1), Le(2), doc("by which it is longer")] = 2.0
    emotion: Annotated[float, Ge(0), Le(1e9), doc("norm over which an `emotion` is strong")] = 0.7
    goal: Annotated[str, doc("node type of goals; one is unresolved unless its property `resolved` is true")] = "Goal"


@dataclass(frozen=True)
class Resistance:
    """What much hangs on stays longer (§9)."""

    enabled: Annotated[
        bool, doc("on: the half-life is longer of a node of many relationships, or of several entities")
    ] = False
    factor: Annotated[float, Ge(1), Le(1.5), doc("by which it is longer")] = 1.5
    degree: Annotated[int, Ge(1), doc("relationships, in and out, from which on they are many")] = 20


@dataclass(frozen=True)
class WeightDecay:
    """How links forget (§9)."""

    enabled: Annotated[
        bool, doc("on: log-weights draw near to the mean of their link type; off: links never forget")
    ] = False
    every: Annotated[float, Gt(0), Le(1e9), doc("seconds of ticks from one forgetting to the next")] = 3600.0
    half_life: Annotated[
        dict[str, Positive],
        doc("half-life of a log-weight's distance from that mean, in days, by link type; `*` for others"),
    ] = field(default_factory=lambda: {"*": 30.0})


@dataclass(frozen=True)
class Threshold:
    """From which energy on a node is active (§10)."""

    default: Annotated[float, Gt(0), Le(1e9), doc("Θ of a type that has no row of its own")] = 1.0
    types: Annotated[dict[str, Positive], doc("Θ by node type, as a multiple of the default")] = field(
        default_factory=lambda: dict(THRESHOLDS)
    )


@dataclass(frozen=True)
class Pace:
    """Tick speed (§11)."""

    fixed: Annotated[
        Annotated[float, Gt(0), Le(3600)] | None,
        doc("seconds from tick to tick, and the dt of each, whatever happens; none: variable, by the settings below"),
    ] = None
    min: Annotated[
        float, Ge(0.05), Le(60), doc("least interval from tick to tick, s; a new stimulus waits no longer for its tick")
    ] = 0.1
    max: Annotated[float, Ge(0.05), Le(3600), doc("interval from tick to tick when nothing happens, s")] = 60.0
    smoothing: Annotated[
        float, Gt(0), Le(1), doc("share of the new interval in its exponential mean; 1: no smoothing")
    ] = 0.3
    dt_max: Annotated[
        float, Gt(0), Le(3600), doc("longest dt of a tick, s, where none is fixed; a longer pause is cut to it")
    ] = 5.0

    def __post_init__(self) -> None:
        """Refuse bounds that leave nothing between them."""
        if self.min > self.max:
            raise ValueError("pace.min must not be over pace.max")


@dataclass(frozen=True)
class Criticality:
    """Whether activity is held where it neither dies out nor spreads to everything (§12)."""

    enabled: Annotated[bool, doc("on: energy decays faster or slower, so that branching comes to `target`")] = False
    target: Annotated[
        float,
        Gt(0),
        Le(1),
        doc(
            "branching ratio to hold; under 1, which no lasting activity reaches: some energy always leaves the active nodes"
        ),
    ] = 0.8
    proportional: Annotated[
        float, Ge(0), Le(100), doc("octaves of the decay's multiplier for a branching ratio that is 1 over `target`")
    ] = 1.0
    integral: Annotated[float, Ge(0), Le(100), doc("the same a second, 1/s; well under 1 / half-life")] = 5e-5


@dataclass(frozen=True)
class Parameters:
    """All of them, as the physics takes them."""

    tick: Tick = field(default_factory=Tick)
    weights: Weights = field(default_factory=Weights)
    fanout: Fanout = field(default_factory=Fanout)
    valence: Valence = field(default_factory=Valence)
    select: Select = field(default_factory=Select)
    diffusion: Diffusion = field(default_factory=Diffusion)
    guards: Guards = field(default_factory=Guards)
    stickiness: Stickiness = field(default_factory=Stickiness)
    learning: Learning = field(default_factory=Learning)
    decay: Decay = field(default_factory=Decay)
    consolidation: Consolidation = field(default_factory=Consolidation)
    resistance: Resistance = field(default_factory=Resistance)
    weight_decay: WeightDecay = field(default_factory=WeightDecay)
    threshold: Threshold = field(default_factory=Threshold)
    criticality: Criticality = field(default_factory=Criticality)

    def half_life(self, kind: str) -> float:
        """Return the half-life of a type's energy, or of those of it that keep it longer, s (§9)."""
        node_type, factor = split(kind)
        return factor * (self.decay.half_life.get(node_type) or self.decay.half_life.get("*", HALF_LIVES["*"]))

    def weight_half_life(self, link_type: str) -> float:
        """Return the half-life of a log-weight's distance from its type's mean, in days (§9)."""
        return self.weight_decay.half_life.get(link_type) or self.weight_decay.half_life.get("*", 30.0)

    def stickiness_of(self, node_type: str) -> float:
        """Return the share of what arrives that a type keeps (§6)."""
        return self.stickiness.types.get(node_type, 1.0) if self.stickiness.enabled else 1.0

    def threshold_of(self, node_type: str) -> float:
        """Return Θ of a type (§10)."""
        return self.threshold.default * self.threshold.types.get(node_type, 1.0)
