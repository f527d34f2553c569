"""Artifacts: from a repository that answers, breaks off, sends something else, or is not there."""

import hashlib
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

import pytest

from worker.database import artifacts, lock
from worker.database.artifacts import Artifact, fetch, fetch_all
from worker.errors import DatabaseError

BODY = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(BODY).hexdigest()
JAR = "org.example:thing:1.2:linux-x86_64"


class Repository(socketserver.ThreadingTCPServer):
    """A repository that answers with the next of its `moods`, and ever after with the last."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.moods = ["whole"]
        self.asked = []

    @property
    def base(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        mood = self.server.moods.pop(0) if len(self.server.moods) > 1 else self.server.moods[0]
        self.send_response(404 if mood == "missing" else 200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        body = {"flipped": bytes([BODY[0] ^ 1]) + BODY[1:], "broken off": BODY[: len(BODY) // 2]}.get(mood, BODY)
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def repository(monkeypatch):
    with Repository() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        point_to(server.base, monkeypatch)
        yield server
        server.shutdown()
        thread.join()


def point_to(base, monkeypatch):
    """Let jgo's context name this repository, and let no retry wait."""
    monkeypatch.setattr("jgo.maven.MavenContext", lambda: SimpleNamespace(remote_repos={"local": base}))
    monkeypatch.setattr(artifacts._download.retry, "sleep", lambda _: None)


def test_an_artifact_is_fetched_once_from_where_maven_puts_it(repository, tmp_path):
    folder = tmp_path / "new" / "folder"
    for _ in range(2):
        path = fetch(JAR, SHA256, folder)
        assert path == folder / "thing-1.2-linux-x86_64.jar"
        assert path.read_bytes() == BODY
    assert repository.asked == ["/org/example/thing/1.2/thing-1.2-linux-x86_64.jar"]


def test_a_damaged_file_is_fetched_again(repository, tmp_path):
    path = fetch(JAR, SHA256, tmp_path)
    path.write_bytes(BODY[:-1] + b"?")
    assert fetch(JAR, SHA256, tmp_path).read_bytes() == BODY
    assert len(repository.asked) == 2


@pytest.mark.parametrize(
    ("mood", "words"), [("flipped", "SHA-256"), ("broken off", "could not fetch"), ("missing", "404")]
)
def test_what_is_not_the_artifact_never_gets_its_name(repository, tmp_path, mood, words):
    repository.moods = [mood]
    with pytest.raises(DatabaseError, match=words) as caught:
        fetch(JAR, SHA256, tmp_path)
    assert JAR in str(caught.value)
    assert caught.value.remedy
    assert list(tmp_path.iterdir()) == []
    assert len(repository.asked) == artifacts.TRIES


@pytest.mark.parametrize("mood", ["flipped", "broken off", "missing"])
def test_a_second_try_heals_it(repository, tmp_path, mood):
    repository.moods = [mood, "whole"]
    assert fetch(JAR, SHA256, tmp_path).read_bytes() == BODY


def test_no_network_is_one_line_and_what_is_here_needs_none(repository, tmp_path, monkeypatch):
    here = fetch(JAR, SHA256, tmp_path)
    point_to("http://127.0.0.1:9", monkeypatch)
    assert fetch(JAR, SHA256, tmp_path) == here
    with pytest.raises(DatabaseError, match=r"could not fetch org.example:other:1: .*refused") as caught:
        fetch("org.example:other:1", SHA256, tmp_path)
    assert "network" in caught.value.remedy


def test_a_folder_that_cannot_be_made_is_one_line(repository, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatabaseError, match="cannot read or write") as caught:
        fetch(JAR, SHA256, tmp_path / "file" / "folder")
    assert "STRIDE_DATABASE__HOME" in caught.value.remedy


def test_many_are_fetched_and_left_over_parts_removed(repository, tmp_path):
    (tmp_path / ".thing-0.jar.x7k2").write_bytes(b"half")
    many = [Artifact(f"org.example:thing:{number}", SHA256) for number in range(20)]
    done = []
    fetch_all(many, tmp_path, lambda: done.append(1))
    assert len(done) == 20
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(each.filename for each in many)


def test_of_many_the_first_failure_ends_it(repository, tmp_path):
    repository.moods = ["missing"]
    many = [Artifact(f"org.example:thing:{number}", SHA256) for number in range(200)]
    with pytest.raises(DatabaseError, match="thing:0"):
        fetch_all(many, tmp_path, lambda: None)
    assert len(repository.asked) < 200


@pytest.mark.parametrize("version", lock.versions())
def test_a_lock_pins_every_jar_and_names_no_host(version):
    jars = lock.read(version)
    assert {f"{root}:{version}" for root in lock.ROOTS} <= {jar.coordinate for jar in jars}
    assert len({jar.filename for jar in jars}) == len(jars) > 200
    assert all(len(jar.sha256) == 64 and int(jar.sha256, 16) for jar in jars)
    assert "://" not in (lock.FOLDER / f"{version}.lock").read_text()


@pytest.mark.parametrize("version", ["4.4.0", "../locks/5.26.30x", ""])
def test_a_version_without_a_lock_is_refused_with_those_that_have_one(version):
    with pytest.raises(DatabaseError, match="no lock") as caught:
        lock.read(version)
    assert all(known in caught.value.remedy for known in lock.versions())
