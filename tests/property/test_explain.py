"""Where energy came from, worked out backwards, is what a plain forward count says: all of it, to 1e-9, in any world."""

from __future__ import annotations

import math
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from tests.property.test_foreign import Meddler
from tests.property.worlds import build, queue, share, worlds
from worker.events.trail import Trail
from worker.explain import FOREIGN, REST, START, STIMULUS, STRIDES, Course, walk
from worker.graph.attach import attach
from worker.physics.decay import stored
from worker.tick import tick


class Forward:
    """The twin: each node's energy by root, carried on from tick to tick in plain Python, by what a tick's arrays say."""

    def __init__(self, energies, first):
        self.of = {own: {(START, own, first, None): energy} for own, energy in energies.items() if energy > 0.0}

    def scale(self, own, energy):
        have = self.of.get(own, {})
        total = math.fsum(have.values())
        self.of[own] = {root: x * (energy / total) for root, x in have.items()} if total > 0.0 else {}

    def tick(self, frame, foreign):
        names, staged, number = frame.resident.ids, frame.moment.staged, frame.frame
        for _, own, gain, energy in foreign:
            self.scale(own, energy - max(gain, 0.0))
            mine = self.of.setdefault(own, {})
            if gain > 0.0:
                mine[FOREIGN, own, number, None] = mine.get((FOREIGN, own, number, None), 0.0) + gain
        for i, before in zip(staged.touched.tolist(), staged.before.tolist(), strict=True):
            self.scale(names[i], before)
        stimuli = frame.moment.stimuli
        for i, delta, by in zip(stimuli.node.tolist(), stimuli.delta.tolist(), stimuli.by, strict=True):
            self.of[names[i]][STIMULUS, names[i], number, stimuli.applied[by].id] = delta
        read = {names[i]: dict(self.of[names[i]]) for i in staged.touched.tolist()}
        energy = {own: math.fsum(found.values()) for own, found in read.items()}
        now = defaultdict(lambda: defaultdict(float))
        for own, found in read.items():
            now[own].update(found)
        strides, sticks = frame.moment.strides, frame.moment.frontier.nodes.stickiness
        for s, t, moved in zip(strides.source.tolist(), strides.target.tolist(), strides.energy.tolist(), strict=True):
            for root, amount in read[names[s]].items():
                part = moved * amount / energy[names[s]]
                now[names[s]][root] -= part
                now[names[t]][root] += part * sticks[t]
        self.of.update({own: dict(found) for own, found in now.items()})


def energies(held):
    resident = held.resident
    which = resident.energetic()
    return dict(zip(resident.names(which), stored(resident.nodes, which, resident.clock).tolist(), strict=True))


@share(0.05)
@given(worlds(ticks=6), st.integers(0, 2**30), st.lists(st.booleans(), min_size=6, max_size=6), st.booleans())
def test_the_shares_of_all_roots_are_what_a_forward_count_says(world, seed, restarts, meddled):
    graph, settings = build(world), world.read()
    held = attach(graph, settings, "me")
    forward, trail = Forward(energies(held), 1), Trail()
    meddler = Meddler(graph, seed) if meddled else None
    for number, (dt, stimuli) in enumerate(world.ticks):
        queue(graph, number, stimuli)
        if meddler and meddler.rng.random() < 0.5:
            meddler.meddle()
        if number and restarts[number]:
            held = attach(graph, settings, "me")
        frame = tick(held, dt)
        trail.frame(frame)
        forward.tick(frame, trail.accounts()[-1].foreign)
    course = Course(trail.accounts())
    for own, energy in energies(held).items():
        forward.scale(own, energy)
        found = course.roots(own, energy)
        assert math.isclose(math.fsum(root.amount for root in found), energy, rel_tol=1e-9)
        ours = defaultdict(float)
        for root in found:
            ours[root.kind, root.node, root.tick, root.id] += root.amount
        theirs = forward.of[own]
        for root in ours.keys() | theirs.keys():
            assert math.isclose(ours[root], theirs.get(root, 0.0), rel_tol=1e-9, abs_tol=1e-9 * energy), root
        known = course.energy(own)
        if known is not None and not (
            world.settings["consolidation"]["enabled"] or world.settings["resistance"]["enabled"]
        ):
            assert math.isclose(known, energy, rel_tol=1e-9, abs_tol=1e-3)
        check_tree(course.tree(own, energy, 3, 0.01), energy)


def check_tree(branches, energy):
    """Each node's branches sum to what it is given; only what is small enough, or one too many, is cut."""
    assert math.isclose(math.fsum(branch.amount for branch in branches), energy, rel_tol=1e-9)
    for branch in walk(branches):
        if branch.branches:
            assert branch.kind == STRIDES
            assert math.isclose(math.fsum(one.amount for one in branch.branches), branch.amount, rel_tol=1e-9)
        assert branch.kind == REST or branch.amount >= 0.01 * energy
