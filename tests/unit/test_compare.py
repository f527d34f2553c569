"""The report on two runs, on cases small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from worker.compare import Course, Named, Outcome, changes, correlation, links, ranked, report, side, steady_since

IDS = ("a", "b", "c", "d")


def outcome(energy, log_weight=(0.0, 0.0, 0.0), before=0.0, course=((1.0, 2.0),), **more):
    totals = np.array(course[0])
    rest = {
        "active": [1, 1],
        "injected": [3, 1],
        "lost": [0.5, 0.5],
        "decayed": [1, 1],
        "error": [0, 0],
        "seconds": [0.2, 0.1],
    }
    figures = Course(totals, **{name: np.array(more.pop(name, values), dtype=float) for name, values in rest.items()})
    energy = np.array(energy, dtype=float)
    return Outcome(before, figures, energy, energy >= 1.0, np.array(log_weight, dtype=float), {"commit": 1.0}, 0)


def compared(a, b, top=2, **how):
    return report(Named(IDS, ("T", "T", None, "T")), outcome(a, **how), outcome(b), top, 1e-6)


def test_distances_ranks_and_tops():
    found = compared((4.0, 2.0, 1.0, 0.0), (4.0, 0.5, 2.5, 0.0))
    assert found.l1 == 3.0
    assert found.l1_relative == pytest.approx(3.0 / 7.0)
    assert (found.largest, found.largest_node) == (1.5, "b")
    assert (found.top, found.top_union, found.top_overlap) == (2, 3, 1)
    assert found.rank_correlation == pytest.approx(0.5)  # ranks 1 2 3 against 1 3 2: 1 − 6 · 2 / (3 · 8)
    rows = [
        (row.id, row.type, row.energy_a, row.energy_b, row.difference, row.rank_a, row.rank_b) for row in found.rows
    ]
    assert rows == [("b", "T", 2.0, 0.5, -1.5, 2, 3), ("c", None, 1.0, 2.5, 1.5, 3, 2), ("a", "T", 4.0, 4.0, 0.0, 1, 1)]


def test_a_node_that_is_in_no_top_is_named_where_it_differs():
    found = compared((4.0, 2.0, 1.0, 0.0), (4.0, 2.0, 1.0, 0.25), top=2)
    assert [row.id for row in found.rows] == ["d", "a", "b"]
    assert (found.rows[0].rank_a, found.rows[0].rank_b) == (None, 4)


def test_the_same_twice():
    found = compared((4.0, 2.0, 1.0, 0.0), (4.0, 2.0, 1.0, 0.0))
    assert (found.l1, found.l1_relative, found.largest, found.largest_node) == (0.0, 0.0, 0.0, None)
    assert (found.rank_correlation, found.top_overlap) == (1.0, 2)
    assert (found.links.differing, found.links.at) == (0, None)


def test_nothing_at_all():
    nothing = compared((0.0,) * 4, (0.0,) * 4)
    assert (nothing.l1, nothing.l1_relative, nothing.rank_correlation, nothing.top_union, nothing.rows) == (
        0.0,
        None,
        None,
        0,
        [],
    )
    nobody = report(Named((), ()), outcome((), ()), outcome((), ()), 5, 1e-6)
    assert (nobody.l1, nobody.largest_node, nobody.links.count) == (0.0, None, 0)


def test_ranks_are_by_energy_then_id_and_none_without_energy():
    assert ranked(np.array([1.0, 3.0, 0.0, 1.0, 2.0])).tolist() == [3, 1, 0, 4, 2]


def test_a_correlation_needs_an_order_on_both_sides():
    assert correlation(np.array([1.0, 1.0]), np.array([1.0, 2.0])) is None
    assert correlation(np.array([1.0]), np.array([2.0])) is None
    assert correlation(np.array([1.0, 1.0]), np.array([1.0, 1.0])) == 1.0
    assert correlation(np.array([1.0, 2.0, 3.0]), np.array([9.0, 5.0, 1.0])) == pytest.approx(-1.0)


def test_links_that_are_no_number_do_not_differ():
    found = links(np.array([0.0, 1.0, np.nan, 2.0]), np.array([0.5, 1.0, np.nan, -1.0]))
    assert (found.count, found.differing, found.l1, found.largest, found.at) == (4, 2, 3.5, 3.0, 3)


def test_the_books_of_a_run_are_held_against_the_count():
    run = outcome((1.0, 0.5, 0.0, 0.0), before=0.5, course=((1.0, 1.5),), error=[1e-3, -2e-3], active=[2, 1])
    found = side(run, 1e-6)  # 0.5 + 4 − 1 − 2 = 1.5
    assert (found.energy_before, found.energy_total, found.injected, found.lost, found.decayed) == (
        0.5,
        1.5,
        4.0,
        1.0,
        2.0,
    )
    assert (found.books_error, found.conservation_error, found.active, found.ticks) == (0.0, 2e-3, 1, 2)
    assert (found.seconds, found.median_ms) == (pytest.approx(0.3), pytest.approx(150.0))
    assert side(run._replace(before=0.0), 1e-6).books_error == pytest.approx(0.5 / 1.5)


def test_steady_is_from_the_tick_on_from_which_nothing_moves_to_the_end():
    energy = np.array([8.0, 8.0, 10.0, 10.0, 10.0 + 1e-8])
    assert changes(4.0, energy).tolist() == pytest.approx([0.5, 0.0, 0.2, 0.0, 1e-9])
    assert steady_since(4.0, energy, 1e-6) == 4
    assert steady_since(4.0, energy, 1e-10) is None
    assert steady_since(8.0, energy[:2], 1e-6) == 1
    assert steady_since(0.0, np.zeros(3), 1e-6) == 1
    assert steady_since(10.0, np.array([5.0]), 0.5) == 1
