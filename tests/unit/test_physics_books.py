"""The books (SPEC §13): to more digits than a double has, tick after tick."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.physics.books import ZERO, Books, add, left

amounts = st.lists(st.floats(0, 1e9), max_size=20)


def exact(total):
    return Fraction(total[0]) + Fraction(total[1])


class TestAdd:
    @given(amounts)
    def test_s13_two_doubles_hold_what_one_cannot(self, values):
        total = ZERO
        for value in values:
            total = add(total, value)
        assert abs(exact(total) - sum(map(Fraction, values))) <= Fraction(1e-22) * max(1, sum(map(Fraction, values)))

    def test_a_million_cents_do_not_drift(self):
        total = (1e9, 0.0)
        for _ in range(100_000):
            total = add(total, 1e-8)
        assert float(exact(total) - 10**9) == pytest.approx(1e-3, rel=1e-12)

    def test_nothing(self):
        assert add((1.0, 1e-20)) == (1.0, 1e-20)


class TestCommit:
    def test_s13_by_type(self):
        books = Books({"A": 1.0, "B": 2.0}).commit({"A": [0.5, -0.25], "C": [3.0]}, [3.25], 0.0)
        assert books.energy == {"A": 1.25, "B": 2.0, "C": 3.0}
        assert books.injected == (3.25, 0.0)
        assert books.total == 6.25

    def test_s13_lost(self):
        books = Books({"A": 1.0}, opening=(1.0, 0.0)).commit({"A": [-0.25]}, [], 0.25)
        assert books.lost == (0.25, 0.0)
        assert books.error == 0.0

    def test_s13_never_under_nothing(self):
        assert Books({"A": 1.0}).commit({"A": [-1.0, -1e-17]}, [], 0.0).energy == {"A": 0.0}

    def test_error_shows_what_came_from_nowhere(self):
        assert Books({"A": 1.0}, opening=(1.0, 0.0)).commit({"A": [0.5]}, [], 0.0).error == 0.5


class TestDecay:
    def test_s9_by_type(self):
        books, decayed = Books({"A": 8.0, "B": 8.0}, opening=(16.0, 0.0)).decay(10.0, {"A": 10.0, "B": 5.0})
        assert books.energy == {"A": 4.0, "B": 2.0}
        assert decayed == {"A": 4.0, "B": 6.0}
        assert (books.decayed, books.error) == ((10.0, 0.0), 0.0)

    def test_s9_floor(self):
        books = Books({"A": 8.0}, opening=(8.0, 0.0)).floored({"A": 3.0})
        assert (books.energy, books.decayed, books.error) == ({"A": 5.0}, (3.0, 0.0), 0.0)
        assert Books({"A": 1.0}).floored({"A": 1.0 + 1e-15, "B": 0.0}).energy == {"A": 0.0, "B": 0.0}

    @pytest.mark.parametrize(("seconds", "half_life", "share"), [(0.0, 1.0, 1.0), (1.0, 1.0, 0.5), (3.0, 1.5, 0.25)])
    def test_s9_left(self, seconds, half_life, share):
        assert left(seconds, half_life) == share


class TestExternal:
    def test_moved(self):
        books = Books({"A": 8.0}, opening=(8.0, 0.0)).moved({"A": [1.0, -3.0], "B": [0.5]})
        assert (books.energy, books.external, books.error) == ({"A": 6.0, "B": 0.5}, (-1.5, 0.0), 0.0)

    def test_moved_from_an_iterator(self):
        assert Books({}).moved({"A": iter([1.0])}).external == (1.0, 0.0)


class TestFound:
    def test_opening(self):
        books = Books({}).found({"A": 1.5, "B": 2.5}, opening=True)
        assert (books.energy, books.opening, books.external, books.error) == (
            {"A": 1.5, "B": 2.5},
            (4.0, 0.0),
            ZERO,
            0.0,
        )

    def test_rounding_changes_no_bit(self):
        books = Books({"A": 1.0}, opening=(1.0, 0.0))
        assert books.found({"A": 1.0 + 1e-10}, opening=False) is books
        assert Books({}).found({}, opening=False) == Books({})

    def test_difference_is_external(self):
        books = Books({"A": 1.0}, opening=(1.0, 0.0)).found({"A": 1.5, "B": 0.25}, opening=False)
        assert (books.energy, books.external, books.error) == ({"A": 1.5, "B": 0.25}, (0.75, 0.0), 0.0)

    def test_energy_that_changed_its_type_is_counted_anew(self):
        books = Books({"A": 1.0}, opening=(1.0, 0.0)).found({"B": 1.0}, opening=False)
        assert (books.energy, books.external[0], books.error) == ({"B": 1.0}, 0.0, 0.0)

    def test_relative_to_all_energy(self):
        books = Books({"A": 1e9}, opening=(1e9, 0.0))
        assert books.found({"A": 1e9 + 0.5}, opening=False) is books


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10), st.floats(0, 5)), max_size=30))
def test_s13_conserved_whatever_happens(rows):
    """Injections, transfers and decay in any number leave an error of rounding alone."""
    books = Books({"A": 5.0, "B": 3.0}, opening=(8.0, 0.0))
    for injected, wanted, dt in rows:
        moved = min(wanted, books.energy["A"])
        books = books.commit({"A": [injected, -moved], "B": [moved]}, [injected], 0.0)
        books, _ = books.decay(dt, {"A": 3.0, "B": 50.0})
    assert abs(books.error) <= 1e-13 * max(1.0, math.fsum(row[0] for row in rows))
