"""What docs/how-to/secure.md grants: statements that Neo4j understands, all that the queries write, and no schema for `run`."""

import re
from pathlib import Path

import neo4j
import pytest
from neo4j import exceptions

from tests.stores import Neo4jStore, fill
from worker.graph import desk
from worker.graph.attach import attach, detach
from worker.graph.connection import Connection, Transaction
from worker.graph.migrate import migrate
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Settings
from worker.tick import tick

pytestmark = pytest.mark.neo4j
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "secure.md").read_text()
WORKER, IMPORT, ADOPT, MIGRATOR = (
    [text.strip() for text in block.split(";") if text.strip()]
    for block in re.findall(r"```cypher\n(.*?)```", PAGE, re.DOTALL)
)
STAGES = {
    "run": (WORKER, "commit decay intake lease load inspect"),
    "import": (WORKER + IMPORT, "import"),
    "snapshot": (WORKER + IMPORT, "snapshot"),
    "adopt": (WORKER + ADOPT, "adopt"),
}


@pytest.mark.smoke
@pytest.mark.parametrize("text", [*WORKER, *IMPORT, *ADOPT, *MIGRATOR])
def test_every_grant_is_one_that_neo4j_understands(connection, text):
    """Community refuses them all, but only what it has parsed: a slip of the pen would be an error of syntax."""
    with pytest.raises(exceptions.ClientError) as refused, connection._driver.session(database="system") as session:
        session.run(neo4j.Query(text)).consume()
    assert refused.value.code == "Neo.ClientError.Statement.UnsupportedAdministrationCommand", refused.value.message


@pytest.mark.parametrize("name", STAGES)
def test_every_label_that_a_query_writes_is_granted(name):
    """Read off the queries: what they create, merge, delete, label."""
    grants, stages = STAGES[name]
    granted = " ".join(grants)
    texts = [path.read_text() for stage in stages.split() for path in (ROOT / "cypher" / stage).glob("*.cypher")]
    code = re.sub(r"//.*", "", "\n".join(texts))
    used = set(re.findall(r"[(\w]:([A-Z][a-z]\w+)", code))
    assert used >= ({"Ledger", "Visits", "RejectedStimulus"} if name == "run" else {"Node", "Entity"})
    assert not [label for label in used if not re.search(rf"\b{label}\b", granted)]
    created = set(re.findall(r"(?:CREATE|MERGE) \(\w*:(\w+)", code))
    assert not [
        label
        for label in created
        if not re.search(rf"GRANT CREATE ON GRAPH neo4j NODES [^;]*\b{label}\b", "; ".join(grants))
    ]
    deleted = {
        label
        for text in texts
        for gone in re.findall(r"DELETE (\w+)", text)
        for label in re.findall(rf"\({gone}:(\w+)", text)
    }
    assert deleted >= ({"Visits", "RejectedStimulus"} if name == "run" else set())
    assert not [
        label
        for label in deleted
        if not re.search(rf"GRANT DELETE ON GRAPH neo4j NODES [^;]*\b{label}\b", "; ".join(grants))
    ]
    written = set(re.findall(r"\b(?:n|r)\.(\w+) = ", " ".join(re.findall(r"\bSET (.*)", code))))
    assert not [key for key in written if not re.search(rf"SET PROPERTY {{[^}}]*\b{key}\b", granted)]


def recorded(monkeypatch, sent):
    """Keep every text that goes to the database, with its parameters."""
    for kind in (Connection, Transaction):
        original = kind.statement

        def statement(self, text, *, original=original, **parameters):
            sent.append((text, parameters))
            return original(self, text, **parameters)

        monkeypatch.setattr(kind, "statement", statement)


def kinds(connection, sent):
    """Return what each text is to Neo4j: `r`, `rw`, `w`, or `s` for the schema."""
    with connection._driver.session() as session:
        plans = [session.run(neo4j.Query("EXPLAIN " + text), parameters) for text, parameters in sent]
        return {plan.consume().query_type for plan in plans}


def test_a_schema_that_is_up_to_date_is_only_read(connection, monkeypatch):
    sent = []
    recorded(monkeypatch, sent)
    assert migrate(connection) == []
    assert len(sent) == 1
    assert kinds(connection, sent[:1]) == {"r"}


def test_run_and_commands_need_no_right_to_the_schema(connection, monkeypatch):
    store = Neo4jStore(Neo4jGraph(connection, "default"))
    fill(store)
    how = {
        "decay": {"settle": 5.0},
        "weight_decay": {"enabled": True, "every": 5.0},
        "consolidation": {"enabled": True},
    }
    settings = Settings.read(**how)
    sent = []
    recorded(monkeypatch, sent)
    migrate(connection)
    held = attach(store.graph, settings, "me")
    desk.inject(store.graph, desk.Direct("n001", 1.0), "s", "test", 1e9)
    for _ in range(4):
        tick(held, 4.0)
    detach(held)
    desk.check(store.graph, settings)
    desk.status(store.graph, settings)
    desk.top(store.graph, settings, 5)
    assert len(sent) > 30
    assert kinds(connection, list({text: (text, known) for text, known in sent}.values())) <= {"r", "rw", "w"}
