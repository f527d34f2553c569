"""Hubs (SPEC §4): when the links that are held are known to be enough, and when that is in doubt."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.arrays import PLAIN, frontier
from worker.physics.diffusion import WHOLE, most_read
from worker.physics.hubs import Rest, only, ranking, suffices
from worker.physics.kernels import exps
from worker.physics.model import WeightStats
from worker.physics.parameters import Diffusion, Fanout, Valence
from worker.physics.valence import terms

ULP = 2.0**-52


def enough(held, rest, *, kept=2, place=("m", "R", 7), parameters=PLAIN, **columns):
    """Ask for one source: of the links held as (log-weight, visits), and of the rest as (lightest, heaviest, visits, first)."""
    visits = [0, 0, *(v for _, v in held)]
    links = [(0, 1, 9.0), *((1, k + 2, w) for k, (w, _) in enumerate(held))]
    made = frontier([2.0] * len(visits), links, [0, 1], visits=visits, **columns)
    lightest, heaviest, seen, first = zip(*rest, strict=True) if rest else ([],) * 4
    others = Rest(
        np.zeros(len(rest), np.uint16),
        np.array(seen, np.int64),
        np.array(lightest, float),
        np.array(heaviest, float),
        first,
    )
    asked = []
    numbers = terms(parameters, 0.0)
    found = suffices(only(made, 1), kept, others, numbers, lambda link: asked.append(link) or place)
    return found, asked[0] - 1


BEFORE, AFTER = ("a", "R", 9), ("z", "R", 1)


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ([], True),
        ([(-1.0, 0.0, 0, BEFORE)], True),
        ([(-1.0, 0.0, 0, BEFORE), (0.6, 0.6, 0, AFTER)], False),
        ([(0.5, 0.5, 0, AFTER)], True),
        ([(0.5, 0.5, 0, BEFORE)], False),
        ([(0.5, 0.5, 0, ("m", "R", 8))], True),
        ([(0.5, 0.5, 0, ("m", "R", 6))], False),
        ([(0.5, 0.5, 0, ("m", "Q", 9))], False),
        ([(-1.0, 0.5, 0, AFTER)], False),  # another of the group may cost as much, and come first
        ([(-1.0, 0.5 - ULP, 0, AFTER)], False),  # dearer, by less than rounding
        ([(0.5, 0.5, 1, BEFORE)], True),
        ([(0.6, 0.6, 5, BEFORE)], True),
        ([(0.6, 0.6, 1, BEFORE)], False),
    ],
)
def test_s4_the_rest_must_come_after_the_dearest_that_is_kept(rest, expected):
    assert enough([(1.0, 0), (-2.0, 0), (0.5, 0)], rest) == (expected, 2)


def test_s4_a_group_that_is_clipped_is_read_alike_and_one_that_no_longer_is_may_not_be():
    rest = [(5.0, 7.0, 0, AFTER)]
    assert enough([(6.0, 0), (6.5, 0)], rest)[0]
    assert not enough([(6.0, 0), (6.5, 0)], [(5.0, 7.0, 0, BEFORE)])[0]
    assert not enough([(6.0, 0), (6.5, 0)], rest, scale=0.5)[0]


def test_s4_visits_have_no_say_without_novelty():
    plain = replace(PLAIN, valence=Valence(novelty_weight=0.0))
    assert enough([(1.0, 9), (0.5, 9)], [(0.5, 0.5, 0, AFTER)], parameters=plain) == (True, 1)
    assert not enough([(1.0, 9), (0.5, 9)], [(0.5, 0.5, 0, AFTER)])[0]


@pytest.mark.parametrize("scale", [0.3, 20.0, 12_345.6])
def test_s5_novelty_has_the_same_bits_from_the_visits_on_that_are_not_told_apart(scale):
    most = ranking({}, replace(PLAIN, valence=Valence(novelty_scale=scale))).most
    visits = np.array([most, most + 1, 10 * most], float)
    assert (1.0 - exps(-visits / scale)).tolist() == [1.0] * 3
    assert most < 39 * scale + 1


def test_s3_a_ranking_reads_types_of_few_links_and_unknown_ones_by_the_statistics_of_all():
    stats = {"A": WeightStats(10, 2.0, 4.0), "B": WeightStats(2, 5.0, 0.0)}
    made = ranking(stats, PLAIN)
    assert made.standard["A"] == (2.0, 0.25)
    assert made.standard["B"] == made.otherwise == (pytest.approx(2.5), pytest.approx(1 / math.sqrt(14.583), rel=1e-4))
    assert ranking({}, replace(PLAIN, valence=Valence(novelty_weight=0.0))).most == 0


@pytest.mark.parametrize(
    ("changes", "whole"),
    [
        ({}, False),
        ({"fanout": Fanout(task_mode="divergent")}, False),
        ({"fanout": Fanout(task_mode="methodical")}, True),
        ({"diffusion": Diffusion("matrix")}, True),
        ({"diffusion": Diffusion("legacy")}, True),
    ],
)
def test_s4_all_links_are_read_where_no_cut_of_them_is_kept(changes, whole):
    assert (most_read(replace(PLAIN, **changes)) == WHOLE) == whole
    assert most_read(PLAIN) == 10_000


def test_s4_a_hub_has_more_links_than_are_read_and_those_are_more_than_are_kept():
    assert (Fanout().buffer, Fanout().enough) == (1000, 11)
    assert Fanout(hub=100).buffer == 22
    assert Fanout(selective_k=1000, high=20).buffer == 3000
    with pytest.raises(ValueError, match="at least 6000"):
        Fanout(hub=5999, selective_k=1000)
