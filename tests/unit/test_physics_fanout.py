"""Fanout (SPEC §4): how many candidates a source keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from worker.physics.fanout import STRATEGIES, headroom, kept, strategies
from worker.physics.parameters import Fanout

TABLE = Fanout()
DEGREES = np.arange(0, 40, dtype=np.int32)


def of(degree, active=0, **changes):
    return int(kept(np.array([degree], np.int32), active, replace(TABLE, **changes))[0])


@pytest.mark.parametrize(
    ("degree", "number", "strategy"),
    [
        (0, 0, "exhaustive"), (1, 1, "exhaustive"), (2, 2, "exhaustive"), (3, 3, "balanced"), (4, 3, "balanced"),
        (6, 3, "balanced"), (7, 4, "balanced"), (9, 5, "balanced"), (10, 5, "balanced"), (11, 5, "selective"),
        (1_000_000, 5, "selective"),
    ],
)  # fmt: skip
def test_s4_table(degree, number, strategy):
    assert of(degree) == number
    assert STRATEGIES[strategies(np.array([degree], np.int32), TABLE)[0]] == strategy


@pytest.mark.parametrize("mode", ["balanced", "focused", "divergent", "methodical"])
@pytest.mark.parametrize("active", [0, 9000])
@pytest.mark.parametrize(
    "table", [{}, {"low": 1}, {"low": 5}, {"high": 20, "selective_k": 10}, {"low": 10, "selective_k": 12}]
)
def test_s4_never_falls_as_the_degree_grows(mode, active, table):
    numbers = kept(DEGREES, active, replace(TABLE, task_mode=mode, **table))
    assert (np.diff(numbers) >= 0).all()
    assert (numbers <= DEGREES).all()
    assert (numbers[1:] >= 1).all()


@pytest.mark.parametrize(
    ("mode", "numbers"), [("focused", (1, 2, 2, 2)), ("divergent", (1, 4, 7, 7)), ("methodical", (1, 4, 10, 30))]
)
def test_s4_task_modes(mode, numbers):
    assert tuple(of(degree, task_mode=mode) for degree in (1, 4, 10, 30)) == numbers


class TestPressure:
    @pytest.mark.parametrize(("active", "room"), [(0, 1.0), (5000, 0.5), (10_000, 0.0), (50_000, 0.0)])
    def test_s4_headroom(self, active, room):
        assert headroom(active, TABLE) == room

    @pytest.mark.parametrize(("active", "number"), [(7900, 5), (8000, 5), (8001, 3), (10_000, 3)])
    def test_s4_under_a_fifth_of_room_fewer_are_kept(self, active, number):
        assert of(10, active) == number

    @pytest.mark.parametrize(("degree", "number"), [(0, 0), (1, 1), (2, 1), (3, 1), (10, 3), (30, 3)])
    def test_s4_at_least_one_is_kept(self, degree, number):
        assert of(degree, 10_000) == number

    def test_s4_task_modes_are_pressed_too(self):
        assert [of(30, 10_000, task_mode=m) for m in ("focused", "divergent", "methodical")] == [1, 4, 18]


@pytest.mark.parametrize("table", [{"low": 11}, {"selective_k": 4}, {"high": 20}, {"low": 6, "high": 10}])
def test_s4_table_that_would_fall_is_refused(table):
    with pytest.raises(ValueError, match=r"fanout\.low|at least"):
        Fanout(**table)
