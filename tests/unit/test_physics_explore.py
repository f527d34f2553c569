"""Exploration (SPEC §5) and stickiness (§6): off by default, and what each does when it is on."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tests import naive
from tests.unit.arrays import PLAIN, frontier
from tests.unit.test_memory_tick import Small
from worker.graph.resident import fingerprint
from worker.physics.kernels import uniform
from worker.physics.parameters import Select
from worker.physics.reasons import REASONS, selected_reasons
from worker.physics.select import select
from worker.physics.transfer import transfer
from worker.physics.valence import terms

LINKS = [(0, k, 0.1 * k) for k in range(1, 7)]  # the heavier the cheaper: 6 is the first choice


def strides(epsilon, tick=1, topk=1, links=LINKS, sources=(0,), seed=0):
    parameters = replace(PLAIN, select=Select(topk=topk, epsilon=epsilon, seed=seed))
    made = frontier([5.0] * 8, list(links), list(sources), tick=tick)
    numbers = terms(parameters, 1.0)
    return made, transfer(made, select(made, numbers, parameters), numbers, parameters), numbers, parameters


def test_s5_without_epsilon_nothing_is_explored():
    for tick in range(200):
        _, found, _, _ = strides(0.0, tick)
        assert (found.target.tolist(), found.explored.tolist()) == ([6], [False])


def test_s5_epsilon_is_how_often_a_source_explores():
    explored = sum(strides(0.3, tick)[1].explored[0] for tick in range(4000))
    assert explored == pytest.approx(1200, abs=4 * math.sqrt(4000 * 0.3 * 0.7))


def test_s5_each_link_that_was_not_chosen_is_tried_as_often():
    tried = Counter(int(strides(1.0, tick)[1].target[0]) for tick in range(5000))
    assert set(tried) == {1, 2, 3, 4, 5}
    assert all(count == pytest.approx(1000, abs=4 * math.sqrt(800)) for count in tried.values())


def test_s5_what_is_explored_takes_the_place_of_the_last_and_strides_stay_in_order():
    """Of 6 links the fanout keeps 3, which all are taken: the dearest of them gives way to one of those that it had cut."""
    seen = set()
    for tick in range(60):
        _, found, _, _ = strides(1.0, tick, topk=3)
        assert {5, 6} < set(found.target.tolist())
        assert (np.diff(found.cost) >= 0.0).all()
        assert found.explored.sum() == 1
        assert math.fsum(found.share) == pytest.approx(1.0, rel=1e-15)
        seen.add(int(found.target[found.explored][0]))
    assert seen == {1, 2, 3}


def test_s5_a_source_whose_links_are_all_chosen_has_nothing_to_explore():
    _, found, _, _ = strides(1.0, topk="all", links=LINKS[:2])
    assert not found.explored.any()


def test_s5_explored_strides_say_so():
    made, found, numbers, parameters = strides(1.0, topk=2)
    codes = selected_reasons(made, found, numbers, parameters)
    assert [REASONS[code] for code in codes[found.explored]] == ["explore"]


def test_s5_the_draw_depends_on_seed_tick_and_source_and_on_nothing_else():
    one = [strides(1.0, tick)[1].target[0] for tick in range(40)]
    beside = [strides(1.0, tick, links=[*LINKS, (7, 1, 0.0)], sources=(0, 7))[1].target[0] for tick in range(40)]
    assert one == beside
    assert one != [strides(1.0, tick, seed=1)[1].target[0] for tick in range(40)]
    assert len(set(one)) > 1


def test_s5_the_generator_is_that_of_the_twin_and_even():
    name = fingerprint("anyone")
    draws = [uniform(3, tick, np.uint64(name), 1) for tick in range(20_000)]
    assert draws[:50] == [naive.uniform(3, tick, "anyone", 1) for tick in range(50)]
    counts, _ = np.histogram(draws, bins=20, range=(0.0, 1.0))
    chi2 = float(((counts - 1000.0) ** 2 / 1000.0).sum())
    assert chi2 < 50.0  # 19 degrees of freedom: 1 in 10 000
    assert abs(float(np.corrcoef(draws[:-1], draws[1:])[0, 1])) < 0.03


def sticky(**stickiness):
    small = Small(stickiness=stickiness)
    small.node("a", energy=5.0, type="Event")
    for name, kind in (("m", "Memory"), ("t", "Task"), ("o", "Odd")):
        small.node(name, type=kind)
        small.link("a", name, 0.0)
    return small, small.tick()


def test_s6_stickiness_is_off_by_default():
    _, frame = sticky()
    assert frame.energy_lost == 0.0


def test_s6_stickiness_keeps_by_type_and_the_books_include_what_is_lost():
    small, frame = sticky(enabled=True)
    moved = {
        small.held.resident.ids[t]: e
        for t, e in zip(frame.moment.strides.target, frame.moment.strides.energy, strict=True)
    }
    assert {name: small.of(name)["energy"] for name in "mto"} == pytest.approx(
        {"m": 0.9 * moved["m"], "t": 0.3 * moved["t"], "o": moved["o"]}, rel=1e-14
    )
    assert frame.energy_lost == pytest.approx(0.1 * moved["m"] + 0.7 * moved["t"], rel=1e-14)
    assert frame.conservation_error == pytest.approx(0.0, abs=1e-14)
    assert small.held.ledger.books.lost[0] == frame.energy_lost


def test_s6_stickiness_by_a_table_of_ones_own():
    small, frame = sticky(enabled=True, types={"Odd": 0.5})
    assert frame.energy_lost == pytest.approx(small.of("o")["energy"], rel=1e-14)
