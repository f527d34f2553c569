"""Write `docs/reference/http.md` from the server's own OpenAPI: `python docs/http_table.py > docs/reference/http.md`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from worker.server.app import routes
from worker.settings import ServeSettings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

HEAD = """# HTTP

`stridegraph run --serve` and `stridegraph serve` answer these, by default at `http://127.0.0.1:7300`: [how to watch a graph](../how-to/watch.md), [who may
ask](../how-to/secure.md). The same stands in `/openapi.json`, for clients. An answer is JSON; one that is none is `{"error": …, "remedy": …}` with a status of 4xx or 5xx.
`WS /events?graph=…&kinds=…&after=…` sends [events](events.md) as they come, a line each; `after` is the `frame` of the last that was seen.

This page is made from the server's own description by `make docs-reference`; a test compares the two.
"""


def page() -> str:
    found = routes({}, ServeSettings()).openapi()
    schemas = found["components"]["schemas"]
    parts = [
        part
        for path, methods in found["paths"].items()
        for method, question in methods.items()
        for part in _question(f"{method.upper()} {path}", question, schemas)
    ]
    parts.append("## Objects in answers\n")
    for name in sorted(_named(schemas)):
        parts += _answer(f"a {name}", schemas[name])
    return "\n".join([HEAD, *parts]).rstrip() + "\n"


def _question(name: str, question: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    yield f"## `{name}`\n"
    yield f"{question['description']}\n"
    asked = {one["name"]: one["schema"] for one in question.get("parameters", [])}
    if asked:
        yield from _given("asked with", asked, {one["name"] for one in question["parameters"] if one["required"]})
    for model in _models(question.get("requestBody", {}), schemas):
        yield from _given(
            f"a body of JSON: {model.get('description', model['title']).rstrip('.')}",
            model["properties"],
            model.get("required", ()),
        )
    for status, answer in question["responses"].items():
        if status.startswith("2"):
            for model in _models(answer, schemas):
                yield from _answer(f"answers {status}", model)


def _models(body: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the objects that a body may be."""
    schema = body.get("content", {}).get("application/json", {}).get("schema", {})
    return [schemas[one["$ref"].rpartition("/")[2]] for one in schema.get("anyOf", [schema]) if "$ref" in one]


def _given(title: str, fields: dict[str, Any], must: Collection[str]) -> Iterator[str]:
    yield f"| {title} | | default | meaning |\n|---|---|---|---|"
    for name, field in fields.items():
        yield f"| `{name}` | {_kind(field)} | {'must be given' if name in must else _default(field)} | {_meaning(field)} |"
    yield ""


def _answer(title: str, model: dict[str, Any]) -> Iterator[str]:
    yield f"| {title} | | meaning |\n|---|---|---|"
    yield from (f"| `{name}` | {_kind(field)} | {_meaning(field)} |" for name, field in model["properties"].items())
    yield ""


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    return "" if value in (None, "", [], {}) else f"`{json.dumps(value)}`"


def _meaning(field: dict[str, Any]) -> str:
    return str(field.get("description", "")).replace("|", "\\|")


def _named(schemas: dict[str, Any]) -> set[str]:
    """Return the objects that others are made of."""
    return set(re.findall(r"#/components/schemas/(\w+)", json.dumps(schemas)))


def _kind(field: dict[str, Any]) -> str:
    """Return what a value is, in words."""
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_kind(one) for one in field["anyOf"]))
    if "enum" in field or "const" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_kind(field['items'])}"
    if field.get("type") == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"object of {_kind(field['additionalProperties'])}"
    return str(field.get("type", "anything"))


if __name__ == "__main__":
    print(page(), end="")
