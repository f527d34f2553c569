"""One whole tick of SPEC §2, slow and obvious: plain dictionaries, `math`, one link after the other.

The twin that the compiled code is held to. Written from the spec, section by section, and not from the code: where the two
differ, one of them has misread it. Energies are kept as of now; `written` is the epoch in which a node was last written,
since §9 settles only what the clock has moved since then.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import NormalDist, fmean, pstdev


@dataclass
class Node:
    id: str
    type: str
    energy: float = 0.0
    threshold: float | None = None
    embedding: tuple = ()
    emotion: tuple = ()
    visits: int = 0
    resolved: bool = False
    written: float = 0.0
    retention: float = 1.0


@dataclass
class Link:
    id: int
    source: str
    target: str
    type: str
    log_weight: float
    emotion: tuple = ()


@dataclass
class NaiveGraph:
    nodes: dict[str, Node]
    links: list[Link]
    clock: float = 0.0
    tick: int = 0
    branching: float | None = None
    growth: float | None = None
    multiplier: float = 1.0
    octaves: float = 0.0
    off_target: tuple = ()  # sides of the last five ticks on which branching was off its target
    lasted: int = 0
    weight_clock: float = 0.0
    forgotten: int = 0  # how often links have forgotten


@dataclass
class Stride:
    link: Link
    cost: float
    share: float
    energy: float = 0.0
    phi: float = 0.0
    z_flow: float = 0.0
    z_phi: float = 0.0
    tier: str = ""
    learned: float = 0.0
    explored: bool = False


@dataclass
class Result:
    strides: list[Stride]
    energy_in: float
    after: dict[str, float]  # energies after all strides, before decay
    decay: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    near: list[float] = field(default_factory=list)  # E/Θ of those that a retry chose among, descending


def tick(graph, p, dt, stimuli):
    """Run one tick of `dt` seconds with stimuli, change the graph, and return what happened.

    A stimulus is (node id, delta), or (((candidate's id, similarity), …), budget).
    """
    graph.tick += 1
    if p.valence.persistence and norm(p.valence.affect) and graph.tick > 1:  # §5: the twin's mood never changes
        graph.lasted += 1
    given = []
    for who, amount in stimuli:  # §2.1, one after the other
        e = {node.id: node.energy for node in graph.nodes.values()}
        theta = {node.id: threshold(node, p) for node in graph.nodes.values()}
        for node, delta in [(who, amount)] if isinstance(who, str) else distributed(who, amount, e, theta):
            graph.nodes[node].energy += delta
            given.append((node, delta))
    e = {node.id: node.energy for node in graph.nodes.values()}  # §2.3, the snapshot
    theta = {node.id: threshold(node, p) for node in graph.nodes.values()}
    active = sorted(i for i in e if e[i] >= theta[i])
    read = reading(graph.links, p)
    if active:
        control(graph, p, dt)

    strides = []
    for source in active:
        strides += strides_of(source, e[source], theta[source], len(active), graph, read, p, dt, graph.tick)
    near = []
    if len(strides) < p.guards.min_strides:
        near = sorted((i for i in e if 0.0 < e[i] < theta[i]), key=lambda i: (-e[i] / theta[i], i))
        strides = []
        for source in sorted(active + near[: p.guards.shadow_budget]):
            strides += strides_of(source, e[source], theta[source], len(active), graph, read, p, dt, graph.tick)
    after = dict(e)
    for stride in strides:
        after[stride.link.source] -= stride.energy
        after[stride.link.target] += keeps(graph.nodes[stride.link.target], p) * stride.energy
    criticality(strides, e, after, theta, graph, p, dt * graph.multiplier)
    score(strides, e, theta)
    learn(strides, e, after, theta, graph, p)

    epoch = math.floor(graph.clock / p.decay.settle) * p.decay.settle  # §2.6, the commit
    for i in {stride.link.source for stride in strides} | {stride.link.target for stride in strides}:
        graph.nodes[i].written = epoch
    for i, _ in given:
        graph.nodes[i].written = epoch
    for stride in strides:
        stride.link.log_weight += stride.learned
        graph.nodes[stride.link.target].visits += 1
    for node in graph.nodes.values():
        node.energy = max(0.0, after[node.id])
    result = Result(strides, math.fsum(delta for _, delta in given), after, near=[e[i] / theta[i] for i in near])
    decay(graph, p, dt * graph.multiplier, result)
    forget(graph, p, dt)
    return result


def forget(graph, p, dt):
    """§9: log-weights draw near to the mean of their type, on a clock of their own."""
    if not p.weight_decay.enabled:
        return
    graph.weight_clock += dt
    epochs = math.floor(graph.weight_clock / p.weight_decay.every) - graph.forgotten
    graph.forgotten += epochs
    by_type = defaultdict(list)
    for link in graph.links:
        by_type[link.type].append(link)
    for kind, links in by_type.items():
        mean = fmean(link.log_weight for link in links)
        half_life = 86400 * p.weight_decay.half_life.get(kind, p.weight_decay.half_life["*"])
        for link in links:
            link.log_weight = mean + (link.log_weight - mean) * 2 ** (-epochs * p.weight_decay.every / half_life)


def control(graph, p, dt):
    """§12: how much faster this tick decays, by the branching of those before."""
    if not p.criticality.enabled or graph.branching is None:
        return
    error = graph.branching - p.criticality.target
    graph.off_target = (*graph.off_target[-4:], math.copysign(1, error) if error else 0)
    if abs(sum(graph.off_target)) < 5:
        return
    pushed = graph.octaves + p.criticality.integral * error * dt
    wanted = p.criticality.proportional * error + pushed
    if not (wanted > 1 and error > 0) and not (wanted < -1 and error < 0):
        graph.octaves = pushed
    graph.multiplier = 2 ** max(-1.0, min(1.0, wanted))


def distributed(candidates, budget, e, theta):
    """§10: what each candidate gets of a budget, as [(node id, delta)]. A tie of λ's two questions, as good as equal, is a no."""
    s, n = dict(candidates), len(candidates)
    gap = {i: max(0.0, theta[i] - e[i]) for i in s}
    lam = 0.6
    if sum(gap.values()) / n > (1 + 1e-12) * sum(theta[i] for i in s) / n / 3:
        lam += 0.2
    if sum((s[i] / sum(s.values())) ** 2 for i in s) > 0.2 * (1 + 1e-12):
        lam -= 0.2
    lam = min(max(lam, 0.3), 0.8)
    weight = {i: logistic((theta[i] - e[i]) / (0.27 * theta[i])) for i in s}
    total = sum(weight.values()) or 1.0  # 0 where all are so full that none has a gap
    floor = {i: min(gap[i], lam * budget * weight[i] / total) for i in s}
    amplifier = {i: (1 - lam) * budget * s[i] ** 1.3 / sum(x**1.3 for x in s.values()) for i in s}
    return [(i, min(floor[i] + amplifier[i], theta[i] / 3)) for i in s]


def logistic(x):
    """§10: σ, by whichever of its two forms does not overflow."""
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def criticality(strides, e, after, theta, graph, p, dt):
    """§12: the two ratios, as exponential means over 20 ticks."""
    active = [i for i in e if e[i] >= theta[i]]
    reaching = [
        keeps(graph.nodes[s.link.target], p) * s.energy for s in strides if after[s.link.target] >= theta[s.link.target]
    ]
    leaving = [s.energy for s in strides if e[s.link.source] >= theta[s.link.source]]
    fading = [after[i] * (1 - 2 ** (-dt / half_life(graph.nodes[i], p))) for i in active]
    if sum(leaving) + sum(fading) > 0:
        graph.branching = mean(graph.branching, sum(reaching) / (sum(leaving) + sum(fading)))
    if active:
        graph.growth = mean(graph.growth, sum(after[i] >= theta[i] for i in e) / len(active))


def mean(before, sample):
    """§12: an exponential mean over 20 ticks."""
    return sample if before is None else before + 2 / 21 * (sample - before)


def threshold(node, p):
    """§10: Θ of a node."""
    return node.threshold or p.threshold.default * p.threshold.types.get(node.type, 1.0)


def keeps(node, p):
    """§6: the share of what arrives that a node keeps."""
    return p.stickiness.types.get(node.type, 1.0) if p.stickiness.enabled else 1.0


def half_life(node, p):
    """§9: seconds in which a node's energy halves."""
    return node.retention * p.decay.half_life.get(node.type, p.decay.half_life["*"])


def retention(node, graph, p):
    """§9: how many times as long as its type a node keeps its energy."""
    degree, goal = 0, False
    for link in graph.links:
        if node.id in {link.source, link.target}:
            degree += 1
            other = graph.nodes[link.target if link.source == node.id else link.source]
            goal = goal or (other.type == p.consolidation.goal and not other.resolved)
    factor = 1.0
    if p.consolidation.enabled and (norm(node.emotion) > p.consolidation.emotion or goal):
        factor *= p.consolidation.factor
    if p.resistance.enabled and degree >= p.resistance.degree:
        factor *= p.resistance.factor
    return factor


def reading(links, p):
    """§3: how to read a log-weight of each type: a function from link to z."""
    by_type = defaultdict(list)
    for link in links:
        by_type[link.type].append(link.log_weight)
    everything = [link.log_weight for link in links]

    def z(link):
        values = by_type[link.type] if len(by_type[link.type]) >= 3 else everything
        if len(values) < 3:
            return 0.0
        z = (link.log_weight - fmean(values)) / max(pstdev(values), p.weights.std_floor)
        return max(-p.weights.z_clip, min(p.weights.z_clip, z))

    z_of = {link.id: z(link) for link in links}
    return lambda link: z_of[link.id]


def kept(degree, active, p):
    """§4: how many of a source's links are candidates."""
    f = p.fanout
    if degree > f.high:
        number = f.selective_k
    elif degree >= f.low:
        number = max(f.low, math.ceil(degree / 2))
    else:
        number = degree
    if f.task_mode == "focused":
        number = min(number, 2)
    elif f.task_mode == "divergent":
        number = math.floor(1.5 * number)
    elif f.task_mode == "methodical":
        number = degree
    if max(0, f.capacity - active) / f.capacity < 0.2:
        number = max(1, math.floor(number * 0.6))
    return min(number, degree)


def strides_of(source, energy, theta, active, graph, read, p, dt, tick):
    """§4 to §6: the strides of one source."""
    links = [link for link in graph.links if link.source == source]

    def in_order(links, cost):
        return sorted(links, key=lambda link: (cost[link.id], link.target, link.type, link.id))

    base, full = {}, {}
    for link in links:
        weight, goal, novelty, multiplier = costs(link, graph.nodes[link.target], read(link), p, graph.lasted)
        base[link.id], full[link.id] = weight + novelty, (weight + goal + novelty) * multiplier
    candidates = in_order(links, base)[: kept(len(links), active, p)]
    chosen = in_order(candidates, full)
    if p.select.topk != "all":
        chosen = chosen[: p.select.topk]
    if not chosen:
        return []
    rest = []
    if p.select.epsilon > 0:
        rest = [link for link in in_order(links, dict.fromkeys(full, 0)) if link not in chosen]
    explored = None
    if rest and uniform(p.select.seed, tick, source, 0) < p.select.epsilon:
        explored = rest[math.floor(uniform(p.select.seed, tick, source, 1) * len(rest))]
        chosen = in_order([*chosen[:-1], explored], full)

    least = full[chosen[0].id]  # taken out of each exponent: no share of a softmax changes, and none can overflow
    parts = [math.exp(-(full[link.id] - least) / p.select.temperature) for link in chosen]
    strides = [
        Stride(link, full[link.id], part / sum(parts), explored=link is explored)
        for link, part in zip(chosen, parts, strict=True)
    ]
    for stride in strides:
        stride.energy = energy * stride.share * math.exp(read(stride.link)) * p.tick.alpha * dt
    total, cap = sum(stride.energy for stride in strides), p.guards.beta * energy
    if total > cap:
        for stride in strides:
            stride.energy = cap * (stride.energy / total)
    return [stride for stride in strides if stride.energy > 1e-9 * theta]


def uniform(seed, tick, source, draw):
    """§5: a number in [0, 1) by SplitMix64's finalizer over seed, tick, source and number of the draw, one after the other."""
    name = int.from_bytes(hashlib.blake2b(source.encode(), digest_size=8).digest())
    x = 0
    for part in (seed, tick, name, draw):
        x = (x ^ part) + 0x9E3779B97F4A7C15 & 2**64 - 1
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & 2**64 - 1
        x = (x ^ x >> 27) * 0x94D049BB133111EB & 2**64 - 1
        x ^= x >> 31
    return (x >> 11) / 2**53


def costs(link, target, z, p, lasted=0):
    """§5: c_weight, c_goal, c_novelty, m_res · m_comp."""
    v = p.valence
    weight = math.log(1 + math.exp(-z))
    similarity = cosine(v.goal, target.embedding)
    goal = 0.0 if similarity is None else v.goal_weight * (1 - similarity) / 2
    novelty = v.novelty_weight * (1 - math.exp(-target.visits / v.novelty_scale))
    emotion = link.emotion or target.emotion
    r = cosine(v.affect, emotion) if norm(v.affect) >= 0.05 and norm(emotion) >= 0.05 else None
    r = r or 0.0
    resonance = math.exp(-v.resonance * math.exp(-0.05 * max(0, lasted - 20)) * r)
    complementarity = math.exp(-v.complementarity * max(0.0, -r) * min(norm(v.affect), 1.0) * v.context)
    return weight, goal, novelty, max(0.6, min(1.6, resonance * complementarity))


def norm(vector):
    return math.sqrt(sum(x * x for x in vector))


def cosine(a, b):
    """None where either is missing or zero, or where they do not fit."""
    if len(a) != len(b) or norm(a) == 0 or norm(b) == 0:
        return None
    return sum(x * y for x, y in zip(a, b, strict=True)) / (norm(a) * norm(b))


def score(strides, e, theta):
    """§7: what each stride was worth, and its rank among those of its link type."""
    for stride in strides:
        j = stride.link.target
        gap = max(0.0, theta[j] - e[j])
        stride.phi = min(stride.energy, gap) / (gap + 1e-6 * theta[j]) if gap > 0 else 0.0
    for stride in strides:
        peers = [other for other in strides if other.link.type == stride.link.type]
        if len(peers) < 3:
            peers = strides
        stride.z_flow = rank_score(stride.energy, [peer.energy for peer in peers])
        stride.z_phi = rank_score(stride.phi, [peer.phi for peer in peers])


def rank_score(value, values):
    if len(values) < 3:
        return 0.0
    rank = sum(v < value for v in values) + (1 + sum(v == value for v in values)) / 2
    return NormalDist().inv_cdf(rank / (len(values) + 1))


def learn(strides, e, after, theta, graph, p):
    """§8: how much each link grows."""
    rate = p.learning
    for stride in strides:
        i, j = stride.link.source, stride.link.target
        i_active, j_active = e[i] >= theta[i], e[j] >= theta[j]
        lifted = not j_active and after[j] >= theta[j]
        stride.tier = "co_activation" if i_active and j_active else "causal" if lifted else "background"
        factor = {"co_activation": 1.0, "causal": 0.6, "background": 0.3}[stride.tier]
        if rate.gate == "off" or (rate.gate == "newness" and (i_active or not lifted)):
            factor = 0.0
        learned = rate.rate * factor * min(1.0, stride.energy / theta[j]) * max(0.0, 1 + stride.z_phi)
        learned *= 1 + rate.kappa * math.tanh(norm(stride.link.emotion or graph.nodes[j].emotion))
        learned *= max(0.0, min(1.0, 1 - stride.link.log_weight / rate.log_weight_max))
        stride.learned = min(learned, 0.05)
    total, most = sum(stride.learned for stride in strides), 0.5 * math.sqrt(len(strides))
    for stride in strides:
        if total > most:
            stride.learned *= most / total
        if stride.learned < 1e-7:
            stride.learned = 0.0


def decay(graph, p, dt, result):
    """§9: everything fades, and in a new epoch what has faded under the floor becomes 0."""
    epoch = math.floor(graph.clock / p.decay.settle)
    graph.clock += dt
    for node in graph.nodes.values():
        before = node.energy
        node.energy *= 2 ** (-dt / half_life(node, p))
        result.decay[node.type] += before - node.energy
    if math.floor(graph.clock / p.decay.settle) == epoch:
        return
    epoch = math.floor(graph.clock / p.decay.settle) * p.decay.settle
    for node in graph.nodes.values():
        if node.energy > 0 and retention(node, graph, p) != node.retention:
            node.written, node.retention = epoch, retention(node, graph, p)
        elif node.energy > 0 and node.written < epoch and 2 ** (-(epoch - node.written) / half_life(node, p)) < 0.999:
            node.written = epoch
            if node.energy * 2 ** ((graph.clock - epoch) / half_life(node, p)) < p.decay.floor * threshold(node, p):
                result.decay[node.type] += node.energy
                node.energy = 0.0
