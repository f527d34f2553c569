"""Who may ask, and how: everything that is refused before any of the program's own code sees it.

A browser sends requests to any address that a page names. So a request is refused where it was sent to a name that is not
this server's (a name that a stranger has pointed here), where a page of another server sent it, and where it changes
something and is not JSON, which no form can send without asking first.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import OrderedDict
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import orjson
import structlog

from worker.server import page

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from worker.settings import ServeSettings

PROBES = ("/healthz", "/readyz")  # asked without a token; then they say nothing but yes or no
PAGE = "/page/"  # what the page is made of: it holds nothing of a graph, and asks for the token itself
TRUSTED = "stridegraph.trusted"  # in the scope: the request carried the token, where one is demanded
BODY = 65_536  # bytes of a request
PATIENCE = 10.0  # seconds for a request's body to arrive
ADDRESSES = 1000  # whose rates are remembered
BEARER = (
    "bearer."  # what a subprotocol begins with that carries the token: a browser can send no header with a WebSocket
)

log = structlog.get_logger()


class Refusal(NamedTuple):
    """What is answered in place of the program."""

    status: int
    error: str
    remedy: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def body(self) -> bytes:
        """Return it as JSON."""
        return orjson.dumps({"error": self.error, "remedy": self.remedy})


BUG = Refusal(500, "this is a bug: see the log of the server")


class Rates:
    """How many requests each address may still make: so many a second, and twice that at once."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # how many were left, and when

    def take(self, address: str) -> bool:
        """Count a request; False where it is one too many."""
        now = self._clock()
        left, at = self._left.pop(address, (2.0 * self._rate, now))
        left = min(2.0 * self._rate, left + (now - at) * self._rate)
        self._left[address] = (left - 1.0 if left >= 1.0 else left, now)
        while len(self._left) > ADDRESSES:
            self._left.popitem(last=False)
        return left >= 1.0


class Guard:
    """The outermost part of the application."""

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self._app = app
        self._token = settings.token.get_secret_value().encode()
        self._hosts = {name.lower() for name in settings.hosts} | {"localhost"}
        self._origins = {origin.lower().rstrip("/") for origin in settings.origins}
        self._rates = Rates(settings.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            refusal = self._refusal(scope)
            if not refusal and scope["type"] == "http" and scope["method"] not in {"GET", "HEAD", "OPTIONS"}:
                body = await _read(receive)
                refusal, receive = (body, receive) if isinstance(body, Refusal) else (None, _once(body, receive))
            if refusal:
                await answer(refusal, scope, sending)
            else:
                await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001  (whatever it is, the thread goes on)
            log.error("serve.failed", path=scope["path"], why=f"{type(error).__name__}: {error}")  # noqa: TRY400
            if not begun:
                await answer(BUG, scope, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get(b"host", ""), headers.get(b"origin")
        if not self._rates.take(scope["client"][0] if scope["client"] else ""):
            return Refusal(
                429, "too many requests", "ask less often, or raise STRIDE_SERVE__RATE", ((b"retry-after", b"1"),)
            )
        if not self._is_own(host):
            return Refusal(421, f"this server is not {host[:100]!r}", "name it in STRIDE_SERVE__HOSTS, if it is")
        if origin is not None and not self._is_friend(origin, host):
            return Refusal(403, f"pages of {origin[:100]!r} may not ask", "name it in STRIDE_SERVE__ORIGINS, if it may")
        scope[TRUSTED] = not self._token or hmac.compare_digest(_token(headers).encode(), self._token)
        if not scope[TRUSTED] and not _is_open(scope, headers):
            remedy = "send the header `Authorization: Bearer TOKEN`"
            return Refusal(401, "the token is missing or wrong", remedy, ((b"www-authenticate", b"Bearer"),))
        if scope["type"] == "http" and scope["method"] == "POST" and not _is_json(headers.get(b"content-type", "")):
            return Refusal(415, "the body is not JSON", "send it with `Content-Type: application/json`")
        return None

    def _is_own(self, host: str) -> bool:
        """Tell whether a name is this server's: an address always is, for nobody can point that elsewhere."""
        name = _host_of(f"//{host}")
        try:
            return name in self._hosts or bool(ip_address(name))
        except ValueError:
            return False

    def _is_friend(self, origin: str, host: str) -> bool:
        """Tell whether a page is of this very server, or of one that may ask."""
        scheme, _, rest = origin.lower().partition("://")
        return (scheme in {"http", "https"} and rest == host.lower()) or origin.lower() in self._origins


async def answer(refusal: Refusal, scope: Scope, send: Send) -> None:
    """Send a refusal."""
    kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(refusal.body)).encode())]
    await send({"type": f"{kind}.start", "status": refusal.status, "headers": [*headers, *refusal.headers]})
    await send({"type": f"{kind}.body", "body": refusal.body})


async def _read(receive: Receive) -> bytes | Refusal:
    """Return the whole body of a request."""
    body = b""
    try:
        async with asyncio.timeout(PATIENCE):
            more = True
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    return Refusal(400, "the request broke off")
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > BODY:
                    return Refusal(413, f"the body is over {BODY} bytes", "", ((b"connection", b"close"),))
    except TimeoutError:
        return Refusal(408, "the body did not arrive", "", ((b"connection", b"close"),))
    return body


def _once(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read already, and then what comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _token(headers: dict[bytes, str]) -> str:
    """Return the token that a request carries, or nothing."""
    scheme, _, token = headers.get(b"authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    offered = (name.strip() for name in headers.get(b"sec-websocket-protocol", "").split(","))
    return next((name.removeprefix(BEARER) for name in offered if name.startswith(BEARER)), "")


def _is_open(scope: Scope, headers: dict[bytes, str]) -> bool:
    """Tell whether somebody without a token may have this: the probes, and the page without anything in it."""
    path = scope["path"]
    if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
        return path in PROBES
    return path in PROBES or path.startswith(PAGE) or (path == "/" and page.wanted(headers.get(b"accept", "")))


def _is_json(kind: str) -> bool:
    return kind.partition(";")[0].strip().lower() == "application/json"


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
