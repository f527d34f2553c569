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
    assert folders - STORED == {"adopt", "attach", "import", "inspect", "lease", "recall", "snapshot"}


def test_every_query_is_used_and_every_one_that_is_used_is_there():
    code = "\n".join(path.read_text() for path in (ROOT / "worker").rglob("*.py"))
    there = {path.relative_to(CYPHER).with_suffix("").as_posix() for path in CYPHER.rglob("*.cypher")}
    used = set(
        re.findall(r'"((?:adopt|attach|commit|decay|import|inspect|intake|lease|load|recall|snapshot)/\w+)"', code)
    )
    built = {name for name in there if 'f"inspect/bad_' in code and name.startswith("inspect/bad_")}
    assert used - there == set()
    assert there - used - built == set()


def test_every_query_says_what_it_is_for():
    for path in CYPHER.rglob("*.cypher"):
        head = [line for line in path.read_text().splitlines() if line.startswith("//")]
        for word in ("Purpose:", "Parameters:", "Returns:", "Plan:"):
            assert any(line.startswith(f"// {word}") for line in head), f"{path}: {word}"


CLAUSE = re.compile(
    r"\b(MATCH|MERGE|UNWIND|CREATE|FOREACH|CALL|EXISTS|COUNT)\s*[({$\[]|\bDETACH\s+DELETE\b|\bLOAD\s+CSV\b|\bSET\s+\w+(\.\w+|:\w+)"
    r"|\b(UNWIND|WITH|RETURN)\s+[$\w.]+\s+AS\b|\bUSING\s+INDEX\b|\bIN\s+TRANSACTIONS\b",
    re.IGNORECASE,
)
SENT = {  # every text that goes to the driver, and every name of a query that is not written out where it is used
    ("fleet.py", "work"),  # what a thread does: no text
    ("archive/recorder.py", "_built"),  # what a thread does: no text
    ("archive/sweep.py", "_chunk"),  # what a process does: no text
    ("archive/restore.py", "query"),
    ("graph/adopt.py", "self._query"),
    ("graph/connection.py", "text"),
    ("graph/connection.py", "neo4j.Query(text)"),
    ("graph/connection.py", "self.run"),
    ("graph/connection.py", "self.text(name)"),
    ("graph/connection.py", "self._text(name)"),
    ("graph/desk.py", "f'inspect/bad_{name}'"),
    ("graph/migrate.py", "statement"),  # of a file of migrations/
    ("graph/migration_refusals.py", "name"),
    ("graph/export.py", "name"),
    ("graph/neo4j.py", "name"),
    ("graph/seeds.py", "query"),  # the name of one, written out where it is asked
    ("server/thread.py", "self._serve()"),  # what a loop runs: no text
}


def code():
    for path in sorted((ROOT / "worker").rglob("*.py")):
        yield path.relative_to(ROOT / "worker").as_posix(), ast.parse(path.read_text())


def documentation(tree):
    """Return the docstrings of a module: they may speak of Cypher."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, kinds) and isinstance(node.body[0], ast.Expr)
    }


def text_of(node):
    """Return the text of a literal, of an f-string, or of several that are put together, as far as it is written out."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(text_of, parts))
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            return text_of(left) + text_of(right)
        case ast.Call(func=ast.Attribute(value=value, attr="join" | "format" | "replace"), args=parts):
            return text_of(value) + " ".join(map(text_of, parts))
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return "".join(map(text_of, parts))
    return "$x"  # a value of whatever kind: where it stands, Cypher would have a name or a parameter


def builds_cypher(tree):
    """Return the lines of a module in which a text of Cypher stands or is put together."""
    told = documentation(tree)
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.expr) and id(node) not in told and CLAUSE.search(text_of(node))
    ]


def test_no_python_file_builds_cypher():
    assert {path: lines for path, tree in code() if (lines := builds_cypher(tree))} == {}


def test_that_test_is_not_easily_fooled():
    for line in (
        'f"MATCH (n:{label}) RETURN n"',
        '"MAT" + "CH (n) RETURN n"',
        '"MATCH (n:%s)" % label',
        '"match (n:{})".format(label)',
        '"".join(["MATCH ", "(n)"])',
        '"CREATE" " (n)"',
        'f"{clause} n DETACH DELETE n"',
        '"UNWIND $rows AS row"',
        'query("a/b").replace("SET n.energy", "SET n.x")',
        'f"CALL {{ {inner} }}"',
    ):
        assert builds_cypher(ast.parse(f"x = {line}")), line
    for line in ('f"{count} nodes match the filter"', '"CREATE a role first"', '"unwind it"'):
        assert not builds_cypher(ast.parse(f"x = {line}")), line


def test_only_files_of_queries_reach_the_driver():
    sent, drivers, queries = set(), set(), set()
    for path, tree in code():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                first = ast.unparse(node.args[0])
                asked = node.func.attr in {"run", "statement", "submit", "execute_query"} and not path.startswith(
                    "database/"
                )
                if asked and not re.fullmatch(r"'\w+/\w+'", first):
                    sent.add((path, first))
            if isinstance(node, ast.Attribute) and node.attr in {"_driver", "GraphDatabase", "session"}:
                drivers.add(path)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "query":
                queries.add((path, ast.unparse(node)))
    assert sent == SENT
    assert drivers == {"graph/connection.py"}
    assert queries == {("graph/connection.py", "query(name)")}
    assert """query(name).replace('CYPHER 25\\n', 'CYPHER 5\\n', 1)""" in ast.unparse(
        ast.parse(source("worker/graph/connection.py"))
    )


def test_every_query_takes_what_it_is_given_as_parameters_and_as_nothing_else():
    """A dynamic identifier, `$(…)`, is a relationship type of an import or a restored snapshot, or what is adopted; nothing loads a
    file, or runs a text."""
    dynamic, called = {}, {}
    for path in CYPHER.rglob("*.cypher"):
        whole = path.read_text()
        head = " ".join(line for line in whole.splitlines() if line.startswith("//"))
        body = re.sub(r"//.*", "", whole)
        texts = re.sub(r"\\'", "", body)
        assert not re.search(r"'[^'\n]*\$[^'\n]*'", texts), path
        assert not re.search(r"apoc|LOAD\s+CSV|`", body, re.IGNORECASE), path
        if found := re.findall(r"CALL\s+(\w+\.[\w.]+)", body, re.IGNORECASE):
            called[path.relative_to(CYPHER).as_posix()] = found
        for name in set(re.findall(r"\$(\w+)", body.replace("$any(", "$("))):
            assert re.search(rf"\b{name}\b", head) or name == "between", f"{path}: {name}"
        if found := re.findall(r"\$(?:any)?\((.*?)\)", body):
            dynamic[path.relative_to(CYPHER).as_posix()] = set(found)
    assert called == {
        "adopt/names.cypher": ["db.labels", "db.relationshipTypes"],
        "recall/text.cypher": ["db.index.fulltext.queryNodes"],
        "recall/vector.cypher": ["db.index.vector.queryNodes"],
    }
    assert dynamic == {
        "adopt/adopted_links.cypher": {"$types"},
        "adopt/labelled.cypher": {"$labels"},
        **{name: {"$type[k]"} for name in ("import/links.cypher", "snapshot/create_links.cypher")},
    }


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
