"""Utility (SPEC §7): how much of its target's gap a stride fills, and its rank."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import naive
from worker.physics.utility import phi, rank_scores

quantile = NormalDist().inv_cdf


def of(values, groups=None):
    return rank_scores(np.array(values, float), np.array(groups or [0] * len(values), np.int32)).tolist()


@pytest.mark.parametrize(("moved", "energy", "threshold", "expected"), [
    (0.1, 0.5, 1.0, 0.1 / (0.5 + 1e-6)),
    (0.5, 0.5, 1.0, 0.5 / (0.5 + 1e-6)),
    (9.0, 0.5, 1.0, 0.5 / (0.5 + 1e-6)),
    (0.1, 1.0, 1.0, 0.0),
    (0.1, 2.0, 1.0, 0.0),
    (2.0, 0.0, 4.0, 2.0 / (4.0 + 4e-6)),
])  # fmt: skip
def test_s7_phi(moved, energy, threshold, expected):
    assert phi(np.array([moved]), np.array([energy]), np.array([threshold]))[0] == pytest.approx(expected, rel=1e-15)


def test_s7_ranks():
    assert of([30.0, 10.0, 20.0]) == pytest.approx([quantile(0.75), quantile(0.25), 0.0], abs=1e-15)


def test_s7_ties_share_their_average_rank():
    assert of([5.0, 1.0, 5.0, 7.0]) == pytest.approx(
        [quantile(2.5 / 5), quantile(1 / 5), quantile(2.5 / 5), quantile(4 / 5)]
    )


@pytest.mark.parametrize("n", [3, 4, 17])
def test_s7_all_alike_are_nothing(n):
    assert of([2.0] * n) == [0.0] * n


def test_s7_by_link_type():
    values, groups = [1.0, 2.0, 3.0, 30.0, 20.0, 10.0], [0, 0, 0, 1, 1, 1]
    q = quantile(0.25)
    assert of(values, groups) == pytest.approx([q, 0.0, -q, -q, 0.0, q], abs=1e-15)


def test_s7_fewer_than_three_are_ranked_among_all():
    """Types 0 (three strides) are ranked among themselves; those of type 1 (two) among all five."""
    found = of([1.0, 2.0, 3.0, 2.5, 0.5], [0, 0, 0, 1, 1])
    assert found[:3] == pytest.approx([quantile(0.25), 0.0, quantile(0.75)], abs=1e-15)
    assert found[3:] == pytest.approx([quantile(4 / 6), quantile(1 / 6)])


def test_s7_fewer_than_three_of_all_are_nothing():
    assert of([]) == []
    assert of([1.0]) == [0.0]
    assert of([1.0, 9.0], [0, 1]) == [0.0, 0.0]


def test_s7_single_types_only():
    assert of([1.0, 2.0, 3.0], [0, 1, 2]) == pytest.approx([quantile(0.25), 0.0, quantile(0.75)], abs=1e-15)


@given(st.lists(st.tuples(st.sampled_from((0.0, 1.0, 1.5, 2.0, 9.0)), st.integers(0, 3)), max_size=30))
def test_s7_equals_naive(rows):
    values, groups = [row[0] for row in rows], [row[1] for row in rows]

    def peers(k):
        mine = [v for v, g in rows if g == groups[k]]
        return mine if len(mine) >= 3 else values

    expected = [naive.rank_score(value, peers(k)) for k, value in enumerate(values)]
    assert of(values, groups) == pytest.approx(expected, rel=1e-12, abs=1e-14)
