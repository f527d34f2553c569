"""Learning (SPEC §8): each factor, each tier, each gate, each guard."""

from __future__ import annotations

import math

import numpy as np
import pytest

from worker.physics.learning import FACTORS, TIERS, gate, learn, tiers
from worker.physics.parameters import Learning

YES, NO = np.array([True]), np.array([False])


def of(log_weight=0.0, moved=0.1, z_phi=0.0, emotion=0.0, factor=1.0, n=1, **settings):
    """Return Δ log w of the first of n strides that are alike."""
    columns = [np.full(n, value) for value in (log_weight, moved, z_phi, emotion, factor)]
    return float(learn(*columns, Learning(**settings))[0])


class TestTiers:
    @pytest.mark.parametrize(("source", "target", "lifted", "tier", "factor"), [
        (YES, YES, NO, "co_activation", 1.0),
        (YES, NO, YES, "causal", 0.6),
        (NO, NO, YES, "causal", 0.6),
        (YES, NO, NO, "background", 0.3),
        (NO, YES, NO, "background", 0.3),
        (NO, NO, NO, "background", 0.3),
    ])  # fmt: skip
    def test_s8_tier_and_factor(self, source, target, lifted, tier, factor):
        found = tiers(source, target, lifted)
        assert TIERS[found[0]] == tier
        assert FACTORS[found[0]] == factor
        assert gate(found, source, lifted, Learning()).tolist() == [factor]


class TestGate:
    @pytest.mark.parametrize(
        ("source", "lifted", "open_"), [(NO, YES, True), (YES, YES, False), (NO, NO, False), (YES, NO, False)]
    )
    def test_s8_newness(self, source, lifted, open_):
        found = gate(tiers(source, NO, lifted), source, lifted, Learning(gate="newness"))
        assert (found > 0.0).tolist() == [open_]

    @pytest.mark.parametrize("tier", [0, 1, 2])
    def test_s8_off(self, tier):
        assert gate(np.array([tier]), YES, YES, Learning(gate="off")).tolist() == [0.0]


class TestFormula:
    def test_s8_plain(self):
        assert of() == pytest.approx(0.01 * 0.1, rel=1e-15)

    def test_s8_rate(self):
        assert of(rate=0.02) == pytest.approx(0.002, rel=1e-15)
        assert of(rate=0.0) == 0.0

    @pytest.mark.parametrize(("moved", "share"), [(0.5, 0.5), (1.0, 1.0), (7.0, 1.0)])
    def test_s8_energy_relative_to_the_threshold_saturates(self, moved, share):
        assert of(moved=moved) == pytest.approx(0.01 * share, rel=1e-15)

    @pytest.mark.parametrize(("z_phi", "factor"), [(-2.0, 0.0), (-1.0, 0.0), (-0.5, 0.5), (0.0, 1.0), (1.5, 2.5)])
    def test_s8_utility(self, z_phi, factor):
        assert of(z_phi=z_phi) == pytest.approx(0.001 * factor, rel=1e-15)

    @pytest.mark.parametrize("emotion", [0.0, 1e-9, 0.3, 1.0, 20.0, 1e308, math.inf])
    @pytest.mark.parametrize("kappa", [0.0, 0.4, 10.0])
    def test_s8_emotion(self, emotion, kappa):
        assert of(emotion=emotion, kappa=kappa, rate=0.001) == pytest.approx(
            1e-4 * (1 + kappa * math.tanh(emotion)), rel=1e-14
        )

    @pytest.mark.parametrize(
        ("log_weight", "room"), [(-3.0, 1.0), (0.0, 1.0), (2.5, 0.5), (4.999, 2e-4), (5.0, 0.0), (99.0, 0.0)]
    )
    def test_s8_saturates_at_the_largest_weight(self, log_weight, room):
        assert of(log_weight=log_weight, moved=1.0) == pytest.approx(0.01 * room, rel=1e-11)

    def test_s8_largest_weight_is_a_setting(self):
        assert of(log_weight=2.5, log_weight_max=10.0) == pytest.approx(0.00075, rel=1e-14)

    @pytest.mark.parametrize("factor", [1.0, 0.6, 0.3, 0.0])
    def test_s8_tier(self, factor):
        assert of(factor=factor) == pytest.approx(0.001 * factor, rel=1e-15)


class TestGuards:
    def test_s8_a_link(self):
        assert of(rate=1.0, moved=1.0) == 0.05

    def test_s8_a_tick(self):
        """400 strides of 0.05 would be 20 in all: 0.5 · √400 = 10 is the most, all shrink alike."""
        assert of(rate=1.0, moved=1.0, n=400) == pytest.approx(0.025, rel=1e-15)
        assert of(rate=1.0, moved=1.0, n=100) == 0.05  # 5 in all: just the most

    def test_s8_all_shrink_alike(self):
        n = 900
        moved = np.linspace(0.2, 1.0, n)
        found = learn(np.zeros(n), moved, np.zeros(n), np.zeros(n), np.ones(n), Learning(rate=0.05))
        assert math.fsum(found) == pytest.approx(0.5 * 30, rel=1e-12)
        assert (found / moved).tolist() == pytest.approx([found[0] / moved[0]] * n, rel=1e-12)

    @pytest.mark.parametrize(("moved", "written"), [(0.99e-5, False), (1.01e-5, True)])
    def test_s8_nothing_under_a_ten_millionth_is_written(self, moved, written):
        assert (of(moved=moved) > 0.0) == written

    def test_s8_no_strides(self):
        empty = np.empty(0)
        assert len(learn(empty, empty, empty, empty, empty, Learning())) == 0
