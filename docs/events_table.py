"""Write `docs/reference/events.md` from the event models: `python docs/events_table.py > docs/reference/events.md`."""

from __future__ import annotations

from worker.events.models import KINDS, Model
from worker.events.schema import schemas

HEAD = """# Events

JSON, one object a line. `kind` names what an event is, with a version. A reader lets pass what it does not know: a kind gets a new version when a
field goes or changes its meaning, not when one is added.

This page and the schemas are made from the event models by `make docs-reference`; a test compares them.

## Every event has
"""


def page() -> str:
    published = schemas()
    common = next(iter(published.values()))["properties"]
    lines = [HEAD, *_table({name: common[name] for name in Model.model_fields})]
    for kind in KINDS:
        schema = published[kind]
        own = {name: field for name, field in schema["properties"].items() if name not in Model.model_fields}
        lines += [f"\n## `{kind}`\n", f"{schema['description']} [Schema](events/{kind}.schema.json).\n", *_table(own)]
    return "\n".join(lines) + "\n"


def _table(fields: dict) -> list[str]:
    return [
        "| field | meaning |",
        "|---|---|",
        *(f"| `{name}` | {_meaning(field)} |" for name, field in fields.items()),
    ]


def _meaning(field: dict) -> str:
    values = ", ".join(f"`{value}`" for value in field.get("enum", ()))
    said = field.get("description", "").replace("|", "\\|")
    return "; ".join(part for part in (said, f"one of {values}" if values else "") if part)


if __name__ == "__main__":
    print(page(), end="")
