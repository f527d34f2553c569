"""Reading weights (SPEC §3): standard scores, their statistics, and the exact change of these."""

from __future__ import annotations

import math
from statistics import fmean, pstdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.arrays import frontier
from worker.physics.model import Standard, WeightStats
from worker.physics.parameters import Weights
from worker.physics.weights import LARGEST, NONE, count, drift, merge, replace, scores, standard, widths

PLAIN = Weights()
numbers = st.floats(-50, 50)


def stats(values):
    return WeightStats(len(values), fmean(values), pstdev(values))


def approx(found, exact, tolerance=1e-12):
    assert found.n == exact.n
    assert found.mean == pytest.approx(exact.mean, abs=tolerance)
    assert found.std**2 == pytest.approx(exact.std**2, abs=tolerance * 1e3)


class TestStandard:
    def test_s3_own_statistics(self):
        found = standard(["R"], {"R": WeightStats(3, 2.0, 4.0)}, PLAIN)
        assert (found.mean[0], found.scale[0], found.low_confidence[0]) == (2.0, 0.25, False)

    def test_s3_floor_of_the_deviation(self):
        assert standard(["R"], {"R": WeightStats(3, 2.0, 0.0)}, PLAIN).scale[0] == 2.0
        assert standard(["R"], {"R": WeightStats(3, 2.0, 0.5)}, PLAIN).scale[0] == 2.0

    def test_s3_fewer_than_three_are_read_by_all(self):
        found = standard(["R", "S"], {"R": stats([1.0, 2.0]), "S": stats([4.0, 5.0, 9.0])}, PLAIN)
        assert found.mean[0] == pytest.approx(4.2)
        assert 1 / found.scale[0] == pytest.approx(pstdev([1.0, 2.0, 4.0, 5.0, 9.0]))
        assert found.mean[1] == 6.0
        assert found.low_confidence.tolist() == [True, False]

    def test_s3_type_without_statistics(self):
        found = standard(["NEW"], {"S": stats([4.0, 5.0, 9.0])}, PLAIN)
        assert (found.mean[0], found.low_confidence[0]) == (6.0, True)

    def test_s3_fewer_than_three_of_all_are_as_wide_as_any(self):
        found = standard(["R"], {"R": stats([1.0]), "S": stats([7.0])}, PLAIN)
        links = frontier([1.0], [(0, 0, 1e6)], [0]).links
        assert widths(links, np.array([0]), found, PLAIN).tolist() == [1.0]

    def test_s3_no_links_at_all(self):
        assert len(standard([], {}, PLAIN).mean) == 0
        assert standard(["R"], {}, PLAIN).scale.tolist() == [0.0]


class TestScores:
    READ = Standard(np.array([1.0]), np.array([0.5]), np.array([False]))

    @pytest.mark.parametrize(
        ("weight", "z"), [(1.0, 0.0), (3.0, 1.0), (-1.0, -1.0), (7.0, 3.0), (99.0, 3.0), (-99.0, -3.0)]
    )
    def test_s3_clip(self, weight, z):
        links = frontier([1.0], [(0, 0, weight)], [0]).links
        assert scores(links, np.array([0]), self.READ, PLAIN).tolist() == [z]
        assert widths(links, np.array([0]), self.READ, PLAIN)[0] == pytest.approx(math.exp(z), rel=1e-15)

    def test_s3_width_of_the_clip_is_a_setting(self):
        links = frontier([1.0], [(0, 0, 99.0)], [0]).links
        assert scores(links, np.array([0]), self.READ, Weights(z_clip=1.5)).tolist() == [1.5]


class TestCount:
    @given(st.lists(numbers, min_size=1, max_size=30), st.randoms())
    def test_s3_population_statistics_in_any_order(self, values, rng):
        found = count(values)
        approx(found, stats(values))
        rng.shuffle(values)
        assert count(values) == found

    def test_none(self):
        assert count([]) == NONE

    @pytest.mark.parametrize("beyond", [1e300, -1e300, 1.01e100])
    def test_weights_beyond_all_reason_are_none(self, beyond):
        assert count([1.0, beyond, 3.0]) == WeightStats(2, 2.0, 1.0)

    def test_the_largest_leaves_no_sum_infinite(self):
        found = count([LARGEST, -LARGEST, 0.0])
        assert math.isfinite(merge([found, found]).std)
        assert math.isfinite(replace(found, np.array([0.0]), np.array([0.05])).std)


class TestMerge:
    @given(st.lists(st.lists(numbers, min_size=1, max_size=9), min_size=1, max_size=5))
    def test_s3_parts_together(self, parts):
        approx(merge(map(stats, parts)), stats([x for part in parts for x in part]))

    def test_nothing(self):
        assert merge([]) == NONE
        assert merge([NONE, WeightStats(2, 1.0, 0.5), NONE]) == WeightStats(2, 1.0, 0.5)


class TestReplace:
    @given(st.lists(numbers, min_size=1, max_size=30), st.lists(st.floats(0, 0.05), min_size=1, max_size=30))
    def test_s3_exact_change(self, values, learned):
        changed = min(len(values), len(learned))
        before = np.array(values[:changed])
        after = before + np.array(learned[:changed])
        approx(replace(stats(values), before, after), stats([*after.tolist(), *values[changed:]]))

    def test_s3_many_changes_do_not_drift(self):
        rng = np.random.default_rng(5)
        values = rng.normal(size=200)
        kept = count(values.tolist())
        for _ in range(2000):
            which = rng.choice(200, 20, replace=False)
            new = values[which] + rng.uniform(0, 0.01, 20)
            kept = replace(kept, values[which], new)
            values[which] = new
        assert drift(kept, count(values.tolist())) < 1e-12

    def test_deviation_that_vanishes_is_no_number_under_nothing(self):
        assert replace(WeightStats(1, 0.3, 0.0), np.array([0.3]), np.array([0.35])).std == pytest.approx(0.0, abs=1e-8)


class TestDrift:
    def test_s3_none(self):
        assert drift(WeightStats(3, 1.0, 2.0), WeightStats(3, 1.0, 2.0)) == 0.0

    def test_s3_another_count(self):
        assert drift(WeightStats(3, 1.0, 2.0), WeightStats(4, 1.0, 2.0)) == math.inf

    def test_s3_relative(self):
        assert drift(WeightStats(3, 100.1, 2.0), WeightStats(3, 100.0, 2.0)) == pytest.approx(1e-3)
        assert drift(WeightStats(3, 0.1, 0.0), WeightStats(3, 0.0, 0.0)) == pytest.approx(0.1)

    def test_s3_rounding_of_a_deviation_near_nothing_is_none(self):
        assert drift(WeightStats(1, -1.2, 3.4e-9), WeightStats(1, -1.2, 0.0)) < 1e-9
        assert drift(WeightStats(9, 0.0, 1e-4), WeightStats(9, 0.0, 0.0)) > 1e-9
