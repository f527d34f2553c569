"""The log's vocabulary is closed: each line that the program writes stands in the table, and the table has no other."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from worker.log import EVERY, LINES

ROOT = Path(__file__).parents[2]
LEVELS = ("debug", "info", "warning", "error", "exception", "critical", "msg", "log", "fatal")


def written(source):
    """Return (event, level, fields) of each line that a module writes: by a name `log`, or an attribute of that name."""
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    found = []
    for function in [tree, *functions]:
        for call in _own_calls(function):
            if isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS and _named(call.func.value) == "log":
                (event,) = call.args
                found.append((ast.literal_eval(event), call.func.attr, _fields(call, function, tree)))
    return found


def _own_calls(function):
    """Return the calls in a function, those in functions within it left to these."""
    inner = {
        id(node)
        for part in ast.walk(function)
        if part is not function and isinstance(part, ast.FunctionDef)
        for node in ast.walk(part)
    }
    return [node for node in ast.walk(function) if isinstance(node, ast.Call) and id(node) not in inner]


def _fields(call, function, tree):
    """Return the fields of a call; those handed on as `**name` are what the function's callers give it, beyond its parameters."""
    fields = {keyword.arg for keyword in call.keywords if keyword.arg}
    for handed in (keyword.value for keyword in call.keywords if not keyword.arg):
        assert handed.id == function.args.kwarg.arg, f"{function.name}: only its own ** may be handed on"
        callers = [c for c in ast.walk(tree) if isinstance(c, ast.Call) and _named(c.func) == function.name]
        fields |= {keyword.arg for caller in callers for keyword in caller.keywords}
    return fields


def _named(node):
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def modules():
    return sorted((ROOT / "worker").rglob("*.py"))


def all_written():
    return [line for path in modules() for line in written(path.read_text())]


def test_each_line_stands_in_the_table_with_its_level_and_fields():
    lines = all_written()
    assert lines
    for event, level, fields in lines:
        assert event in LINES, event
        assert level == LINES[event].level, event
        assert fields <= LINES[event].fields.keys() | EVERY.keys(), event


def test_the_table_has_no_line_and_no_field_that_is_not_written():
    fields = {}
    for event, _, given in all_written():
        fields.setdefault(event, set()).update(given)
    assert fields.keys() == LINES.keys()
    for event, line in LINES.items():
        assert line.fields.keys() <= fields[event], event


def test_a_logger_has_no_other_name():
    """Or the tests above would not see what it writes."""
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                assert _named(node.value.func) != "get_logger" or _named(node.targets[0]) == "log", path
            assert not isinstance(node, ast.Attribute) or (node.attr, _named(node.value)) != ("bind", "log"), path
    assert sum("get_logger" in path.read_text() for path in modules()) >= 3


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("log.info('a', x=1)", [("a", "info", {"x"})]),
        ("def f(self):\n self.log.error('b')", [("b", "error", set())]),
        ("def f(**more):\n log.warning('c', y=1, **more)\nf(z=2)", [("c", "warning", {"y", "z"})]),
        ("math.log(2)", []),
    ],
)
def test_the_scan_sees_what_it_should(source, found):
    assert written(source) == found


def test_graph_and_tick_are_bound_once():
    """Of the log of a real run in memory: every line within a tick has both."""
    code = """
from worker.cli.console import configure_log
from worker.events import Sinks
from worker.graph.memory import MemoryGraph
from worker.loop import Worker
from worker.settings import Settings
configure_log(as_json=True)
graph = MemoryGraph("g")
graph.add_node(id="a", energy="much")
graph.add_stimulus(id="s", node="nobody", delta=1.0, created_at=0)
Worker(graph, Settings(graph="g", pace={"fixed": 0.01}), Sinks(), prepare=lambda: None, ticks=2).run()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {line["graph"] for line in lines} == {"g"}
    assert [line["tick"] for line in lines if line["event"] == "input.rejected"] == [1] * 2
    for line in lines:
        assert line.keys() <= LINES[line["event"]].fields.keys() | EVERY.keys()
