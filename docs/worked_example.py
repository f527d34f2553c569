# ruff: noqa: ISC004  (a list of paragraphs, some of them long)
"""Run one real tick and write what it computed: `python docs/worked_example.py > docs/explanation/_worked_example.md`.

Tables hold what the code has worked out. A formula with numbers in it is worked out once more, from the rounded numbers that its
reader sees, and refused where it leads elsewhere.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from worker.graph.attach import attach
from worker.graph.memory import MemoryGraph
from worker.physics.decay import factors, stored
from worker.physics.fanout import STRATEGIES, kept
from worker.physics.learning import FACTORS, TIERS
from worker.physics.reasons import REASONS, selected_reasons
from worker.physics.valence import Costs, Terms, costs, terms
from worker.physics.weights import scores, widths
from worker.settings import Settings
from worker.tick import intake, load, tick

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.graph.held import Held
    from worker.graph.moment import Frame
    from worker.physics.model import Floats, Frontier, WeightStats

DT = 1.0  # s
GOAL, AFFECT = (1.0, 0.0), (0.8, 0.6)
NODES = {
    "coffee": {"type": "Concept", "energy": 1.1, "visits": 30, "embedding": [0.6, 0.8]},
    "espresso": {"type": "Concept", "energy": 0.0, "visits": 4, "embedding": [0.0, 1.0]},
    "morning": {"type": "Memory", "energy": 0.82, "visits": 9, "emotion": [1.0, 0.0]},
    "tea": {"type": "Concept", "energy": 1.0, "visits": 18, "embedding": [0.8, 0.6]},
    "work": {"type": "Concept", "energy": 0.3, "visits": 0, "embedding": [1.0, 0.0], "emotion": [-1.0, 0.0]},
}
LINKS = [
    ("coffee", "RELATES_TO", "espresso", 1.4),
    ("coffee", "REMINDS_OF", "morning", 0.4),
    ("coffee", "RELATES_TO", "tea", 0.2),
    ("coffee", "REMINDS_OF", "work", -0.5),
    ("espresso", "RELATES_TO", "coffee", 0.9),
    ("morning", "REMINDS_OF", "coffee", 0.2),
    ("tea", "RELATES_TO", "coffee", -0.5),
    ("tea", "REMINDS_OF", "morning", -0.3),
]
STIMULUS = ("coffee", 0.4)
CLOSE = 0.005  # how far rounding to four digits may lead a formula astray


class Example(NamedTuple):
    """A tick, and what it had read: from a second copy of the graph, since a tick leaves nothing as it was."""

    held: Held
    frame: Frame
    stats: dict[str, WeightStats]
    frontier: Frontier
    terms: Terms
    costs: Costs  # of all links of all sources
    z: Floats
    wide: Floats

    def name(self, node: int) -> str:
        return self.held.resident.ids[node]

    def ends(self, link: int) -> str:
        source = np.searchsorted(self.frontier.start, link, side="right") - 1
        return f"{self.name(self.frontier.sources[source])} → {self.name(self.frontier.links.target[link])}"

    def kind(self, link: int) -> str:
        return self.held.resident.link_types[self.frontier.links.type[link]]


def example() -> Example:
    """Run the tick."""
    settings = Settings.read(graph="example", valence={"goal": GOAL, "affect": AFFECT})
    reader, worker = attach(_graph(), settings, "reader"), attach(_graph(), settings, "worker")
    frontier, parameters = load(reader, intake(reader)), settings.physics
    links, numbers = np.arange(len(frontier.links.target)), terms(parameters, DT)
    return Example(
        held=worker,
        stats=reader.stats,
        frame=tick(worker, DT),
        frontier=frontier,
        terms=numbers,
        costs=costs(frontier, links, numbers, parameters),
        z=scores(frontier.links, links, frontier.standard, parameters.weights),
        wide=widths(frontier.links, links, frontier.standard, parameters.weights),
    )


def _graph() -> MemoryGraph:
    graph = MemoryGraph("example", now=lambda: 0.0)
    keys = {name: graph.add_node(id=name, **properties) for name, properties in NODES.items()}
    for source, kind, target, log_weight in LINKS:
        graph.add_link(keys[source], keys[target], kind, log_weight=log_weight)
    graph.add_stimulus(id="a cup", node=STIMULUS[0], delta=STIMULUS[1], created_at=0)
    return graph


def page() -> str:
    ran = example()
    parts = (world, active, weights, candidates, cost, transfer, staged, utility, learning, decay, books)
    head = "<!-- Made by `python docs/worked_example.py` from one real tick; a test compares the two. -->"
    return "\n\n".join([head, *(text for part in parts for text in part(ran))]) + "\n"


def world(ran: Example) -> list[str]:
    threshold = ran.held.parameters.threshold_of
    nodes = [
        (name, n["type"], threshold(n["type"]), n["energy"], n["visits"], _vector(n.get("embedding")), _vector(n.get("emotion")))
        for name, n in NODES.items()
    ]  # fmt: skip
    return [
        "### The graph",
        table("node | type | Θ | E | visits | embedding | emotion", nodes),
        table("link | type | log w", [(f"{s} → {t}", kind, w) for s, kind, t, w in LINKS]),
        f"The goal is {_vector(GOAL)}, the affect A is {_vector(AFFECT)}, Δt = 1 s. A stimulus of {STIMULUS[1]} waits for "
        f"*{STIMULUS[0]}*. All settings have their defaults.",
    ]


def active(ran: Example) -> list[str]:
    nodes = ran.frontier.nodes
    rows = []
    for name in NODES:
        i = ran.held.resident.ids.index(name)
        energy = nodes.energy[i] + nodes.stimulus[i]
        rows.append((name, energy, nodes.threshold[i], "active" if energy >= nodes.threshold[i] else ""))
    return [
        "### Who is active (§2)",
        table("node | E that the tick reads | Θ |", rows),
        f"`E(coffee) = {formula('1.1 + 0.4', 1.5)}`: the stimulus is in it. Only active nodes stride.",
    ]


def weights(ran: Example) -> list[str]:
    floor = ran.held.parameters.weights.std_floor
    rows = [(kind, s.n, s.mean, s.std, max(s.std, floor)) for kind, s in sorted(ran.stats.items())]
    log_weight, (a, b) = ran.frontier.links.log_weight, (_link(ran, "espresso"), _link(ran, "morning"))
    related, reminds = (ran.stats[kind] for kind in ("RELATES_TO", "REMINDS_OF"))
    return [
        "### Reading weights (§3)",
        table("type | links | μ | σ | read as", rows),
        table(
            "link of an active node | log w | z | w̃",
            [(ran.ends(i), log_weight[i], ran.z[i], ran.wide[i]) for i in _links(ran)],
        ),
        f"`z(coffee → espresso) = {formula(f'({n(log_weight[a])} − {n(related.mean)}) / {n(related.std)}', ran.z[a])}` and "
        f"`w̃ = {formula(f'e^({_number(ran.z[a])})', ran.wide[a])}`. REMINDS_OF has a σ under the floor: "
        f"`z(coffee → morning) = {formula(f'({n(log_weight[b])} − {n(reminds.mean)}) / {n(floor)}', ran.z[b])}`.",
    ]


def candidates(ran: Example) -> list[str]:
    first = ran.costs.weight + ran.costs.novelty
    strides = set(ran.frame.moment.strides.link.tolist())
    number = kept(ran.frontier.degree, ran.frontier.active, ran.held.parameters.fanout)
    said = " ".join(
        f"*{ran.name(source)}* has {degree} links: `{STRATEGIES[strategy]}`, and {many} stay."
        for source, degree, strategy, many in zip(
            ran.frontier.sources, ran.frontier.degree, _strategies(ran), number, strict=True
        )
    )
    rows = [
        (ran.ends(i), ran.costs.weight[i], ran.costs.novelty[i], first[i], "kept" if i in strides else "cut")
        for i in _links(ran)
    ]
    m, visits = _link(ran, "morning"), NODES["morning"]["visits"]
    return [
        "### Candidates (§4)",
        f"{said} Those with the smallest sum of these two stay:",
        table("link | c_weight | c_novelty | sum |", rows),
        f"`c_weight(coffee → morning) = {formula(f'log(1 + e^({_number(-ran.z[m])}))', ran.costs.weight[m])}` and "
        f"`c_novelty = {formula(f'0.25 · (1 − e^(−{visits} / 20))', ran.costs.novelty[m])}`.",
    ]


def cost(ran: Example) -> list[str]:
    links, nodes = ran.frontier.links, ran.frontier.nodes
    rows = [
        (
            ran.ends(i),
            *("" if math.isnan(x) else x for x in (nodes.goal_cosine[links.target[i]],)),
            ran.costs.goal[i],
            links.resonance[links.feeling[i]] if links.emotion[links.feeling[i]] else "",
            ran.costs.multiplier[i],
            ran.costs.full[i],
        )
        for i in _links(ran)
    ]
    t, m, w = (_link(ran, name) for name in ("tea", "morning", "work"))
    full = f"({n(ran.costs.weight[m])} + {n(ran.costs.goal[m])} + {n(ran.costs.novelty[m])}) · {n(ran.costs.multiplier[m])}"
    return [
        "### Cost (§5)",
        table("link | cos(goal, target) | c_goal | r | m | c", rows),
        f"`c_goal(coffee → tea) = {formula('1 · (1 − 0.8) / 2', ran.costs.goal[t])}`. "
        f"*morning* feels like A: `m = {formula('e^(−0.6 · 0.8)', ran.costs.multiplier[m])}`. *work* feels the opposite, which resonance makes dearer and "
        f"complementarity cheaper: `m = {formula('e^(0.6 · 0.8) · e^(−0.8 · 0.8 · 1 · 1)', ran.costs.multiplier[w])}`. In all, "
        f"`c(coffee → morning) = {formula(full, ran.costs.full[m])}`. (*work* is cheaper in the end than *tea*, but is no candidate any more.)",
    ]


def transfer(ran: Example) -> list[str]:
    strides, guards = ran.frame.moment.strides, ran.held.parameters.guards
    reasons = selected_reasons(ran.frontier, strides, ran.terms, ran.held.parameters)
    rows = [
        (ran.ends(link), c, share, ran.wide[link], energy, f"`{REASONS[reason]}`")
        for link, c, share, energy, reason in zip(
            strides.link, strides.cost, strides.share, strides.energy, reasons, strict=True
        )
    ]
    mine = strides.source == strides.source[0]
    parts = " + ".join(f"e^(−{n(c)} / 1.5)" for c in strides.cost[mine])
    out = math.fsum(strides.energy[mine])
    share = formula(f"e^(−{n(strides.cost[0])} / 1.5) / ({parts})", strides.share[0])
    moved = formula(f"1.5 · {n(strides.share[0])} · {n(ran.wide[strides.link[0]])} · 0.02 · 1", strides.energy[0])
    return [
        "### Shares and transfer (§6)",
        table("stride, a source's cheapest first | c | π | w̃ | ΔE | why", rows),
        f"`π(coffee → morning) = {share}` and `ΔE = {moved}`. All that leaves *coffee* is {n(out)}, under the cap of "
        f"`{formula('0.2 · 1.5', guards.beta * 1.5)}`. The reason of a source's cheapest stride is the term without which another would be: here no single "
        "one decided, and then it is `weight`.",
    ]


def staged(ran: Example) -> list[str]:
    moment = ran.frame.moment
    rows = [
        (ran.name(i), read, after - read, after)
        for i, read, after in zip(moment.staged.touched, moment.staged.snapshot, moment.staged.after, strict=True)
    ]
    energy = moment.strides.energy
    return [
        "### Staged energies (§6)",
        table("node | E read | δ | E staged", rows),
        f"*morning* gets both: `δ = {formula(f'{n(energy[0])} + {n(energy[3])}', rows[1][2])}`, and is over its Θ of 0.83 now: it strides in the next tick.",
    ]


def utility(ran: Example) -> list[str]:
    strides, st = ran.frame.moment.strides, ran.frame.moment.staged
    energy, threshold = ran.frontier.nodes.energy + ran.frontier.nodes.stimulus, ran.frontier.nodes.threshold
    rows = [
        (ran.ends(link), max(0.0, threshold[j] - energy[j]), moved, phi, z)
        for link, j, moved, phi, z in zip(strides.link, strides.target, strides.energy, st.phi, st.z_phi, strict=True)
    ]
    return [
        "### Utility (§7)",
        table("stride | gap G | ΔE | phi | z_phi", rows),
        f"`phi(coffee → espresso) = {formula(f'{n(rows[1][2])} / {n(rows[1][1])}', rows[1][3])}`. Among the three RELATES_TO strides it is the largest: "
        f"`z_phi = {formula('Φ⁻¹(3 / 4)', rows[1][4])}`; the two that share the lowest rank get `{formula('Φ⁻¹(1.5 / 4)', rows[2][4])}`. Of REMINDS_OF there are only two, so "
        f"they are ranked among all five: `z_phi(coffee → morning) = {formula('Φ⁻¹(5 / 6)', rows[0][4])}`.",
    ]


def learning(ran: Example) -> list[str]:
    strides, st, nodes = ran.frame.moment.strides, ran.frame.moment.staged, ran.frontier.nodes
    rows = [
        (ran.ends(link), f"`{TIERS[tier]}`", FACTORS[tier], moved / nodes.threshold[j], z, before, change)
        for link, tier, moved, j, z, before, change in zip(
            strides.link, st.tier, strides.energy, strides.target, st.z_phi, st.log_weight, st.learned, strict=True
        )
    ]
    _, _, factor, relative, z, before, change = rows[0]
    text = f"0.01 · {n(factor)} · {n(relative)} · (1 + {n(z)}) · (1 + 0.4 · tanh(1)) · (1 − {n(before)} / 5)"
    return [
        "### Learning (§8)",
        table("stride | tier | factor | ΔE / Θ | z_phi | log w | Δ log w", rows),
        f"`Δ log w(coffee → morning) = {formula(text, change)}`: both links that lifted *morning* learn as causes, and this one feels something (‖emotion‖ = 1).",
    ]


def decay(ran: Example) -> list[str]:
    resident, clock = ran.held.resident, ran.held.ledger.decay_clock
    which = np.array([resident.ids.index(name) for name in NODES])
    now = stored(resident.nodes, which, clock)
    left = factors(np.full(len(which), DT), resident["half_life"][which])
    rows = [
        (name, before, resident["half_life"][i], f"{part:.8f}", f"{energy:.6f}", "active" if energy >= resident["threshold"][i] else "")
        for name, i, before, part, energy in zip(NODES, which, now / left, left, now, strict=True)
    ]  # fmt: skip
    return [
        "### Decay (§9)",
        table("node | E staged | half-life, s | left after 1 s | E after the tick |", rows),
        "`E(coffee) = " + formula(f"{n(rows[0][1])} · 2^(−1 / 16200)", now[0]) + "`.",
    ]


def books(ran: Example) -> list[str]:
    frame = ran.frame
    before = math.fsum(node["energy"] for node in NODES.values())
    rows = [(before, frame.energy_in, frame.energy_lost, f"{frame.energy_faded:.6f}", f"{frame.energy_total:.6f}")]
    text = f"{n(before)} + {n(frame.energy_in)} − 0 − {frame.energy_faded:.6f}"
    return [
        "### Books (§13)",
        table("before | in | lost | decayed | after", rows),
        f"`{text} = {frame.energy_total:.6f}`. What strides moved, {n(frame.energy_transferred)} in all, changes no sum.",
    ]


def table(head: str, rows: Iterable[tuple[object, ...]]) -> str:
    titles = [title.strip() for title in head.split("|")]
    lines = [titles, ["---"] * len(titles), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def formula(text: str, value: float) -> str:
    """Return the formula with its value; refuse one that does not lead there."""
    code = (
        text.replace("−", "-").replace("·", "*").replace("e^(", "exp(").replace("2^(", "exp2(").replace("Φ⁻¹", "rank")
    )
    known = {"exp": math.exp, "exp2": math.exp2, "log": math.log, "tanh": math.tanh, "rank": NormalDist().inv_cdf}
    got = eval(code, known)  # this file's own text
    if not math.isclose(got, value, rel_tol=CLOSE):
        raise ValueError(f"{text} = {got}, and not {value}")
    return f"{text} = {_number(value)}"


def n(value: float) -> str:
    """Return a number as it stands within a formula."""
    return f"({_number(value)})" if value < 0.0 else _number(value)


def _number(value: float) -> str:
    """Return four digits, as long as that takes no exponent."""
    shown = f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    if "e" in shown:
        shown = "0" if abs(value) < 1e-12 else f"{value:.4g}".replace("e-0", " · 10^−")
    return shown.replace("-", "−")


def _cell(value: object) -> str:
    return value if isinstance(value, str) else _number(float(value))  # type: ignore[arg-type]


def _vector(values: Iterable[float] | None) -> str:
    return "" if values is None else "(" + ", ".join(f"{value:g}" for value in values).replace("-", "−") + ")"


def _links(ran: Example) -> range:
    return range(len(ran.frontier.links.target))


def _link(ran: Example, target: str) -> int:
    """Return the link from coffee to this target."""
    return next(i for i in _links(ran) if ran.ends(i) == f"coffee → {target}")


def _strategies(ran: Example) -> Iterable[int]:
    strides = ran.frame.moment.strides
    return [strides.strategy[strides.source == source][0] for source in ran.frontier.sources]


if __name__ == "__main__":
    print(page(), end="")
