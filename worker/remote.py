"""The worker that serves a graph, asked from another process: where it is, what it is asked with, and what it answers."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson

from worker.errors import InputError, Refused, Unexpected, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.settings import Settings

PATIENCE = 60.0  # s for an answer
SECURE = {"http": False, "ws": False, "https": True, "wss": True}
WRONG = {400, 404, 409, 413, 414, 422}  # it was asked what it cannot answer
START = "start `stridegraph run --serve`"


def address(
    settings: Settings, path: str, asked: Mapping[str, object], url: str | None, *, events: bool = False
) -> str:
    """Return what to ask the worker that serves the graph; `url` says where, else the settings do. Raises InputError."""
    serve = settings.serve
    host = f"[{serve.host}]" if ":" in serve.host else serve.host
    try:
        parts = urlsplit(url or f"http://{host}:{serve.port}")
        known = parts.scheme in SECURE and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise InputError(f"{url!r} is not where a worker serves", "give it as http://127.0.0.1:7300")
    scheme = ("ws" if events else "http") + ("s" if SECURE[parts.scheme] else "")
    query = urlencode({"graph": settings.graph, **{name: value for name, value in asked.items() if value is not None}})
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + path, query, ""))


def headers(settings: Settings) -> dict[str, str]:
    """Return what each request carries."""
    token = settings.serve.token.get_secret_value()
    return {"Authorization": f"Bearer {token}"} if token else {}


def get(settings: Settings, path: str, asked: Mapping[str, object], url: str | None) -> dict[str, Any]:
    """Ask, and return the answer. No redirection is followed: the token is for this server alone.

    Raises InputError, Refused, Unreachable, Unexpected.
    """
    where = urlsplit(address(settings, path, asked, url))
    kind = HTTPSConnection if where.scheme == "https" else HTTPConnection
    name = f"{where.scheme}://{where.hostname}:{where.port or kind.default_port}"
    with closing(kind(where.hostname or "", where.port, timeout=PATIENCE)) as connection:
        try:
            connection.request("GET", f"{where.path}?{where.query}", headers=headers(settings))
            answer = connection.getresponse()
            status, body = answer.status, answer.read()
        except (OSError, HTTPException) as error:
            raise Unreachable(f"no worker serves at {name}: {error}", START) from None
    return _told(name, status, body)


def _told(where: str, status: int, body: bytes) -> dict[str, Any]:
    """Return what an answer holds. Raises what it says is wrong."""
    try:
        found = dict(orjson.loads(body))
        if status == 200:
            return found
        error, remedy = str(found["error"]), str(found["remedy"])
    except (ValueError, TypeError, KeyError):
        raise Unexpected(f"{where} answers {status}, and not as a worker does", START) from None
    kind = InputError if status in WRONG else Refused if status in {401, 403} else Unreachable
    raise kind(f"{where}: {error}", remedy)
