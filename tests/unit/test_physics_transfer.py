"""Transfer (SPEC §6): ΔE of each stride, the source's cap, what is skipped, what every node makes of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.unit.arrays import PLAIN, frontier, strides
from worker.physics.parameters import Guards, Select
from worker.physics.select import select
from worker.physics.transfer import changes, transfer
from worker.physics.valence import terms


def moved(made, dt=1.0, **changes):
    parameters = replace(PLAIN, **{"select": Select(topk="all"), **changes})
    numbers = terms(parameters, dt)
    return transfer(made, select(made, numbers, parameters), numbers, parameters)


def test_s6_formula():
    found = moved(frontier([3.0, 0.0], [(0, 1, 0.7)], [0]), dt=0.5)
    assert found.energy.tolist() == pytest.approx([3.0 * math.exp(0.7) * 0.02 * 0.5], rel=1e-14)
    assert (found.source.tolist(), found.target.tolist(), found.rank.tolist(), found.share.tolist()) == (
        [0],
        [1],
        [0],
        [1.0],
    )


def test_s6_reads_decayed_energy_and_stimuli():
    made = frontier([4.0, 0.0], [(0, 1, 0.0)], [0], clock=14_400.0, stimulus=[1.0, 0.0])
    assert moved(made).energy.tolist() == pytest.approx([(2.0 + 1.0) * 0.02], rel=1e-14)


@pytest.mark.parametrize("beta", [0.05, 0.1, 0.2])
def test_s6_source_cap(beta):
    made = frontier([3.0, 0.0, 0.0], [(0, 1, 3.0), (0, 2, 0.0)], [0])
    free, capped = moved(made, dt=0.1), moved(made, dt=1e6, guards=Guards(beta))
    assert math.fsum(capped.energy) == pytest.approx(beta * 3.0, rel=1e-15)
    assert (capped.energy / free.energy).tolist() == pytest.approx([capped.energy[0] / free.energy[0]] * 2, rel=1e-14)


def test_s6_cap_is_not_reached():
    made = frontier([3.0, 0.0], [(0, 1, 3.0)], [0])
    assert math.fsum(moved(made, dt=0.4).energy) == pytest.approx(3.0 * math.exp(3) * 0.008, rel=1e-14)


@pytest.mark.parametrize(("threshold", "runs"), [(0.999e9 * 0.02, True), (1.001e9 * 0.02, False)])
def test_s6_skip_of_next_to_nothing(threshold, runs):
    """At most 1e-9 · Θ of the source is skipped."""
    found = moved(frontier([1.0, 0.0], [(0, 1, 0.0)], [0], threshold=[threshold, 1.0]))
    assert len(found.energy) == runs


def test_s6_no_time_moves_nothing():
    assert len(moved(frontier([3.0, 0.0], [(0, 1, 0.0)], [0]), dt=0.0).energy) == 0


def test_s6_skipped_ones_leave_the_others_their_rank():
    made = frontier([1.0, 0.0, 0.0], [(0, 1, 3.0), (0, 2, -3.0)], [0], threshold=[1e8, 1.0, 1.0])
    found = moved(made, select=Select(topk="all", temperature=1e9))
    assert (found.target.tolist(), found.rank.tolist()) == ([1], [0])


def test_s6_staging_of_both_ends():
    made = frontier([3.0, 2.0, 1.0], [(0, 1, 0.0), (0, 2, 0.0), (1, 2, 0.0)], [0, 1])
    rows = strides([(0, 1, 0, 0.5), (0, 2, 1, 0.25), (1, 2, 2, 0.125)])
    change, lost = changes(made, rows, rows.source, rows.target, 3)
    assert change.tolist() == [-0.75, 0.5 - 0.125, 0.375]
    assert lost.tolist() == [0.0, 0.0, 0.0]


def test_s6_stickiness_loses_what_it_does_not_keep():
    made = frontier([3.0, 2.0], [(0, 1, 0.0)], [0], stickiness=[1.0, 0.3])
    rows = strides([(0, 1, 0, 0.5)])
    change, lost = changes(made, rows, rows.source, rows.target, 2)
    assert change.tolist() == [-0.5, 0.15]
    assert lost.tolist() == [0.35]


def test_s6_touched_without_a_stride_is_not_changed():
    made = frontier([3.0, 2.0], [(0, 1, 0.0)], [0])
    rows = strides([])
    change, lost = changes(made, rows, rows.source, rows.target, 2)
    assert change.tolist() == [0.0, 0.0]
    assert len(lost) == 0
