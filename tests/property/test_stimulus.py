"""Stimuli by budget (SPEC §10): the formula equals its twin, keeps to every bound, and knows neither order nor units."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from tests import naive
from worker.physics.stimulus import distribute, floor_part

ENERGY = st.one_of(st.sampled_from((0.0, 0.5, 1.0, 2.0)), st.floats(0, 1e3), st.floats(0, 2))
THRESHOLD = st.one_of(st.sampled_from((1.0, 0.83, 2.0)), st.floats(0.1, 10))
SIMILARITY = st.one_of(st.sampled_from((1.0, 0.7, 0.1)), st.floats(1e-6, 1))
CANDIDATES = st.lists(st.tuples(ENERGY, THRESHOLD, SIMILARITY), min_size=1, max_size=12)
BUDGET = st.one_of(st.sampled_from((0.1, 1.0, 3.0)), st.floats(1e-6, 1e6))


def given_to(candidates, budget):
    return distribute(*map(np.array, zip(*candidates, strict=True)), budget)


def slow(candidates, budget):
    e, theta, s = ({str(i): row[column] for i, row in enumerate(candidates)} for column in range(3))
    return [delta for _, delta in naive.distributed(tuple(s.items()), budget, e, theta)]


def part(candidates):
    energy, threshold, similarity = map(np.array, zip(*candidates, strict=True))
    return floor_part(np.maximum(0.0, threshold - energy), threshold, similarity)


@given(CANDIDATES, BUDGET)
def test_s10_a_budget_equals_its_twin(candidates, budget):
    assert np.allclose(given_to(candidates, budget), slow(candidates, budget), rtol=1e-12, atol=1e-300)


@given(CANDIDATES, BUDGET)
def test_s10_never_more_than_the_budget_nor_than_a_third_of_the_threshold(candidates, budget):
    found = given_to(candidates, budget)
    assert math.fsum(found) <= budget
    assert all(0.0 < amount <= row[1] / 3 for amount, row in zip(found, candidates, strict=True))


@given(CANDIDATES, BUDGET)
def test_s10_the_floor_channel_fills_no_more_than_the_gap(candidates, budget):
    left, weights = (1.0 - part(candidates)) * budget, [s**1.3 for *_, s in candidates]
    for (energy, threshold, _), weight, amount in zip(candidates, weights, given_to(candidates, budget), strict=True):
        amplifier = left * weight / math.fsum(weights)
        assert amount <= (max(0.0, threshold - energy) + amplifier) * (1 + 1e-12)


@given(CANDIDATES, BUDGET, st.randoms())
def test_s10_the_order_of_candidates_changes_no_bit(candidates, budget, random):
    order = list(range(len(candidates)))
    random.shuffle(order)
    found = given_to(candidates, budget).tolist()
    assert given_to([candidates[i] for i in order], budget).tolist() == [found[i] for i in order]


@given(CANDIDATES, BUDGET, st.sampled_from((-20, -1, 3, 30)))
def test_s10_the_unit_of_energy_is_no_matter(candidates, budget, power):
    factor = 2.0**power
    scaled = [(energy * factor, threshold * factor, s) for energy, threshold, s in candidates]
    assume(all(energy == 0.0 or energy > 1e-290 for energy, *_ in candidates))
    assert (given_to(scaled, budget * factor) == given_to(candidates, budget) * factor).all()


def test_s10_three_candidates_by_hand():
    """Empty, so λ = 0.6 + 0.2, and one alone has over 0.2 of all similarity, so − 0.2: 0.6 B is shared alike, 0.4 B by s^1.3."""
    found = given_to([(0.0, 3.0, 1.0), (0.0, 3.0, 0.5), (0.0, 3.0, 0.5)], 1.5)
    whole = 1 + 2 * 0.5**1.3
    assert np.allclose(found, [0.3 + 0.6 / whole, 0.3 + 0.6 * 0.5**1.3 / whole, 0.3 + 0.6 * 0.5**1.3 / whole], 1e-14)


def test_s10_what_a_cap_leaves_is_not_given_out():
    assert given_to([(1.0, 1.0, 1.0), (0.0, 1.0, 1.0)], 100.0).tolist() == [1 / 3, 1 / 3]
    full = given_to([(5.0, 1.0, 0.5)], 0.1)  # without a gap, it gets what the amplifier has
    assert np.allclose(full, [0.06], 1e-15)


def test_s10_lambda_where_many_alike_lack_little_and_where_a_tie_decides():
    alike = [(0.9, 1.0, 0.7)] * 5
    assert part(alike) == part([(0.9, 1.0, 0.1)] * 7) == 0.6  # Σ ŝ² of five alike is 0.2, which is not over 0.2
    assert part([(0.0, 1.0, 0.7)] * 5) == 0.8
    assert part([(0.9, 1.0, 0.7)] * 4) == 0.6 - 0.2
    assert part([(0.0, 0.83, 0.5), (0.83, 0.83, 0.5), (0.83, 0.83, 0.5), *alike, *alike]) == 0.6
    assert part([(0.0, 0.83, 1e-9)] + [(0.83, 0.83, 0.5)] * 2 + [(2 / 3, 1.0, 0.5)] * 4) == 0.6  # a mean gap of a third


def test_s10_neither_huge_nor_tiny_numbers_break_it():
    with np.errstate(all="raise", under="ignore"):
        found = given_to([(1e9, 5e-324, 5e-324), (0.0, 1e308, 1.0), (0.0, 1.7e308, 1e-320)], 1.0)
    assert np.isfinite(found).all()
    assert 0.0 < math.fsum(found) <= 1.0
