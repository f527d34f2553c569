"""Tick speed (SPEC §11): each factor alone, the least of the three, the mean, dt."""

import math
import random
import statistics
from itertools import pairwise

import numpy as np
import pytest

from worker.physics import pace
from worker.physics.model import Nodes
from worker.physics.pace import Interval, Signals
from worker.physics.parameters import Pace

PACE = Pace()
REST = Signals(since_stimulus=math.inf, active_energy=0.0, affect=0.0)


def falls(values):
    return all(a >= b for a, b in pairwise(values))


@pytest.mark.parametrize(
    ("since", "seconds"),
    [(-1.0, 0.1), (0.0, 0.1), (0.1, 0.1), (0.11, 0.11), (17.0, 17.0), (60.0, 60.0), (61.0, 60.0), (math.inf, 60.0)],
)
def test_s11_stimulus_is_the_time_since_the_last_one_clipped(since, seconds):
    assert pace.stimulus(since, PACE) == seconds


@pytest.mark.parametrize(
    ("total", "seconds"),
    [(0.0, 60.0), (0.99, 60.0), (1.0, 60.0), (10**0.25, 45.025), (10**0.5, 30.05), (10.0, 0.1), (1e300, 0.1)],
)
def test_s11_activation_is_linear_in_the_logarithm_of_the_energy(total, seconds):
    assert pace.activation(total, PACE) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    ("norm", "seconds"), [(0.0, 60.0), (0.3, 60.0), (0.4, 45.05), (0.5, 30.1), (0.7, 0.2), (0.71, 0.2), (1e300, 0.2)]
)
def test_s11_arousal_is_linear_between_calm_and_aroused(norm, seconds):
    assert pace.arousal(norm, PACE) == pytest.approx(seconds, rel=1e-12)


def test_s11_no_factor_leaves_the_bounds_even_where_they_are_close():
    for parameters in (PACE, Pace(min=0.5, max=0.6), Pace(min=2.0, max=2.0)):
        for factor in (pace.stimulus, pace.activation, pace.arousal):
            for x in np.geomspace(1e-3, 1e3, 500).tolist():
                assert parameters.min <= factor(x, parameters) <= parameters.max


def test_s11_more_energy_more_arousal_or_a_later_stimulus_never_slows():
    assert falls([pace.activation(x, PACE) for x in np.geomspace(0.1, 100.0, 1000).tolist()])
    assert falls([pace.arousal(x, PACE) for x in np.linspace(0.0, 1.0, 1000).tolist()])
    assert falls([pace.stimulus(x, PACE) for x in np.linspace(100.0, 0.0, 1000).tolist()])


def test_s11_active_energy_is_the_sum_of_active_nodes_in_their_own_thresholds():
    energy = np.array([2.0, 6.0, 0.5, 8.0])
    zero, one, none = np.zeros(4), np.ones(4), np.zeros(4, dtype=np.int64)
    nodes = Nodes(energy, zero, np.full(4, 10.0), np.array([1.0, 3.0, 1.0, 4.0]), one, none, zero, zero)
    active = np.array([0, 1, 3], dtype=np.int32)
    assert pace.active_energy(nodes, active, 0.0) == 6.0
    assert pace.active_energy(nodes, active, 10.0) == pytest.approx(3.0, rel=1e-15)  # after one half-life
    assert pace.active_energy(nodes, active[:0], 0.0) == 0.0


@pytest.mark.parametrize(
    ("signals", "seconds", "reason"),
    [
        (REST, 60.0, "stimulus"),  # all alike: the first of the spec
        (REST._replace(since_stimulus=5.0), 5.0, "stimulus"),
        (REST._replace(active_energy=10**0.5), 30.05, "activation"),
        (REST._replace(affect=0.5), 30.1, "arousal"),
        (Signals(5.0, 10.0, 0.7), 0.1, "activation"),
        (Signals(0.0, 10.0, 0.7), 0.1, "stimulus"),
        (Signals(5.0, 2.0, 0.7), 0.2, "arousal"),
    ],
)
def test_s11_the_least_of_the_three_decides_and_is_named(signals, seconds, reason):
    assert pace.interval(signals, None, PACE) == (pytest.approx(seconds, rel=1e-12), reason)


def test_s11_the_mean_takes_a_share_of_what_is_new():
    before = Interval(10.0, "activation")
    assert pace.interval(REST, before, PACE).seconds == pytest.approx(0.3 * 60.0 + 0.7 * 10.0, rel=1e-15)
    assert pace.interval(REST, before, Pace(smoothing=1.0)).seconds == 60.0
    assert pace.interval(REST, Interval(60.0, "stimulus"), PACE).seconds == 60.0


def test_s11_smoothing_calms_the_pace_where_activation_jumps():
    rng = random.Random(3)
    jumps = [rng.choice([0.5, 20.0]) for _ in range(400)]
    deviations, steps = [], []
    for parameters in (Pace(smoothing=1.0), PACE):
        mean, seen = None, []
        for total in jumps:
            mean = pace.interval(REST._replace(active_energy=total), mean, parameters)
            seen.append(mean.seconds)
        deviations.append(statistics.pstdev(seen))
        steps.append(max(abs(a - b) for a, b in pairwise(seen)))
    assert deviations[1] < 0.6 * deviations[0]
    assert steps[1] < 0.4 * steps[0]


def test_s11_a_stimulus_that_ends_a_wait_sets_the_least_interval():
    assert pace.woken(PACE) == (PACE.min, "stimulus")


@pytest.mark.parametrize(
    ("since", "dt"), [(-3.0, 0.0), (0.0, 0.0), (0.25, 0.25), (5.0, 5.0), (5.1, 5.0), (1e9, 5.0), (math.inf, 5.0)]
)
def test_s11_dt_is_the_time_since_the_last_tick_up_to_its_cap_and_never_negative(since, dt):
    assert pace.dt(since, PACE) == dt


@pytest.mark.parametrize("seconds", [0.02, 1.0, 30.0])
def test_s11_a_fixed_pace_pins_interval_and_dt(seconds):
    fixed = Pace(fixed=seconds)
    for since in (-1.0, 0.0, 2.0, 1e9):
        assert pace.dt(since, fixed) == seconds
    for signals in (REST, Signals(0.0, 100.0, 1.0)):
        for before in (None, Interval(7.0, "arousal")):
            assert pace.interval(signals, before, fixed) == (seconds, "fixed")
