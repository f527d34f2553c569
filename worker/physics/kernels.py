"""The only compiled code: one routine each for exp, log and powers of two, and the loops over links.

Compiled without fastmath, so that no sum is reordered and no product fused: the bits depend neither on the width of the
vectors nor on the number of threads. Each has its slow, obvious twin in `tests/naive.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
import numpy as np

if TYPE_CHECKING:
    from worker.physics.model import Frontier

_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_LOG2_E = 1.44269504088896338700
_LN2 = 0.6931471805599453
_TWO52 = 4503599627370496.0
_AT: Any = np.uint64  # of an index: one that might count from the end costs twice the time
_BLOCK = 2048  # links worked on at a time: their costs stay in the nearest cache
_FEW = 64  # the smallest are found by insertion up to this many, by sorting beyond

compiled: Any = numba.njit(nogil=True, cache=True, error_model="numpy")
inlined: Any = numba.njit(nogil=True, cache=True, error_model="numpy", inline="always")


@inlined
def _scaled(r: float, n: float) -> Any:
    """Return e^r · 2^n for |r| ≤ ln 2 / 2 and whole n in [-1021, 1023]."""
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return p * np.int64((np.int64(n) + 1023) << 52).view(np.float64)


@inlined
def exp(x: float) -> Any:
    """Return e^x; arguments are cut to ±700."""
    x = min(max(x, -700.0), 700.0)
    n = np.floor(x * _LOG2_E + 0.5)
    return _scaled((x - n * _LN2_HIGH) - n * _LN2_LOW, n)


@inlined
def pow2(x: float) -> Any:
    """Return 2^x; arguments are cut to ±1000."""
    x = min(max(x, -1000.0), 1000.0)
    n = np.floor(x + 0.5)
    return _scaled((x - n) * _LN2, n)


@inlined
def log(x: float) -> float:
    """Return the natural logarithm of a positive, normal x."""
    bits = np.float64(x).view(np.int64)
    over = (bits & 0xFFFFFFFFFFFFF) - 0x6A09E667F3BCD  # of m over √2: its sign says whether to halve
    up = 1 + (over >> 63)
    n = np.int64((bits >> 52) + up | 0x4330000000000000).view(np.float64) - (
        _TWO52 + 1023.0
    )  # a vectorised int → float
    m = np.int64((bits & 0xFFFFFFFFFFFFF) | ((1023 - up) << 52)).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    p = 1.0 / 23.0
    p = p * z + 1.0 / 21.0
    p = p * z + 1.0 / 19.0
    p = p * z + 1.0 / 17.0
    p = p * z + 1.0 / 15.0
    p = p * z + 1.0 / 13.0
    p = p * z + 1.0 / 11.0
    p = p * z + 1.0 / 9.0
    p = p * z + 1.0 / 7.0
    p = p * z + 1.0 / 5.0
    p = p * z + 1.0 / 3.0
    return n * _LN2_HIGH + (2.0 * s + (n * _LN2_LOW + 2.0 * s * z * p))


@compiled
def exps(x: np.ndarray) -> np.ndarray:
    """Return e^x of each."""
    y = np.empty_like(x)
    for i in range(len(x)):
        y[i] = exp(x[i])
    return y


@compiled
def logs(x: np.ndarray) -> np.ndarray:
    """Return the natural logarithm of each."""
    y = np.empty_like(x)
    for i in range(len(x)):
        y[i] = log(x[i])
    return y


@compiled
def pow2s(x: np.ndarray) -> np.ndarray:
    """Return 2^x of each."""
    y = np.empty_like(x)
    for i in range(len(x)):
        y[i] = pow2(x[i])
    return y


@compiled
def decayed(nodes: Any, which: np.ndarray, clock: float) -> np.ndarray:
    """Return the energies of the nodes `which` at the reading `clock` (§9)."""
    energy = np.empty(len(which))
    for i in range(len(which)):
        j = _AT(which[i])
        energy[i] = nodes.energy[j] * pow2(-(clock - nodes.energy_at[j]) / nodes.half_life[j])
    return energy


@inlined
def standard_score(log_weight: float, mean: float, scale: float, clip: float) -> float:
    """Return z of a log-weight (§3)."""
    return min(max((log_weight - mean) * scale, -clip), clip)


@compiled
def standard_scores(links: Any, which: np.ndarray, standard: Any, clip: float) -> np.ndarray:
    """Return z of the links `which`."""
    z = np.empty(len(which))
    for i in range(len(which)):
        link = _AT(which[i])
        kind = _AT(links.type[link])
        z[i] = standard_score(links.log_weight[link], standard.mean[kind], standard.scale[kind], clip)
    return z


@compiled
def costs(frontier: Frontier, sources: tuple[int, int], terms: Any, base: np.ndarray, cost: np.ndarray) -> None:
    """Write c_weight + c_novelty, and c (§5), of all links of a block of sources, one behind the other.

    In passes over the whole block: each is a plain loop that the compiler turns into vectors (6 × faster than link by link).
    """
    links, nodes, standard = frontier.links, frontier.nodes, frontier.standard
    novelty, worn = terms.novelty_weight > 0.0, terms.worn
    n = _AT(0)
    for s in range(*sources):
        for link in range(_AT(frontier.start[s]), _AT(frontier.start[s] + frontier.degree[s])):
            kind = _AT(links.type[link])
            base[n] = standard_score(links.log_weight[link], standard.mean[kind], standard.scale[kind], terms.z_clip)
            if novelty:
                visits = _AT(nodes.visits[_AT(links.target[link])])
                cost[n] = (
                    worn[visits]
                    if visits < len(worn)
                    else terms.novelty_weight * (1.0 - exp(-np.float64(visits) / terms.novelty_scale))
                )
            n += _AT(1)
    if novelty:
        for i in range(n):
            base[i] = log(1.0 + exp(-base[i])) + cost[i]
    else:
        for i in range(n):
            base[i] = log(1.0 + exp(-base[i]))
    cost[:n] = base[:n]
    if terms.goal_weight > 0.0:
        n = _AT(0)
        for s in range(*sources):
            for link in range(_AT(frontier.start[s]), _AT(frontier.start[s] + frontier.degree[s])):
                cost[n] = nodes.goal_cosine[_AT(links.target[link])]
                n += _AT(1)
        for i in range(n):
            distance = terms.goal_weight * (1.0 - cost[i]) * 0.5
            cost[i] = base[i] + (distance if distance == distance else 0.0)  # noqa: PLR0124  (NaN: no embedding)
    if terms.resonance + terms.complementarity > 0.0:
        n = _AT(0)
        for s in range(*sources):
            for link in range(_AT(frontier.start[s]), _AT(frontier.start[s] + frontier.degree[s])):
                r = links.resonance[link]
                feeling = exp(-terms.resonance * r - terms.complementarity * max(0.0, -r))
                cost[n] *= min(max(feeling, 0.6), 1.6)
                n += _AT(1)


@inlined
def _cheapest(values: np.ndarray, first: Any, last: Any, size: Any, item: np.ndarray, at: Any) -> None:
    """Write the places of the `size` smallest of values[first:last] to `item` from `at` on, ascending, ties by place."""
    one = _AT(1)
    if size <= _FEW:
        end = at
        for i in range(first, last):
            if end == at + size:
                if not values[i] < values[_AT(item[end - one])]:
                    continue
            else:
                end += one
            j = end - one
            while j > at and values[i] < values[_AT(item[j - one])]:
                item[j] = item[j - one]
                j -= one
            item[j] = i
    else:
        order = np.argsort(values[first:last], kind="mergesort")
        for i in range(size):
            item[at + i] = np.int64(first) + order[i]


@inlined
def _mixed(x: Any) -> Any:
    """Return 64 bits of which each depends on all of x (the finalizer of SplitMix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@compiled
def uniform(seed: int, tick: int, name: int, draw: int) -> Any:
    """Return a number in [0, 1) that depends on its arguments alone, so that the order of draws is no matter (§5)."""
    gamma = np.uint64(0x9E3779B97F4A7C15)
    x = _mixed(np.uint64(seed) + gamma)
    x = _mixed((x ^ np.uint64(tick)) + gamma)
    x = _mixed((x ^ np.uint64(name)) + gamma)
    x = _mixed((x ^ np.uint64(draw)) + gamma)
    return np.float64(x >> np.uint64(11)) * 2.0**-53


@compiled
def _explore(values: np.ndarray, first: Any, last: Any, item: np.ndarray, at: Any, stop: Any, chance: float) -> Any:
    """Put one of first … last that is not in item[at:stop] in place of the last there, ascending; return where it is now."""
    one = _AT(1)
    left = np.int64(chance * np.float64((last - first) - (stop - at)))  # how many more that are not chosen to pass over
    found = first
    for i in range(first, last):
        taken = False
        for k in range(at, stop):
            taken |= item[k] == np.int64(i)
        if not taken:
            if left == 0:
                found = i
                break
            left -= 1
    j = stop - one
    while j > at:
        before = _AT(item[j - one])
        if values[before] < values[found] or (values[before] == values[found] and before < found):
            break
        item[j] = item[j - one]
        j -= one
    item[j] = found
    return j


@compiled
def choose(frontier: Frontier, sources: tuple[int, int], kept: np.ndarray, terms: Any, chosen: Any) -> None:
    """Write each source's cheapest links, in ascending cost, and their shares from offset[s] to offset[s + 1].

    Of its `degree` links the `kept` cheapest by weight and novelty are candidates (§4); of these the cheapest by the full
    cost are taken (§5, §6). Ties fall to the link that comes first: smallest target id, link type, link id.
    """
    offset, link, cost, share = chosen.offset, chosen.link, chosen.cost, chosen.share
    start, degree, temperature = frontier.start, frontier.degree, terms.temperature
    full_differs = terms.goal_weight + terms.resonance + terms.complementarity > 0.0
    lo, hi = sources
    widest = _BLOCK
    for s in range(lo, hi):
        widest = max(widest, degree[s])
    base, full, item = np.empty(widest), np.empty(widest), np.empty(widest, np.int64)
    while lo < hi:
        end, size = lo + 1, degree[lo]
        while end < hi and size + degree[end] <= _BLOCK:
            size += degree[end]
            end += 1
        costs(frontier, (lo, end), terms, base, full)
        n = _AT(0)
        for s in range(lo, end):
            at, stop, last = _AT(offset[s]), _AT(offset[s + 1]), n + _AT(degree[s])
            if stop > at:
                if full_differs and kept[s] < degree[s]:
                    _cheapest(base, n, last, _AT(kept[s]), item, _AT(0))
                    for c in range(n, last):
                        base[c] = np.inf
                    for c in range(kept[s]):
                        base[item[c]] = full[item[c]]
                    _cheapest(base, n, last, stop - at, link, at)
                elif stop - at == 1:
                    best, least = n, full[n]
                    for c in range(n + _AT(1), last):
                        if full[c] < least:
                            best, least = c, full[c]
                    link[at] = best
                else:
                    _cheapest(full, n, last, stop - at, link, at)
                if last - n > stop - at and terms.epsilon > uniform(terms.seed, frontier.tick, frontier.name[s], 0):
                    chance = uniform(terms.seed, frontier.tick, frontier.name[s], 1)
                    chosen.explored[_explore(full, n, last, link, at, stop, chance)] = True
                cost[at], share[at], total = full[_AT(link[at])], 1.0, 1.0
                for k in range(at + _AT(1), stop):
                    cost[k] = full[_AT(link[k])]
                    share[k] = exp((cost[at] - cost[k]) / temperature)
                    total += share[k]
                for k in range(at, stop):
                    share[k] /= total
                    link[k] += start[s] - np.int64(n)
                    chosen.source[k], chosen.rank[k] = s, k - at
            n = last
        lo = end


@compiled
def move(energy: np.ndarray, offset: np.ndarray, share: np.ndarray, wide: np.ndarray, terms: Any) -> np.ndarray:
    """Return ΔE of each stride (§6): E_i · π · w̃ · α · Δt, all of a source's shrunk alike where they exceed β · E_i.

    `energy` is E of each source, `wide` w̃ of each stride; `terms` has flow = α · Δt, and beta.
    """
    moved = np.empty_like(share)
    for s in range(len(energy)):
        out = 0.0
        for k in range(_AT(offset[s]), _AT(offset[s + 1])):
            moved[k] = energy[s] * share[k] * wide[k] * terms.flow
            out += moved[k]
        most = terms.beta * energy[s]
        if out > most:
            for k in range(_AT(offset[s]), _AT(offset[s + 1])):
                moved[k] = most * (moved[k] / out)  # a lone stride moves β · E to the bit: so equal sources tie (§7)
    return moved


@compiled
def accumulate(
    source: np.ndarray,
    target: np.ndarray,
    energy: np.ndarray,
    stickiness: np.ndarray,
    change: np.ndarray,
    lost: np.ndarray,
) -> None:
    """Add each stride to the staged change of its two ends, in order (§6); `lost` gets what is not kept."""
    for k in range(len(energy)):
        kept = stickiness[k] * energy[k]
        change[_AT(source[k])] -= energy[k]
        change[_AT(target[k])] += kept
        lost[k] = energy[k] - kept


@compiled
def count_shadow(
    sources: np.ndarray, start: np.ndarray, degree: np.ndarray, target: np.ndarray, active: np.ndarray, mark: np.ndarray
) -> int:
    """Count the distinct targets of the sources' links that are not active (§2); `mark` (N,) is all false before and after."""
    count = 0
    for i in sources:
        for link in range(_AT(start[i]), _AT(start[i] + degree[i])):
            j = _AT(target[link])
            if not active[j] and not mark[j]:
                mark[j] = True
                count += 1
    for i in sources:
        for link in range(_AT(start[i]), _AT(start[i] + degree[i])):
            mark[_AT(target[link])] = False
    return count
