"""Decay (SPEC §9): energy by the clock, epochs, settling, the floor."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.arrays import frontier, nodes
from worker.physics.decay import energies, epoch, factors, rewound, settled, stored
from worker.physics.parameters import HALF_LIVES, Decay, Parameters

ALL = np.arange(3, dtype=np.int32)


class TestHalfLives:
    @pytest.mark.parametrize(("kind", "seconds"), [*HALF_LIVES.items(), ("Unheard of", 14_400.0), ("", 14_400.0)])
    def test_s9_defaults(self, kind, seconds):
        assert Parameters().half_life(kind) == seconds

    def test_s9_own_table(self):
        own = Parameters(decay=Decay(half_life={"Memory": 5.0, "*": 7.0}))
        assert [own.half_life(kind) for kind in ("Memory", "Concept", "*")] == [5.0, 7.0, 7.0]

    def test_s9_table_without_the_row_of_all_others(self):
        assert Parameters(decay=Decay(half_life={"Memory": 5.0})).half_life("Concept") == 14_400.0

    @pytest.mark.parametrize(("kind", "threshold"), [("Memory", 0.83), ("Mechanism", 1.27), ("Unheard of", 1.0)])
    def test_s10_thresholds(self, kind, threshold):
        assert Parameters().threshold_of(kind) == threshold


class TestFactors:
    @pytest.mark.parametrize(
        ("seconds", "left"), [(0.0, 1.0), (7200.0, 0.5), (14_400.0, 0.25), (3600.0, math.sqrt(0.5))]
    )
    def test_s9_formula(self, seconds, left):
        assert factors(np.array([seconds]), np.array([7200.0]))[0] == pytest.approx(left, rel=1e-15)

    @given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(10, 1e6))
    def test_s9_two_steps_are_one(self, a, b, half_life):
        def left(seconds):
            return factors(np.array([seconds]), np.array([half_life]))[0]

        if (a + b) / half_life < 900:
            assert left(a) * left(b) == pytest.approx(left(a + b), rel=1e-9)


class TestStored:
    def test_s9_from_the_reading_it_is_given_for(self):
        made = nodes([8.0, 8.0, 8.0], energy_at=[0.0, 100.0, 200.0], half_life=100.0)
        assert stored(made, ALL, 200.0).tolist() == [2.0, 4.0, 8.0]
        assert stored(made, ALL[1:2], 200.0).tolist() == [4.0]

    def test_s2_the_tick_reads_stimuli_too(self):
        made = frontier([8.0, 0.0], [], [0], clock=100.0, half_life=100.0, stimulus=[1.0, 0.5])
        assert energies(made, ALL[:2]).tolist() == [5.0, 0.5]


class TestEpoch:
    @pytest.mark.parametrize(("clock", "at"), [(0.0, 0.0), (59.9, 0.0), (60.0, 60.0), (119.999, 60.0), (6e9, 6e9)])
    def test_s9_last_multiple_passed(self, clock, at):
        assert epoch(clock, Decay()) == at

    def test_s9_width_is_a_setting(self):
        assert epoch(10.0, Decay(settle=4.0)) == 8.0

    @given(st.floats(0, 1e-3), st.floats(0, 59), st.floats(100, 1e6))
    def test_s9_rewound_and_stored_are_one(self, energy, seconds, half_life):
        at, clock = 60.0, 60.0 + seconds
        written = rewound(np.array([energy]), clock, at, np.array([half_life]))
        made = nodes(written, energy_at=at, half_life=half_life)
        assert stored(made, ALL[:1], clock)[0] == pytest.approx(energy, rel=1e-14, abs=1e-300)


class TestSettled:
    def test_s9_moved_by_over_a_thousandth(self):
        made = nodes([1.0, 1.0, 1.0], half_life=[60 / 1.1e-3, 60 / 1.5e-3, 600.0])
        which, energy = settled(made, ALL, 60.0, Decay())
        assert which.tolist() == [1, 2]  # 2^(−1.5e-3) is less than 0.999
        assert energy.tolist() == pytest.approx([2**-1.5e-3, 2**-0.1], rel=1e-15)

    def test_s9_under_the_floor_is_nothing(self):
        made = nodes([1.9e-6, 2.1e-6, 2.1e-6], half_life=60.0, threshold=[1.0, 1.0, 2.0])
        which, energy = settled(made, ALL, 60.0, Decay())
        assert which.tolist() == [0, 1, 2]
        assert energy.tolist() == [0.0, pytest.approx(1.05e-6), 0.0]

    def test_s9_no_floor(self):
        made = nodes([1e-300, 1.0, 1.0], half_life=60.0)
        assert settled(made, ALL, 60.0, Decay(floor=0.0))[1][0] == 5e-301

    def test_s9_settled_ones_and_those_without_energy_stay(self):
        made = nodes([1.0, 0.0, 1.0], energy_at=[60.0, 0.0, 90.0], half_life=60.0)
        assert settled(made, ALL, 60.0, Decay())[0].tolist() == []
