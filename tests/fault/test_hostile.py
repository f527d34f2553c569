"""Names and values that look like code, on a real Neo4j: stored, moved and shown as they are, and nothing beside them is touched.

A world has the worker's graph, another graph with nodes of the same ids, and what a user keeps beside both. Whatever the
worker and the commands do to the first, the others and the schema stay as they were, to the last property.
"""

import csv
import gc
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from unittest import mock

import hypothesis
import orjson
import pandas as pd
import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from worker.cli import main
from worker.cli.app import app
from worker.cli.plain import plain
from worker.errors import InputError, StrideError
from worker.events import FileSink
from worker.events.models import KINDS
from worker.graph import desk
from worker.graph.attach import attach, detach
from worker.graph.neo4j import Neo4jGraph
from worker.graph.texts import separator
from worker.settings import EventsSettings, Settings
from worker.table_files import columns
from worker.tables import Table
from worker.tick import tick

pytestmark = pytest.mark.neo4j
FRAGMENTS = [
    *"'\"`\\\n\r\t;$%#*:/?~^|&+-=(){}[]<>!., 0",
    "'}) DETACH DELETE n //",
    '"}) DETACH DELETE n //',
    "`) DETACH DELETE n //",
    "T`]->() MATCH (m) DETACH DELETE m //",
    "\\u0060) DETACH DELETE n //",
    "\\u0027",
    "*/ CREATE USER eve SET PASSWORD 'password' //",
    "CALL { MATCH (n) DETACH DELETE n } //",
    "$graph",
    "$(n.id)",
    "{graph}",
    "{0.__class__}",
    "%s%n%(graph)s",
    "${jndi:ldap://127.0.0.1/a}",
    "$(touch /tmp/owned)",
    "../../../etc/passwd",
    "=HYPERLINK(A1)",
    "__Neo4jMigration",
    "__proto__",
    "MEMBER_OF",
    "Ledger",
    "default",
    ".*",
    "(?i)a|b",
    'AND "x" ~2^4 OR *:*',
    "\n0",
    "\n\n0\n1",
    "\x1b[31m\x1b]0;owned\x07\x1b[2J",
    "\x9b31m",
    "\x85\u2028\u2029",
    "\u202eevil\u202c",
    "\u0000",
    "[bold red]",
    "[/]",
    ":coffee:",
    '"},{"kind":"frame.end.v1"',
    "\ud7ff\ue000\ufffe\U0010ffff",
    "e\u0301é",
    "x" * 150,
]
UNSEEN = {chr(code) for code in (*range(10), *range(11, 32), *range(127, 160))} | set(
    "\u202a\u202b\u202d\u202e\u2028\u2029"
)
texts = st.one_of(
    st.sampled_from(FRAGMENTS),
    st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=4).map("".join),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
)
names = texts.map(lambda text: text[:200])  # of graphs
kinds = texts.map(lambda text: text.replace("\0", "0"))  # of labels and types: Neo4j itself takes no NUL there
distinct = st.lists(texts, min_size=3, max_size=5, unique=True)
LABELS = ("RejectedStimulus", "AppliedStimulus", "Stimulus", "Visits", "WeightStats", "Ledger")  # the worker's own
EMPTIED = (
    "MATCH (n) WHERE n.graph IS NOT NULL OR n:Own OR n:Node DETACH DELETE n"  # also what has a label of the migrations'
)
OWN = {"energy", "energy_at", "visits", "retention"}  # what a tick may change of a node
HOW = {
    "decay": {"settle": 5.0, "half_life": {"*": 60.0}},
    "weight_decay": {"enabled": True, "every": 5.0},
    "consolidation": {"enabled": True},
    "lease": {"ttl": 60},
}


def few(most):
    """Run a test by few examples, each some hundred round trips; in the matrix of reliability by as many as are asked for."""
    asked = hypothesis.settings.default.max_examples
    return hypothesis.settings(max_examples=asked if "FULL" in os.environ else min(most, asked))


worlds = st.fixed_dictionaries(
    {
        "graphs": st.lists(names, min_size=2, max_size=2, unique=True),
        "ids": distinct,
        "types": st.lists(kinds, min_size=2, max_size=2),
        "labels": st.lists(kinds.filter(lambda kind: kind not in {*LABELS, "Node", "Entity"}), min_size=2, max_size=2),
        "entities": st.lists(texts, min_size=1, max_size=2, unique=True),
        "stimuli": st.lists(texts, min_size=2, max_size=2, unique=True),
        "source": texts,
        "value": texts,
    }
)


def said(value):
    """Return a value as a text that does not depend on the order in which the server gives its properties."""
    if isinstance(value, dict):
        return repr(sorted((key, said(inner)) for key, inner in value.items()))
    return repr([said(inner) for inner in value]) if isinstance(value, list | tuple) else repr(value)


class World:
    """A hostile graph, another one of the same ids, and a user's own nodes beside them."""

    def __init__(self, connection, plan):
        self.connection, self.plan = connection, plan
        connection.statement(EMPTIED)
        self.graph, self.other = (Neo4jGraph(connection, name) for name in plan["graphs"])
        for graph in (self.graph, self.other):
            self.fill(graph.name)
        self.user_graph()
        self.settings = Settings.read(graph=self.graph.name, **HOW)
        self.ran(self.other, Settings.read(graph=self.other.name, **HOW), ticks=1)

    def fill(self, graph):
        """Write what any client may, by parameters."""
        plan = self.plan
        keyed = [
            {"id": own, "type": plan["types"][0], "label": plan["value"], "note": plan["value"]} for own in plan["ids"]
        ]
        self.connection.statement(
            """UNWIND range(0, size($nodes) - 1) AS k
            CREATE (n:Node:$($labels) {graph: $graph, energy: 3.0, emotion: [1.0, 0.0]}) SET n += $nodes[k]
            WITH collect(n) AS each
            UNWIND range(0, size(each) - 1) AS k
            WITH each, k, each[k] AS a, each[(k + 1) % size(each)] AS b
            CREATE (a)-[:$($kind) {log_weight: 0.5 * k, note: $note}]->(b)
            CREATE (b)-[:$($other) {log_weight: -0.1 * k}]->(a)
            WITH DISTINCT each UNWIND $entities AS own
            MERGE (e:Entity {graph: $graph, id: own})
            WITH each, e UNWIND each AS n CREATE (n)-[:MEMBER_OF {weight: 1.5}]->(e)""",
            graph=graph,
            nodes=keyed,
            labels=plan["labels"],
            kind=plan["types"][0],
            other=plan["types"][1],
            note=plan["value"],
            entities=plan["entities"],
        )

    def user_graph(self):
        """Write what is none of the worker's business, some of it tied to its nodes."""
        self.connection.statement(
            """CREATE (a:Own:$($labels) {id: $id, energy: 5.0, note: $note})-[:$($kind) {log_weight: 1.0}]->(b:Own {id: $id})
            CREATE (:Node {id: $id, energy: 7.0, note: $note})
            WITH a MATCH (n:Node {graph: $graph, id: $id}) CREATE (a)-[:$($kind) {log_weight: 2.0}]->(n)-[:KNOWS {since: 1}]->(a)""",
            labels=self.plan["labels"],
            kind=self.plan["types"][0],
            id=self.plan["ids"][0],
            note=self.plan["value"],
            graph=self.graph.name,
        )

    def ran(self, graph, settings, ticks=3, sink=None):
        """Attach, tick and let go; return the frames' events, each a line."""
        held = attach(graph, settings, "me")
        for _ in range(ticks):
            frame = tick(held, 4.0)
            assert abs(frame.conservation_error) <= 1e-9 * max(1.0, frame.energy_total)
            if sink:
                sink.frame(frame)
            held.resident.rejected.clear()
        detach(held)

    def beside(self):
        """Return all that is not this graph's own: nodes, relationships, schema, users."""
        known = {"graph": self.graph.name}
        rows = self.connection.statement(
            "MATCH (n) WHERE coalesce(n.graph, '') <> $graph RETURN labels(n) AS labels, properties(n) AS p", **known
        )
        ties = self.connection.statement(
            """MATCH (a)-[r]->(b) WHERE coalesce(a.graph, '') <> $graph OR coalesce(b.graph, '') <> $graph
            RETURN type(r) AS type, properties(r) AS p, labels(a) AS a, labels(b) AS b""",
            **known,
        )
        return sorted(map(said, rows)), sorted(map(said, ties)), self.schema()

    def schema(self):
        texts = (
            "SHOW CONSTRAINTS YIELD name",
            "SHOW INDEXES YIELD name",
            "SHOW USERS YIELD user",
            "CALL db.labels() YIELD label RETURN label",
            "CALL db.relationshipTypes() YIELD relationshipType RETURN relationshipType",
        )
        return [sorted(map(said, self.connection.statement(text))) for text in texts]

    def own(self):
        """Return this graph's nodes and links without what a tick changes."""
        nodes = self.connection.statement(
            "MATCH (n:Node {graph: $graph}) RETURN labels(n) AS labels, properties(n) AS p", graph=self.graph.name
        )
        links = self.connection.statement(
            """MATCH (a:Node {graph: $graph})-[r]->(b) RETURN a.id AS a, type(r) AS type, coalesce(b.id, '') AS b,
            r {.*, log_weight: null} AS p""",
            graph=self.graph.name,
        )
        rows = [(sorted(row["labels"]), {k: v for k, v in row["p"].items() if k not in OWN}) for row in nodes]
        return sorted(map(said, rows)), sorted(map(said, links))


@pytest.fixture
def tokens(connection):
    """Let every label of the worker's own be known already, so that a new one is one that should not be there."""
    for label in LABELS:
        connection.statement("CREATE (n:$($label)) DELETE n", label=label)
    yield connection
    connection.statement(EMPTIED)


@pytest.mark.timeout(1500)
@few(25)
@given(worlds)
@example(
    {
        "graphs": ["'}) DETACH DELETE n //", "$graph"],
        "ids": ["\n", "\n0", "0", "\0"],
        "types": ["`", "T`]->() DETACH DELETE n //"],
        "labels": ["`) DETACH DELETE n //", "ledger"],
        "entities": ["\n"],
        "stimuli": ["\0", "x"],
        "source": "\x1b[31m",
        "value": "\0",
    }
)
def test_ticks_move_energy_in_their_own_graph_and_write_nothing_else(tokens, tmp_path, plan):
    world = World(tokens, plan)
    for own in plan["stimuli"]:
        amount = desk.Direct(plan["ids"][0], 1.5)
        assert desk.inject(world.graph, amount, own, plan["source"], 1e9) == "queued"
    beside, own = world.beside(), world.own()
    file = tmp_path / "events.jsonl"
    file.unlink(missing_ok=True)
    sink = FileSink(EventsSettings(file=file), world.graph.name)
    world.ran(world.graph, world.settings, sink=sink)
    sink.close()
    assert world.beside() == beside
    assert world.own() == own
    examine_status(world)
    assert desk.inject(world.graph, desk.Direct(plan["ids"][0], 1.5), plan["stimuli"][0], "", 1e9) == "applied"
    assert {row["id"] for row in desk.top(world.graph, world.settings, 100)} == set(plan["ids"])
    examine_events(file.read_bytes(), world)


def examine_status(world):
    status = desk.status(world.graph, world.settings)
    assert status["graph"] == world.graph.name
    assert (status["tick"], status["nodes"], status["links"]) == (3, len(world.plan["ids"]), 2 * len(world.plan["ids"]))
    assert status["stimuli"] == {"pending": 0, "applied": 2, "rejected": 0}
    assert status["books"]["injected"] == pytest.approx(3.0)
    assert abs(status["conservation_error"]) <= 1e-9 * max(1.0, status["energy_total"])


def examine_events(written, world):
    found = [orjson.loads(line) for line in written.splitlines()]
    assert written.count(b"\n") == len(found)
    ids = set(world.plan["ids"])
    for event in found:
        KINDS[event["kind"]].model_validate(event)
        assert event["graph"] == world.graph.name
        assert {event[name] for name in ("node", "src", "tgt") if name in event} <= ids
    assert {event["id"] for event in found if event["kind"] == "stimulus.injected.v1"} == set(world.plan["stimuli"])
    assert {event["source"] for event in found if event["kind"] == "stimulus.injected.v1"} == {world.plan["source"]}
    assert len([event for event in found if event["kind"] == "frame.end.v1"]) == 3


@pytest.fixture
def command(connection, monkeypatch):
    """Run a command in this process, and hold its output to what a terminal may be sent."""
    settings = connection.settings
    monkeypatch.setenv("STRIDE_NEO4J__URI", settings.uri)
    monkeypatch.setenv("STRIDE_NEO4J__USER", settings.user)
    monkeypatch.setenv("STRIDE_NEO4J__PASSWORD", settings.password.get_secret_value())

    def command(*arguments, fails=False):
        done = CliRunner().invoke(app, arguments)
        output = done.stdout + done.stderr
        assert not UNSEEN & set(output), output
        if fails:
            assert isinstance(done.exception, StrideError), output
        else:
            assert done.exit_code == 0, (arguments, output, done.exception)
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    yield command
    structlog.reset_defaults()


@pytest.mark.timeout(600)
@few(10)
@given(worlds)
@example(
    {
        "graphs": ["\x1b[2J[bold]", "[/]"],
        "ids": ["\x1b]0;owned\x07", "[/dim]", "\u202e:coffee:", "\x9b31m\\"],
        "types": ["\x1b[31m", "[link=file:///etc/passwd]"],
        "labels": ["a", "b"],
        "entities": ["\x1b"],
        "stimuli": ["\n\x1b", "\\"],
        "source": "\x07",
        "value": "\x1b[5m\nforged line",
    }
)
def test_commands_take_any_name_and_tell_of_it_without_obeying_it(tokens, command, tmp_path, plan):
    world = World(tokens, plan)
    node, named = plan["ids"][0], ("--graph", world.graph.name)
    set_first(world, threshold="\x1b[31mhigh", emotion="\x1b[31m")
    beside, own = world.beside(), world.own()
    for number, stimulus in enumerate(plan["stimuli"]):
        given = ("inject", f"--id={stimulus}", f"--source={plan['source']}", *named, *(["--json"] if number else []))
        told = command(*given, "--", node, "1.5")
        assert "queued" in str(told)
    budget = command("inject", "--json", "--budget=1", *named, "--", f"{node}=0.5", f"{plan['ids'][1]}=0.5")
    assert list(budget["candidates"]) == plan["ids"][:2]
    command("inject", *named, "--", node + "absent", "1", fails=True)
    command("run", "--ticks=2", *named)
    assert world.beside() == beside
    assert world.own() == own
    assert plain(world.graph.name) in command("status", *named)
    assert command("status", "--json", *named)["stimuli"]["applied"] == 3
    top = command("top", "--json", *named)
    assert {row["id"] for row in top["results"]} == set(plan["ids"])
    command("top", *named)
    problems = command("check", "--json", *named)["problems"]
    assert {
        problem["identity"] for problem in problems if problem["what"] == "node" and "threshold" in problem["why"]
    } == {node}
    command("check", *named)
    how = ("compare", "--b=select.topk=2", "--ticks=2", f"--stimulus={node}=2", *named)
    compared = command(*how, "--json", f"--nodes={tmp_path / 'nodes.parquet'}", f"--plot={tmp_path / 'plot.svg'}")
    assert compared["stimuli"] == [{"node": node, "energy": 2.0}]
    assert set(pd.read_parquet(tmp_path / "nodes.parquet")["id"]) == set(plan["ids"])
    command(*how)
    assert world.beside() == beside


def set_first(world, **properties):
    world.connection.statement(
        "MATCH (n:Node {graph: $graph, id: $id}) SET n += $properties",
        graph=world.graph.name,
        id=world.plan["ids"][0],
        properties=properties,
    )


@few(15)
@given(plan=worlds, column=kinds, as_csv=st.booleans())
@example(
    plan={
        "graphs": ["a", "b"],
        "ids": ["=cmd()", "\0", "\r"],
        "types": ["`", "\r\n"],
        "entities": ["\0"],
        "value": "\0",
    },
    column="n`",
    as_csv=True,
)
def test_imports_take_any_text_as_text(tokens, command, tmp_path, plan, column, as_csv):
    tokens.statement(EMPTIED)
    ids, (graph, other) = plan["ids"], plan["graphs"]
    tokens.statement("UNWIND $ids AS id CREATE (:Node {graph: $graph, id: id, energy: 1.0})", ids=ids, graph=other)
    before = tokens.statement("MATCH (n {graph: $graph}) RETURN properties(n) AS p", graph=other)
    column = f"x{column}"
    tables = {
        "nodes": pd.DataFrame({"id": ids, "type": plan["types"][0], column: plan["value"]}),
        "links": pd.DataFrame({"source": ids, "target": ids[1:] + ids[:1], "type": plan["types"][1], "weight": 1.0}),
        "members": pd.DataFrame({"node": ids, "entity": plan["entities"][0], column: plan["value"]}),
    }
    arguments = [f"--{kind}={write(table, tmp_path / kind, as_csv)}" for kind, table in tables.items()]
    done = command("import", "--json", "--graph", graph, *arguments)
    nul = as_csv and "\0" in "".join([*ids, column, plan["value"], *plan["types"], *plan["entities"]])
    if not nul:  # no CSV can carry one
        assert (done["nodes_created"], done["links_created"], done["rejected"]) == (len(ids), len(ids), 0)
        found = tokens.statement("MATCH (n:Node {graph: $graph}) RETURN properties(n) AS p", graph=graph)
        assert sorted((row["p"]["id"], row["p"][column]) for row in found) == sorted(
            (own, plan["value"]) for own in ids
        )
        links = tokens.statement(
            "MATCH (:Node {graph: $graph})-[r]->(:Node) RETURN DISTINCT type(r) AS type", graph=graph
        )
        assert [row["type"] for row in links] == [plan["types"][1]]
    assert tokens.statement("MATCH (n {graph: $graph}) RETURN properties(n) AS p", graph=other) == before


def write(table, path, as_csv):
    if not as_csv:
        path = path.with_suffix(".parquet")
        table.to_parquet(path, index=False)
        return path
    path = path.with_suffix(".csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, quoting=csv.QUOTE_ALL)
        rows.writerow(table.columns)
        rows.writerows(table.itertuples(index=False))
    return path


@pytest.fixture
def bounded():
    """Hold this process to 4 GB more than it has: what reads without end fails here, and not the machine."""
    gc.collect()
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (4 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def refused(path, kind="nodes"):
    """Read a table to its end; return why it is refused, as a whole or in each row."""
    try:
        return "\n".join(row.reason for chunk in Table.open(path, kind).chunks() for row in chunk.rejected)
    except InputError as error:
        return str(error)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "socket", "nothing"])
def test_what_is_no_file_is_refused_at_once(tmp_path, bounded, kind):
    path = tmp_path / "x.csv"
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        subprocess.run(
            [sys.executable, "-c", f"import socket; socket.socket(socket.AF_UNIX).bind({str(path)!r})"], check=True
        )
    with pytest.raises(InputError, match=r"regular file|directory|No such"):
        columns(path)


ROW = b"id,note\n"
BAD_FILES = {
    "not UTF-8": (ROW + b"a,\xff\xfe\n", "not UTF-8"),
    "not UTF-8 far in": (ROW + b"a,b\n" * 300_000 + b"c,\xff\n", "not UTF-8"),
    "UTF-16": ("id,note\na,b\n".encode("utf-16"), "not UTF-8"),
    "half a surrogate pair": (ROW + b"\xed\xa0\x80,x\n", "not UTF-8"),
    "wrong columns": (b"name,note\na,b\n", "no column 'id'"),
    "a column twice": (b"id,id\na,b\n", "two columns"),
    "a column without a name": (b"id,\na,b\n", "a column is called"),
    "a column of the worker's own": (b"id,graph\na,b\n", "the worker's own"),
    "a column of no end": (b"id," + b"x" * 2_000_000 + b"\na,b\n", "a column is called"),
    "a quotation mark left open": (ROW + b'a,"' + b"x\n" * 100_000, "no CSV"),
    "too many fields": (ROW + b"a,b," + b"," * 100_000 + b"\n", "fields instead of 2"),
    "an id of no end": (ROW + b"x" * 20_000_000 + b",b\n", "longer than"),
    "gzip": (b"\x1f\x8b\x08\x00" + b"\x00" * 100, "UTF-8|column|empty|CSV"),
    "nothing but zeros": (b"\x00" * 1_000_000, "column|empty|CSV"),
    "nothing": (b"", "it is empty"),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", BAD_FILES)
def test_a_broken_file_is_refused_by_name_and_reason(tmp_path, bounded, name):
    content, why = BAD_FILES[name]
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    told = refused(path)
    assert why in told or any(part in told for part in why.split("|")), told[:500]
    assert len(told) < 10_000


@pytest.mark.parametrize("suffix", [".csv.gz", ".zip", ".pickle", ".xlsx", ""])
def test_what_could_unpack_or_run_is_not_read(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    with pytest.raises(InputError, match="files are read"):
        columns(path)


@pytest.mark.timeout(180)
def test_a_parquet_file_with_a_byte_of_it_changed_is_read_or_refused(tmp_path, bounded):
    path = tmp_path / "x.parquet"
    pd.DataFrame({"id": [f"n{i}" for i in range(50)], "note": "x"}).to_parquet(path)
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        refused(path)
    path.write_bytes(whole[:-20])
    assert "no Parquet file" in refused(path)


HOSTILE_SETTINGS = {
    "NEO4J": ("not json", '["hunter2"]', "[" * 100_000, "{"),
    "NEO4J__URI": (
        "bolt://neo4j:hunter2@127.0.0.1",
        "http://a:hunter2@b",
        "bolt://[",
        "bolt://x:y",
        "file:///etc/passwd",
    ),
    "NEO4J__PASSWORD": ("\udcff",),
    "NEO4J__TIMEOUT": ("$(touch owned)", "nan", "1e999", "\x1b[31m"),
    "GRAPH": ("", "x" * 201, "\udcff"),
    "TICK": ("1", "{", "[]"),
    "TICK__ALPHA": ("__import__('os').system('touch owned')", "${HOME}", "%s", "9" * 10_000),
    "DECAY__HALF_LIFE": ('{"*": ' + "[" * 100_000, '{"*": "1; rm"}', "!!python/object/apply:os.system ['touch owned']"),
    "STIMULUS__BATCH": ("9" * 5000, "0x10", "1_0\u202e"),
    "DATABASE__MEMORY": ("1g\n-XX:OnError=touch", "1g -version", "`id`"),
    "DATABASE__PORT": ("7687;id", "-1"),
    "EVENTS__FILE": ("/dev/null/x", "/proc/self/mem", "x" * 5000, "/"),
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in HOSTILE_SETTINGS.items() for value in values],
    ids=lambda text: text.encode("unicode_escape")[:30].decode(),
)
def test_a_hostile_setting_is_one_clear_line_and_is_never_run(monkeypatch, tmp_path, capsys, name, value):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"STRIDE_{name}", value)
    monkeypatch.setattr(sys, "argv", ["stridegraph", "run", "--ticks", "1"])
    with (
        mock.patch("worker.cli.run.connection_of", side_effect=AssertionError("it was taken")),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    structlog.reset_defaults()
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert f"STRIDE_{name}" in told
    assert len(told) < 10_000
    assert not UNSEEN & set(told)
    assert "hunter2" not in told
    assert not list(tmp_path.iterdir())


def test_an_argument_that_is_no_text_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["stridegraph", "inject", "\udcff", "1"])
    with pytest.raises(SystemExit):
        main()
    assert "not UTF-8" in capsys.readouterr().err


@given(st.lists(texts, min_size=1, max_size=8))
@example(["\n", "0", ""])
def test_ids_that_travel_as_one_text_come_apart_as_they_were(own):
    between = separator(own)
    assert between.join(own).split(between) == own


@given(st.text(st.characters(), max_size=30))
def test_what_is_shown_holds_nothing_that_a_terminal_obeys(text):
    assert not (UNSEEN | {"\n"}) & set(plain(text))
    plain(text).encode()
