"""The worker over a simulated Neo4j, by seeds (RELIABILITY); a failing seed is printed with the command that repeats it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.seeds import seeds
from tests.simulator import world
from tests.simulator.__main__ import again
from tests.simulator.connection import FATES
from tests.simulator.mutants import MUTANTS
from tests.simulator.run import prepared, simulate, undisturbed
from tests.stores import MemoryStore, state
from worker.graph.attach import attach
from worker.graph.memory import MemoryGraph
from worker.tick import tick

QUICK = int(os.environ.get("EXAMPLES", "200"))
WITHIN = 1000  # seeds, in which each mutant must be caught
REQUESTS = (
    *("lease/take", "lease/renew", "lease/release", "commit/apply", "COMMIT", "ROLLBACK"),
    *("attach/census", "attach/weights", "attach/statistics", "attach/visits", "attach/adopt"),
    *("intake/pending", "intake/compact", "load/nodes", "load/links"),
    *("decay/close", "decay/settle", "decay/forget", "decay/visits"),
)


@pytest.fixture(scope="module")
def runs(request):
    with prepared():
        return [simulate(seed) for seed in seeds(request.config, QUICK)]


def test_every_seed_ends_as_promised(runs, record_property):
    record_property("runs", len(runs))
    wrong = [f"{run.failure}\n{again(run.seed)}" for run in runs if run.failure]
    assert not wrong, "\n".join(wrong)


def test_every_request_meets_every_kind_of_fault(runs):
    struck = Counter(found for run in runs for found in run.struck)
    ends = Counter(end for run in runs for end in run.ends)
    assert {request for request, _ in struck} <= set(REQUESTS)
    assert {fate for _, fate in struck} == set(FATES)
    assert min(ends["done"], ends["killed"], ends["fenced"]) > len(runs) / 10
    if len(runs) >= 20_000:
        rare = [(request, fate) for request in REQUESTS for fate in FATES if not struck[request, fate]]
        assert not rare


@pytest.mark.parametrize("mutant", MUTANTS)
def test_each_mutant_is_caught(mutant):
    with prepared(mutant):
        caught = next((seed for seed in range(WITHIN) if simulate(seed, mutant=mutant).failure), None)
    assert caught is not None


def test_a_seed_repeats_itself_in_another_process():
    command = [sys.executable, *again(7).split()[1:]]
    first, second = (
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": hashed}, capture_output=True, text=True, check=True
        )
        for hashed in ("1", "2")
    )
    assert first.stdout == second.stdout
    assert len(first.stdout.splitlines()) > 100


@pytest.mark.parametrize("number", range(20))
def test_undisturbed_it_is_the_graph_in_memory(number):
    store, settings = world.store(number, lambda: 0.0), world.settings(number, foreign=False)
    graph, key_of = MemoryGraph("g"), {}
    for key, node in store.node.items():
        key_of[key] = graph.add_node(**node)
    for link in store.link.values():
        graph.add_link(key_of[link.source], key_of[link.target], link.type, **link.properties)
    for found in store.stimulus.values():
        graph.add_stimulus(**found)
    with prepared():
        held = attach(graph, settings, "me")
        for _ in range(world.ticks(number)):
            tick(held, world.PACE)
        assert state(MemoryStore(graph)) == undisturbed(number, "")
