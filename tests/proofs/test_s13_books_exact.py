"""SPEC §13: the books against exact rational arithmetic: what doubles round off is all that they are ever wrong by."""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction

from hypothesis import given

from tests.proofs.graphs import energies
from tests.property.worlds import AS_LONG_AS_ITS_TYPE, build, steps, worlds
from worker.physics.books import left

ULP = Fraction(1, 2**53)
EXACT = Fraction(1, 10**25)  # what a total of two doubles may be off by, relative to what went through it


class Exact:
    """A world's energies as rational numbers, moved by the very doubles of each tick: ΔE, s, stimuli, and 2^(−Δt / half-life)."""

    def __init__(self, world, physics):
        self.physics, self.types = physics, {name: node["type"] for name, node in world.nodes.items()}
        self.energy = {name: Fraction(node.get("energy", 0.0)) for name, node in world.nodes.items()}
        self.opening = sum(self.energy.values())
        self.injected = self.lost = self.decayed = Fraction(0)
        self.steps = defaultdict(int)  # roundings that each node has seen
        self.size = dict(self.energy)  # the most that each node has ever had

    def tick(self, frame, stimuli):
        for node, delta in stimuli:
            self.change(node, Fraction(delta))
            self.injected += Fraction(delta)
        strides, ids, kept = frame.moment.strides, frame.resident.ids, frame.resident["stickiness"]
        for source, target, energy in zip(
            strides.source.tolist(), strides.target.tolist(), strides.energy.tolist(), strict=True
        ):
            share = Fraction(kept[target].item())
            self.change(ids[source], -Fraction(energy))
            self.change(ids[target], share * Fraction(energy))
            self.lost += (1 - share) * Fraction(energy)
        for node, energy in self.energy.items():
            faded = energy * (1 - Fraction(left(frame.dt, self.physics.half_life(self.types[node]))))
            self.decayed += faded
            self.change(node, -faded)

    def settled(self, found):
        """Take out what the floor took."""
        for node, energy in found.items():
            if energy == 0.0 and self.energy[node] > 0:
                assert self.energy[node] < Fraction(1.001e-4) * Fraction(2)
                self.decayed += self.energy[node]
                self.energy[node] = Fraction(0)

    def change(self, node, by):
        self.energy[node] += by
        self.steps[node] += 1
        self.size[node] = max(self.size[node], self.energy[node])

    def assert_node(self, node, found):
        """Each step rounds a few times, and one of decay works with an exponential that is within 2 ulp."""
        assert abs(Fraction(found) - self.energy[node]) <= 8 * ULP * self.steps[node] * self.size[node]


def total(pair):
    return Fraction(pair[0]) + Fraction(pair[1])


@given(worlds(budgets=False, ticks=6, **AS_LONG_AS_ITS_TYPE))
def test_s13_every_node_and_every_total_of_the_books_against_exact_arithmetic(world):
    graph, physics = build(world), world.read().physics
    exact, roundings = Exact(world, physics), 0
    for (held, frame), (_, stimuli) in zip(steps(world, graph), world.ticks, strict=True):
        exact.tick(frame, stimuli)
        found = energies(graph, physics)
        exact.settled(found)
        for node, energy in found.items():
            exact.assert_node(node, energy)
        books, went = held.ledger.books, exact.opening + exact.injected
        tolerance = 8 * ULP * (sum(exact.steps.values()) + 1) * went
        assert abs(Fraction(books.total) - sum(exact.energy.values())) <= tolerance <= Fraction(1, 10**9) * max(went, 1)
        assert abs(total(books.injected) - exact.injected) <= EXACT * went
        assert abs(total(books.lost) - exact.lost) <= tolerance
        assert abs(total(books.decayed) - exact.decayed) <= tolerance
        assert exact.opening + exact.injected - exact.lost - exact.decayed == sum(exact.energy.values())
        assert total(books.external) == 0
        roundings += len(books.energy) + 1
        assert abs(Fraction(books.error)) <= 2 * ULP * roundings * went


@given(worlds(budgets=False, ticks=6, decay={"half_life": {"*": 40.0}, "settle": 1e9}))
def test_s13_totals_of_two_doubles_lose_nothing_of_what_each_tick_reports(world):
    """But for the opening, which is rounded once by node type, they are the exact sums of the ticks' own figures."""
    graph, lost, decayed, injected = build(world), Fraction(0), Fraction(0), Fraction(0)
    for (held, frame), (_, stimuli) in zip(steps(world, graph), world.ticks, strict=True):
        lost += Fraction(frame.energy_lost)
        decayed += sum(map(Fraction, frame.energy_decay.values()))
        injected += sum(Fraction(delta) for _, delta in stimuli)
        books = held.ledger.books
        opening = sum(Fraction(node.get("energy", 0.0)) for node in world.nodes.values())
        went = opening + injected
        assert abs(total(books.opening) - opening) <= 2 * ULP * opening
        for kept, reported in ((books.lost, lost), (books.decayed, decayed), (books.injected, injected)):
            assert abs(total(kept) - reported) <= EXACT * went
        signed = (books.opening, books.injected, books.external)
        error = (
            sum(map(Fraction, books.energy.values()))
            - sum(map(total, signed))
            + total(books.lost)
            + total(books.decayed)
        )
        assert Fraction(books.error) == Fraction(float(error)) or math.isclose(books.error, error, rel_tol=1e-15)
