"""The page: a closed set of files that ship with the program, read once."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

INDEX = "index.html"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
# Nothing from elsewhere, nothing inline: a label that looks like a script stays a label.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "vary": "Accept, Accept-Encoding",
    "x-content-type-options": "nosniff",
}


class File(NamedTuple):
    """One of them, as it is sent."""

    kind: str
    body: bytes
    packed: bytes  # by gzip
    tag: str  # of its content


@cache
def files() -> Mapping[str, File]:
    """Return all of them by name. The libraries' are in a folder of their own, and named as if they were not."""
    root = resources.files("worker.server") / "static"
    found = {}
    for folder in (root, root / "vendor"):
        for path in folder.iterdir():
            kind = KINDS.get(path.name[path.name.rfind(".") :])
            if kind and path.is_file():
                body = path.read_bytes()
                tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
                found[path.name] = File(kind, body, gzip.compress(body, mtime=0), tag)
    return found


def wanted(accept: str) -> bool:
    """Tell whether who asks is a browser that opens a page, and no program."""
    return "text/html" in accept.lower()


def answer(name: str, headers: Mapping[str, str]) -> Response:
    """Return a file, or that it is as the browser knows it."""
    found = files()[name]
    sent = {**HEADERS, "etag": found.tag, "content-type": found.kind}
    if headers.get("if-none-match") == found.tag:
        return Response(status_code=304, headers=sent)
    if "gzip" in headers.get("accept-encoding", ""):
        return Response(found.packed, headers={**sent, "content-encoding": "gzip"})
    return Response(found.body, headers=sent)
