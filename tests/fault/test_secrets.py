"""The password, over whole sessions: nothing that is printed, logged, written or listed holds it."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
import structlog
from pydantic import SecretStr

from tests.stores import Neo4jStore, fill
from worker.cli import main
from worker.database import conf, process
from worker.errors import GraphError
from worker.graph.connection import Connection
from worker.graph.neo4j import Neo4jGraph
from worker.settings import Neo4jSettings

pytestmark = pytest.mark.neo4j
CANARY = "canary-6f1e0b7a"


@pytest.fixture
def canary(connection):
    """A user of the test server whose password is easy to search for."""
    connection.statement(f"CREATE OR REPLACE USER canary SET PASSWORD '{CANARY}' CHANGE NOT REQUIRED")
    yield connection.settings.model_copy(update={"user": "canary", "password": SecretStr(CANARY)})
    connection.statement("DROP USER canary")


@pytest.fixture
def session(canary, tmp_path):
    """Run commands in processes of their own; keep all that they print, and every command line that was seen meanwhile."""
    seen = []

    def run(*arguments, code=0, **environment):
        env = {key: value for key, value in os.environ.items() if not key.startswith("STRIDE")}
        env |= {"STRIDE_NEO4J__URI": canary.uri, "STRIDE_NEO4J__USER": canary.user, "STRIDE_NEO4J__PASSWORD": CANARY}
        env |= {"STRIDE_EVENTS__FILE": str(tmp_path / "events.jsonl"), "STRIDE_PACE__FIXED": "0.05", **environment}
        command = [sys.executable, "-m", "worker.cli", *arguments]
        started = psutil.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        )
        over = threading.Event()
        watcher = threading.Thread(target=watch, args=(started, over, seen))
        watcher.start()
        output, errors = started.communicate(timeout=120)
        over.set()
        watcher.join()
        assert started.returncode == code, output + errors
        assert "Traceback" not in errors
        seen.extend([output, errors])
        return output + errors

    yield run
    written = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert any("--ticks" in text or "worker.cli" in text for text in seen)  # command lines were looked at
    assert not [text for text in [*seen, *written] if CANARY in text]


def watch(started, over, seen):
    """Note the command line of a process, and of all that it starts."""
    while not over.wait(0.05):
        try:
            seen.extend(" ".join(each.cmdline()) for each in (started, *started.children(recursive=True)))
        except psutil.Error:
            return


def test_a_whole_session_never_tells_the_password(canary, session, connection):
    store = Neo4jStore(Neo4jGraph(connection, "default"))
    fill(store)
    store.node(id="bad", energy="much")
    session("run", "--ticks", "2")
    session("run", "--ticks", "2", "--json")
    session("check")
    session("inject", "nobody", "1", code=2)


@pytest.fixture
def told(canary, monkeypatch, capsys):
    """Run a command in this process, and return its exit code and all that it printed: nowhere the password."""

    def told(*arguments, **environment):
        for name, value in (("URI", canary.uri), ("USER", canary.user), ("PASSWORD", CANARY), ("TIMEOUT", "1")):
            monkeypatch.setenv(f"STRIDE_NEO4J__{name}", value)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["stridegraph", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = "".join(capsys.readouterr())
        assert CANARY not in printed
        return ended.value.code, printed

    yield told
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "command", [["status"], ["top", "--json"], ["migrate"], ["compare", "--b=select.topk=2", "--ticks=1"]]
)
def test_no_command_tells_the_password(told, command):
    assert told(*command)[0] == 0


@pytest.mark.parametrize(
    "environment",
    [
        {"STRIDE_NEO4J__URI": "bolt://127.0.0.1:1"},
        {"STRIDE_NEO4J__URI": "bolt://nowhere.invalid:7687"},
        {"STRIDE_NEO4J__USER": "nobody"},
        {"STRIDE_NEO4J__DATABASE": "absent"},
        {"STRIDE_NEO4J__DATABASE": CANARY.replace("canary", "other")},
    ],
    ids=["nobody listens", "no such host", "no such user", "no such database", "odd database"],
)
def test_a_session_that_fails_never_tells_the_password(told, environment):
    code, printed = told("status", "--json", **environment)
    assert code == 1
    assert "stridegraph:" in printed


@pytest.mark.parametrize(
    "environment",
    [
        {"STRIDE_NEO4J__URI": f"bolt://neo4j:{CANARY}@127.0.0.1:7687"},
        {"STRIDE_NEO4J__URI": f"http://neo4j:{CANARY}@127.0.0.1:7687"},
        {"STRIDE_NEO4J__URI": f"neo4j+s://{CANARY}@["},
        {"STRIDE_NEO4J": f'["{CANARY}"]'},
        {"STRIDE_NEO4J": f'{{"password": "{CANARY}"'},
        {"STRIDE_NEO4J": f'{{"password": ["{CANARY}"]}}', "STRIDE_NEO4J__TIMEOUT": "soon"},
        {"STRIDE_NEO4J__PASWORD": CANARY},
        {"STRIDE_NEO4J__TIMEOUT": "soon"},
    ],
)
def test_settings_that_are_wrong_never_tell_the_password(told, environment):
    code, printed = told("run", **environment)
    assert code == 2
    assert "STRIDE_NEO4J" in printed


def test_errors_and_settings_in_memory_never_hold_the_password(canary):
    for changes in ({"uri": "bolt://127.0.0.1:1"}, {"user": "nobody"}, {"database": "absent"}):
        settings = canary.model_copy(update={**changes, "timeout": 1.0})
        with Connection(settings) as wrong, pytest.raises(GraphError) as refused:
            wrong.verify()
        error = refused.value
        while error:
            assert CANARY not in f"{error} {error!r} {error.args} {vars(error)}"
            error = error.__cause__ or error.__context__
    dumps = (repr(canary), str(canary), canary.model_dump_json(), str(canary.model_dump()))
    assert not [text for text in dumps if CANARY in text]


def test_a_server_that_is_started_gets_no_setting_of_the_worker(tmp_path, monkeypatch):
    monkeypatch.setenv("STRIDE_NEO4J__PASSWORD", CANARY)
    arguments = tmp_path / "java.args"
    arguments.write_text("")
    (tmp_path / "log").touch()
    told = tmp_path / "told"
    os.mkfifo(told)
    java = tmp_path / "java"
    java.write_text(f'#!/bin/sh\n{{ env; echo "$@"; }} > "{told}"\nexec sleep 60\n')
    java.chmod(0o700)
    server = process.spawn(java, arguments, tmp_path / "log")
    try:
        given = told.read_text()
        assert CANARY not in given
        assert "PATH=" in given
        assert f"@{arguments}" in given
    finally:
        process.stop(server, 5)


def test_nothing_of_a_folders_name_becomes_an_argument_of_java(tmp_path):
    home = Path('/tmp/a "\n-XX:OnOutOfMemoryError=touch owned\r"')
    lines = conf.java_arguments("2026.08.1", "512m", home, [home / "a.jar"]).splitlines()
    assert not [line for line in lines if line.startswith("-") or "\r" in line]
    assert all(line.startswith('"') and line.endswith('"') for line in lines)


@pytest.mark.parametrize("uri", ["bolt://a:b@c", "neo4j+s://a@c", "bolt://@c"])
def test_a_uri_with_a_user_in_it_is_no_setting(uri):
    with pytest.raises(ValueError, match="it carries a user or a password"):
        Neo4jSettings(uri=uri)
