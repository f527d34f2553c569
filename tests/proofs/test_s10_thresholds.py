"""SPEC §10: a node is active from its own Θ on, or else from that of its type: the default times the type's row."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.proofs.graphs import PLAIN, frames
from tests.property.worlds import World, build

TABLE = {"Memory": 0.83, "Concept": 0.93, "Principle": 1.17, "Mechanism": 1.27, "Document": 0.73, "Event": 0.87}


def active(node, **settings):
    """Return whether a node strides."""
    world = World({"n": node, "t": {}}, [("n", "t", "R", {"log_weight": 0.0})], [(1.0, [])], {**PLAIN, **settings})
    (frame,) = frames(world, build(world))
    assert frame.moment.frontier.active == frame.strides
    return frame.strides == 1


@pytest.mark.parametrize(("kind", "multiple"), [*TABLE.items(), ("Task", 1.0), ("Unheard of", 1.0), (None, 1.0)])
@pytest.mark.parametrize("default", [1.0, 0.37, 25.0])
def test_s10_by_type(kind, multiple, default):
    threshold = {"default": default}
    at = default * multiple
    assert active({"type": kind, "energy": at}, threshold=threshold)
    assert not active({"type": kind, "energy": math.nextafter(at, 0.0)}, threshold=threshold)


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.floats(1e-3, 1e3))
def test_s10_a_table_of_ones_own(default, multiple, energy):
    threshold = {"default": default, "types": {"Kind": multiple}}
    assert active({"type": "Kind", "energy": energy}, threshold=threshold) == (energy >= default * multiple)


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_s10_a_node_s_own_threshold_comes_before_that_of_its_type(own, energy):
    assert active({"type": "Memory", "energy": energy, "threshold": own}) == (energy >= own)
