"""Several graphs over several processes: they move when a process joins, stops or dies (RELIABILITY)."""

import time
from collections import Counter
from contextlib import ExitStack

import pytest

from tests.fault.processes import Process
from tests.stores import Neo4jStore, fill
from worker.fleet import share
from worker.graph.neo4j import Neo4jGraph

pytestmark = pytest.mark.neo4j
GRAPHS = ("a", "b", "c", "d", "e")
LEASE = 8.0  # s: longer than a busy machine leaves a process waiting
HOLDERS = (
    "MATCH (l:Ledger) WHERE l.expires > datetime.realtime().epochMillis RETURN l.graph AS graph, l.holder AS holder"
)


@pytest.fixture
def graphs(connection):
    made = {name: Neo4jStore(Neo4jGraph(connection, name)) for name in GRAPHS}
    for store in made.values():
        fill(store)
    return made


def joining(store, **settings):
    return Process(store, graphs=GRAPHS, STRIDE_LEASE__TTL=str(LEASE), STRIDE_PACE__FIXED="0.1", **settings)


def counts(connection, processes):
    """Return how many graphs each process holds."""
    held = Counter(int(row["holder"].split(":")[1]) for row in connection.statement(HOLDERS) if row["holder"])
    return [held.pop(process.pid, 0) for process in processes] + ([dict(held)] if held else [])


def await_counts(connection, processes, expected, seconds):
    deadline = time.monotonic() + seconds
    while (found := sorted(counts(connection, processes), key=str)) != sorted(expected):
        assert time.monotonic() < deadline, f"{found}, not {expected}"
        time.sleep(0.05)


def await_ticks(graphs, seconds=60.0):
    """Wait until every graph has ticked once more."""
    before = {name: store.graph.ledger().tick for name, store in graphs.items()}
    deadline = time.monotonic() + seconds
    for name, store in graphs.items():
        while store.graph.ledger().tick <= before[name]:
            assert time.monotonic() < deadline, f"{name} stands still"
            time.sleep(0.02)


@pytest.mark.rounds(1)
def test_graphs_are_shared_and_move(connection, graphs, seed):
    store = graphs["a"]
    with ExitStack() as stack:
        first = stack.enter_context(joining(store))
        await_counts(connection, [first], [5], 60)
        second = stack.enter_context(joining(store))
        await_counts(connection, [first, second], [2, 3], 60)
        third = stack.enter_context(joining(store))
        await_counts(connection, [first, second, third], [1, 2, 2], 60)
        await_ticks(graphs)
        first.kill()
        await_counts(connection, [second, third], [2, 3], 2 * LEASE)
        await_ticks(graphs)
        second.stop()
        await_counts(connection, [third], [5], LEASE)
        await_ticks(graphs)
        third.stop()
    assert counts(connection, []) == []
    done = Counter((frame["graph"], frame["frame"]) for process in (first, second, third) for frame in process.frames)
    assert set(done.values()) == {1}, "a tick was done twice"
    left = connection.statement("MATCH (p:StrideProcess) RETURN count(p) AS n")
    assert left == [{"n": 1}], "the one that was killed; those that stopped have left"
    books = [store.graph.ledger().books for store in graphs.values()]
    assert max(abs(each.error) for each in books) < 1e-9


def test_a_graph_that_cannot_be_worked_on_does_not_keep_the_others_from_it(connection, graphs, tmp_path):
    (tmp_path / "c.jsonl").mkdir()
    with joining(graphs["a"], STRIDE_EVENTS__FILE=str(tmp_path / "{graph}.jsonl")) as process:
        process.await_line("fleet.failed")
        assert "c.jsonl" in process.output
        await_counts(connection, [process], [4], 10)
        process.stop()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{graph}.jsonl" for graph in GRAPHS]


def test_a_process_ends_where_it_can_work_on_none(graphs, tmp_path):
    for graph in GRAPHS:
        (tmp_path / f"{graph}.jsonl").mkdir()
    with joining(graphs["a"], STRIDE_EVENTS__FILE=str(tmp_path / "{graph}.jsonl")) as process:
        assert "Traceback" not in process.finish(2)


@pytest.mark.parametrize("processes", range(1, 12))
@pytest.mark.parametrize("graphs", range(2, 9))
def test_shares_are_fair_and_leave_nothing(graphs, processes):
    shares = [share(graphs, rank, processes) for rank in range(processes)]
    assert sum(shares) == graphs
    assert max(shares) - min(shares) <= 1
