"""`python -m tests.simulator`: run many seeds, or one again with all that happened in it."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.simulator.mutants import MUTANTS
from tests.simulator.run import prepared, simulate


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one, and print what happens in it")
    parser.add_argument("--runs", type=int, default=1000, help="run so many seeds, until one fails")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), default="", help="break this promise")
    asked = parser.parse_args()
    with prepared(asked.mutant):
        return _one(asked) if asked.seed is not None else _many(asked)


def again(seed, mutant=""):
    """Return the command that reproduces a run."""
    return f"python -m tests.simulator --seed {seed}" + (f" --mutant {mutant}" if mutant else "")


def _one(asked):
    run = simulate(asked.seed, mutant=asked.mutant, traced=True)
    print(*run.trace, sep="\n")
    print(run.failure or f"as promised; its workers ended: {', '.join(run.ends)}")
    return 1 if run.failure else 0


def _many(asked):
    start, struck, ends = time.monotonic(), Counter(), Counter()
    for seed in range(asked.first, asked.first + asked.runs):
        run = simulate(seed, mutant=asked.mutant)
        struck.update(run.struck)
        ends.update(run.ends)
        if run.failure:
            print(f"seed {seed}: {run.failure}\n{again(seed, asked.mutant)}")
            return 1
    seconds = time.monotonic() - start
    for (request, fate), times in sorted(struck.items()):
        print(f"{times:7} x {request}: {fate}")
    print("workers ended:", ", ".join(f"{times} {how}" for how, times in sorted(ends.items())))
    print(f"{asked.runs} runs as promised, {asked.runs / seconds:.0f} a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
