"""Write `docs/reference/settings.md` from the settings themselves: `python docs/settings_table.py > docs/reference/settings.md`."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Len
from pydantic import BaseModel, SecretStr

from worker.settings import Settings, variable

HEAD = """# Settings

Every setting is an environment variable. A wrong value, or a `STRIDE_` variable that is none of these, is refused at
start, with its name, its value and what is allowed. Lists and tables are written as JSON: `STRIDE_DECAY__HALF_LIFE='{"Task": 60}'`.

This page is made from the settings themselves by `python docs/settings_table.py`; a test compares the two.
"""


def page() -> str:
    lines = [HEAD]
    groups = {
        name: kind
        for name, kind in get_type_hints(Settings).items()
        if name in Settings.model_fields and _is_group(kind)
    }
    lines += [
        "## The graph\n",
        *_table([_row(("graph",), get_type_hints(Settings, include_extras=True)["graph"], "default")]),
    ]
    for name, kind in groups.items():
        title = (kind.__doc__ or "").splitlines()[0].rstrip(".")
        hints, group = get_type_hints(kind, include_extras=True), kind()
        rows = [_row((name, key), hints[key], getattr(group, key)) for key in _fields(kind)]
        lines += [f"\n## `{name}`: {title}\n", *_table(rows)]
    return "\n".join(lines) + "\n"


def _is_group(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind) or (isinstance(kind, type) and issubclass(kind, BaseModel))


def _fields(kind: Any) -> list[str]:
    return [f.name for f in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else list(kind.model_fields)


def _table(rows: list[tuple[str, str, str, str]]) -> list[str]:
    return [
        "| variable | default | allowed | meaning |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _row(path: tuple[str, ...], hint: Any, default: Any) -> tuple[str, str, str, str]:
    kind, *marks = get_args(hint)
    words = (getattr(mark, "documentation", None) or getattr(mark, "description", None) for mark in marks)
    meaning = next(filter(None, words))
    return f"`{variable(*path)}`", _default(default), _allowed(kind, marks), meaning.replace("|", "\\|")


def _default(value: Any) -> str:
    if value in (None, "", ()) or isinstance(value, SecretStr):
        return "none"
    if isinstance(value, dict):
        return "; ".join(f"{key} {amount:g}" for key, amount in value.items())
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _allowed(kind: Any, marks: list[Any]) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if kind is bool:
        return "`true`, `false`"
    if get_origin(kind) is dict:
        return f"table: each {_allowed(*_parts(get_args(kind)[1]))}"
    if get_origin(kind) is tuple:
        return f"list of {'texts' if str in get_args(kind) else 'numbers'}"
    inner = [part for part in get_args(kind) if part is not type(None)]
    if inner:
        return " or ".join(_allowed(*_parts(part)) or part.__name__ for part in inner)
    bounds = [
        f"{sign} {getattr(mark, at):g}" for mark in marks for type_, at, sign in _BOUNDS if isinstance(mark, type_)
    ]
    bounds += [f"{mark.min_length} to {mark.max_length} characters" for mark in marks if isinstance(mark, Len)]
    bounds += [
        "`" + m.pattern.replace("|", "\\|") + "`"
        for mark in marks
        for m in getattr(mark, "metadata", ())
        if getattr(m, "pattern", None)
    ]
    return ", ".join(bounds)


def _parts(hint: Any) -> tuple[Any, list[Any]]:
    return (get_args(hint)[0], list(get_args(hint)[1:])) if get_origin(hint) is Annotated else (hint, [])


_BOUNDS = ((Gt, "gt", ">"), (Ge, "ge", "≥"), (Le, "le", "≤"))


if __name__ == "__main__":
    print(page(), end="")
