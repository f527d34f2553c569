"""`run --serve` and `serve` on a real database: the commands in this process, asked by another thread, and stopped as a service is."""

import json
import os
import signal
import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
import structlog
from websockets.sync.client import connect

from tests.stores import Neo4jStore, fill
from worker.cli.run import run
from worker.cli.serve import serve
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Settings

pytestmark = [pytest.mark.neo4j, pytest.mark.smoke]
SOON = 120.0
ODD = 'a/b "é"\n%2F'


@pytest.fixture
def there(connection, monkeypatch):
    """A graph in the database, and settings that lead there; returns its store and a port that is free."""
    store = Neo4jStore(Neo4jGraph(connection, "default"))
    fill(store)
    store.node(id=ODD, type="Task", energy=2.5, visits=3)
    store.link(store.node(id="heavy", energy="much"), store.node(id="target"), log_weight=0.5)
    store.node(id="labelled", label="Whole Grain")
    settings = connection.settings
    for name, value in (
        ("URI", settings.uri),
        ("USER", settings.user),
        ("PASSWORD", settings.password.get_secret_value()),
    ):
        monkeypatch.setenv(f"STRIDE_NEO4J__{name}", value)
    monkeypatch.setenv("STRIDE_PACE__FIXED", "0.1")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    yield store, port
    structlog.reset_defaults()


def z_of(store, kind, log_weight):
    """The standard score of a link, worked out anew from all links of its type."""
    every = [weight for a, found, b, weight in store.links() if found == kind and weight is not None and a != b]
    mean, floor = statistics.fmean(every), Settings().physics.weights.std_floor
    limit = Settings().physics.weights.z_clip
    return max(-limit, min(limit, (log_weight - mean) / max(statistics.pstdev(every), floor)))


def asking(port, questions):
    """Ask from another thread as soon as somebody listens, then send this process a SIGTERM; return what was answered."""

    def work():
        try:
            wait_for_port(port)
            return questions(lambda path, value=None: ask(port, path, value))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    return ThreadPoolExecutor(1).submit(work)


def wait_for_port(port):
    end = time.monotonic() + SOON
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.02)


def ask(port, path, value=None):
    body = None if value is None else json.dumps(value).encode()
    try:
        with urlopen(
            Request(f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json"}), timeout=SOON
        ) as got:
            return got.status, got.read()
    except HTTPError as error:
        return error.code, error.read()
    except URLError as error:
        return 0, str(error).encode()


def test_run_and_serve(there, capsys):
    store, port = there

    def of_a_worker(get):
        with connect(f"ws://127.0.0.1:{port}/events?kinds=frame.end.v1", open_timeout=SOON) as events:
            found, end = [], time.monotonic() + SOON
            while sum(event["kind"] == "frame.end.v1" for event in found) < 3 and time.monotonic() < end:
                found += [json.loads(line) for line in events.recv(SOON).splitlines()]
        first = get("/metrics")
        while b"stridegraph_stimuli_pending{" not in (metrics := get("/metrics")[1]) and time.monotonic() < end:
            time.sleep(0.05)
        return found, first[0], metrics, get("/readyz"), get("/api/control", {"action": "refresh"}), get("/api/status")

    answered = asking(port, of_a_worker)
    run(serve=True, port=port, json=True)
    found, status, metrics, ready, told, standing = answered.result(SOON)
    frames = [event["frame"] for event in found if event["kind"] == "frame.end.v1"]
    assert frames == list(range(frames[0], frames[0] + len(frames)))
    assert (status, ready[0], told[0], standing[0]) == (200, 200, 202, 200)
    assert b'stridegraph_lease_held{graph="default"} 1.0' in metrics
    assert b'stridegraph_nodes_quarantined{graph="default",reason="not_a_number"} 1.0' in metrics
    assert b'stridegraph_stimuli_pending{graph="default"} 0.0' in metrics
    assert json.loads(standing[1])["worker"]
    log = capsys.readouterr().err
    assert f'"url": "http://127.0.0.1:{port}"' in log
    assert "serve.ended" not in log
    assert store.graph.ledger().tick >= frames[-1]

    def of_nobody(get):
        node = [json.loads(get(f"/api/node/{quote(own, safe='')}")[1]) for own in (ODD, "heavy")]
        top = json.loads(get("/api/top?limit=100")[1])["results"]
        put = [get("/api/stimuli", {"node": ODD, "delta": 2.0, "id": "mine"}) for _ in range(2)]
        share = get("/api/stimuli", {"budget": 2.0, "candidates": {ODD: 0.5}})
        wrong = get("/api/stimuli", {"node": "nobody", "delta": 2.0}), get("/api/node/nobody"), get("/metrics")
        searched = [get(f"/api/search?q={quote(text)}&limit=3") for text in ("n0", "wHOLE g", "%' OR 1=1 //")]
        graph = json.loads(get("/api/graph?limit=100")[1])
        return searched, graph, node, top, put, share, wrong, json.loads(get("/api/status")[1]), get("/healthz")

    threads = threading.active_count()
    answered = asking(port, of_nobody)
    serve(port=port)
    searched, graph, (odd, heavy), top, put, share, wrong, standing, health = answered.result(SOON)
    assert (odd["id"], odd["type"], odd["active"]) == (ODD, "Task", True)
    assert odd["energy"] == next(row["energy"] for row in top if row["id"] == ODD)
    assert (heavy["energy"], heavy["active"]) == (None, False)
    assert heavy["links"] == [
        {"target": "target", "label": None, "type": "R", "log_weight": 0.5, "z": pytest.approx(z_of(store, "R", 0.5))}
    ]
    by_id, by_label, by_nothing = (json.loads(body)["results"] for _, body in searched)
    assert [row["id"] for row in by_id] == ["n000", "n001", "n002"]
    assert [(row["id"], row["label"]) for row in by_label] == [("labelled", "Whole Grain")]
    assert by_nothing == []
    shown = {row["id"] for row in graph["nodes"]}
    assert shown == {row["id"] for row in top}
    among = [
        (a, kind, b, weight)
        for a, kind, b, weight in store.links()
        if {a, b} <= shown and a != b and weight is not None
    ]
    assert among
    assert {(link["source"], link["type"], link["target"], link["log_weight"]) for link in graph["links"]} >= set(among)
    assert all(link["z"] == pytest.approx(z_of(store, link["type"], link["log_weight"])) for link in graph["links"])
    assert [json.loads(body)["state"] for _, body in put] == ["queued", "waiting"]
    assert share[0] == 202
    assert [code for code, _ in wrong] == [422, 404, 409]
    assert (standing["stimuli"]["pending"], standing["worker"], standing["quarantined"]) == (2, None, 1)
    assert health[0] == 200
    assert threading.active_count() <= threads + 1
