"""How often a test is repeated, from which seed on, and how many runs there were: a plugin of pytest.

A test marked `rounds(n)` that takes `seed` runs for the seeds 0 … n − 1, or for those of `--seeds FIRST:LAST`. With `--tally FILE` the
number of runs and the tests that failed are written as JSON; each example of a property counts, and what a test records as `runs`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption("--seeds", help="FIRST:LAST (not LAST itself), of every test that is repeated by seeds")
    parser.addoption("--tally", type=Path, help="file for the number of runs, and the tests that failed, as JSON")


def pytest_configure(config):
    config.addinivalue_line("markers", "rounds(n): runs for so many seeds")
    if config.getoption("--tally") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Tally(config.getoption("--tally")))


def seeds(config, quick):
    """Return the seeds that are asked for; `quick` many where none are."""
    first, _, last = (config.getoption("--seeds") or f"0:{quick}").partition(":")
    return range(int(first), int(last))


def pytest_generate_tests(metafunc):
    mark = metafunc.definition.get_closest_marker("rounds")
    if mark and "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", seeds(metafunc.config, *mark.args))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    handle = getattr(getattr(item, "obj", None), "hypothesis", None)
    if handle is None:
        return (yield)
    test, examples = handle.inner_test, 0

    def counted(*args, **kwargs):
        nonlocal examples
        examples += 1
        return test(*args, **kwargs)

    handle.inner_test = counted
    try:
        return (yield)
    finally:
        handle.inner_test = test
        item.user_properties.append(("runs", examples))


class Tally:
    """Sums the runs of all processes."""

    def __init__(self, path):
        self.path, self.runs, self.failed = path, 0, []

    def pytest_runtest_logreport(self, report):
        if report.when == "call":
            self.runs += sum(n for name, n in report.user_properties if name == "runs") or 1
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_sessionfinish(self):
        self.path.write_text(json.dumps({"runs": self.runs, "failed": self.failed}))
