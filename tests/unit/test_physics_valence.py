"""Cost (SPEC §5): each term at points worked out by hand, and the kernel against the parts in the open."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.arrays import PLAIN, frontier
from worker.errors import InputError
from worker.physics import kernels
from worker.physics.parameters import Valence
from worker.physics.valence import cosine, costs, resonance, terms

NAN = math.nan


def with_valence(**changes):
    return replace(PLAIN, valence=replace(PLAIN.valence, **changes))


def parts(parameters=PLAIN, *, weight=0.0, r=0.0, **columns):
    """Return the cost's parts, and the kernel's cost, of one link with these properties; the two agree to the bit."""
    made = frontier([2.0, 0.0], [(0, 1, weight, r, 0.0)], [0], **columns)
    numbers = terms(parameters, 1.0)
    open_ = costs(made, np.array([0]), numbers, parameters)
    cost, block, first = np.empty((1, 1)), np.zeros(1, np.int64), np.zeros((1, 1), np.int64)
    kernels.base_costs(made, block, numbers, cost, np.empty(1))
    assert cost[0, 0] == open_.weight[0] + open_.novelty[0]
    kernels.full_costs(made, block, numbers, first, cost, np.empty(2))
    assert cost[0, 0] == open_.full[0]
    return open_, cost[0, 0]


class TestWeight:
    @pytest.mark.parametrize("z", [-3.0, -1.0, 0.0, 0.5, 3.0])
    def test_s5_softplus(self, z):
        open_, cost = parts(weight=z)
        assert open_.weight[0] == pytest.approx(math.log(1 + math.exp(-z)), rel=1e-14)
        assert cost == pytest.approx(math.log(1 + math.exp(-z)), rel=1e-14)


class TestGoal:
    @pytest.mark.parametrize(("cos", "goal"), [(1.0, 0.0), (0.0, 0.5), (-1.0, 1.0), (0.5, 0.25), (NAN, 0.0)])
    def test_s5_distance(self, cos, goal):
        open_, cost = parts(with_valence(goal=(1.0,)), goal_cosine=[0.0, cos])
        assert open_.goal[0] == goal
        assert cost == pytest.approx(math.log(2) + goal, rel=1e-14)

    def test_s5_no_goal_costs_nothing(self):
        assert parts(goal_cosine=[0.0, -1.0])[0].goal[0] == 0.0

    def test_s5_weight_of_the_goal(self):
        assert parts(with_valence(goal=(1.0,), goal_weight=3.0), goal_cosine=[0.0, 0.0])[0].goal[0] == 1.5
        assert parts(with_valence(goal=(1.0,), goal_weight=0.0), goal_cosine=[0.0, 0.0])[0].goal[0] == 0.0


class TestNovelty:
    @pytest.mark.parametrize("visits", [0, 1, 20, 10_000])
    def test_s5_visits(self, visits):
        expected = 0.25 * (1 - math.exp(-visits / 20))
        assert parts(visits=[0, visits])[0].novelty[0] == pytest.approx(expected, abs=1e-16)

    def test_s5_off(self):
        assert parts(with_valence(novelty_weight=0.0), visits=[0, 50])[1] == pytest.approx(math.log(2))

    def test_s5_scale(self):
        found = parts(with_valence(novelty_scale=1.0), visits=[0, 1])[0].novelty[0]
        assert found == pytest.approx(0.25 * (1 - math.exp(-1)), rel=1e-14)


class TestMood:
    A = (0.6, 0.8)

    @pytest.mark.parametrize(("r", "context", "multiplier"), [
        (0.0, 1.0, 1.0),
        (0.5, 1.0, math.exp(-0.3)),
        (1.0, 1.0, 0.6),  # e^−0.6 = 0.549: clipped
        (-0.5, 1.0, math.exp(0.3 - 0.4)),
        (-1.0, 1.0, math.exp(0.6 - 0.8)),
        (-1.0, 0.5, math.exp(0.6 - 0.4)),
        (-1.0, 0.0, 1.6),  # e^0.6 = 1.822: clipped
        (-1.0, 2.0, 0.6),  # e^(0.6 − 1.6): opposites win in recovery
    ])  # fmt: skip
    def test_s5_resonance_and_complementarity(self, r, context, multiplier):
        open_, cost = parts(with_valence(affect=self.A, context=context), r=r)
        assert open_.multiplier[0] == pytest.approx(multiplier, rel=1e-14)
        assert cost == pytest.approx(math.log(2) * multiplier, rel=1e-14)

    @pytest.mark.parametrize(("affect", "strength"), [((0.3, 0.4), 0.5), ((3.0, 4.0), 1.0), ((0.06,), 0.06)])
    def test_s5_strength_of_the_affect(self, affect, strength):
        assert terms(with_valence(affect=affect), 1.0).complementarity == pytest.approx(0.8 * strength, rel=1e-14)

    def test_s5_no_affect(self):
        numbers = terms(PLAIN, 1.0)
        assert (numbers.resonance, numbers.complementarity) == (0.0, 0.0)
        assert parts(r=1.0)[0].multiplier[0] == 1.0

    def test_s5_clipped_once(self):
        """The product is clipped, not its factors: a resonance of e^1.2 that a complementarity of e^−1.6 meets is e^−0.4."""
        found = parts(with_valence(affect=(1.0,), resonance=1.2, complementarity=0.8, context=2.0), r=-1.0)[0]
        assert found.multiplier[0] == pytest.approx(math.exp(-0.4), rel=1e-14)

    def test_s5_only_one_of_the_two(self):
        assert parts(with_valence(affect=self.A, resonance=0.0), r=-0.5)[1] == pytest.approx(
            math.log(2) * math.exp(-0.4)
        )
        assert parts(with_valence(affect=self.A, complementarity=0.0), r=-0.5)[1] == pytest.approx(
            math.log(2) * math.exp(0.3)
        )


class TestResonance:
    @pytest.mark.parametrize(("affect", "emotion", "r"), [
        ((1.0, 0.0), (2.0, 0.0), 1.0),
        ((1.0, 0.0), (0.0, 3.0), 0.0),
        ((1.0, 0.0), (-1.0, 0.0), -1.0),
        ((1.0, 1.0), (1.0, 0.0), math.sqrt(0.5)),
        ((0.04, 0.0), (1.0, 0.0), 0.0),
        ((1.0, 0.0), (0.03, 0.03), 0.0),
        ((0.05, 0.0), (0.05, 0.0), 1.0),
        ((), (), 0.0),
        ((1.0,), (), 0.0),
        ((1.0,), (1.0, 0.0), 0.0),
    ])  # fmt: skip
    def test_s5_neutral_under_a_twentieth(self, affect, emotion, r):
        assert resonance(affect, emotion) == pytest.approx(r, abs=1e-15)


class TestCosine:
    @pytest.mark.parametrize(
        ("a", "b"), [((), ()), ((1.0,), ()), ((1.0,), (1.0, 2.0)), ((0.0, 0.0), (1.0, 1.0)), ((1.0,), (-0.0,))]
    )
    def test_s5_none(self, a, b):
        assert math.isnan(cosine(a, b))

    @pytest.mark.parametrize("size", [5e-324, 1e-320, 1e-160, 1.0, 1e160, 1.7e308])
    def test_s5_of_any_size(self, size):
        assert cosine((size, size), (1.0, 0.0)) == pytest.approx(math.sqrt(0.5), rel=1e-15)
        assert cosine((size, -size), (size, size)) == 0.0
        assert cosine((size, 0.0, size), (-size, 0.0, -size)) == pytest.approx(-1.0, rel=1e-15)

    @given(st.lists(st.tuples(st.floats(-10, 10), st.floats(-10, 10)), min_size=1, max_size=8))
    def test_s5_within_one_and_symmetric(self, pairs):
        a, b = zip(*pairs, strict=True)
        found = cosine(a, b)
        assert math.isnan(found) or -1.0 <= found <= 1.0
        assert math.isnan(found) or found == cosine(b, a)
        if any(a):
            assert cosine(a, a) == pytest.approx(1.0, rel=1e-15)


class TestTerms:
    def test_s6_flow(self):
        assert terms(PLAIN, 2.5).flow == 0.02 * 2.5
        assert terms(PLAIN, 0.0).flow == 0.0

    @pytest.mark.parametrize("dt", [NAN, math.inf, -math.inf, -1e-9])
    def test_dt_that_is_none_is_refused(self, dt):
        with pytest.raises(InputError):
            terms(PLAIN, dt)

    def test_goal_weight_counts_only_with_a_goal(self):
        assert terms(PLAIN, 1.0).goal_weight == 0.0
        assert terms(replace(PLAIN, valence=Valence(goal=(1.0,))), 1.0).goal_weight == 1.0


@given(st.floats(-3, 3), st.floats(-1, 1), st.floats(-1, 1), st.integers(0, 1000), st.floats(0, 2))
def test_s5_a_multiplier_under_one_makes_cheaper(z, cos, r, visits, context):
    """No addend is under 0, so the gate never works backwards."""
    parameters = with_valence(goal=(1.0,), affect=(1.0,), context=context)
    open_, cost = parts(parameters, weight=z, r=r, goal_cosine=[0.0, cos], visits=[0, visits])
    assert min(open_.weight[0], open_.goal[0], open_.novelty[0]) >= 0.0
    assert 0.6 <= open_.multiplier[0] <= 1.6
    neutral = parts(parameters, weight=z, r=0.0, goal_cosine=[0.0, cos], visits=[0, visits])[1]
    assert (cost <= neutral) == (open_.multiplier[0] <= 1.0) or cost == pytest.approx(neutral)
