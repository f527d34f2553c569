"""The local server, for real: up, down, up again, and everything that may stand in its way."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import neo4j
import psutil
import pytest

from worker.database import artifacts, conf, local_server, lock
from worker.database import server as under_test
from worker.errors import DatabaseError
from worker.settings import DatabaseSettings

pytestmark = pytest.mark.neo4j

DEFAULT = DatabaseSettings().version


def rows(settings, query, **parameters):
    """Run one query by a driver of its own."""
    auth = (settings.user, settings.password.get_secret_value())
    with neo4j.GraphDatabase.driver(settings.uri, auth=auth) as driver:
        return driver.execute_query(query, parameters, database_=settings.database).records


def server_in(home, version=DEFAULT, **settings):
    """Return a server with data of its own and the user's jars, which are fetched."""
    shared = local_server(DatabaseSettings(version=version))
    shared.fetch(print)
    return local_server(DatabaseSettings(home=home, version=version, memory="256m", **settings), jars=shared.jars)


@pytest.fixture
def make():
    """Make servers that are stopped when the test is over."""
    made = []

    def make(*arguments, **settings):
        made.append(server_in(*arguments, **settings))
        return made[-1]

    yield make
    for server in made:
        server.down()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Start one server that the tests that only look share; its folder has a name to stumble over."""
    server = server_in(tmp_path_factory.mktemp('a "home" with spaces'))
    server.up(print)
    yield server
    server.down()


@pytest.fixture
def repository(make, tmp_path, monkeypatch):
    """Serve the shared jars as a repository on this machine, and count what is asked for."""
    shared = make(tmp_path).jars
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def translate_path(self, path):
            asked.append(Path(path).name)
            return str(shared / Path(path).name)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(shared))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        repositories = {"local": f"http://127.0.0.1:{server.server_address[1]}"}
        monkeypatch.setattr("jgo.maven.MavenContext", lambda: SimpleNamespace(remote_repos=repositories))
        yield asked
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("version", lock.versions())
def test_data_and_password_outlive_down_and_up(make, tmp_path, version):
    server = make(tmp_path, version)
    assert not server.down()
    first = server.up(print)
    rows(first, "CREATE (:Probe {n: $n})", n=42)
    assert server.down()
    assert not server.status().running
    assert not server.down()
    second = server.up(print)
    assert second == first
    assert [row["n"] for row in rows(second, "MATCH (p:Probe) RETURN p.n AS n")] == [42]
    kernel = rows(second, "CALL dbms.components() YIELD name, versions, edition")[0]
    assert tuple(kernel) == ("Neo4j Kernel", [version], "community")


def test_a_second_up_changes_nothing(running):
    before = running.status()
    said = []
    settings = running.up(said.append)
    assert settings.uri == before.uri
    assert running.status() == before
    assert said == []
    assert before.running
    assert before.ready


def test_the_well_known_password_never_worked(running):
    driver = neo4j.GraphDatabase.driver(running.uri, auth=("neo4j", "neo4j"))
    with driver, pytest.raises(neo4j.exceptions.AuthError):
        driver.verify_connectivity()


def test_the_password_is_in_its_file_and_nowhere_else(running):
    password = running.up(print).password.get_secret_value()
    assert len(password) >= 32
    server = psutil.Process(running.status().pid)
    shown = [*server.cmdline(), *server.environ().values(), repr(running.up(print)), repr(running.status())]
    assert not [text for text in shown if password in text]
    files = [path for path in running.home.rglob("*") if path.is_file()]
    assert [path for path in files if password.encode() in path.read_bytes()] == [running.password_file]
    assert running.password_file.stat().st_mode & 0o777 == 0o600
    assert running.home.stat().st_mode & 0o777 == 0o700


def test_it_has_no_socket_but_bolt_on_the_loopback(running):
    sockets = psutil.Process(running.status().pid).net_connections("inet")
    listening = [each.laddr.port for each in sockets if each.status == psutil.CONN_LISTEN]
    assert [f"bolt://127.0.0.1:{port}" for port in listening] == [running.uri]
    assert {each.laddr.ip.removeprefix("::ffff:") for each in sockets} == {"127.0.0.1"}


def test_two_commands_at_once_start_one_server_that_outlives_them(make, tmp_path):
    server = make(tmp_path)
    server.home.mkdir(parents=True)
    (server.home / "lib").symlink_to(server.jars)
    command = [sys.executable, "-c", "from worker.cli.db import app; app()", "up", "--json"]
    environment = os.environ | {"STRIDE_DATABASE__HOME": str(tmp_path), "STRIDE_DATABASE__MEMORY": "256m"}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in "ab"]
    outputs = [each.communicate(timeout=200) for each in both]
    assert [each.returncode for each in both] == [0, 0], outputs
    told = [json.loads(stdout) for stdout, _ in outputs]
    assert told[0] == told[1]
    assert told[0]["ready"]
    assert sum(b"starting" in stderr for _, stderr in outputs) == 1
    assert server.status().pid == told[0]["pid"]
    assert psutil.Process(told[0]["pid"]).ppid() not in {each.pid for each in both}


def test_two_servers_at_once_get_ports_of_their_own(make, tmp_path):
    servers = [make(tmp_path / name) for name in "ab"]
    threads = [threading.Thread(target=server.up, args=(print,)) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(server.status().ready for server in servers)
    assert servers[0].uri != servers[1].uri


def test_a_killed_server_is_seen_and_started_again_with_its_data(make, tmp_path):
    server = make(tmp_path)
    settings = server.up(print)
    rows(settings, "CREATE (:Probe {n: 7})")
    killed = server.status().pid
    os.kill(killed, signal.SIGKILL)
    psutil.Process(killed).wait(10)
    assert not server.status().running
    again = server.up(print)
    assert again == settings
    assert server.status().pid != killed
    assert [row["n"] for row in rows(again, "MATCH (p:Probe) RETURN p.n AS n")] == [7]


def test_a_pid_that_went_to_another_program_is_left_alone(make, tmp_path):
    server = make(tmp_path)
    server._state.parent.mkdir(parents=True)
    server._state.write_text(json.dumps({"pid": os.getpid(), "port": 7687}))
    assert not server.status().running
    assert not server.down()
    server.up(print)
    assert server.status().pid != os.getpid()


def test_a_port_in_use_is_gone_around_or_told(make, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DatabaseError, match=f"port {port} is in use by another program"):
            make(tmp_path, port=port).up(print)
        server = make(tmp_path)
        server._state.write_text(json.dumps({"pid": 0, "port": port}))
        assert server.up(print).uri != f"bolt://127.0.0.1:{port}"
        assert server.status().ready


def test_a_flipped_byte_is_refused_by_name_and_fetched_again(make, repository, tmp_path):
    server = make(tmp_path)
    server.jars = shutil.copytree(server.jars, tmp_path / "jars")
    jar = next(server.jars.glob("neo4j-kernel-2*.jar"))
    whole = jar.read_bytes()
    jar.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    said = []
    server.fetch(said.append)
    assert f"{jar.name} is not the file that the lock names: fetching it again" in said
    assert repository == [jar.name]
    assert jar.read_bytes() == whole


def test_a_first_fetch_that_broke_off_goes_on_where_it_stopped(make, repository, tmp_path, monkeypatch):
    server = make(tmp_path)
    names = {each.name for each in server.jars.glob("*.jar")}
    server.jars = tmp_path / "jars"
    monkeypatch.setattr(artifacts._download.retry, "sleep", lambda _: None)
    chunks = artifacts._chunks

    def break_off(artifact):
        if len(repository) > 50:
            raise KeyboardInterrupt
        yield from chunks(artifact)

    monkeypatch.setattr(artifacts, "_chunks", break_off)
    with pytest.raises(KeyboardInterrupt):
        server.fetch(print)
    there = {each.name for each in server.jars.glob("*.jar")}
    assert 0 < len(there) < len(names)
    monkeypatch.setattr(artifacts, "_chunks", chunks)
    asked = len(repository)
    server.fetch(print)
    assert {each.name for each in server.jars.glob("*.jar")} == names
    assert sorted(repository[asked:]) == sorted(names - there)


def test_without_network_the_first_up_is_one_line(make, tmp_path, monkeypatch):
    nowhere = SimpleNamespace(remote_repos={"local": "http://127.0.0.1:9"})
    monkeypatch.setattr("jgo.maven.MavenContext", lambda: nowhere)
    monkeypatch.setattr(artifacts._download.retry, "sleep", lambda _: None)
    server = make(tmp_path)
    server.jars = tmp_path / "jars"
    with pytest.raises(DatabaseError, match="could not fetch") as caught:
        server.up(print)
    assert "network" in caught.value.remedy
    assert not server.status().running


def test_a_start_that_fails_shows_the_end_of_the_log(make, tmp_path, monkeypatch):
    good = conf.neo4j_conf
    monkeypatch.setattr(conf, "neo4j_conf", lambda *wanted: good(*wanted) + "server.no.such.setting=1\n")
    server = make(tmp_path)
    with pytest.raises(DatabaseError, match="ended while it started; its log ends with:") as caught:
        server.up(print)
    assert "server.no.such.setting" in str(caught.value)
    assert 2 <= str(caught.value).count("\n") <= under_test.LOG_LINES + 1
    assert re.search(r"more is in .*logs", caught.value.remedy)
    assert not server.status().running
    monkeypatch.undo()
    assert server.up(print).uri


def test_a_server_that_does_not_stop_is_killed_and_that_is_told(make, tmp_path, monkeypatch):
    server = make(tmp_path)
    server.up(print)
    monkeypatch.setattr(under_test, "STOP_SECONDS", 1)
    os.kill(server.status().pid, signal.SIGSTOP)
    with pytest.raises(DatabaseError, match="did not stop within 1 s and was killed"):
        server.down()
    assert not server.status().running


def test_a_server_that_never_answers_is_stopped_and_told(make, tmp_path, monkeypatch):
    server = make(tmp_path)
    monkeypatch.setattr(under_test, "START_SECONDS", 0.5)
    with pytest.raises(DatabaseError, match=r"did not answer within 0\.5 s and was stopped"):
        server.up(print)
    assert not server.status().running
