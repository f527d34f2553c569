"""The JSON Schema of every kind of event, made from the models, so none need be shipped beside them.

`python -m worker.events.schema docs/reference/events` publishes them; a test holds what is published to the models.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from worker.events.models import KINDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of what is written, by kind."""
    return {
        kind: {"$schema": DIALECT, **model.model_json_schema(mode="serialization")} for kind, model in KINDS.items()
    }


def publish(folder: Path) -> None:
    """Write `<kind>.schema.json` of every kind."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, schema in schemas().items():
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        (folder / f"{kind}.schema.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    publish(Path(sys.argv[1]))
