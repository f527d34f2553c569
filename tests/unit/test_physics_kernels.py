"""The compiled routines: exp, log and powers of two within 2 ulp of `math`, and the loops on their edges."""

from __future__ import annotations

import math
import random
from types import FunctionType

import numba
import numpy as np
import pytest

from worker.physics import kernels
from worker.physics.kernels import accumulate, count_shadow, exps, logs, move, pow2s
from worker.physics.model import Frontier, Links, Nodes, Standard
from worker.physics.select import Chosen
from worker.physics.valence import Terms


def cheapest(sift, values, size, columns):
    """Return the places of the smallest of `values`, which fill each of the columns."""
    cost = np.tile(values[:, np.newaxis], columns)
    place = np.tile(np.arange(len(values))[:, np.newaxis], columns)
    sift(cost, place, size)
    assert (cost[:size, 0] == values[place[:size, 0]]).all()
    assert (place[:size, 0] == place[:size].T).all()
    return place[:size, 0]


def ulps(found, exact):
    return np.max(np.abs(found - exact) / np.spacing(np.abs(exact)))


def grid(low, high, count=20_000):
    rng = random.Random(7)
    return np.array([rng.uniform(low, high) for _ in range(count)])


class TestExp:
    @pytest.mark.parametrize("span", [1e-9, 1e-3, 0.35, 3.0, 40.0, 699.0])
    def test_s2_within_two_ulp(self, span):
        x = grid(-span, span)
        assert ulps(exps(x), np.array([math.exp(v) for v in x])) <= 2

    def test_exact_points(self):
        assert exps(np.array([0.0, -0.0])).tolist() == [1.0, 1.0]

    @pytest.mark.parametrize("x", [1e9, 701.0, math.inf])
    def test_cut_where_doubles_end(self, x):
        high, low = exps(np.array([x, -x]))
        assert high == pytest.approx(math.exp(700), rel=1e-14)
        assert low == pytest.approx(math.exp(-700), rel=1e-14)


class TestPow2:
    @pytest.mark.parametrize("span", [1e-9, 1e-3, 0.5, 3.0, 40.0, 999.0])
    def test_s9_within_two_ulp(self, span):
        x = grid(-span, span)
        assert ulps(pow2s(x), np.array([2.0**v for v in x])) <= 2

    def test_s9_whole_powers_are_exact(self):
        x = np.arange(-1000.0, 1001.0)
        assert (pow2s(x) == np.array([2.0**v for v in x])).all()

    def test_cut_where_doubles_end(self):
        assert pow2s(np.array([-5000.0, 5000.0])).tolist() == [2.0**-1000, 2.0**1000]


def test_only_our_own_passes_are_laid_out_in_step():
    """In a program that we are part of, no function of its own is compiled otherwise than without us."""

    def length(module):
        function = FunctionType(kernels.exps.py_func.__code__, vars(kernels))
        function.__module__ = module
        made = numba.njit(function)
        made(np.ones(9))
        return sum(len(text.splitlines()) for text in made.inspect_asm().values())

    theirs, ours = length("theirs"), length(kernels.__name__)
    assert ours > theirs
    assert length("theirs") == theirs


class TestLog:
    @pytest.mark.parametrize(("low", "high"), [(1.0, 1.05), (0.5, 2.0), (1e-3, 1e3), (1.0, 1.0 + math.exp(3))])
    def test_s5_within_two_ulp(self, low, high):
        x = grid(low, high)
        assert ulps(logs(x), np.array([math.log(v) for v in x])) <= 2

    def test_far_ends(self):
        x = np.array([2.2250738585072014e-308, 1e-300, 1e300, 1.7976931348623157e308])
        assert ulps(logs(x), np.array([math.log(v) for v in x])) <= 2

    def test_exact_points(self):
        assert logs(np.array([1.0])).tolist() == [0.0]


@pytest.mark.parametrize("sift", [kernels._sift, kernels._sift_in_order], ids=["any", "in order"])
@pytest.mark.parametrize("columns", [1, 2, 37])
class TestCheapest:
    @pytest.mark.parametrize("size", [1, 2, 3, 64, 65, 100, 200])
    @pytest.mark.parametrize("pool", [1, 3, 1000])
    def test_s2_ascending_ties_by_place(self, size, pool, columns, sift):
        rng = random.Random(size * pool)
        values = [float(rng.randrange(pool)) for _ in range(200)]
        expected = sorted(range(200), key=lambda i: (values[i], i))[:size]
        assert cheapest(sift, np.array(values), size, columns).tolist() == expected

    def test_all_alike(self, columns, sift):
        assert cheapest(sift, np.zeros(10), 4, columns).tolist() == [0, 1, 2, 3]

    def test_infinite_ones_come_last(self, columns, sift):
        assert cheapest(sift, np.array([np.inf, 2.0, np.inf, 1.0]), 2, columns).tolist() == [3, 1]


class TestMove:
    TERMS = Terms(3.0, 0.0, 0.0, 1.0, np.zeros(1), 0.0, 0.0, 1.5, 0.0, 0, 0.2, 0.02)

    def test_s6_formula(self):
        moved = move(np.array([3.0]), np.array([0, 2]), np.array([0.25, 0.75]), np.array([1.0, 2.0]), self.TERMS)
        assert moved.tolist() == pytest.approx([3 * 0.25 * 0.02, 3 * 0.75 * 2 * 0.02], rel=1e-15)

    def test_s6_source_cap_shrinks_all_alike(self):
        terms = self.TERMS._replace(flow=1.0)
        moved = move(np.array([3.0, 1.0]), np.array([0, 2, 2]), np.array([0.25, 0.75]), np.array([1.0, 2.0]), terms)
        assert moved.sum() == pytest.approx(0.2 * 3.0, rel=1e-15)
        assert moved[1] / moved[0] == pytest.approx(6.0, rel=1e-15)

    @pytest.mark.parametrize("wide", [1.1, math.exp(0.7), 3.3, 19.7])
    def test_s6_lone_stride_over_the_cap_moves_it_to_the_bit(self, wide):
        terms = self.TERMS._replace(flow=1.0)
        assert move(np.array([1.25]), np.array([0, 1]), np.ones(1), np.array([wide]), terms).tolist() == [1.25 * 0.2]

    def test_s6_no_source_no_stride(self):
        assert len(move(np.empty(0), np.array([0]), np.empty(0), np.empty(0), self.TERMS)) == 0


class TestAccumulate:
    def test_s6_staging_and_stickiness(self):
        change, lost = np.zeros(3), np.empty(3)
        accumulate(
            np.array([0, 0, 1]),
            np.array([1, 2, 2]),
            np.array([1.0, 2.0, 4.0]),
            np.array([1.0, 0.5, 0.25]),
            change,
            lost,
        )
        assert change.tolist() == [-3.0, 1.0 - 4.0, 1.0 + 1.0]
        assert lost.tolist() == [0.0, 1.0, 3.0]


class TestShadow:
    def test_s2_distinct_targets_that_are_not_active(self):
        mark = np.zeros(5, bool)
        active = np.array([True, True, False, False, False])
        target = np.array([1, 2, 2, 3, 2, 4])
        count = count_shadow(
            np.array([0, 1], np.int32), np.array([0, 3, 0, 0, 0]), np.array([3, 2, 0, 0, 0]), target, active, mark
        )
        assert count == 2  # nodes 2 and 3
        assert not mark.any()


WIDE = [1, 1000, 1047, 1, 0, 3000, 5, 2048, 2]  # one wider than a block
ALIKE = [3, 10, 10, 12, 10] * 130  # over several blocks of each degree


@pytest.mark.parametrize("degree", [WIDE, ALIKE, [31, 32, 33] * 9], ids=["wide", "alike", "narrow"])
@pytest.mark.parametrize("capacity", [2, 7, 70])
@pytest.mark.parametrize("goal_weight", [0.0, 1.0])
def test_s2_a_source_among_others_is_as_alone(degree, capacity, goal_weight):
    """Sources side by side in blocks, and in two threads' halves, against each source alone."""
    rng = np.random.default_rng(3)
    degree = np.array(degree, np.int32)
    total, n = int(degree.sum()), 50
    links = Links(
        rng.integers(0, n, total).astype(np.int32), np.zeros(total, np.uint16), rng.integers(-2, 3, total) / 2,
        np.arange(total, dtype=np.int32), rng.integers(-1, 2, total) * goal_weight, np.zeros(total),
    )  # fmt: skip
    some = np.ones(n)
    nodes = Nodes(some, some, some, some, some, rng.integers(0, 60, n), rng.uniform(-1, 1, n), some)
    standard = Standard(np.array([0.0]), np.array([1.0]), np.array([False]))
    start = np.concatenate(([0], np.cumsum(degree)[:-1])).astype(np.int64)
    frontier = Frontier(
        np.arange(len(degree), dtype=np.int32), start, degree, degree < 0, len(degree), 0.0, 1, degree.astype(np.uint64),
        nodes, links, standard,
    )  # fmt: skip
    worn = 0.25 * (1.0 - np.exp(-np.arange(30) / 20.0))  # shorter than some visits
    mood = 0.6 * goal_weight
    terms = Terms(3.0, goal_weight, 0.25, 20.0, worn, mood, mood, 1.5, 0.5, 7, 0.2, 0.02)
    kept = np.minimum(degree, capacity).astype(np.int32)
    offset = np.concatenate(([0], np.cumsum(np.minimum(kept, max(capacity - 4, 1))))).astype(np.int64)

    def chosen(parts):
        size = offset[-1]
        out = Chosen(
            offset, np.full(size, -1), np.zeros(size, np.int32), np.zeros(size), np.zeros(size), np.zeros(size),
            np.zeros(size, np.int32), np.zeros(size, np.int32), np.zeros(size, np.bool_), degree,
        )  # fmt: skip
        for part in parts:
            kernels.choose(frontier, part, kept, terms, out)
        return out

    whole, alone = chosen([(0, len(degree))]), chosen([(s, s + 1) for s in range(len(degree))])
    halves = chosen([(0, len(degree) // 2), (len(degree) // 2, len(degree))])
    for a, b, c in zip(whole, alone, halves, strict=True):
        assert a.tolist() == b.tolist() == c.tolist()
    assert whole.target.tolist() == links.target[whole.link].tolist()
    assert whole.z.tolist() == kernels.standard_scores(links, whole.link, standard, 3.0).tolist()
    assert whole.explored.any() == (np.diff(offset) < degree).any()
