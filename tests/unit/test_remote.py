"""The worker that serves a graph, asked from another process: what it answers, and what is wrong by its name."""

import math
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.served import serving, wait_for
from worker import remote
from worker.errors import InputError, Refused, StrideError, Unexpected, Unreachable
from worker.explanations import Question, served
from worker.settings import Settings

TOKEN = "of.sixteen.letters"
G = Settings(graph="g")


def test_an_explanation_is_that_of_the_worker_that_serves():
    with serving() as there, there.working():
        url = there.serving.listener.url
        wait_for(lambda: there.get("/api/explain?node=n007")[0] == 200)
        found = served(G, Question("n007", depth=1, least=0.2), url)
        assert (found["node"], found["graph"]) == ("n007", "g")
        assert math.isclose(math.fsum(found["sources"].values()), found["energy"], rel_tol=1e-9)
        assert not [below for branch in found["branches"] for below in branch.get("branches", ())]
        earlier = served(G, Question("n007", tick=found["tick"]), url.replace("http", "ws") + "/")
        assert earlier["tick"] == found["tick"]
        for asked, of, says in (
            (Question("nobody"), G, "has moved energy from or to a node 'nobody'"),
            (Question("n007", tick=10**9), G, "are held in memory"),
            (Question("n007", depth=0), G, "query.depth"),
            (Question("n007"), Settings(graph="other"), "'other' is not served here"),
        ):
            with pytest.raises(InputError, match=says) as error:
                served(of, asked, url)
            assert error.value.remedy


def test_the_token_is_sent_and_a_wrong_one_is_refused():
    with serving(token=TOKEN) as there:
        url = there.serving.listener.url
        for token, kind in ((TOKEN, InputError), ("", Refused), ("another.of.sixteen", Refused)):
            with pytest.raises(kind):
                served(Settings(graph="g", serve={"token": token}), Question("n007"), url)


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (200, b"[]x"), (302, b""), (404, b"{}"), (500, b"[1]"), (200, b"7")]
)
def test_who_is_no_worker_is_told_apart_and_no_redirection_is_followed(status, body):
    asked = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        try:
            with pytest.raises(Unexpected, match=f"answers {status}, and not as a worker does"):
                served(G, Question("n007"), f"http://127.0.0.1:{other.server_port}/behind/")
        finally:
            other.shutdown()
    assert len(asked) == 1
    assert asked[0].startswith("/behind/api/explain?graph=g&node=n007&depth=4&least=0.01")


def test_where_nobody_serves_it_says_so():
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as free:
        port = free.server_port
    with pytest.raises(Unreachable, match=f"no worker serves at http://127.0.0.1:{port}") as error:
        served(Settings(serve={"port": port}), Question("n007"))
    assert "run --serve" in error.value.remedy


@pytest.mark.parametrize("url", ["127.0.0.1:7300", "ftp://there", "http://", "http://there:99999", "http://[::1", "x"])
def test_what_is_no_address_is_named(url):
    with pytest.raises(StrideError, match="is not where a worker serves"):
        served(G, Question("n007"), url)


def test_events_are_asked_for_at_the_same_place():
    at = [
        remote.address(G, "/events", {"kinds": kinds}, url, events=True)
        for kinds, url in ((None, None), ("a,b", "https://there/graph/"), (None, "ws://there:1"))
    ]
    assert at == [
        "ws://127.0.0.1:7300/events?graph=g",
        "wss://there/graph/events?graph=g&kinds=a%2Cb",
        "ws://there:1/events?graph=g",
    ]
    six = Settings(graph="g", serve={"host": "::1"})
    assert remote.address(six, "/events", {}, None) == "http://[::1]:7300/events?graph=g"
