"""The implementations of §6 beside the compiled one, at points worked out by hand; and what their events say."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.unit.arrays import PLAIN, frontier
from worker.errors import InputError
from worker.events.build import events
from worker.events.models import KINDS
from worker.graph.attach import attach
from worker.graph.memory import MemoryGraph
from worker.physics.diffusion import everywhere, select, transfer
from worker.physics.parameters import Diffusion, Guards, Select, Tick
from worker.physics.valence import terms
from worker.settings import Settings
from worker.tick import tick


def moved(impl, made, dt=1.0, **changes):
    parameters = replace(PLAIN, diffusion=Diffusion(impl), **changes)
    numbers = terms(parameters, dt)
    return transfer(made, select(made, numbers, parameters), numbers, parameters)


def worker(impl, **settings):
    """A worker of a graph: a hub `a` of 12 links, `b` of one, `c` of none, and `d` that points to `a` from under Θ."""
    graph = MemoryGraph("g", now=lambda: 0.0)
    key = {
        name: graph.add_node(id=name, energy=energy) for name, energy in zip("abcd", (4.0, 3.0, 2.0, 0.4), strict=True)
    }
    for k in range(12):
        graph.add_link(key["a"], graph.add_node(id=f"t{k:02}", visits=k), "R", log_weight=0.1 * k)
    graph.add_link(key["b"], key["a"], "R", log_weight=0.0)
    graph.add_link(key["d"], key["a"], "R", log_weight=0.0)
    graph.add_link(key["d"], key["c"], "R", log_weight=0.0)
    return attach(graph, Settings.read(graph="g", diffusion={"impl": impl}, **settings), "me")


# matrix


def test_s6_matrix_formula():
    found = moved("matrix", frontier([3.0, 0.0, 0.0], [(0, 1, 0.0), (0, 2, 0.7)], [0]), dt=0.5)
    cost = [math.log1p(math.exp(-0.7)), math.log(2.0)]
    part = [math.exp(-c / 1.5) for c in cost]
    share = [p / sum(part) for p in part]
    wide = [math.exp(0.7), 1.0]
    assert found.target.tolist() == [2, 1]
    assert found.rank.tolist() == [0, 1]
    assert found.cost.tolist() == pytest.approx(cost, rel=1e-14)
    assert found.share.tolist() == pytest.approx(share, rel=1e-14)
    assert found.energy.tolist() == pytest.approx(
        [3.0 * s * w * 0.02 * 0.5 for s, w in zip(share, wide, strict=True)], rel=1e-14
    )


@pytest.mark.parametrize("beta", [0.05, 0.2])
def test_s6_matrix_caps_each_source_by_itself(beta):
    made = frontier([3.0, 2.0, 0.0], [(0, 1, 3.0), (0, 2, 0.0), (1, 2, -3.0)], [0, 1])
    free, found = moved("matrix", made, dt=0.01), moved("matrix", made, guards=Guards(beta), tick=Tick(alpha=1.0))
    assert math.fsum(found.energy[:2]) == pytest.approx(beta * 3.0, rel=1e-15)
    assert found.energy[0] / found.energy[1] == pytest.approx(free.energy[0] / free.energy[1], rel=1e-14)
    assert found.energy[2] == pytest.approx(min(2.0 * math.exp(-3.0), beta * 2.0), rel=1e-14)


def test_s6_matrix_skips_next_to_nothing():
    made = frontier([1.0, 0.0, 0.0], [(0, 1, 3.0), (0, 2, -3.0)], [0], threshold=[1e8, 1.0, 1.0])
    found = moved("matrix", made, select=Select(temperature=1e9))
    assert (found.target.tolist(), found.rank.tolist()) == ([1], [0])


def test_s6_matrix_keeps_parallel_links_apart_and_ties_in_their_place():
    found = moved("matrix", frontier([3.0, 0.0, 0.0], [(0, 1, 0.0), (0, 1, 0.0), (0, 2, 0.0)], [0]))
    assert (found.link.tolist(), found.target.tolist()) == ([0, 1, 2], [1, 1, 2])
    assert len(set(found.energy.tolist())) == 1


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e12])
def test_s6_matrix_takes_any_temperature(temperature):
    found = moved(
        "matrix", frontier([3.0, 0.0, 0.0], [(0, 1, 0.0), (0, 2, 1.0)], [0]), select=Select(temperature=temperature)
    )
    assert found.share.tolist() == pytest.approx([1.0] if temperature < 1.0 else [0.5, 0.5], rel=1e-12)


@pytest.mark.parametrize("impl", ["matrix", "legacy"])
@pytest.mark.parametrize(
    "made", [frontier([], [], []), frontier([3.0, 2.0], [], [0, 1]), frontier([1.0, 1.0], [(0, 1, 0.0)], [])]
)
def test_s6_without_links_nothing_moves(impl, made):
    assert len(moved(impl, made).energy) == 0


# legacy


def test_s6_legacy_formula():
    """By weight alone, whatever the types' statistics: no cost, no w̃, no cap; heaviest first."""
    made = frontier([3.0, 0.0, 0.0], [(0, 1, 0.0), (0, 2, math.log(3.0))], [0], mean=7.0, scale=0.1, visits=[0, 90, 0])
    found = moved("legacy", made, dt=0.8, tick=Tick(alpha=1.0))
    assert found.target.tolist() == [2, 1]
    assert found.share.tolist() == pytest.approx([0.75, 0.25], rel=1e-14)
    assert found.energy.tolist() == pytest.approx([1.8, 0.6], rel=1e-14)
    assert found.cost.tolist() == pytest.approx([0.0, math.log(3.0)], rel=1e-14)


def test_s6_legacy_takes_log_weights_that_no_exponential_can():
    found = moved("legacy", frontier([3.0, 0.0, 0.0], [(0, 1, 1e90), (0, 2, 1e90)], [0]))
    assert found.energy.tolist() == [0.03, 0.03]


def test_s6_legacy_with_all_of_the_energy_leaving_overdraws_nobody():
    links = [(0, 1 + k, 0.1 * k) for k in range(300)]
    found = moved("legacy", frontier([3.0] + [0.0] * 300, links, [0]), tick=Tick(alpha=1.0))
    assert 3.0 * (1 - 2e-9) < math.fsum(found.energy) < 3.0


def test_s6_legacy_refuses_more_than_all_of_the_energy():
    with pytest.raises(InputError, match=r"tick\.alpha = 0\.5 and dt = 2\.1 s"):
        moved("legacy", frontier([3.0, 0.0], [(0, 1, 0.0)], [0]), dt=2.1, tick=Tick(alpha=0.5))


def test_s6_a_tick_that_legacy_refuses_writes_nothing_and_takes_no_stimulus():
    held = worker("legacy", tick={"alpha": 1.0})
    held.graph.add_stimulus(id="s", node="c", delta=0.5, created_at=1.0)
    with pytest.raises(InputError):
        tick(held, 1.5)
    assert (held.graph.kept.tick, held.ledger.tick) == (0, 0)
    frame = tick(held, 1.0)
    assert (frame.frame, frame.energy_in) == (1, 0.5)
    assert abs(frame.conservation_error) < 1e-12


def test_s6_legacy_moves_energy_from_every_node_and_no_cap_divides_them():
    held = worker("legacy")
    held.frontier_cap = 1
    frame = tick(held, 1.0)
    assert held.resident.names(frame.moment.frontier.sources) == ["a", "b", "c", "d"]
    assert {held.resident.ids[i] for i in frame.moment.strides.source} == {"a", "b", "d"}
    assert frame.moment.frontier.active == 3
    held.graph.add_stimulus(id="s", node="d", delta=0.1, created_at=1.0)
    assert len(tick(held, 1.0).moment.frontier.sources) == 4 + 12


def test_s6_only_legacy_has_sources_under_their_threshold():
    assert [everywhere(replace(PLAIN, diffusion=Diffusion(impl))) for impl in ("stride", "matrix", "legacy")] == [
        False,
        False,
        True,
    ]


# Events


@pytest.mark.parametrize("impl", ["matrix", "legacy"])
def test_s13_each_stride_says_why_and_how(impl):
    held = worker(impl)
    made = list(events(tick(held, 1.0), []))
    for event in made:
        KINDS[event["kind"]].model_validate(event)
    rows = [event for event in made if event["kind"] == "stride.exec.v1"]
    assert {row["strategy"] for row in rows} == {"exhaustive"}
    of_hub = Counter(row["selected_reason"] for row in rows if row["src"] == "a")
    assert of_hub == {"weight": 1, "top_k": 11}
    assert [row["selected_reason"] for row in rows if row["src"] == "b"] == ["only"]
    assert all(row["share"] <= before["share"] for before, row in pairwise(rows[:12]))


def test_s13_the_reason_of_a_matrix_stride_is_judged_among_all_links():
    """The nearest to the goal is no candidate by weight and novelty among 12; it is the cheapest of all."""
    graph = MemoryGraph("g", now=lambda: 0.0)
    hub = graph.add_node(id="a", energy=4.0)
    for k in range(12):
        near = {"embedding": [1.0, 0.0] if k == 11 else [-1.0, 0.0], "visits": 5 * k}
        graph.add_link(hub, graph.add_node(id=f"t{k:02}", **near), "R", log_weight=0.3)
    reasons = {}
    for impl in ("stride", "matrix"):
        settings = Settings.read(graph="g", diffusion={"impl": impl}, valence={"goal": (1.0, 0.0)})
        frame = tick(attach(graph, settings, impl), 1.0)
        first = next(event for event in events(frame, []) if event["kind"] == "stride.exec.v1")
        reasons[impl] = (first["tgt"], first["selected_reason"])
        graph.release(graph.kept.fence)
    assert reasons == {"stride": ("t00", "weight"), "matrix": ("t11", "goal")}


def test_s13_the_shadow_of_a_legacy_tick_is_what_its_sources_link_to_and_is_not_active():
    made = list(events(tick(worker("legacy"), 1.0), []))
    assert (made[0]["active"], made[0]["shadow"]) == (3, 12)


def test_the_setting_reaches_the_physics(monkeypatch):
    assert Settings.read().physics.diffusion.impl == "stride"
    monkeypatch.setenv("STRIDE_DIFFUSION__IMPL", "matrix")
    assert Settings.read().physics.diffusion.impl == "matrix"


@pytest.mark.parametrize("impl", ["matrix", "legacy"])
def test_s2_columns_have_the_types_of_the_compiled_ones(impl):
    made = frontier([3.0, 0.0], [(0, 1, 0.0)], [0])
    for ours, theirs in zip(moved(impl, made), moved("stride", made), strict=True):
        assert ours.dtype == theirs.dtype
        assert np.shape(ours) == np.shape(theirs)
