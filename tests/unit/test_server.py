"""HTTP and WebSocket as they are met from outside: real requests over the loopback interface, a worker over a graph in memory."""

import gzip
import json
import math
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import jsonschema
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.served import SOON, graph_of, path_of, serving, wait_for
from worker.errors import SettingsError, Unreachable
from worker.events.metrics import PREFIX, TABLE
from worker.events.schema import schemas
from worker.events.subscribers import SUBSCRIBED, WAITING
from worker.health import Verdict
from worker.physics.reasons import REASONS
from worker.server import hub as hub_module
from worker.server import page
from worker.server import thread as thread_module
from worker.server.app import PATHS, Served, application
from worker.server.thread import Listener
from worker.settings import ServeSettings

TOKEN = "t0ken-of-16-or-more"
VALIDATORS = {kind: jsonschema.Draft202012Validator(schema) for kind, schema in schemas().items()}


@pytest.fixture(scope="module")
def there():
    """A server with a worker that ticks all the while."""
    with serving() as there, there.working() as worker:
        wait_for(lambda: worker.state == "running")
        yield there


def test_the_index_names_every_path(there):
    status, found = there.get("/")
    assert (status, found["graphs"], found["paths"]) == (200, ["g"], list(PATHS))
    told = (Path(__file__).parents[2] / "docs/how-to/watch.md").read_text()
    assert [path for path in PATHS if f"`GET {path}" not in told and f" {path}" not in told] == ["/page/{file}"]
    assert set(there.get("/openapi.json")[1]["paths"]) == {"/", *PATHS} - {"/events", "/openapi.json"}


def test_a_browser_is_given_the_page_and_each_file_that_it_names(there):
    status, headers, body = there.ask("GET", "/", Accept="text/html,*/*;q=0.8")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert not re.search(rb"<script(?![^>]* src=)|\son\w+=|\sstyle=|https?://", body)
    named = set(re.findall(rb'(?:src|href)="/page/([^"]+)"', body))
    seen = {"index.html"}
    while named:
        name = named.pop().decode()
        seen.add(name)
        status, headers, body = there.ask("GET", f"/page/{name}")
        assert (status, headers["x-content-type-options"], len(body) > 0) == (200, "nosniff", True), name
        tag = headers["etag"]
        assert there.ask("GET", f"/page/{name}", If_None_Match=tag)[::2] == (304, b"")
        packed = there.ask("GET", f"/page/{name}", Accept_Encoding="gzip")
        assert (packed[1]["content-encoding"], gzip.decompress(packed[2])) == ("gzip", body)
        if not name.endswith((".min.js", ".svg")):
            more = re.findall(rb'from "\./([\w.]+)"|"/page/([\w.-]+)"', body)
            named |= {one or other for one, other in more} - {name.encode() for name in seen}
    licences = {name for name in page.files() if name.startswith("LICENSE.")}
    assert set(page.files()) == seen | licences, "all of them are used, and all are there"
    libraries = {name.split(".")[0].lower() for name in seen if ".min." in name}
    assert libraries == {name.split(".")[1] for name in licences}


@pytest.mark.parametrize(
    "path",
    [
        "/page/",
        "/page/nothing.js",
        "/page/..%2Fapp.py",
        "/page/%2e%2e/page.py",
        "/page/vendor/uPlot.iife.min.js",
        "/page//etc/passwd",
    ],
)
def test_the_page_has_no_other_files(there, path):
    status, _, body = there.ask("GET", path)
    assert status == 404
    assert json.loads(body)["error"]


def test_the_neighbourhood_and_a_search(there):
    found = there.get("/api/graph?limit=20")[1]
    ids = {row["id"] for row in found["nodes"]}
    assert len(ids) == 20
    assert all({link["source"], link["target"]} <= ids for link in found["links"])
    assert [row["id"] for row in there.get("/api/search?q=n00&limit=3")[1]["results"]] == ["n000", "n001", "n002"]


def test_health_is_the_workers(there):
    assert there.get("/healthz") == (200, {"healthy": True, "ready": True, "why": "g: running"})
    assert there.get("/readyz")[0] == 200


def test_every_answer_is_what_openapi_says(there):
    spec = there.get("/openapi.json")[1]
    for path in (
        "/",
        "/healthz",
        "/readyz",
        "/api/status",
        "/api/top",
        "/api/graph?limit=30",
        "/api/search?q=n0",
        path_of("n001"),
    ):
        status, found = there.get(path)
        assert status == 200, path
        template = "/api/node/{id}" if path.startswith("/api/node") else path.partition("?")[0]
        schema = spec["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(found, {**schema, "components": spec["components"]})


def words(found):
    return set(re.findall(r"\w+", json.dumps(found.get("branches"))))


def test_a_nodes_energy_is_explained_from_the_last_ticks(there):
    there.post("/api/stimuli", {"node": "n007", "delta": 50, "id": "lots", "source": "test"})
    wait_for(lambda: {"lots", "strides"} <= words(there.get("/api/explain?node=n007&least=0.001")[1]))
    spec = there.get("/openapi.json")[1]
    schema = spec["paths"]["/api/explain"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    status, found = there.get("/api/explain?node=n007&depth=3&least=0.001")
    assert status == 200
    jsonschema.validate(found, {**schema, "components": spec["components"]})
    for amounts in (found["sources"].values(), [branch["amount"] for branch in found["branches"]]):
        assert math.isclose(math.fsum(amounts), found["energy"], rel_tol=1e-9)
    assert {"lots", "test"} <= {found["roots"][0]["id"], found["roots"][0]["source"]}
    assert found["roots"][0]["amount"] > 0.5 * found["energy"]
    strides = [branch for branch in found["branches"] if branch["kind"] == "strides"]
    largest = strides[0]["largest"]
    assert largest["reason"] in REASONS
    whole = (largest["weight"] + largest["novelty"] + largest["goal"]) * largest["multiplier"]
    assert math.isclose(whole, largest["cost"], rel_tol=1e-12)
    earlier = found["tick"] - 1
    assert there.get(f"/api/explain?node=n007&tick={earlier}")[1]["tick"] == earlier
    assert there.get("/api/explain?node=nobody")[0] == 404
    status, told = there.get("/api/explain?node=n007&tick=1000000000")
    assert status == 404
    assert re.match(r"ticks \d+ to \d+ are held in memory of the graph 'g'", told["error"])
    assert "stridegraph run --record DIR" in told["remedy"]


def test_what_is_kept_for_explanations_is_bounded():
    with serving(explain=100_000) as there, there.working():
        wait_for(lambda: there.get("/api/explain?node=n001")[1].get("since", 0) > 3)
        accounts = there.serving.graphs["g"].trail.accounts()
        assert [account.tick for account in accounts] == list(range(accounts[0].tick, accounts[-1].tick + 1))
    with serving(explain=0) as there:
        assert there.get("/api/explain?node=n001")[0] == 409


def test_status_and_top_answer_as_the_commands_do(there):
    assert there.get("/api/status")[1]["worker"] == "running"
    assert there.get("/api/status?graph=g")[0] == 200
    found = there.get("/api/top?limit=3")[1]
    assert (found["graph"], len(found["results"])) == ("g", 3)


@pytest.mark.parametrize("own", ["a/b", "/", "//x//", "..", "a b", "é😀", "%2F", "?x=1#y", "q\"'`", "a\nb", "\x00"])
def test_a_node_is_found_by_any_id(there, own):
    there.graph.add_node(id=own, energy=0.5)
    status, found = there.get(path_of(own))
    assert (status, found["id"]) == (200, own)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/node/nobody", 404, "there is no node 'nobody' in the graph 'g'"),
        ("/api/node/%FF%FE", 404, "there is no node"),
        ("/api/status?graph=other", 404, "the graph 'other' is not served here"),
        ("/api/top?limit=0", 422, "query.limit: Input should be greater than or equal to 1"),
        ("/api/top?limit=1001", 422, "less than or equal to 1000"),
        ("/api/graph?limit=5001", 422, "less than or equal to 5000"),
        ("/api/search", 422, "query.q: Field required"),
        ("/api/search?q=", 422, "at least 1 character"),
        (f"/api/search?q={'x' * 201}", 422, "at most 200 characters"),
        ("/api/search?q=n&limit=101", 422, "less than or equal to 100"),
        ("/nowhere", 404, "Not Found"),
        ("/api/stimuli", 405, "Method Not Allowed"),
    ],
)
def test_what_is_wrong_is_named(there, path, status, says):
    found = there.get(path)
    assert found[0] == status
    assert says in found[1]["error"]
    assert found[1].keys() == {"error", "remedy"}


def test_a_stimulus_is_applied_once_by_its_id(there):
    with there.follow("?kinds=stimulus.injected.v1") as events:
        assert next(events)["kind"] == "snapshot.v1"
        assert there.post("/api/stimuli", {"node": "n003", "delta": 5, "id": "mine"}) == (
            202,
            {"id": "mine", "state": "queued"},
        )
        event = next(events)
        assert (event["node"], event["delta"], event["id"], event["source"]) == ("n003", 5.0, "mine", "http")
    assert there.post("/api/stimuli", {"node": "n003", "delta": 5, "id": "mine"})[1]["state"] == "applied"
    status, found = there.post(
        "/api/stimuli", {"budget": 2.0, "candidates": {"n001": 0.9, "n002": 0.5}, "source": "me"}
    )
    assert (status, found["state"], len(found["id"])) == (202, "queued", 16)


def test_recall_returns_what_seeds_bring_to_mind(there):
    status, found = there.post("/api/recall", {"seeds": {"n003": 1.0}, "k": 5, "types": ["Task"]})
    spec = there.get("/openapi.json")[1]
    schema = spec["paths"]["/api/recall"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(found, {**schema, "components": spec["components"]})
    assert (status, found["graph"], found["seeds"], found["partial"]) == (200, "g", {"n003": 20.0}, None)
    assert found["results"][0]["id"] == "n003"
    assert {hit["type"] for hit in found["results"]} == {"Task"}
    for bad in (
        {"seeds": {"nobody": 1.0}},
        {"seeds": {"n003": 0}},
        {"seeds": {"n003": 1}, "k": 1001},
        {"seed": "n003"},
    ):
        status, found = there.post("/api/recall", bad)
        assert (status, found.keys()) == (422, {"error", "remedy"})


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ({"node": "nobody", "delta": 1.0}, 422),
        ({"node": "n001", "delta": 0}, 422),
        ({"node": "n001", "delta": -1}, 422),
        ({"node": "n001", "delta": 1e10}, 422),
        ({"node": "n001"}, 422),
        ({"node": "n001", "delta": 1.0, "budget": 1.0}, 422),
        ({"budget": 1.0, "candidates": {}}, 422),
        ({"budget": 1.0, "candidates": {"n001": 1.5}}, 422),
        ({"node": "", "delta": 1.0}, 422),
        ({"node": "n001", "delta": 1.0, "unknown": 1}, 422),
        (b'{"node": "n001", "delta": NaN}', 422),
        (b'{"node": "n001", "delta": 1e999}', 422),
        (b'{"node": "\\ud800", "delta": 1}', 422),
        (b'{"node": "n001", "delta": 1' + b"0" * 5000 + b"}", 400),
        (b"[" * 60_000, 400),
        (b"\xff\xfe", 422),
        (b"", 422),
        (b"null", 422),
    ],
)
def test_a_stimulus_that_no_tick_would_apply_is_refused(there, value, status):
    wait_for(lambda: not there.graph.queue)
    found = there.post("/api/stimuli", value)
    assert found[0] == status, found
    assert found[1]["error"]
    assert not there.graph.queue


def test_control(there):
    for action, state in (("pause", "paused"), ("resume", "running"), ("refresh", "running")):
        before = there.worker.state
        assert there.post("/api/control", {"action": action}) == (
            202,
            {"graph": "g", "action": action, "state": before},
        )
        wait_for(lambda state=state: there.worker.state == state)
        wait_for(lambda state=state: there.get("/readyz")[0] == (503 if state == "paused" else 200))
    assert there.post("/api/control", {"action": "stop"})[0] == 422


def test_metrics_are_those_of_the_table(there):
    wait_for(lambda: there.serving.metrics.of("g").ticks > 0)
    there.ask("GET", "/metrics")
    wait_for(lambda: there.serving.metrics.of("g").pending is not None)
    status, headers, body = there.ask("GET", "/metrics", Accept="text/plain")
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/plain")
    names = {family.name for family in text_string_to_metric_families(body.decode())}
    assert names == {(PREFIX + row.name).removesuffix("_total") for row in TABLE}
    _, headers, body = there.ask("GET", "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert headers["content-type"].startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


# The events


def test_every_event_is_what_its_schema_says_and_frames_follow_one_another():
    with serving(graph_of(60)) as there, there.follow() as early:
        with there.working():
            there.graph.add_stimulus(id="s", node="n001", delta=9.0, created_at=0)
            there.graph.add_stimulus(id="bad", node="nobody", delta=9.0, created_at=0)
            found = early.until("frame.end.v1", 3)
            with there.follow() as late:
                first = next(late)
                after = late.until("frame.end.v1")
        for event in (*found, first, *after):
            VALIDATORS[event["kind"]].validate(event)
            assert event["graph"] == "g"
        assert [event["state"] for event in found if event["kind"] == "worker.state.v1"] == [
            "starting",
            "attached",
            "running",
        ]
        assert [event["frame"] for event in found if event["kind"] == "frame.end.v1"] == [1, 2, 3]
        assert {"stimulus.injected.v1", "stride.exec.v1", "input.rejected.v1"} <= {event["kind"] for event in found}
        assert first["kind"] == "snapshot.v1"
        assert after[0]["kind"] == "frame.start.v1"
        assert after[0]["frame"] == first["frame"] + 1


def test_only_the_kinds_that_are_asked_for_and_lossless_from_the_snapshot_on(there):
    with there.follow("?kinds=frame.end.v1,worker.state.v1") as one, there.follow("?kinds=frame.start.v1") as other:
        first = next(one)
        found = one.until("frame.end.v1", 5)
        assert {event["kind"] for event in found} <= {"frame.end.v1", "worker.state.v1"}
        assert [e["frame"] for e in found if e["kind"] == "frame.end.v1"] == list(
            range(first["frame"] + 1, first["frame"] + 6)
        )
        start = next(other)
        assert [next(other)["frame"] for _ in range(3)] == list(range(start["frame"] + 1, start["frame"] + 4))
    wait_for(lambda: not there.hub.followers)


def test_who_was_away_goes_on_where_it_was_or_begins_anew(there):
    with there.follow("?kinds=frame.end.v1") as events:
        last = events.until("frame.end.v1", 2)[-1]["frame"]
    time.sleep(0.2)
    with there.follow(f"?kinds=frame.end.v1&after={last}") as events:
        assert [next(events)["frame"] for _ in range(5)] == list(range(last + 1, last + 6))
    with there.follow(f"?kinds=frame.end.v1&after={last + 10_000}") as events:
        assert next(events)["kind"] == "snapshot.v1"


def test_what_nobody_wants_any_more_is_not_made_for_long(monkeypatch):
    monkeypatch.setattr(hub_module, "LINGER", 0.05)
    with serving(graph_of(5)) as there, there.working():
        wait_for(lambda: there.hub.sink.tick > 0)
        with there.follow("?kinds=node.flip.v1") as events:
            next(events)
            assert there.hub.sink.kinds == {"node.flip.v1"}
        wait_for(lambda: not there.hub.sink.kinds)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?kinds=all", 422),
        ("?kinds=", 422),
        ("?kinds=snapshot.v1", 422),
        ("?after=-1", 422),
        ("?after=x", 422),
        ("?after=" + "9" * 400, 422),
        ("?after=%D9%A3", 422),
        ("?graph=other", 404),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_with_a_reason(there, query, status):
    with pytest.raises(InvalidStatus) as refused, there.follow(query):
        pass
    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body)["error"]


def test_followers_only_listen(there):
    with there.follow("?kinds=worker.state.v1") as events:
        events.socket.send("hello")
        with pytest.raises(ConnectionClosed):
            events.until("never")
        assert events.socket.close_code == 1008


def test_there_are_only_so_many_followers():
    with serving(graph_of(5), subscribers=2) as there, there.follow(), there.follow():
        wait_for(lambda: len(there.hub.followers) == 2)
        with pytest.raises(InvalidStatus) as refused, there.follow():
            pass
        assert refused.value.response.status_code == 503


def slow(there, query=""):
    """A follower that has said what it wants, and takes no more than the kernel takes for it."""
    host, port = there.host.split(":")
    sent = socket.socket()
    sent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sent.connect((host, int(port)))
    head = f"GET /events{query} HTTP/1.1\r\nHost: {there.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    sent.sendall(f"{head}Sec-WebSocket-Key: {'A' * 22}==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    assert sent.recv(4096).startswith(b"HTTP/1.1 101")
    return sent


def test_one_that_takes_nothing_is_cut_off_and_holds_nothing_up(monkeypatch):
    monkeypatch.setattr("worker.server.app.GONE", 0.2)
    monkeypatch.setattr(thread_module, "SENT", 4096)
    with serving(graph_of(), pace=0.005, backlog=200_000) as there, there.working() as worker:
        wait_for(lambda: there.hub.sink.tick > 0)
        with slow(there), there.follow("?kinds=frame.end.v1") as events:
            frames = [next(events)["frame"]]
            while not there.hub.sink.dropped or len(there.hub.followers) > 1:
                frames.append(next(events)["frame"])  # or it would be the next to be cut off
            assert frames == list(range(frames[0], frames[0] + len(frames)))
        assert worker.state == "running"
        count = lambda: len(there.serving.listener._server.server_state.connections)  # noqa: E731
        wait_for(lambda: count() == 0)


def test_a_slow_one_is_told_what_it_has_lost_and_loses_no_frame():
    """It reads nothing until strides were lost for it, and everything from then on."""
    with serving(graph_of(600, links=12), backlog=400_000, share=1.0) as there, there.working() as worker:
        wait_for(lambda: there.hub.sink.tick > 0)
        with there.follow("?kinds=stride.exec.v1,frame.end.v1", max_queue=1) as events:
            wait_for(lambda: there.hub.sink.dropped > 0)
            worker.pause()
            wait_for(lambda: worker.state == "paused")
            final = there.hub.sink.tick
            first = next(events)["frame"]
            found = []
            while not found or found[-1]["kind"] != "frame.end.v1" or found[-1]["frame"] < final:
                found.append(next(events))
        told = [event for event in found if event["kind"] == "events.lost.v1"]
        for event in told:
            VALIDATORS["events.lost.v1"].validate(event)
        dropped = there.hub.sink.dropped
        assert sum(event["lost"]["stride.exec.v1"] for event in told) == dropped > 0
        frames = [event["frame"] for event in found if event["kind"] == "frame.end.v1"]
        assert frames == list(range(first + 1, final + 1))
        value = there.serving.metrics.of("g").sinks.dropped["subscribers"]
        assert value >= dropped


def test_a_gap_in_what_the_server_was_handed_ends_every_subscription():
    with serving(graph_of(5), pace=3600.0) as there, there.working(), there.follow() as events:
        next(events)
        wait_for(lambda: there.hub.sink.tick == 1)
        for _ in range(WAITING + 1):  # quicker than it is taken
            there.hub.sink.state("running", "")
        with pytest.raises(ConnectionClosed):
            events.until("never")
        assert events.socket.close_code == 1013
        assert there.hub._recent.after(1, SUBSCRIBED) is None


# Who may ask


def test_with_a_token_nothing_is_told_without_it_but_whether_it_is_well():
    with serving(graph_of(5), token=TOKEN) as there, there.working() as worker:
        wait_for(lambda: worker.state == "running")
        for path in ("/", "/metrics", "/api/status", "/api/top", path_of("n001"), "/openapi.json", "/nowhere"):
            for wrong in (
                {},
                {"Authorization": "Bearer no"},
                {"Authorization": f"Basic {TOKEN}"},
                {"Authorization": TOKEN},
            ):
                status, headers, body = there.ask("GET", path, **wrong)
                assert (status, headers["www-authenticate"]) == (401, "Bearer")
                assert b"n001" not in body
            assert there.ask("GET", path, Authorization=f"Bearer {TOKEN}")[0] == (404 if path == "/nowhere" else 200)
        assert there.get("/healthz") == (200, {"healthy": True, "ready": True, "why": ""})
        assert there.ask("GET", "/", Accept="text/html")[0] == there.ask("GET", "/page/page.css")[0] == 200, (
            "it holds nothing"
        )
        assert there.ask("POST", "/page/page.css")[0] == there.ask("GET", "/", Accept="application/json")[0] == 401
        assert there.get("/readyz", Authorization=f"bearer {TOKEN}")[1]["why"] == "g: running"
        assert there.post("/api/control", {"action": "pause"})[0] == 401
        assert worker.state == "running"
        for wrong in ({}, {"subprotocols": ["bearer.no"]}, {"additional_headers": {"Authorization": "Bearer no"}}):
            with pytest.raises(InvalidStatus) as refused, there.follow(**wrong):
                pass
            assert refused.value.response.status_code == 401
        with there.follow(additional_headers={"Authorization": f"Bearer {TOKEN}"}) as events:
            next(events)
        with there.follow(subprotocols=["stridegraph", f"bearer.{TOKEN}"]) as events:
            assert next(events)
            assert events.socket.subprotocol == "stridegraph"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7300", "localhost.evil.example", "", "[", "127.0.0.1.nip.io"]
)
def test_a_name_that_is_not_its_own_is_refused(there, host):
    """A stranger's name that leads here: DNS rebinding."""
    assert there.ask("GET", "/api/status", Host=host)[0] == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:7300", "10.1.2.3:80"])
def test_its_own_names_are_not(there, host):
    assert there.ask("GET", "/api/status", Host=host)[0] == 200


def test_pages_of_others_may_not_ask(there):
    for origin in (
        "http://evil.example",
        "null",
        f"https://{there.host}.evil.example",
        "file://",
        "http://127.0.0.1:1",
    ):
        assert there.ask("GET", "/api/status", Origin=origin)[0] == 403
        assert there.post("/api/control", {"action": "pause"}, Origin=origin)[0] == 403
        with pytest.raises(InvalidStatus) as refused, there.follow(origin=origin):
            pass
        assert refused.value.response.status_code == 403
    assert there.get("/api/status", Origin=f"http://{there.host}")[0] == 200
    with there.follow(origin=f"http://{there.host}") as events:
        assert next(events)["kind"] == "snapshot.v1"
    _, headers, _ = there.ask("GET", "/", Origin=f"http://{there.host}")
    assert not [name for name in headers if name.startswith("access-control")]


def test_hosts_and_origins_that_are_named_may_ask():
    with serving(graph_of(5), hosts=("graph.example",), origins=("https://board.example",)) as there:
        assert there.get("/", Host="graph.example:80")[0] == 200
        assert there.get("/", Origin="https://board.example")[0] == 200
        assert there.get("/", Origin="http://board.example")[0] == 403


@pytest.mark.parametrize(
    "kind",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp"],
)
def test_what_a_form_of_another_site_can_send_is_refused(there, kind):
    headers = {"Content_Type": kind} if kind else {}
    status, _, _ = there.ask("POST", "/api/control", b'{"action": "pause"}', **headers)
    assert (status, there.worker.state) == (415, "running")


def test_a_body_is_bounded_however_it_is_sent(there):
    body = b'{"node": "n001", "delta": 1, "source": "' + b"x" * 70_000 + b'"}'
    assert there.post("/api/stimuli", body)[0] == 413
    chunks = (b"x" * 1000 for _ in range(1000))
    try:
        status, _, _ = there.ask("POST", "/api/stimuli", chunks, Content_Type="application/json")
    except (BrokenPipeError, ConnectionResetError):  # it has closed while more was on its way
        status = 413
    assert status == 413


def test_one_address_asks_only_so_often():
    with serving(graph_of(5), rate=5.0) as there:
        statuses = [there.ask("GET", "/")[0] for _ in range(14)]
        assert statuses[:10] == [200] * 10
        assert 429 in statuses
        assert there.ask("GET", "/")[1].get("retry-after") == "1"


def test_a_connection_that_brings_no_request_is_closed(monkeypatch):
    monkeypatch.setattr(thread_module, "REQUEST", 0.1)
    monkeypatch.setattr("worker.server.guard.PATIENCE", 0.2)
    with serving(graph_of(5)) as there:
        host, port = there.host.split(":")
        whole = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for before, begun in ((b"", b""), (b"", whole[:20]), (whole, whole[:20])):
            with socket.create_connection((host, int(port)), SOON) as sent:
                sent.sendall(before)
                assert not before or sent.recv(4096).startswith(b"HTTP/1.1 200")
                sent.sendall(begun)
                while sent.recv(4096):
                    pass
        with socket.create_connection((host, int(port)), SOON) as sent:
            head = b"POST /api/control HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
            sent.sendall(head)
            assert sent.recv(4096).startswith(b"HTTP/1.1 408")


# What else may go wrong


def test_a_database_that_is_gone_is_named_and_probes_and_metrics_go_on():
    with serving(graph_of(5)) as there:
        there.desk.error = Unreachable("Neo4j does not answer", "is it running?")
        for path in ("/api/status", "/api/top", "/api/graph?limit=30", "/api/search?q=n0", path_of("n001")):
            assert there.get(path) == (503, {"error": "Neo4j does not answer", "remedy": "is it running?"})
        assert there.post("/api/stimuli", {"node": "n001", "delta": 1})[0] == 503
        assert there.ask("GET", "/metrics")[0] == 200
        there.desk.gate = threading.Event()
        asked = [threading.Thread(target=there.get, args=("/api/status",)) for _ in range(8)]
        for thread in asked:
            thread.start()
        assert there.get("/healthz")[0] == 200
        there.desk.gate.set()
        for thread in asked:
            thread.join(SOON)


def test_a_mistake_of_our_own_is_one_line_and_an_answer():
    with serving(graph_of(5)) as there, capture_logs() as log:
        there.desk.error = ZeroDivisionError("oh")
        status, found = there.get("/api/status")
        assert (status, found["error"]) == (500, "this is a bug: see the log of the server")
        assert there.get("/")[0] == 200
    assert [line for line in log if line["event"] == "serve.failed"] == [
        {"event": "serve.failed", "log_level": "error", "path": "/api/status", "why": "ZeroDivisionError: oh"}
    ]


def test_a_server_that_dies_ends_no_tick():
    with serving(graph_of(50)) as there, there.working() as worker, capture_logs() as log:
        with there.follow() as events:
            events.until("frame.end.v1")

            async def dies(_):
                raise MemoryError

            there.serving.listener._server.on_tick = dies
            assert there.serving.listener.over.wait(SOON)
        done = worker.done
        wait_for(lambda: worker.done > done + 1)
        there.hub.sink.take()  # the tick that was just being handed over
        wait_for(lambda: worker.done > done + 5)
        assert worker.state == "running"
        assert there.hub.sink.take() == []
        with pytest.raises(ConnectionRefusedError):
            there.get("/")
    (why,) = [line["why"] for line in log if line["event"] == "serve.ended"]
    assert "MemoryError" in why


def broken_off(there):
    with suppress(OSError, HTTPException):  # one way or another
        there.ask("GET", "/api/status")


def test_it_stops_with_followers_and_questions_under_way():
    gate = threading.Event()
    with serving(graph_of(5)) as there:
        there.desk.gate = gate
        asking = threading.Thread(target=broken_off, args=(there,))
        asking.start()
        with slow(there), there.working(), there.follow() as events:
            next(events)
            start = time.monotonic()
            there.serving.listener.__exit__()
            assert time.monotonic() - start < 10.0
            with pytest.raises(ConnectionClosed):
                events.until("never")
            assert events.socket.close_code == 1012
        gate.set()
        asking.join(SOON)
        assert not there.serving.listener._thread.is_alive()


def test_without_a_worker_there_are_no_events_metrics_and_nobody_to_control():
    settings = ServeSettings(port=0)
    with serving(graph_of(5)) as base:
        desk = base.desk
        app = application({"g": Served(desk), "h": Served(desk)}, settings)
        with Listener(app, settings) as listener:
            base.host = listener.url.removeprefix("http://")
            assert base.get("/healthz") == (200, {"healthy": True, "ready": True, "why": "the database answers"})
            assert base.get("/api/status")[0] == 422
            assert base.get("/api/status?graph=h")[1]["worker"] is None
            assert base.get("/metrics")[0] == 409
            assert base.post("/api/control?graph=g", {"action": "pause"})[0] == 409
            with pytest.raises(InvalidStatus) as refused, base.follow("?graph=g"):
                pass
            assert refused.value.response.status_code == 409
        desk.error = Unreachable("gone")
        with Listener(application({"g": Served(desk)}, settings), settings) as listener:
            base.host = listener.url.removeprefix("http://")
            assert base.get("/readyz") == (503, Verdict(healthy=False, ready=False, why="gone")._asdict())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"host": "0.0.0.0"}, "STRIDE_SERVE__HOST = 0.0.0.0: other machines reach it, and there is no token"),
        ({"host": "::"}, "other machines reach it"),
        ({"host": "no.such.host.invalid"}, "name an address of this machine"),
        ({"host": "192.0.2.1", "token": TOKEN}, "STRIDE_SERVE__HOST = 192.0.2.1, STRIDE_SERVE__PORT = 0: "),
    ],
)
def test_where_it_cannot_or_must_not_listen_it_says_so(changes, says):
    with pytest.raises(SettingsError) as refused:
        Listener(None, ServeSettings(**{"port": 0, **changes}))
    assert says in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_a_port_that_is_taken_is_named_with_a_remedy():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as refused:
            Listener(None, ServeSettings(port=port))
    assert f"STRIDE_SERVE__PORT = {port}: Address already in use" in str(refused.value)
    assert "choose another port by --port" in str(refused.value)


def test_with_a_token_it_listens_anywhere():
    settings = ServeSettings(host="0.0.0.0", port=0, token=TOKEN)
    with serving(graph_of(5)) as base, Listener(application({"g": Served(base.desk)}, settings), settings) as listener:
        base.host = listener.url.removeprefix("http://").replace("0.0.0.0", "127.0.0.1")
        assert base.get("/")[0] == 401
        assert base.get("/", Authorization=f"Bearer {TOKEN}")[0] == 200


def test_it_listens_on_no_other_address_than_it_says(there):
    port = int(there.host.split(":")[1])
    listening = {
        c.laddr.ip for c in psutil.Process().net_connections() if c.status == "LISTEN" and c.laddr.port == port
    }
    assert listening == {"127.0.0.1"}


def test_run_without_serve_loads_nothing_of_http():
    code = "import sys, worker.cli.app; print([m for m in ('fastapi', 'uvicorn', 'starlette', 'websockets', 'prometheus_client') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr
