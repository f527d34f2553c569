"""Requests that no honest client sends: malformed ones byte by byte, and many at random. None is answered by a 500, none ends it."""

import json
import random
import socket
from http.client import HTTPException
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs

from tests.served import SOON, graph_of, serving

REQUESTS = 400
PATHS = (
    "/", "/healthz", "/readyz", "/metrics", "/api/status", "/api/top", "/api/node/", "/api/graph", "/api/search", "/page/", "/page/page.js", "/api/stimuli", "/api/control",
    "/events", "/openapi.json", "/nowhere", "//", "/api/../metrics", "*",
)  # fmt: skip
VALUES = (
    None, True, 0, -1, 1, 1.5, 1e308, -0.0, 10**30, "", "n001", "\x00", "\u202e", "x" * 5000, "g", "pause", "$(reboot)",
    "' OR 1=1 //", "MATCH (n) DETACH DELETE n", [], {}, [1], {"n001": 0.5}, {"n001": "x"}, {"": 1}, [[[]]],
)  # fmt: skip
NAMES = ("node", "delta", "id", "source", "budget", "candidates", "action", "graph", "limit", "__proto__", "")
RAW = (
    b"\r\n\r\n",
    b"\x00" * 100,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # the beginning of TLS
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /api/node/%00%ff%c0%af HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"CONNECT evil.example:80 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"POST /api/control HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n",
    (
        b"POST /api/control HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 3\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    b"POST /api/control HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    (
        b"GET /events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n"
        b"Sec-WebSocket-Version: 99\r\n\r\n"
    ),
    (
        b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ),
)


@pytest.fixture(scope="module")
def there():
    with serving(graph_of(20), pace=3600.0) as there, there.working(), capture_logs() as log:
        yield there
        assert [line for line in log if line["event"] in {"serve.failed", "serve.ended"}] == []


@pytest.mark.parametrize("sent", RAW, ids=range(len(RAW)))
def test_what_is_not_http_is_refused_and_the_next_is_served(there, sent):
    host, port = there.host.split(":")
    answer = b""
    with socket.create_connection((host, int(port)), SOON) as connection:
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while got := connection.recv(65_536):
                answer += got
        except OSError:  # it was closed while more was on its way
            pass
    assert b" 500 " not in answer.split(b"\r\n")[0], answer[:200]
    assert b"Traceback" not in answer
    assert there.get("/")[0] == 200


def wish(rng):
    """Return method, path, body and headers of a request, some of which make sense."""
    path = rng.choice(PATHS)
    if path == "/api/node/":
        path += quote(str(rng.choice(VALUES)), safe="")
    if rng.random() < 0.4:
        path += "?" + "&".join(
            f"{rng.choice(NAMES)}={quote(str(rng.choice(VALUES)))}" for _ in range(rng.randrange(1, 3))
        )
    value = (
        {rng.choice(NAMES): rng.choice(VALUES) for _ in range(rng.randrange(5))}
        if rng.random() < 0.8
        else rng.choice(VALUES)
    )
    headers = {
        "Content_Type": rng.choice(["application/json"] * 4 + ["text/plain", "", "application/json; charset=\xff"])
    }
    headers |= {
        "Accept": rng.choice(["*/*", "", "application/openmetrics-text", "text/plain;version=x;q=", "a" * 3000])
    }
    return (
        rng.choice(["GET"] * 3 + ["POST"] * 4 + ["PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"]),
        path,
        json.dumps(value),
        headers,
    )


def test_no_request_at_random_is_a_500_and_each_refusal_says_why(there):
    rng, seen = random.Random(11), set()
    documented = {int(code) for code in there.get("/openapi.json")[1]["paths"]["/api/control"]["post"]["responses"]}
    for _ in range(REQUESTS):
        method, path, body, headers = wish(rng)
        try:
            status, answered, text = there.ask(method, path, body.encode(), **headers)
        except (HTTPException, OSError) as error:
            pytest.fail(f"{method} {path[:200]}: {error!r}")
        assert status in documented | {200, 202, 405}, (method, path[:200], body[:200], text[:300])
        assert status != 500, (method, path[:200], body[:200], text[:300])
        if status >= 400 and method != "HEAD" and "/healthz" not in path and "/readyz" not in path:
            assert answered["content-type"] == "application/json"
            assert json.loads(text).keys() == {"error", "remedy"}, (method, path[:200], text[:300])
        seen.add(status)
    assert {200, 404, 405, 415, 422} <= seen
    assert there.post("/api/control", {"action": "resume"})[0] == 202
