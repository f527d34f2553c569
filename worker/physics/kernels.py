"""The only compiled code: one routine each for exp, log and powers of two, and the loops over links.

Compiled without fastmath, so that no sum is reordered and no product fused: the bits depend neither on the width of the
vectors nor on the number of threads. Each has its slow, obvious twin in `tests/naive.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numba
import numpy as np

from worker.physics.in_step import InStep

if TYPE_CHECKING:
    from worker.physics.model import Frontier

_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_LOG2_E = 1.44269504088896338700
_LN2 = 0.6931471805599453
_TWO52 = 4503599627370496.0
_AT: Any = np.uint64  # of an index: one that might count from the end costs twice the time
_BLOCK = 2048  # links worked on at a time: their costs stay in the nearest cache
_NARROW = 32  # most links of sources that are sifted side by side
_ABREAST = 4  # fewest such sources that are
_SLACK = 1e-8  # by which the bound on the cheapest cost is eased: rounding is far under it
_FEW = 64  # of a lone source the smallest are found by insertion up to this many, by sorting beyond

InStep(__name__).listen()
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
    return p * np.int64(np.float64(n + (_TWO52 + 1023.0)).view(np.int64) << 52).view(np.float64)


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
    n = np.int64(np.int64(np.uint64(bits) >> np.uint64(52)) + up | 0x4330000000000000).view(np.float64) - (
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
    energy, left = np.empty(len(which)), np.empty(len(which))
    for i in range(len(which)):
        j = _AT(which[i])
        energy[i], left[i] = nodes.energy[j], -(clock - nodes.energy_at[j]) / nodes.half_life[j]
    for i in range(len(which)):  # a pass of its own is turned into vectors: 3 × faster
        energy[i] *= pow2(left[i])
    return energy


@inlined
def _score(links: Any, link: Any, standard: Any, clip: float) -> Any:
    """Return z of a link (§3)."""
    kind = _AT(links.type[link])
    return min(max((links.log_weight[link] - standard.mean[kind]) * standard.scale[kind], -clip), clip)


@compiled
def standard_scores(links: Any, which: np.ndarray, standard: Any, clip: float) -> np.ndarray:
    """Return z of the links `which`."""
    z = np.empty(len(which))
    for i in range(len(which)):
        z[i] = _score(links, _AT(which[i]), standard, clip)
    return z


@inlined
def _resonance(links: Any, link: Any) -> Any:
    """Return r of a link (§5)."""
    return links.resonance[_AT(links.feeling[link])]


@inlined
def _worn(visits: Any, terms: Any) -> Any:
    """Return c_novelty of a link whose target has been visited so often (§5)."""
    if visits < len(terms.worn):
        return terms.worn[visits]
    return terms.novelty_weight * (1.0 - exp(-np.float64(visits) / terms.novelty_scale))


@inlined
def _novelty(frontier: Frontier, terms: Any, link: Any) -> Any:
    """Return c_novelty of a link (§5)."""
    if terms.novelty_weight == 0.0:
        return 0.0
    return _worn(_AT(frontier.nodes.visits[_AT(frontier.links.target[link])]), terms)


@inlined
def _base(z: float, novelty: float) -> Any:
    """Return c_weight + c_novelty (§5)."""
    return log(1.0 + exp(-z)) + novelty


@inlined
def _full(base: float, cosine: float, r: float, terms: Any) -> Any:
    """Return c (§5), which without a goal and a mood is `base` to the bit."""
    distance = terms.goal_weight * (1.0 - cosine) * 0.5
    feeling = exp(-terms.resonance * r - terms.complementarity * max(0.0, -r))
    return (base + (distance if distance == distance else 0.0)) * min(max(feeling, 0.6), 1.6)  # noqa: PLR0124  (NaN)


@compiled
def base_costs(frontier: Frontier, block: np.ndarray, terms: Any, cost: np.ndarray, spare: np.ndarray) -> None:
    """Write c_weight + c_novelty (§5) of all links of a block of sources of one degree, and into `spare` their z.

    A row a place, a column a source. All is gathered first: what is left is a plain loop that the compiler turns into
    vectors (6 × faster than link by link).
    """
    rows, columns = cost.shape
    z, base = spare[: cost.size], cost.reshape(cost.size)
    n = _AT(0)
    for j in range(rows):  # by row: in the order of the links it takes 1.5 times as long
        for i in range(columns):
            link = _AT(frontier.start[_AT(block[i])] + j)
            z[n] = _score(frontier.links, link, frontier.standard, terms.z_clip)
            base[n] = _novelty(frontier, terms, link)
            n += _AT(1)
    for i in range(cost.size):
        base[i] = _base(z[i], base[i])


@compiled
def full_costs(
    frontier: Frontier, block: np.ndarray, terms: Any, place: np.ndarray, cost: np.ndarray, spare: np.ndarray
) -> None:
    """Turn c_weight + c_novelty of a block's links into c (§5), where `place` is each one's among its source's."""
    rows, columns = cost.shape
    base, cosine, r = cost.reshape(cost.size), spare[: cost.size], spare[cost.size :]
    n = _AT(0)
    for j in range(rows):
        for i in range(columns):
            link = _AT(frontier.start[_AT(block[i])] + place[j, i])
            cosine[n] = frontier.nodes.goal_cosine[_AT(frontier.links.target[link])]
            r[n] = _resonance(frontier.links, link)
            n += _AT(1)
    for i in range(cost.size):
        base[i] = _full(base[i], cosine[i], r[i], terms)


@compiled
def _sift_one(cost: np.ndarray, place: np.ndarray, size: int) -> None:
    """Bring the `size` smallest to the front, ascending, ties by place."""
    if size > _FEW:
        order = np.argsort(place)
        order = order[np.argsort(cost[order], kind="mergesort")[:size]]
        cost[:size], place[:size] = cost[order], place[order]
        return
    for i in range(1, len(cost)):
        c, p, j = cost[i], place[i], min(i, size)
        while j > 0 and (c < cost[j - 1] or (c == cost[j - 1] and p < place[j - 1])):
            if j < size:
                cost[j], place[j] = cost[j - 1], place[j - 1]
            j -= 1
        if j < size:
            cost[j], place[j] = c, p


@compiled
def _sift(cost: np.ndarray, place: np.ndarray, size: int) -> None:
    """Bring the `size` smallest of each column up to its first rows, ascending, ties by place.

    Row is compared with row, all columns at once and without a branch.
    """
    rows, columns = cost.shape
    if columns == 1:
        _sift_one(cost.reshape(rows), place.reshape(rows), size)
        return
    for j in range(1, rows):
        low, low_place = cost[j], place[j]
        for k in range(min(j, size)):
            high, high_place = cost[k], place[k]
            for i in range(columns):
                a, b, p, q = high[i], low[i], high_place[i], low_place[i]
                swap = (b < a) | ((b == a) & (q < p))
                high[i], low[i] = (b, a) if swap else (a, b)
                high_place[i], low_place[i] = (q, p) if swap else (p, q)


@compiled
def _sift_in_order(cost: np.ndarray, place: np.ndarray, size: int) -> None:
    """Write the `size` smallest of each column into its first rows, ascending, ties by row, and into `place` their rows.

    Each row goes past all columns' chosen at once, without a branch: 10 × faster than one column after the other. Rows come
    in the order of ties, so that one comparison tells what goes before what.
    """
    rows, columns = cost.shape
    if columns == 1:
        place[:, 0] = np.arange(rows)
        _sift_one(cost.reshape(rows), place.reshape(rows), size)
        return
    own, lowest, nowhere = np.empty(columns), np.full(columns, -np.inf), np.zeros(columns, np.int64)
    for j in range(rows):
        new = cost[j]
        if j < size:
            own[:] = cost[j]
            new = own
            cost[j], place[j] = np.inf, j
        for k in range(min(j, size - 1), -1, -1):
            high, high_place = cost[k], place[k]
            above, above_place = (cost[k - 1], place[k - 1]) if k else (lowest, nowhere)
            for i in range(columns):
                x, a, b, p, q = new[i], above[i], high[i], above_place[i], high_place[i]  # else no vectors
                b, q = (x, j) if x < b else (b, q)
                high[i], high_place[i] = (a, p) if x < a else (b, q)


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


class _Spare(NamedTuple):
    """Room that the blocks of one call are worked out in."""

    cost: np.ndarray
    place: np.ndarray
    z: np.ndarray
    rest: np.ndarray  # twice as much: for what is gathered, for shares and their sums


@compiled
def _by_degree(degree: np.ndarray, lo: int, hi: int) -> Any:
    """Return the sources lo … hi, those of the same degree side by side where it is small."""
    count = np.zeros(_NARROW + 2, np.int64)
    for s in range(lo, hi):
        count[min(degree[s], _NARROW + 1)] += 1
    first = np.cumsum(count) - count
    order = np.empty(hi - lo, np.int64)
    for s in range(lo, hi):
        bucket = min(degree[s], _NARROW + 1)
        order[first[bucket]] = s
        first[bucket] += 1
    return order


@compiled
def _explore(frontier: Frontier, s: int, terms: Any, cost: np.ndarray, place: np.ndarray) -> int:
    """Put one of a source's links that is not chosen in place of the last that is, ascending; return its rank."""
    size = len(cost)
    left = np.int64(uniform(terms.seed, frontier.tick, frontier.name[s], 1) * np.float64(frontier.degree[s] - size))
    found, passed = left, -1  # `left` links that are not chosen come before it, and those `passed` that are
    while found != left + passed:
        found, passed = left + max(passed, 0), 0
        for p in place:
            passed += p <= found
    link = _AT(frontier.start[s] + found)
    base = _base(_score(frontier.links, link, frontier.standard, terms.z_clip), _novelty(frontier, terms, link))
    c = _full(
        base, frontier.nodes.goal_cosine[_AT(frontier.links.target[link])], _resonance(frontier.links, link), terms
    )
    j = size - 1
    while j > 0 and not (cost[j - 1] < c or (cost[j - 1] == c and place[j - 1] < found)):
        cost[j], place[j] = cost[j - 1], place[j - 1]
        j -= 1
    cost[j], place[j] = c, found
    return j


@compiled
def _write(
    frontier: Frontier, block: np.ndarray, terms: Any, cost: np.ndarray, place: np.ndarray, spare: _Spare, chosen: Any
) -> None:
    """Write a block's chosen links, with the softmax of −c / T over each source's (§6)."""
    size, columns = cost.shape
    share, total = spare.rest[: cost.size].reshape(cost.shape), spare.rest[cost.size : cost.size + columns]
    share[0], total[:] = 1.0, 1.0
    for k in range(1, size):
        for i in range(columns):
            share[k, i] = exp((cost[0, i] - cost[k, i]) / terms.temperature)
            total[i] += share[k, i]
    for k in range(size):
        for i in range(columns):
            share[k, i] /= total[i]
    for i in range(columns):
        s = _AT(block[i])
        first, n = frontier.start[s], _AT(chosen.offset[s])
        for k in range(size):
            chosen.link[n], chosen.cost[n], chosen.share[n] = first + place[k, i], cost[k, i], share[k, i]
            chosen.source[n], chosen.rank[n], chosen.z[n] = s, k, spare.z[_AT(place[k, i] * columns + i)]
            chosen.target[n] = frontier.links.target[_AT(first + place[k, i])]  # near now, far when strides are made
            n += _AT(1)


@inlined
def _touch(frontier: Frontier, block: Any) -> Any:
    """Read the ends of each source's links, so that its lines come from memory side by side: 40 ns less a source."""
    links, seen = frontier.links, 0.0
    for s in block:
        if frontier.degree[_AT(s)]:
            first = _AT(frontier.start[_AT(s)])
            last = first + _AT(frontier.degree[_AT(s)] - 1)
            seen += links.log_weight[first] + links.log_weight[last] + links.type[first] + links.type[last]
            seen += links.target[first] + links.target[last]
    return seen


@compiled
def _choose_block(
    frontier: Frontier, block: np.ndarray, kept: int, size: int, terms: Any, spare: Any, chosen: Any
) -> None:
    """Choose the links of a block of sources of one degree, of which `kept` are candidates and `size` are taken."""
    rows, columns = frontier.degree[_AT(block[0])], len(block)
    n = rows * columns
    cost, place = spare.cost[:n].reshape(rows, columns), spare.place[:n].reshape(rows, columns)
    spare.rest[0] = _touch(frontier, block)
    base_costs(frontier, block, terms, cost, spare.z)
    if terms.goal_weight + terms.resonance + terms.complementarity > 0.0:
        if kept < rows:
            _sift_in_order(cost, place, kept)
            cost, place = cost[:kept], place[:kept]
        else:
            for j in range(rows):
                place[j] = j
        full_costs(frontier, block, terms, place, cost, spare.rest)
        _sift(cost, place, size)
    else:
        _sift_in_order(cost, place, size)
    cost, place = cost[:size], place[:size]
    if terms.epsilon > 0.0 and rows > size:
        for i in range(columns):
            s = _AT(block[i])
            if uniform(terms.seed, frontier.tick, frontier.name[s], 0) < terms.epsilon:
                chosen.explored[chosen.offset[s] + _explore(frontier, s, terms, cost[:, i], place[:, i])] = True
    _write(frontier, block, terms, cost, place, spare, chosen)


@compiled
def choose(frontier: Frontier, sources: tuple[int, int], kept: np.ndarray, terms: Any, chosen: Any) -> None:
    """Write each source's cheapest links, in ascending cost, and their shares from offset[s] to offset[s + 1].

    Of its `degree` links the `kept` cheapest by weight and novelty are candidates (§4); of these the cheapest by the full
    cost are taken (§5, §6). Ties fall to the link that comes first: smallest target id, link type, link id.
    """
    offset, degree = chosen.offset, frontier.degree
    order = _by_degree(degree, *sources)
    widest = _BLOCK
    for s in order:
        widest = max(widest, degree[s])
    spare = _Spare(np.empty(widest), np.empty(widest, np.int64), np.empty(widest), np.empty(2 * widest))
    lo = 0
    while lo < len(order):
        s = order[lo]
        size, hi = offset[s + 1] - offset[s], lo + 1
        while (
            hi < len(order)
            and degree[s] <= _NARROW
            and (hi + 1 - lo) * degree[s] <= _BLOCK
            and degree[order[hi]] == degree[s]
            and kept[order[hi]] == kept[s]
            and offset[order[hi] + 1] - offset[order[hi]] == size
        ):
            hi += 1
        if hi - lo < _ABREAST:
            hi = lo + 1
        if size > 0:
            _choose_block(frontier, order[lo:hi], kept[s], size, terms, spare, chosen)
        lo = hi


@compiled
def _lightest(frontier: Frontier, lo: int, terms: Any, z: np.ndarray, top: np.ndarray, link: np.ndarray) -> None:
    """Write z of the links of the sources from `lo` on, each source's largest z and a link that has it; of none, link 0."""
    n = _AT(0)
    for i in range(len(top)):
        s = _AT(lo + i)
        first, largest, at = _AT(frontier.start[s]), -np.inf, _AT(0)
        for j in range(_AT(frontier.degree[s])):
            z[n] = _score(frontier.links, first + _AT(j), frontier.standard, terms.z_clip)
            above = z[n] > largest
            largest, at = (z[n], first + _AT(j)) if above else (largest, at)
            n += _AT(1)
        top[i], link[i] = largest, at


@compiled
def _novelties(frontier: Frontier, terms: Any, link: np.ndarray, visits: np.ndarray, novelty: np.ndarray) -> None:
    """Write c_novelty of the links (§5), in passes: so that what each waits for comes from memory side by side."""
    if terms.novelty_weight == 0.0:
        novelty[:] = 0.0
        return
    for k in range(len(link)):
        visits[k] = frontier.links.target[_AT(link[k])]
    for k in range(len(link)):
        visits[k] = frontier.nodes.visits[_AT(visits[k])]
    for k in range(len(link)):
        novelty[k] = _worn(_AT(visits[k]), terms)


@compiled
def _contenders(
    frontier: Frontier, lo: int, terms: Any, z: np.ndarray, top: np.ndarray, novelty: np.ndarray, found: Any
) -> Any:
    """Find the links that may be the cheapest of their source, in order; return how many.

    A winner's c_weight is at most the cost of the link with the largest z. With y = (1 + e^z) · (e^novelty − 1) that holds
    from z − log(1 + y) on; both e^x − 1 by its chord and log(1 + y) by y (6 + y) / (6 + 4 y) are taken a little too large.
    """
    most = terms.novelty_weight
    chord = (exp(most) - 1.0) / most if most > 0.0 else 0.0
    for i in range(len(top)):
        y = (1.0 + exp(top[i])) * (novelty[i] * chord + _SLACK)
        top[i] -= y * (6.0 + y) / (6.0 + 4.0 * y)
    n, m = _AT(0), _AT(0)
    for i in range(len(top)):
        s = _AT(lo + i)
        shift = frontier.start[s] - np.int64(n)
        for _ in range(frontier.degree[s]):
            found.link[m], found.source[m], z[m] = shift + np.int64(n), s, z[n]
            m += _AT(z[n] >= top[i])
            n += _AT(1)
    return np.int64(m)


class _Contenders(NamedTuple):
    """Links that may be the cheapest of their source, by source, in the order of the links."""

    link: np.ndarray
    source: np.ndarray
    cost: np.ndarray


@compiled
def _write_cheapest(frontier: Frontier, found: Any, count: int, z: np.ndarray, chosen: Any) -> None:
    """Write the cheapest contender of each source; without a branch, each that is cheaper than those before it is written."""
    before, least, link, score = np.int64(-1), np.inf, np.int64(0), 0.0
    for k in range(count):
        s, c = found.source[k], found.cost[k]
        better = (s != before) | (c < least)
        before, least, link = s, c if better else least, found.link[k] if better else link
        score = z[k] if better else score
        n = _AT(chosen.offset[_AT(s)])
        chosen.link[n], chosen.cost[n], chosen.share[n] = link, least, 1.0
        chosen.source[n], chosen.rank[n], chosen.z[n] = s, 0, score
        chosen.target[n] = frontier.links.target[_AT(link)]


@compiled
def choose_lightest(frontier: Frontier, sources: tuple[int, int], terms: Any, chosen: Any) -> None:
    """Write each source's cheapest link, to the bit as `choose` does where K = 1 and neither goal, mood nor chance has a say.

    Novelty only adds to a cost, so few links can win: only these cost an exp, a log and a look at their target: half the time.
    """
    degree, widest = frontier.degree, _BLOCK
    for s in range(sources[0], sources[1]):
        widest = max(widest, degree[s])
    z, top, visits = np.empty(widest), np.empty(_BLOCK), np.empty(widest, np.int64)
    found = _Contenders(np.empty(widest, np.int64), np.empty(widest, np.int64), np.empty(widest))
    lo = sources[0] if chosen.offset[-1] > 0 else sources[1]
    while lo < sources[1]:
        hi, n = lo + 1, degree[lo]
        while hi < sources[1] and hi - lo < _BLOCK and n + degree[hi] <= _BLOCK:
            n += degree[hi]
            hi += 1
        count = hi - lo
        visits[0] = np.int64(_touch(frontier, range(lo, hi)))
        _lightest(frontier, lo, terms, z, top[:count], found.link)
        _novelties(frontier, terms, found.link[:count], visits, found.cost)
        count = _contenders(frontier, lo, terms, z, top[:count], found.cost, found)
        _novelties(frontier, terms, found.link[:count], visits, found.cost)
        for k in range(count):
            found.cost[k] = _base(z[k], found.cost[k])
        _write_cheapest(frontier, found, count, z, chosen)
        lo = hi


@compiled
def carry(frontier: Frontier, chosen: Any, terms: Any) -> Any:
    """Return ΔE of each chosen link (§6)."""
    energy = decayed(frontier.nodes, frontier.sources, frontier.clock)
    for s in range(len(energy)):
        energy[s] += frontier.nodes.stimulus[_AT(frontier.sources[s])]
    return move(energy, chosen.offset, chosen.share, exps(chosen.z), terms)


@compiled
def ends(frontier: Frontier, chosen: Any, moved: np.ndarray, least: float) -> Any:
    """Return the source and the strategy of each chosen link, and whether all move over `least` times the source's Θ."""
    source, strategy, all_run = np.empty(len(moved), np.int32), np.empty(len(moved), np.int32), True
    for s in range(len(chosen.strategy)):
        at = frontier.sources[_AT(s)]
        floor = least * frontier.nodes.threshold[_AT(at)]
        for k in range(_AT(chosen.offset[_AT(s)]), _AT(chosen.offset[_AT(s + 1)])):
            source[k], strategy[k] = at, chosen.strategy[_AT(s)]
            all_run &= moved[k] > floor
    return source, strategy, all_run


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


@compiled
def exact_sum(values: np.ndarray) -> float:
    """Return the sum of finite doubles, rounded once: that of `math.fsum`, by its algorithm (Shewchuk's partial sums)."""
    partial, count = np.empty(64), 0  # no two overlap, so more than 40 find no room in the range of doubles
    for i in range(len(values)):
        x, kept = values[i], 0
        for j in range(count):
            y = partial[j]
            if abs(x) < abs(y):
                x, y = y, x
            high = x + y
            low = y - (high - x)
            if low != 0.0:
                partial[kept] = low
                kept += 1
            x = high
        partial[kept] = x
        count = kept + (1 if x != 0.0 else 0)
    total: float = _rounded(partial, count)
    return total


@compiled
def _rounded(partial: np.ndarray, count: int) -> float:
    """Return the sum of partial sums that do not overlap, ascending; ties are rounded by the sign of what lies below."""
    if count == 0:
        return 0.0
    at = count - 1
    high, low = partial[at], 0.0
    while at > 0 and low == 0.0:
        at -= 1
        x, y = high, partial[at]
        high = x + y
        low = y - (high - x)
    if at > 0 and ((low < 0.0 and partial[at - 1] < 0.0) or (low > 0.0 and partial[at - 1] > 0.0)):
        twice = low * 2.0
        if (high + twice) - high == twice:
            high += twice
    return float(high)
