"""Random tiny worlds, and the settings under which everything that is due between ticks falls due within a few."""

from __future__ import annotations

import random
from functools import cache

from tests.simulator.store import Link, Store
from worker.settings import Settings

WORLDS = 200  # as many, so that what each comes to undisturbed is worked out once
PACE = 1.0  # s from tick to tick
HALF_LIFE = 9.0  # s
TTL = 2.0  # s of a lease: shorter than most of what goes wrong takes


@cache
def settings(number, foreign):
    """Return the settings of a world. Where others write, all energy fades alike: so that any sum of it can be told."""
    rng = random.Random(f"settings {number}")
    return Settings(
        graph="g",
        tick={"alpha": 0.2},
        select={"topk": rng.choice((1, 2, 3))},
        learning={"rate": 0.5},
        decay={
            "half_life": {"*": HALF_LIFE} if foreign else {"Memory": 30.0, "*": HALF_LIFE},
            "settle": rng.choice((1.5, 2.0, 60.0)),
            "floor": 0.0 if foreign else 1e-2,
        },
        weight_decay={"enabled": rng.random() < 0.5, "every": 1.5, "half_life": {"*": 1e-4}},
        stickiness={"enabled": not foreign and rng.random() < 0.5},
        resident={"enabled": rng.random() < 0.8, "refresh": rng.choice((2.5, 300.0))},
        stimulus={"batch": rng.choice((1, 2))},
        pace={"fixed": PACE},
        lease={"ttl": TTL},
    )


def ticks(number):
    """Return how many ticks a world is to have."""
    return 3 + number % 3


def store(number, now):
    """Return a world as a database has it: nodes, links, and stimuli of which each tick takes the next one or two."""
    rng, made = random.Random(f"world {number}"), Store(now)
    nodes = range(1, rng.randint(3, 6) + 1)
    for key in nodes:
        made.node[key] = {
            "id": f"n{key}",
            "type": rng.choice(("Memory", "Task", "Odd")),
            **({"energy": rng.uniform(0.2, 3.0)} if rng.random() < 0.7 else {}),
        }
    for key in range(100, 100 + rng.randint(2, 10)):
        source, target = rng.sample(nodes, 2)
        made.link[key] = Link(source, target, rng.choice("RS"), {"log_weight": rng.uniform(-2.0, 2.0)})
    for key in range(200, 200 + rng.randint(0, 6)):
        made.stimulus[key] = {
            "id": f"s{key}",
            "node": f"n{rng.choice(nodes)}",
            "delta": rng.uniform(0.1, 2.0),
            "created_at": key,
            "source": None,
        }
    return made
