"""SPEC §5: each gate works in its direction, at an aligned, a neutral and an opposed feeling, in focus and in recovery."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.proofs.graphs import PLAIN, frames, told
from tests.property.worlds import World, build

FOCUS, RECOVERY = 0.5, 2.0
FEELINGS = {"aligned": 1.0, "neutral": 0.0, "opposed": -1.0}
STRENGTH, WEIGHT, DEGREE = st.floats(0.051, 2.0), st.floats(-2.0, 2.0), st.floats(0.06, 1.0)


def feeling(r):
    """A feeling whose cosine with the affect (‖A‖, 0) is r; none where r is 0."""
    return {"emotion": [r, math.sqrt(1.0 - r * r)]} if r else {}


def fan(links, **valence):
    """A source, and for each name a link (its properties, those of its target); two more links give the weights a spread."""
    nodes = {"source": {"energy": 2.0}, "x": {}, "y": {}} | {name: node for name, (_, node) in links.items()}
    own = [("source", name, "R", link) for name, (link, _) in links.items()]
    spread = [("x", "y", "R", {"log_weight": -2.0}), ("y", "x", "R", {"log_weight": 2.0})]
    return World(nodes, own + spread, [(1.0, [])], {**PLAIN, "valence": valence})


def costs(world):
    (frame,) = frames(world, build(world))
    ids, strides = frame.resident.ids, frame.moment.strides
    return {ids[target]: cost for target, cost in zip(strides.target.tolist(), strides.cost.tolist(), strict=True)}


def felt(weight, strength, context, degree=1.0, **valence):
    """The costs of three links that differ in their feeling alone."""
    links = {name: ({"log_weight": weight, **feeling(degree * r)}, {}) for name, r in FEELINGS.items()}
    return costs(fan(links, affect=(strength, 0.0), context=context, **valence))


@given(WEIGHT, STRENGTH, st.floats(0.0, 2.0), DEGREE)
def test_s05_aligned_is_cheaper_than_neutral_in_any_context(weight, strength, context, degree):
    cost = felt(weight, strength, context, degree)
    assert 0.0 < cost["aligned"] < cost["neutral"]


@given(WEIGHT, STRENGTH, DEGREE)
def test_s05_in_focus_opposed_is_dearer_than_neutral(weight, strength, degree):
    cost = felt(weight, strength, FOCUS, degree)
    assert cost["opposed"] > cost["neutral"] > cost["aligned"]


@given(WEIGHT, st.floats(0.38, 2.0), DEGREE)
def test_s05_in_recovery_opposed_is_cheaper_than_neutral(weight, strength, degree):
    """From ‖A‖ = λ_res / (λ_comp · g_ctx) = 0.375 on: a mood weaker than that still resonates more than it complements."""
    cost = felt(weight, strength, RECOVERY, degree)
    assert cost["opposed"] < cost["neutral"]


@given(WEIGHT, st.floats(0.76, 2.0), st.floats(0.06, 0.85))
def test_s05_in_recovery_opposites_win_over_resonance(weight, strength, degree):
    """From ‖A‖ = 2 · 0.375 on, and as long as the clip to 0.6 does not make the two equal (r = ∓0.851)."""
    cost = felt(weight, strength, RECOVERY, degree)
    assert cost["opposed"] < cost["aligned"]


@given(WEIGHT, STRENGTH, st.floats(0.0, 2.0), DEGREE, st.floats(0.0, 10.0), st.floats(0.0, 10.0))
def test_s05_the_product_of_both_multipliers_is_clipped(weight, strength, context, degree, resonance, complementarity):
    cost = felt(weight, strength, context, degree, resonance=resonance, complementarity=complementarity)
    for name, r in FEELINGS.items():
        exponent = -resonance * degree * r - complementarity * max(0.0, -degree * r) * min(strength, 1.0) * context
        assert cost[name] / cost["neutral"] == pytest.approx(min(1.6, max(0.6, math.exp(exponent))), rel=1e-12)
        assert 0.6 * (1 - 1e-15) <= cost[name] / cost["neutral"] <= 1.6 * (1 + 1e-15)


@given(WEIGHT, st.floats(-1.0, 1.0), st.floats(-1.0, 1.0), st.floats(0.01, 10.0))
def test_s05_the_nearer_to_the_goal_the_cheaper(weight, one, other, goal_weight):
    links = {
        name: ({"log_weight": weight}, {"embedding": [cos, math.sqrt(1.0 - cos * cos)]})
        for name, cos in (("one", one), ("other", other))
    }
    cost = costs(fan(links, goal=(3.0, 0.0), goal_weight=goal_weight))
    assert cost["one"] - cost["other"] == pytest.approx(goal_weight * (other - one) / 2.0, abs=1e-13)


@given(WEIGHT, st.integers(0, 200), st.integers(0, 200))
def test_s05_the_more_visited_the_dearer(weight, one, other):
    links = {name: ({"log_weight": weight}, {"visits": visits}) for name, visits in (("one", one), ("other", other))}
    cost = costs(fan(links))
    assert cost["one"] - cost["other"] == pytest.approx(0.25 * (math.exp(-other / 20) - math.exp(-one / 20)), abs=1e-14)


@pytest.mark.parametrize(
    ("valence", "links", "chosen", "reason"),
    [
        ({}, {"a": ({}, {}), "b": ({"log_weight": 2.0}, {})}, "b", "weight"),
        ({"goal": (1.0, 0.0)}, {"a": ({}, {"embedding": [-1.0, 0.0]}), "b": ({}, {"embedding": [1.0, 0.0]})}, "b", "goal"),
        ({}, {"a": ({}, {"visits": 40}), "b": ({}, {"visits": 0})}, "b", "novelty"),
        ({"affect": (1.0, 0.0)}, {"a": ({}, {}), "b": (feeling(1.0), {})}, "b", "resonance"),
        ({"affect": (1.0, 0.0)}, {"a": ({}, {}), "b": ({}, feeling(1.0))}, "b", "resonance"),
        ({"affect": (1.0, 0.0), "context": FOCUS}, {"a": (feeling(-1.0), {}), "b": ({}, {})}, "b", "resonance"),
        ({"affect": (1.0, 0.0), "context": RECOVERY}, {"a": ({}, {}), "b": (feeling(-1.0), {})}, "b", "complementarity"),
        ({"affect": (1.0, 0.0), "context": RECOVERY}, {"a": (feeling(0.5), {}), "b": (feeling(-0.5), {})}, "b", "complementarity"),
        ({"affect": (0.01, 0.0), "context": RECOVERY}, {"a": ({}, {}), "b": (feeling(-1.0), {})}, "a", "weight"),
    ],
)  # fmt: skip
def test_s05_a_tick_goes_where_the_gate_points_and_says_so(valence, links, chosen, reason):
    """Of two links that are else alike, the second is chosen, though order would prefer the first: by `selected_reason`."""
    links = {name: ({"log_weight": 0.3, **link}, node) for name, (link, node) in links.items()}
    (kinds,) = told(fan(links, **valence))
    first, second = kinds["stride.exec"]
    assert (first["tgt"], first["selected_reason"]) == (chosen, reason)
    assert second["selected_reason"] == "top_k"
    assert first["delta_e"] >= second["delta_e"]
