"""Staging (SPEC §2, step 5): snapshot, staged energies, tiers by what the commit will leave."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.arrays import PLAIN, frontier, strides
from worker.errors import BooksError
from worker.physics.learning import TIERS
from worker.physics.parameters import Learning
from worker.physics.stage import stage

NONE = np.empty(0, np.int32)


def staged(rows, energy=(2.0, 0.5, 0.0), stimulated=NONE, parameters=PLAIN, **columns):
    links = [(0, 1, 0.0), (0, 2, 0.0), (1, 2, 0.0)]
    made = frontier(list(energy), links, [0, 1], **columns)
    return stage(made, strides(rows), np.array(stimulated, np.int32), parameters)


def test_s2_touched_are_ends_and_stimulated():
    found = staged([(0, 2, 1, 0.25)], stimulated=[1], stimulus=[0.0, 0.5, 0.0])
    assert found.touched.tolist() == [0, 1, 2]
    assert found.before.tolist() == [2.0, 0.5, 0.0]
    assert found.snapshot.tolist() == [2.0, 1.0, 0.0]
    assert found.after.tolist() == [1.75, 1.0, 0.25]
    assert (found.touched[found.visits > 0].tolist(), found.visits.max()) == ([2], 1)


def test_s2_nothing():
    found = staged([])
    assert (len(found.touched), len(found.phi), found.lost) == (0, 0, 0.0)


def test_s6_what_stickiness_loses_is_summed():
    assert staged([(0, 1, 0, 0.5), (0, 2, 1, 0.5)], stickiness=[1.0, 0.5, 0.25]).lost == 0.625


def test_s7_gap_is_that_before_the_tick():
    found = staged([(0, 1, 0, 0.25), (0, 2, 1, 0.5)])
    assert found.phi.tolist() == pytest.approx([0.25 / (0.5 + 1e-6), 0.5 / (1 + 1e-6)], rel=1e-15)


def test_s8_tiers_are_judged_on_what_the_commit_leaves():
    """Node 1 is lifted by two strides together, each of which alone would not have done it."""
    found = staged([(0, 1, 0, 0.3), (0, 1, 0, 0.3), (0, 2, 1, 0.1)])
    assert [TIERS[t] for t in found.tier] == ["causal", "causal", "background"]


@pytest.mark.parametrize(("moved", "tier"), [(0.5, "causal"), (0.5 - 2**-50, "background")])
def test_s8_at_the_threshold_is_lifted(moved, tier):
    assert [TIERS[t] for t in staged([(0, 1, 0, moved)]).tier] == [tier]


def test_s8_lifted_and_drained_is_not_lifted():
    """What it gives away in the same tick is counted: 0.9 + 0.3 − 0.4 is below Θ again."""
    found = staged([(0, 1, 0, 0.3), (1, 2, 2, 0.4)], energy=(2.0, 0.9, 0.0))
    assert [TIERS[t] for t in found.tier] == ["background", "background"]


def test_s8_both_active_before():
    found = staged([(0, 1, 0, 0.3)], energy=(2.0, 1.0, 0.0))
    assert [TIERS[t] for t in found.tier] == ["co_activation"]


def test_s8_stimulated_is_active_before():
    found = staged([(0, 1, 0, 0.3)], stimulated=[1], stimulus=[0.0, 0.5, 0.0])
    assert [TIERS[t] for t in found.tier] == ["co_activation"]


def test_s8_newness_needs_an_inactive_source():
    parameters = replace(PLAIN, learning=Learning(gate="newness"))
    assert staged([(0, 1, 0, 0.6)], parameters=parameters).learned.tolist() == [0.0]
    assert staged([(0, 1, 0, 0.6)], energy=(0.9, 0.5, 0.0), parameters=parameters).learned[0] > 0.0


def test_s6_overdrawn_source_aborts():
    with pytest.raises(BooksError, match="report"):
        staged([(0, 1, 0, 2.5)])
