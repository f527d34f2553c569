"""Others change and delete what the worker holds, at any moment: no tick fails, and every difference is booked."""

from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from tests.property.worlds import build, energy_now, queue, share, worlds
from worker.graph.attach import attach
from worker.tick import tick


class Meddler:
    """Somebody who writes to a graph: before a tick, and within its commit and its settling."""

    def __init__(self, graph, seed):
        self.graph, self.rng = graph, random.Random(seed)
        self.commit, self.settle = graph.commit, graph.settle
        graph.commit = lambda *rows: self.sometimes(self.commit, *rows)
        graph.settle = lambda *rows: self.sometimes(self.settle, *rows)

    def sometimes(self, write, *rows):
        if self.rng.random() < 0.3:
            self.meddle()
        write(*rows)

    def meddle(self):
        graph, rng = self.graph, self.rng
        node = graph.node[rng.choice(sorted(graph.node))]
        match rng.randrange(6 if len(graph.node) > 1 and graph.link else 3):
            case 0:
                node["energy"] = rng.uniform(0, 3)
            case 1:
                node["energy"] = rng.choice((math.nan, "much", -5.0, 1e12, 2))
            case 2:
                node.pop("energy", None)
            case 3:
                graph.delete_node(rng.choice(sorted(graph.node)))
            case 4:
                graph.delete_link(rng.choice(sorted(graph.link)))
            case 5:
                graph.link[rng.choice(sorted(graph.link))].properties["log_weight"] = rng.choice((0.3, math.nan, 2.0))


@share(0.25)
@given(worlds(ticks=6), st.integers(0, 2**30))
def test_s2_others_may_write_whenever_they_like(world, seed):
    graph, settings = build(world), world.read()
    held = attach(graph, settings, "me")
    meddler = Meddler(graph, seed)
    for number, (dt, stimuli) in enumerate(world.ticks):
        queue(graph, number, stimuli)
        if meddler.rng.random() < 0.5:
            meddler.meddle()
        frame = tick(held, dt)
        assert frame.frame == number + 1
        assert abs(frame.conservation_error) <= 1e-9 * max(1.0, frame.energy_total)
        assert abs(held.ledger.books.error) <= 1e-9 * max(1.0, held.ledger.books.total)
        assert graph.kept.phase == "idle"
    graph.commit, graph.settle = meddler.commit, meddler.settle
    held = attach(graph, settings, "me")
    for node in graph.node.values():  # what is in quarantine is outside the books
        energy = node.get("energy", 0.0)
        if not (isinstance(energy, float | int) and 0.0 <= energy <= 1e9):
            node["energy"] = 0.0
    books = held.ledger.books
    assert abs(energy_now(graph, settings) - books.total) <= 1e-9 * max(1.0, books.total)
    assert abs(books.error) <= 1e-9 * max(1.0, books.total)
