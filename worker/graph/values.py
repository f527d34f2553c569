"""Values of Neo4j that JSON has not."""

from __future__ import annotations

from base64 import b64encode
from typing import Any


def in_json(value: Any) -> Any:
    """Return what JSON has instead: a time by ISO 8601, bytes by base64, a point as its coordinates, else its text."""
    if hasattr(value, "iso_format"):
        return value.iso_format()
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode()
    return list(value) if isinstance(value, tuple) else str(value)
