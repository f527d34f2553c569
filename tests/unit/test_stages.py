"""The path of a tick is spelled the same way in tick.py, physics/, graph/ and cypher/; these tests fail when they drift apart."""

import ast
import re
from pathlib import Path

from worker import tick
from worker.faults import FAULT_POINTS
from worker.graph.neo4j import Neo4jGraph
from worker.graph.port import Graph

ROOT = Path(__file__).parents[2]
CYPHER = ROOT / "cypher"
PURE = {"select", "stage"}  # computed from arrays alone
STORED = {"intake", "load", "commit", "decay"}  # read or written: a folder of cypher/ each


def source(path):
    return (ROOT / path).read_text()


def test_the_schedule_is_what_tick_does_in_that_order():
    body = next(
        n for n in ast.parse(source("worker/tick.py")).body if isinstance(n, ast.FunctionDef) and n.name == "tick"
    )
    steps = [
        item.context_expr.args[0].value
        for node in ast.walk(body)
        if isinstance(node, ast.With)
        for item in sorted(node.items, key=lambda i: i.context_expr.lineno)
    ]
    lines = {n.items[0].context_expr.args[0].value: n.lineno for n in ast.walk(body) if isinstance(n, ast.With)}
    assert sorted(steps, key=lines.__getitem__) == list(tick.SCHEDULE)
    assert set(tick.SCHEDULE) == PURE | STORED | {"emit"}


def test_each_step_is_a_function_of_its_name():
    for step in tick.SCHEDULE:
        assert callable(getattr(tick, step)), step
    for step in PURE:
        assert (ROOT / "worker" / "physics" / f"{step}.py").exists(), step
    assert (ROOT / "worker" / "physics" / "decay.py").exists()


def test_each_stored_step_has_a_folder_of_cypher_and_each_folder_is_a_step_or_a_known_other():
    folders = {path.name for path in CYPHER.iterdir() if path.is_dir()}
    assert folders >= STORED
    assert folders - STORED == {"attach", "import", "inspect", "lease"}


def test_every_query_is_used_and_every_one_that_is_used_is_there():
    code = "\n".join(path.read_text() for path in (ROOT / "worker").rglob("*.py"))
    there = {path.relative_to(CYPHER).with_suffix("").as_posix() for path in CYPHER.rglob("*.cypher")}
    used = set(re.findall(r'"((?:attach|commit|decay|import|inspect|intake|lease|load)/\w+)"', code))
    built = {name for name in there if 'f"inspect/bad_' in code and name.startswith("inspect/bad_")}
    assert used - there == set()
    assert there - used - built == set()


def test_every_query_says_what_it_is_for():
    for path in CYPHER.rglob("*.cypher"):
        head = [line for line in path.read_text().splitlines() if line.startswith("//")]
        for word in ("Purpose:", "Parameters:", "Returns:", "Plan:"):
            assert any(line.startswith(f"// {word}") for line in head), f"{path}: {word}"


def test_no_python_file_builds_cypher():
    for path in (ROOT / "worker").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(r"\b(MATCH|MERGE|UNWIND)\s*[\(\$\[]", node.value), f"{path}:{node.lineno}"


def test_the_neo4j_graph_has_every_method_of_the_port():
    methods = {name for name in vars(Graph) if not name.startswith("_") and callable(getattr(Graph, name))}
    assert methods <= set(dir(Neo4jGraph))


def test_every_fault_point_is_in_the_code_and_every_one_in_the_code_has_a_name():
    code = "\n".join(path.read_text() for path in (ROOT / "worker").rglob("*.py"))
    assert set(re.findall(r'fault_point\("([\w.]+)"\)', code)) == set(FAULT_POINTS)


def test_nothing_is_left_to_do():
    marks = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
    for folder in ("worker", "tests", "cypher", "migrations", "benchmarks"):
        for path in (ROOT / folder).rglob("*.*"):
            if path.suffix in {".py", ".cypher"}:
                assert not marks.search(path.read_text()), path
