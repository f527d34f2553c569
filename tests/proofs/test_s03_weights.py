"""SPEC §3: no link type has more say because its raw scale is shifted or stretched, and none because of one outlier."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.proofs.graphs import PLAIN, frames, moved
from tests.property.worlds import World, build, close, run, worlds

NO_FLOOR = {"std_floor": 1e-9}  # so that every σ but 0 is over it
KIND = st.sampled_from(("LEADS_TO", "RELATES_TO"))


def rescaled(world, kind, change):
    """The world with every log-weight of one type put through `change`."""
    return replace(
        world,
        links=[
            (s, t, k, {**own, "log_weight": change(own["log_weight"])} if k == kind else own)
            for s, t, k, own in world.links
        ],
    )


def assert_same_strides(world, other):
    """Tick after tick the same strides, each with the same share and energy."""
    counts = Counter(link[2] for link in world.links)
    assume(counts and min(counts.values()) >= 3)  # fewer are read by the statistics of all links
    (_, trace), (_, same) = run(world), run(other)
    for (ours, *_), (theirs, *_) in zip(trace, same, strict=True):
        assert [row[:4] for row in ours] == [row[:4] for row in theirs]
        for a, b in zip(ours, theirs, strict=True):
            assert close(a[5], b[5], 1e-9)
            assert close(a[6], b[6], 1e-9)


@given(worlds(lone_types=False, ties=False, learning={"gate": "off"}, weights=NO_FLOOR), KIND, st.floats(-50.0, 50.0))
def test_s03_a_constant_added_to_all_weights_of_a_type_changes_no_share(world, kind, constant):
    assert_same_strides(world, rescaled(world, kind, lambda weight: weight + constant))


@given(
    worlds(lone_types=False, ties=False, learning={"gate": "off"}, weights=NO_FLOOR),
    KIND,
    st.floats(-10.0, 10.0),
    st.floats(0.05, 20.0),
)
def test_s03_weights_of_a_type_stretched_about_any_point_change_no_share(world, kind, point, factor):
    assert_same_strides(world, rescaled(world, kind, lambda weight: point + factor * (weight - point)))


@given(st.integers(11, 40), st.floats(1.0, 90.0), st.sampled_from((-1.0, 1.0)))
def test_s03_an_outlier_is_clipped(count, power, sign):
    """One log-weight of up to ±10⁹⁰ among many alike: w̃ is e^±3, however far out it lies; those alike keep w̃ = 1 to e^∓0.4."""
    nodes = {f"s{k:02}": {"energy": 2.0} for k in range(count)} | {f"t{k:02}": {} for k in range(count)}
    weight = [sign * 10.0**power] + [0.5] * (count - 1)
    links = [(f"s{k:02}", f"t{k:02}", "R", {"log_weight": weight[k]}) for k in range(count)]
    world = World(nodes, links, [(0.25, [])], PLAIN)  # e³ · α · Δt = 0.1: under the cap
    (frame,) = frames(world, build(world))
    wide = {source: energy / (2.0 * 0.02 * 0.25) for (source, _, _), energy in moved(frame).items()}
    assert close(wide.pop("s00"), math.exp(3.0 * sign))
    for others in wide.values():
        assert 0.0 < -sign * math.log(others) < 0.4


@given(st.floats(0.001, 0.499), st.integers(3, 30))
def test_s03_under_the_floor_what_is_nearly_alike_weighs_nearly_alike(spread, count):
    """Without the floor, log-weights that differ by ± `spread` would weigh as differently as any: the first to learn won all."""
    nodes = {f"s{k:02}": {"energy": 2.0} for k in range(2 * count)} | {"t": {}}
    links = [(f"s{k:02}", "t", "R", {"log_weight": spread if k % 2 else -spread}) for k in range(2 * count)]
    world = World(nodes, links, [(1.0, [])], PLAIN)
    (frame,) = frames(world, build(world))
    for (source, _, _), energy in moved(frame).items():
        assert close(energy, 0.04 * math.exp((spread if int(source[1:]) % 2 else -spread) / 0.5))
