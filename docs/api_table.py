"""Write `docs/reference/api.md` from the code: `python docs/api_table.py > docs/reference/api.md`."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from pathlib import Path

import stridegraph
from worker import api, errors, recalls
from worker.graph import seeds

ROOT = Path(__file__).parents[1]
WIDE = 110  # characters of a signature on one line
HEAD = """# The Python interface

`pip install stridegraph`, then `from stridegraph import Stridegraph`. It is typed, by annotations that `mypy --strict` goes by. Energies are in the graph's own unit, `dt` in seconds of
the graph's time, `ms` in milliseconds. [What a recall is](../how-to/recall.md), and [what an explanation is](../how-to/explain.md).

This page is made from the code by `make docs-reference`; a test compares them, and runs the examples.
"""
ERRORS = """
## Errors

Each says what to do: `remedy`. All are in `worker.errors`; {names} also in `stridegraph`.

```text
{tree}
```
"""
CONSTANTS = {**vars(api), **vars(seeds)}
EXTRAS = {"langchain": "stridegraph/langchain.py", "llamaindex": "stridegraph/llamaindex.py"}


def page() -> str:
    names = {name: getattr(stridegraph, name) for name in stridegraph.__all__}
    classes = {name: made for name, made in names.items() if inspect.isclass(made)}
    raised = [name for name, made in classes.items() if issubclass(made, Exception)]
    lines = [HEAD]
    for name in dict.fromkeys(("Stridegraph", "AsyncStridegraph", *classes)):
        if name not in raised:
            lines += _class(name, _tree(classes[name]), _methods(classes[name]))
    lines += [
        "## `Seeds`",
        "What a recall begins with.",
        *_aliases(),
        f"`Weighted`: {inspect.getdoc(recalls.Weighted)}",
    ]
    for extra, file in EXTRAS.items():
        found = next(n for n in ast.parse((ROOT / file).read_text()).body if isinstance(n, ast.ClassDef))
        lines += _class(f"stridegraph.{extra}.{found.name}", found, [])
    tree = (errors.__doc__ or "").partition("\n\n")[2].strip()
    lines.append(ERRORS.format(names=", ".join(f"`{name}`" for name in raised), tree=tree).strip())
    return "\n\n".join(line.strip("\n") for line in lines) + "\n"


def _tree(made: type) -> ast.ClassDef:
    (found,) = ast.parse(textwrap.dedent(inspect.getsource(made))).body
    assert isinstance(found, ast.ClassDef)
    found.source = inspect.getsource(made).splitlines()  # type: ignore[attr-defined]
    return found


def _methods(made: type) -> list[ast.FunctionDef | ast.AsyncFunctionDef | str]:
    """Return the public methods of a class, those of `Recalls` among them; of one that is only awaited, the name."""
    bodies = [_tree(made).body, *([_tree(recalls.Recalls).body] if recalls.Recalls in made.__mro__ else [])]
    found: list[ast.FunctionDef | ast.AsyncFunctionDef | str] = []
    for node in (node for body in bodies for node in body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            found.append(node)
        elif isinstance(node, ast.Assign) and "_awaited" in ast.unparse(node.value):
            found.append(ast.unparse(node.targets[0]))
    return found if made.__name__ != "Settings" else [node for node in found if getattr(node, "name", "") == "read"]


def _class(name: str, tree: ast.ClassDef, methods: list) -> list[str]:
    lines = [f"## `{name}`", *_said(tree)]
    begins = next((node for node in tree.body if getattr(node, "name", "") == "__init__"), None)
    if begins and "stridegraph." in name:
        lines.append(_signature(tree.name, begins))
    elif (fields := _fields(tree)) and name != "Settings":
        lines.append("\n".join(["| field | type | |", "|---|---|---|", *fields]))
    awaited = [f"`{method}`" for method in methods if isinstance(method, str)]
    if awaited:
        lines.append(f"To be awaited, with the signatures that `Stridegraph` has: {', '.join(awaited)}.")
    for method in methods:
        if not isinstance(method, str):
            lines += [f"### `{name}.{method.name}`", _signature(method.name, method), *_said(method)]
    return lines


def _fields(tree: ast.ClassDef) -> list[str]:
    source = getattr(tree, "source", [])
    rows = []
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and not ast.unparse(node.target).startswith("_"):
            said = source[node.end_lineno - 1].partition("  # ")[2] if source and node.end_lineno else ""
            default = f" = {_valued(ast.unparse(node.value))}" if node.value else ""
            kind = f"{ast.unparse(node.annotation)}{default}".replace("|", "\\|")
            rows.append(f"| `{ast.unparse(node.target)}` | `{kind}` | {said} |")
    return rows


def _signature(name: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    decorated = {ast.unparse(one) for one in node.decorator_list}
    given = re.split(r", (?![^\[(]*[\])])", re.sub(r"^(self|cls)(, )?", "", ast.unparse(node.args)))
    before = "async " if isinstance(node, ast.AsyncFunctionDef) and "asynccontextmanager" not in decorated else ""
    after = f" -> {ast.unparse(node.returns)}" if node.returns and name != "StridegraphRetriever" else ""
    given = [_valued(re.sub(r"^(\w+: .+?)=(?=[^=])", r"\1 = ", one)) for one in given]
    line = f"{before}{name}({', '.join(given)}){after}"
    if len(line) > WIDE:
        line = "\n".join([f"{before}{name}(", *(f"    {one}," for one in given), f"){after}"])
    return f"```python\n{line}\n```"


def _valued(text: str) -> str:
    """Write out the value of a constant that a default names."""
    return re.sub(r"(?<== )[A-Z]{2,}$|^[A-Z]{2,}$", lambda found: repr(CONSTANTS[found[0]]), text)


def _said(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Return the paragraphs of a docstring; an example as code."""
    parts = (ast.get_docstring(node) or "").split("\n\n")
    return [f"```pycon\n{part}\n```" if part.startswith(">>>") else part for part in parts if part]


def _aliases() -> list[str]:
    source = Path(recalls.__file__).read_text()
    found = re.findall(r"^(\w+): TypeAlias = (.*)$", source, re.MULTILINE)
    return [f"```python\n{name} = {alias}\n```" for name, alias in found]


if __name__ == "__main__":
    print(page(), end="")
