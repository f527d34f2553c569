"""SPEC §7: phi is the share of its target's gap that a stride fills, and ranks count within a link type that has 3 of them."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given

from tests.proofs.graphs import PLAIN, told
from tests.property.worlds import World, build, close, steps, worlds

Z = NormalDist().inv_cdf


def strides(gaps, *, kinds=None, energy=2.0):
    """One source per gap, each with a link to a node of its own that lacks so much of Θ = 1; the strides' events in that order."""
    kinds = kinds or ["R"] * len(gaps)
    nodes = {f"s{k}": {"energy": energy} for k in range(len(gaps))}
    nodes |= {f"t{k}": {"energy": 1.0 - gap} for k, gap in enumerate(gaps)}
    links = [(f"s{k}", f"t{k}", kind, {"log_weight": 0.0}) for k, kind in enumerate(kinds)]
    (kinds_of,) = told(World(nodes, links, [(1.0, [])], PLAIN))
    return [event for event in kinds_of["stride.exec"] if event["src"].startswith("s")]


def test_s07_phi_is_the_share_of_the_gap_that_is_filled():
    """Each stride moves 0.04; the gap is that before the tick, and a millionth of Θ keeps what is nearly full from 1."""
    found = [event["phi"] for event in strides([1.0, 0.4, 0.04, 0.02, 1e-6])]
    assert found == pytest.approx([0.04 / 1.000001, 0.04 / 0.400001, 0.04 / 0.040001, 0.02 / 0.020001, 0.5], rel=1e-9)


def test_s07_a_target_at_or_over_its_threshold_gains_nothing():
    assert [event["phi"] for event in strides([0.0, -0.5])] == [0.0, 0.0]


@pytest.mark.parametrize("count", [1, 2])
def test_s07_fewer_than_three_strides_in_all_have_no_rank(count):
    assert [(event["z_phi"], event["z_flow"]) for event in strides([0.5, 0.2][:count])] == [(0.0, 0.0)] * count


def test_s07_three_of_a_type_are_ranked_among_themselves():
    found = strides([0.5, 0.2, 0.9, 0.1, 0.3, 0.8], kinds="AAABBB")
    assert [event["z_phi"] for event in found] == pytest.approx(
        [0.0, Z(3 / 4), Z(1 / 4), Z(3 / 4), 0.0, Z(1 / 4)], abs=1e-15
    )


def test_s07_a_type_of_fewer_than_three_widens_to_all():
    found = strides([0.5, 0.2, 0.9, 0.1, 0.3], kinds="AAABB")
    among_all = {gap: Z((5 - rank) / 6) for rank, gap in enumerate([0.1, 0.2, 0.3, 0.5, 0.9])}
    assert [event["z_phi"] for event in found[:3]] == pytest.approx([0.0, Z(3 / 4), Z(1 / 4)], abs=1e-15)
    assert [event["z_phi"] for event in found[3:]] == pytest.approx([among_all[0.1], among_all[0.3]], abs=1e-15)


def test_s07_ties_share_their_average_rank():
    found = [event["z_phi"] for event in strides([0.5, 0.5, 0.2, 0.9, 0.9])]
    assert found == pytest.approx([Z(3.5 / 6), Z(3.5 / 6), Z(5 / 6), Z(1.5 / 6), Z(1.5 / 6)], abs=1e-14)
    assert [event["z_flow"] for event in strides([0.5, 0.5, 0.2, 0.9, 0.9])] == [0.0] * 5


@given(worlds(ticks=3))
def test_s07_phi_lies_under_one_and_is_nothing_where_there_is_no_gap(world):
    for _, frame in steps(world, build(world)):
        strides, staged, resident = frame.moment.strides, frame.moment.staged, frame.resident
        target = np.searchsorted(staged.touched, strides.target)
        gap = np.maximum(0.0, resident["threshold"][strides.target] - staged.snapshot[target])
        for phi, g, energy, theta in zip(
            staged.phi.tolist(), gap.tolist(), strides.energy.tolist(),
            resident["threshold"][strides.target].tolist(), strict=True,
        ):  # fmt: skip
            assert 0.0 <= phi < 1.0
            assert close(phi, min(energy, g) / (g + 1e-6 * theta) if g else 0.0)


@given(worlds(ticks=3))
def test_s07_within_a_link_type_the_scores_keep_the_order_of_phi_and_are_finite(world):
    for _, frame in steps(world, build(world)):
        strides, staged = frame.moment.strides, frame.moment.staged
        kinds = frame.resident.link("type")[strides.link]
        assert np.isfinite(staged.z_phi).all()
        for kind in np.unique(kinds):
            phi, z = staged.phi[kinds == kind], staged.z_phi[kinds == kind]
            order = np.argsort(phi, kind="stable")
            assert (np.diff(z[order])[np.diff(phi[order]) == 0.0] == 0.0).all()
            if len(strides.link) >= 3:
                assert (np.diff(z[order])[np.diff(phi[order]) > 0.0] > 0.0).all()
            else:
                assert not z.any()
