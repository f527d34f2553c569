"""Boundaries (SPEC §13): which strides count, and what is said of them."""

import numpy as np
import pytest

from worker.physics.entities import boundaries, hunger
from worker.physics.model import Strides

ENTITY = np.array([0, 0, 1, 1, 2, -1], np.int32)  # of nodes 0 … 5


def crossed(*rows):
    """Rows are (source, target, ΔE, phi, G/Θ of the target)."""
    source, target, energy, phi, hungry = map(np.array, zip(*rows, strict=True))
    nothing = dict.fromkeys(Strides._fields)
    strides = Strides(**nothing | {"source": source, "target": target, "energy": energy})
    return [tuple(found) for found in boundaries(strides, ENTITY, phi, hungry)]


def test_s13_only_strides_between_two_entities_count():
    assert crossed((0, 1, 1.0, 0.5, 0.5), (0, 5, 1.0, 0.5, 0.5), (5, 2, 1.0, 0.5, 0.5)) == []
    assert crossed((0, 2, 1.5, 0.25, 0.75)) == [(0, 1, 1, 1.5, 0.25, 0.75)]


def test_s13_each_direction_and_each_pair_is_its_own():
    found = crossed((0, 2, 0.1, 0.1, 0.5), (2, 1, 0.2, 0.2, 0.4), (3, 4, 0.3, 0.3, 0.3), (1, 3, 0.4, 0.05, 1.0))
    assert sorted(found) == [(0, 1, 2, 0.5, 0.1, 0.75), (1, 0, 1, 0.2, 0.2, 0.4), (1, 2, 1, 0.3, 0.3, 0.3)]


def test_s13_a_target_of_several_strides_is_as_hungry_as_one():
    (found,) = crossed((0, 2, 0.1, 0.1, 0.9), (1, 2, 0.1, 0.3, 0.9), (1, 3, 0.1, 0.2, 0.1))
    assert found == (0, 1, 3, pytest.approx(0.3, rel=1e-15), 0.3, 0.5)


def test_s13_energy_is_an_exact_sum():
    (found,) = crossed(*((0, 2, 0.1, 0.0, 0.0) for _ in range(10)))
    assert found[3] == 1.0


def test_s13_hunger_is_the_gap_in_thresholds():
    assert hunger(np.array([0.0, 1.5, 2.0, 5.0]), np.array([2.0, 2.0, 2.0, 2.0])).tolist() == [1.0, 0.25, 0.0, 0.0]
