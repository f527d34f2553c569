"""Every row of the table of failures, played to a real worker on a real Neo4j by a peer that answers as a cluster may."""

import threading
import time

import pytest

from tests.fault import processes
from tests.fault.bolt_peer import CUT, FOREVER, GARBAGE, NO_VERSION, Peer, Strike
from tests.fault.certificates import self_signed
from tests.stores import Neo4jStore, fill, state
from worker.errors import (
    Busy,
    CommitUnknown,
    ForeignChange,
    Refused,
    SchemaError,
    TooLarge,
    Unexpected,
    Unreachable,
)
from worker.graph.connection import Connection
from worker.graph.failures import TABLE
from worker.graph.migrate import migrate
from worker.graph.neo4j import Neo4jGraph
from worker.graph.queries import query
from worker.loop import Worker
from worker.settings import Settings

pytestmark = pytest.mark.neo4j
TICKS = 8
SETTINGS = {
    "pace": {"fixed": 0.02},
    "lease": {"ttl": 1.0},
    "decay": {"settle": 0.05, "half_life": {"*": 9.0}},
    "weight_decay": {"enabled": True, "every": 0.05, "half_life": {"*": 1e-6}},
}
EXAMPLES = {  # of the rows that stand for many codes
    "Neo.ClientError.Routing.": "Neo.ClientError.Routing.DbmsInPanic",
    "Neo.DatabaseError.Database.": "Neo.DatabaseError.Database.UnableToStartDatabase",
    "Neo.ClientError.Security.": "Neo.ClientError.Security.Unauthorized",
    "Neo.ClientError.Schema.": "Neo.ClientError.Schema.ConstraintViolation",
    "Neo.DatabaseError.Schema.": "Neo.DatabaseError.Schema.TokenLimitReached",
    "Neo.TransientError.": "Neo.TransientError.Transaction.LeaseExpired",
    "Neo.DatabaseError.": "Neo.DatabaseError.General.UnknownError",
    "Neo4jError": "Neo.ClientError.Statement.SyntaxError",
}
GOES_ON = (Unreachable, Busy, CommitUnknown)
ENDS = (Refused, SchemaError, Unexpected)


def name(row):
    return row.says if isinstance(row.says, str) else row.says.__name__


def rows(*errors, says=str):
    """Return the rows of these errors that are codes, or that are classes of exceptions."""
    found = [row for row in TABLE if row.error in errors and (isinstance(row.says, says) or name(row) in EXAMPLES)]
    return pytest.mark.parametrize("row", found, ids=name)


def code(row):
    """Return the code that plays a row."""
    return EXAMPLES[name(row)] if name(row).endswith(".") or name(row) in EXAMPLES else row.says


def ran(text):
    """Return what a RUN of a query contains, and no other."""
    return {"message": "RUN", "text": query(text).splitlines()[0]}


TAKE, APPLY, CLOSE = ran("lease/take"), ran("commit/apply"), ran("decay/close")


class Told:
    """A sink that keeps the states that it is told of."""

    def __init__(self):
        self.states, self.frames = [], 0

    def frame(self, frame):
        self.frames += 1

    def state(self, state, detail):
        self.states.append((state, detail))

    def why(self):
        """What the worker said each time that it waited."""
        return [detail for state, detail in self.states if state == "waiting for database"]

    def close(self):
        pass


def worker(disturbed, connection, ticks):
    graph, told = Neo4jGraph(connection, disturbed.graph.name), Told()
    settings = Settings(graph=graph.name, **SETTINGS)
    return Worker(graph, settings, told, prepare=lambda: migrate(connection), ticks=ticks), told


def reach(disturbed, uri, **changes):
    return Connection(disturbed.graph.connection.settings.model_copy(update={"uri": uri, **changes}))


def run(disturbed, uri, ticks=TICKS, **changes):
    with reach(disturbed, uri, **changes) as connection:
        one, told = worker(disturbed, connection, ticks)
        one.run()
    return told


@pytest.fixture
def disturbed(connection):
    made = Neo4jStore(Neo4jGraph(connection, "disturbed"))
    fill(made)
    return made


@pytest.fixture(scope="module")
def undisturbed():
    """The states that undisturbed runs leave, by how many ticks they were: they are all the same."""
    return {}


@pytest.fixture
def same(disturbed, undisturbed):
    """Do what is left of the ticks, and hold the run to an undisturbed one of as many, to the bit."""

    def compare():
        connection, ledger = disturbed.graph.connection, disturbed.graph.ledger()
        if left := TICKS - (ledger.tick if ledger else 0):
            run(disturbed, connection.settings.uri, max(left, 1))
        until = disturbed.graph.ledger().tick
        if until not in undisturbed:
            other = Neo4jStore(Neo4jGraph(connection, f"undisturbed {until}"))
            fill(other)
            run(other, connection.settings.uri, until)
            undisturbed[until] = state(other)
        assert state(disturbed) == undisturbed[until]

    return compare


def played(disturbed, *strikes, routing=False, **changes):
    """Run a worker through a peer until its ticks are done; return what it told, and the peer."""
    with Peer(disturbed.graph.connection.settings.uri, *strikes) as peer:
        told = run(disturbed, peer.routing_uri if routing else peer.uri, **changes)
        assert not peer.strikes, "a strike was never reached"
    return told, peer


@rows(*GOES_ON)
def test_it_waits_attaches_anew_and_goes_on_whenever_it_comes(disturbed, same, row):
    strikes = [
        Strike("BEGIN", code(row), at=2),
        Strike(code=code(row), at=2, **APPLY),
        Strike("COMMIT", code(row), at=2),
        Strike("COMMIT", code(row), at=2, after=True),
        Strike(code=code(row), at=2, **CLOSE),
        Strike(code=code(row), times=3, **TAKE),
        Strike(code=code(row), after=True, at=2, **CLOSE),
        Strike(code=code(row), after=True, **TAKE),
    ]
    told, peer = played(disturbed, *strikes)
    assert len(told.why()) == peer.struck == len(strikes) + 2
    assert all(row.means in why and code(row) in why and row.remedy in why for why in told.why())
    same()


@rows(ForeignChange)
def test_what_others_have_changed_is_read_again(disturbed, same, row):
    told, _ = played(disturbed, Strike(code=code(row), at=2, times=2, **APPLY))
    assert told.why() == []
    same()


@rows(ForeignChange, Refused, Unexpected)
def test_what_ends_a_statement_leaves_a_commit_open(disturbed, same, row):
    told, _ = played(disturbed, Strike("COMMIT", code(row), at=2), Strike("COMMIT", code(row), at=2, after=True))
    assert len(told.why()) == 2
    assert all("COMMIT was answered by an error" in why and row.means in why for why in told.why())
    same()


@rows(SchemaError)
def test_what_the_schema_does_not_allow_was_not_written(disturbed, same, row):
    for after in (False, True):
        with pytest.raises(SchemaError, match=row.means):
            played(disturbed, Strike("COMMIT", code(row), at=2, after=after))
    same()


@rows(TooLarge)
def test_what_is_too_large_is_done_in_a_smaller_tick(disturbed, same, row):
    told, _ = played(disturbed, Strike(code=code(row), at=2, **APPLY))
    assert told.why() == []
    same()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    "strike", [{"message": "COMMIT"}, ran("decay/settle"), CLOSE], ids=["commit", "settle", "close"]
)
def test_memory_that_runs_out_late_leaves_nothing_twice_or_undone(disturbed, same, strike, after):
    """In answer to COMMIT, or while the tick before is being closed: what is held may not be what is there any more."""
    memory = "Neo.TransientError.General.MemoryPoolOutOfMemoryError"
    told, _ = played(disturbed, Strike(code=memory, after=after, **{"at": 2, **strike}))
    assert told.why() == []
    same()


@rows(TooLarge, *ENDS)
def test_what_nothing_heals_ends_in_one_clear_line(disturbed, same, row):
    with Peer(disturbed.graph.connection.settings.uri, Strike(code=code(row), at=2, times=FOREVER, **APPLY)) as peer:
        ends(disturbed, peer.uri, row)
        assert peer.struck
    same()


def until(true, seconds=60):
    late = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < late
        time.sleep(0.02)


def ends(disturbed, uri, row):
    """Run a worker as a process: it ends with 1, and with what is wrong, and what to do, on one line each."""
    output = processes.run(disturbed, uri, TICKS, expected=1)
    first, second = output.splitlines()[-2:]
    assert first.startswith("stridegraph: ")
    assert row.means in first
    assert second == f"  → {row.remedy}"
    assert row.remedy
    assert "Traceback" not in output
    assert disturbed.graph.connection.settings.password.get_secret_value() not in output


# ---- the classes of exceptions: what the driver says by itself


def lost_commit(disturbed, row):
    told, _ = played(disturbed, Strike("COMMIT", CUT, at=2), Strike("COMMIT", CUT, at=2, after=True))
    assert [row.means in why for why in told.why()] == [True, True]


LOST = (
    {"message": "BEGIN"},
    APPLY,
    CLOSE,
    {**CLOSE, "after": True},
    TAKE,
    {**TAKE, "after": True},
)


def lost_connection(disturbed, row):
    told, _ = played(disturbed, *(Strike(code=CUT, at=1 if "lease" in str(where) else 2, **where) for where in LOST))
    assert len(told.why()) == len(LOST)
    assert all(row.means in why for why in told.why())


def lost_route(disturbed, row):
    told, peer = played(disturbed, Strike("BEGIN", CUT, at=2), Strike(code=CUT, at=2, **APPLY), routing=True)
    assert len(told.why()) == 2
    assert all(row.means in why for why in told.why())
    assert peer.routed == 3


def slow_route(disturbed, row):
    told, _ = played(disturbed, Strike("ROUTE", 1.5), routing=True, timeout=1.0)
    (why,) = told.why()
    assert row.means in why


def no_common_version(disturbed, row):
    with Peer(disturbed.graph.connection.settings.uri, greeting=NO_VERSION) as peer:
        ends(disturbed, peer.uri, row)


def garbage(disturbed, row):
    with Peer(disturbed.graph.connection.settings.uri, Strike(code=GARBAGE, at=1, **TAKE)) as peer:
        ends(disturbed, peer.uri, row)


def unknown_certificate(disturbed, row):
    with self_signed() as certificate, Peer(disturbed.graph.connection.settings.uri, certificate=certificate) as peer:
        for scheme in ("bolt+s", "neo4j+s"):
            ends(disturbed, f"{scheme}://{peer.address}", row)
        played_through = run(disturbed, f"bolt+ssc://{peer.address}", 2)
    assert played_through.frames == 2


def no_tls(disturbed, row):
    with (
        Peer(disturbed.graph.connection.settings.uri) as peer,
        reach(disturbed, f"bolt+s://{peer.address}") as connection,
    ):
        one, told = worker(disturbed, connection, TICKS)
        thread = threading.Thread(target=one.run)
        thread.start()
        until(lambda: len(told.why()) > 1)
        one.stop()
        thread.join(30)
    assert all(row.means in why and row.remedy in why for why in told.why())


def closed_driver(disturbed, row):
    connection = reach(disturbed, disturbed.graph.connection.settings.uri)
    connection.close()
    with pytest.raises(Unexpected, match=row.means):
        worker(disturbed, connection, TICKS)[0].run()


BY_CLASS = {
    "IncompleteCommit": lost_commit,
    "SSLCertVerificationError": unknown_certificate,
    "BoltSecurityError": no_tls,
    "ConfigurationError": no_common_version,
    "ServiceUnavailable": lost_connection,
    "SessionExpired": lost_route,
    "ConnectionPoolError": slow_route,
    "BoltError": garbage,
    "DriverError": closed_driver,
}


@pytest.mark.parametrize(
    "row", [row for row in TABLE if not isinstance(row.says, str) and name(row) != "Neo4jError"], ids=name
)
def test_what_the_driver_says_by_itself(disturbed, same, row):
    BY_CLASS[name(row)](disturbed, row)
    same()


def test_each_row_is_played_by_its_own_example():
    kinds = (*GOES_ON, *ENDS, TooLarge, ForeignChange)
    assert {row.error for row in TABLE} <= set(kinds)
    assert {name(row) for row in TABLE if not isinstance(row.says, str)} == BY_CLASS.keys() | {"Neo4jError"}
    assert EXAMPLES.keys() <= {name(row) for row in TABLE}


# ---- a cluster's routing


def test_the_leader_changes_and_the_new_one_is_found(disturbed, same):
    """Through `neo4j://`: the leader resigns, for a while there is none, and another server is elected."""
    uri = disturbed.graph.connection.settings.uri
    with Peer(uri) as new, Peer(uri) as old:

        def resign():
            old.leads = ""

        old.strikes.append(Strike("COMMIT", "Neo.ClientError.Cluster.NotALeader", at=2, then=resign))
        with reach(disturbed, old.routing_uri) as connection:
            one, told = worker(disturbed, connection, TICKS)
            thread = threading.Thread(target=one.run)
            thread.start()
            until(lambda: len(told.why()) > 2)
            before = old.forwarded["COMMIT"]
            old.leads = new.address
            thread.join(60)
        assert told.frames == TICKS
        assert old.routed > 2
        assert old.forwarded["COMMIT"] == before
        assert new.forwarded["COMMIT"] >= TICKS - 1
    assert "follows, and cannot write" in told.why()[0]
    same()
