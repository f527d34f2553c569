"""`python -m benchmarks.guard BASE`: is this commit slower than another? Both are measured in one run, in turns.

Three processes work on one server, each on a graph of its own of the same content: one with the code of BASE, one more with the
same code, and one with this tree's. In each round each has a turn, in random order. What the two that are alike differ by is the
noise of this run, here and now; slower is what lies beyond it. Exits 1 where anything is.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.__main__ import throwaway
from benchmarks.common import ROUNDS
from benchmarks.world import build

ROOT = Path(__file__).parents[1]
SIDE = Path(__file__).parent / "guard_side.py"
SIDES = ("base", "again", "here")
WORKS = ("tick-100", "tick-1000", "kernel", "import", "attach")
MARGIN = 0.05  # under which a difference is nobody's concern, however sure it is
WARM_UP = 10
DRAWS = 4_000
SURE = (2.5, 97.5)  # percentiles of a bootstrap between which a median lies


class Side:
    """A process that does one kind of work when it is told to, with the code of one tree."""

    def __init__(self, tree, name, settings) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SIDE)],
            env={"PYTHONPATH": str(tree), "PATH": "/usr/bin:/bin", "HOME": str(Path.home())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        told = {"uri": settings.uri, "user": settings.user, "password": settings.password.get_secret_value()}
        found = self._ask({"neo4j": told, "side": name})
        assert Path(found["worker"]).is_relative_to(tree), f"it runs {found['worker']}, not the code in {tree}"

    def turn(self, work):
        """Return the ms of one turn."""
        return self._ask({"work": work})["ms"]

    def close(self):
        """Let it give back what it holds, and end."""
        self.process.stdin.close()
        self.process.wait(60)

    def _ask(self, what):
        print(json.dumps(what), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"a process that measures has ended with {self.process.wait()}: see above")
        return json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-guard", description=__doc__.splitlines()[0])
    parser.add_argument("base", help="the commit to compare with")
    parser.add_argument("--rounds", type=int, default=2 * ROUNDS)
    parser.add_argument("--works", default=",".join(WORKS), help="which of " + ", ".join(WORKS))
    asked, console = parser.parse_args(), Console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that the other tree and the server go too
    with ExitStack() as stack:
        base = stack.enter_context(worktree(asked.base))
        connection = stack.enter_context(throwaway(console))
        for side in SIDES:
            for active in (100, 1_000):
                build(connection, f"guard-{side}-{active}", active, 10 * active)
        sides = {name: Side(ROOT if name == "here" else base, name, connection.settings) for name in SIDES}
        for side in sides.values():
            stack.callback(side.close)
        found = {work: judged(_turns(sides, work, asked.rounds)) for work in asked.works.split(",")}
    console.print(table(found, asked.base))
    sys.exit(any(each["slower"] for each in found.values()))


@contextmanager
def worktree(revision):
    """Lay a commit out in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="stridegraph-guard-") as home:
        tree = Path(home) / "tree"
        made = subprocess.run(
            ["git", "worktree", "add", "--detach", tree, revision],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            sys.exit(made.stderr.strip().splitlines()[-1])
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True, capture_output=True)


def judged(took):
    """Return how much slower this tree is than the base, how sure that is, and whether it is beyond the noise of this run.

    Slower: all of the interval in which the ratio's median lies is over the margin, and over what two that are alike may differ by.
    """
    here, again = (np.log(took[name]) - np.log(took["base"]) for name in ("here", "again"))
    low, high = _interval(here)
    noise = max(abs(end) for end in _interval(again))
    return {
        "ratio": float(np.exp(np.median(here))),
        "low": float(np.exp(low)),
        "high": float(np.exp(high)),
        "noise": float(np.expm1(noise)),
        "slower": bool(low > max(noise, np.log1p(MARGIN))),
        "base_ms": float(np.median(took["base"])),
    }


def table(found, base):
    shown = Table("work", f"this ÷ {base}", "between", "noise", "", box=None, header_style="dim")
    for work, each in found.items():
        told = "[red]slower[/]" if each["slower"] else "[green]as fast, or faster[/]"
        shown.add_row(
            work, f"{each['ratio']:.3f}", f"{each['low']:.3f} … {each['high']:.3f}", f"± {each['noise']:.1%}",
            f"{told}  ({each['base_ms']:.1f} ms)",
        )  # fmt: skip
    return shown


def _turns(sides, work, rounds):
    took, rng = {name: [] for name in sides}, random.Random(7)
    for done in range(WARM_UP + rounds):
        for name in rng.sample(list(sides), len(sides)):
            ms = sides[name].turn(work)
            if done >= WARM_UP:
                took[name].append(ms)
    return {name: np.array(times) for name, times in took.items()}


def _interval(differences):
    rng = np.random.default_rng(7)
    draws = rng.choice(differences, (DRAWS, len(differences)))
    return np.percentile(np.median(draws, axis=1), SURE)


if __name__ == "__main__":
    main()
