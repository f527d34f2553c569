"""From database values to numbers: what each kind of value becomes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from worker.graph.port import NodeRows
from worker.graph.rows import clean_nodes, numbers, vector
from worker.physics.parameters import Parameters

NAN, INF = math.nan, math.inf


def same(found, expected):
    return np.array_equal(found, np.array(expected, float), equal_nan=True)


class TestNumbers:
    @pytest.mark.parametrize(("value", "number"), [
        (1.5, 1.5), (2, 2.0), (None, 7.0), (NAN, NAN), (INF, INF), (True, NAN), (False, NAN), ("1.5", NAN), ([1.5], NAN),
        ({}, NAN), (10**400, INF), (2**53 + 1, 2.0**53), (-0.0, 0.0),
    ])  # fmt: skip
    def test_each(self, value, number):
        assert same(numbers([value], 7.0), [number])
        assert same(numbers([1.0, value, "text", None], 7.0), [1.0, number, NAN, 7.0])

    def test_none(self):
        assert len(numbers([], 0.0)) == 0

    def test_huge_integers_among_numbers(self):
        assert same(numbers([1, 10**400, None], 0.0), [1.0, INF, 0.0])


class TestVector:
    @pytest.mark.parametrize(("value", "found"), [
        ([1.0, 2], (1.0, 2.0)), ((0.5,), (0.5,)), ([], ()), (None, ()), ("text", ()), (1.0, ()), ([NAN], ()), ([1.0, INF], ()),
        ([None], ()), ([True], ()), (["1"], ()), ([[1.0]], ()), ({1.0}, ()), ([0.0], (0.0,)),
    ])  # fmt: skip
    def test_each(self, value, found):
        assert vector(value) == found


class TestCleanNodes:
    def clean(self, **values):
        row = {"key": 1, "id": "a", **values}
        found, rejected = clean_nodes(
            NodeRows(*([row.get(name)] for name in NodeRows._fields)), Parameters(), clock=1e6
        )
        return found, [(r.what, r.identity) for r in rejected]

    def test_bare_node(self):
        found, rejected = self.clean()
        assert rejected == []
        assert (found.valid[0], found.id, found.type) == (True, ["a"], ["*"])
        assert (found.energy[0], found.raw[0], found.energy_at[0], found.threshold[0], found.visits[0]) == (
            0,
            0,
            0,
            1.0,
            0,
        )

    def test_full_node(self):
        found, rejected = self.clean(type="Memory", energy=2.5, energy_at=60.0, threshold=0.5, visits=7)
        assert rejected == []
        assert (found.energy[0], found.raw[0], found.energy_at[0], found.threshold[0], found.visits[0]) == (
            2.5,
            2.5,
            60,
            0.5,
            7,
        )

    def test_threshold_of_the_type(self):
        assert self.clean(type="Memory")[0].threshold[0] == 0.83
        assert self.clean(type=["Memory"])[0].threshold[0] == 1.0

    @pytest.mark.parametrize("energy", [NAN, INF, -INF, -1.0, -1.1e-12, 1.1e9, "1", True, [1.0]])
    def test_quarantined(self, energy):
        found, rejected = self.clean(energy=energy)
        assert rejected == [("node", "a")]
        assert (found.valid[0], found.quarantined[0] > 0, found.energy[0]) == (False, True, 0.0)
        assert math.isnan(found.raw[0])  # no energy is equal to it, so none is overwritten

    @pytest.mark.parametrize("energy", [-1e-15, -1e-12, -0.0])
    def test_rounding_below_nothing(self, energy):
        found, rejected = self.clean(energy=energy)
        assert rejected == []
        assert (found.valid[0], found.energy[0], found.raw[0]) == (True, 0.0, energy)

    @pytest.mark.parametrize("visits", [-1, NAN, "many", True, INF])
    def test_visits_that_are_none(self, visits):
        assert self.clean(visits=visits)[0].visits[0] == 0

    def test_integers(self):
        found, rejected = self.clean(energy=2, energy_at=60, threshold=1)
        assert (found.energy[0], found.energy_at[0], found.threshold[0], rejected) == (2.0, 60.0, 1.0, [])

    @pytest.mark.parametrize("name", [None, 7, [], 1.5])
    def test_id_that_is_none(self, name):
        found, rejected = self.clean(id=name)
        assert not found.valid[0]
        assert rejected == [("node", f"(key 1, id {name!r})")]

    def test_nothing(self):
        found, rejected = clean_nodes(NodeRows(*([] for _ in NodeRows._fields)), Parameters(), clock=1e6)
        assert (len(found.valid), rejected) == (0, [])
