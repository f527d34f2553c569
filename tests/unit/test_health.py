"""Health: who was heard of in time, where it is told, and what a beat costs."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from worker.cli.health import KEY
from worker.errors import SettingsError
from worker.health import Beat, Health
from worker.health import file as file_module
from worker.health.file import HealthFile, verdict
from worker.health.systemd import Systemd
from worker.health.telling import Telling
from worker.settings import HealthSettings, variable


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def health(clock, *graphs, **more):
    return Health(graphs or ("g",), startup=600.0, interval=5.0, clock=clock, **more)


def test_a_worker_is_stuck_after_three_intervals_and_well_when_it_goes_on(clock):
    found = health(clock)
    found.enter("g", "running")
    clock.now += 15.0
    assert (found.verdict.healthy, found.verdict.ready, found.verdict.why) == (True, True, "g: running")
    clock.now += 0.5
    assert (found.verdict.healthy, found.verdict.ready) == (False, False)
    assert found.verdict.why == "g: running, and nothing was heard of it for 15.5 s: 15.0 s were given"
    found.beat("g")
    assert (found.verdict.healthy, found.verdict.ready) == (True, True)


def test_a_long_wait_is_announced_and_held_to_three_of_its_own(clock):
    found = health(clock)
    found.enter("g", "running")
    found.beat("g", 60.0)
    clock.now += 179.0
    assert found.verdict.ready
    clock.now += 2.0
    assert not found.verdict.healthy


@pytest.mark.parametrize(
    ("states", "ready"),
    [
        (["running"], True),
        (["waiting for lease"], True),  # a standby
        (["attached"], False),
        (["paused"], False),
        (["waiting for database"], False),
        (["stopping"], False),
        (["running", "waiting for lease"], True),
        (["running", "waiting for database"], False),
    ],
)
def test_ready_are_all_or_none(clock, states, ready):
    found = health(clock, *"abc"[: len(states)])
    assert not found.verdict.ready
    for graph, state in zip("abc", states, strict=False):
        found.enter(graph, state)
    assert found.verdict[:2] == (True, ready)


def test_one_stuck_graph_of_several_is_named(clock):
    found = health(clock, "a", "b")
    found.enter("a", "running")
    found.enter("b", "running")
    clock.now += 16.0
    found.beat("a")
    assert not found.verdict.healthy
    assert found.verdict.why.startswith("a: running; b: running, and nothing was heard")


def test_attaching_is_alive_and_not_ready_up_to_a_bound(clock):
    found = health(clock)
    found.attaching("g")
    clock.now += 599.0
    assert found.verdict[:2] == (True, False)
    clock.now += 2.0
    assert not found.verdict.healthy
    assert found.verdict.why.startswith("g: attaching, and")


def test_reading_a_graph_anew_keeps_a_worker_ready(clock):
    found = health(clock)
    found.enter("g", "running")
    found.attaching("g")
    found.attaching("g")
    clock.now += 599.0
    assert found.verdict == (True, True, "g: refreshing")
    found.enter("g", "waiting for database")
    found.attaching("g")
    assert found.verdict == (True, False, "g: attaching")


def test_a_standby_that_tries_for_the_lease_stays_ready(clock):
    found = health(clock)
    found.attaching("g")
    found.enter("g", "waiting for lease")
    found.attaching("g")
    assert found.verdict == (True, True, "g: waiting for lease")


def test_what_takes_as_long_as_attaching_keeps_its_state(clock):
    found = health(clock)
    found.enter("g", "running")
    found.reads_all("g")
    clock.now += 599.0
    assert found.verdict == (True, True, "g: running")


def test_the_file_says_what_the_object_says(tmp_path):
    path = tmp_path / "health"
    with Telling(HealthFile(path), every=0.0) as telling:
        found = Health(["a", "ü"], startup=600.0, interval=0.2, tell=telling)
        found.enter("a", "running")
        assert verdict(path) == (True, False, "a: running; ü: starting")
        found.enter("ü", "running")
        assert verdict(path) == (True, True, "a: running; ü: running")
        time.sleep(0.7)
        assert verdict(path)[:2] == (False, False)
        found.beat("a")
        assert "a: running; ü: running, and nothing was heard of it for" in verdict(path).why
        found.beat("ü")
        assert verdict(path).ready
    assert [*tmp_path.iterdir()] == []
    assert "there is no" in verdict(path).why


@pytest.mark.parametrize("text", ["", "{", "[]", '{"graphs": 1}', '{"graphs": {"g": ["running"]}}', "\udcff"])
def test_a_file_of_others_is_no_health(tmp_path, text):
    path = tmp_path / "health"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert verdict(path) == (False, False, f"{path} is not a file that a worker has written")


def test_a_file_of_before_the_last_start_is_no_health(tmp_path, monkeypatch):
    path, boot = tmp_path / "health", tmp_path / "boot"
    found = HealthFile(path)
    found.tell({"g": Beat("running", 0.0, 1e18)}, 0.0)
    assert verdict(path).ready
    boot.write_text("another")
    monkeypatch.setattr(file_module, "BOOT", boot)
    assert "before this machine last started" in verdict(path).why


def test_a_folder_is_no_health(tmp_path):
    assert verdict(tmp_path).why == f"{tmp_path} cannot be read: Is a directory"


def test_a_file_that_cannot_be_written_is_refused_at_start(tmp_path):
    with Telling.of(HealthSettings(file=tmp_path / "health")):
        pass
    assert [*tmp_path.iterdir()] == []
    with pytest.raises(SettingsError, match=f"{KEY} = .*No such file"):
        Telling.of(HealthSettings(file=tmp_path / "no" / "health"))
    assert variable("health", "file") == KEY


def test_the_file_is_never_half_read(tmp_path):
    path = tmp_path / "health"
    file, end, seen = HealthFile(path), time.monotonic() + 1.0, 0
    beats = {f"graph {i}": Beat("running", 0.0, 1e18) for i in range(50)}
    file.tell(beats, 0.0)

    def write():
        while time.monotonic() < end:
            file.tell(beats, 0.0)

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive():
        assert verdict(path).ready, verdict(path).why
        seen += 1
    assert seen > 20


def test_what_cannot_be_told_is_said_once_until_it_can(tmp_path, clock):
    folder = tmp_path / "folder"
    folder.mkdir()
    telling = Telling(HealthFile(folder / "health"), every=0.0, clock=clock)
    found = health(clock, tell=telling)
    with capture_logs() as log:
        found.beat("g")
        for move in ((folder, tmp_path / "away"), (tmp_path / "away", folder), (folder, tmp_path / "away")):
            move[0].rename(move[1])
            found.beat("g")
            found.beat("g")
    assert [line["event"] for line in log] == ["health.untold", "health.untold"]
    assert "No such file" in log[0]["why"]


def test_what_has_not_changed_is_told_seldom(clock):
    class Kept(list):
        def tell(self, beats, now):
            self.append((beats["g"].state, now))

    kept = Kept()
    found = health(clock, tell=Telling(kept, every=0.5, clock=clock))
    for state in ("running", "running", "paused"):
        clock.now += 0.1
        found.enter("g", state)
    clock.now += 0.4
    found.beat("g")
    clock.now += 0.2
    found.beat("g")
    assert [(state, round(now, 1)) for state, now in kept] == [
        ("running", 1000.1),
        ("paused", 1000.3),
        ("paused", 1000.9),
    ]


@pytest.fixture
def listening(tmp_path, monkeypatch):
    """A socket as systemd has it."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(path)
        there.settimeout(5.0)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield lambda: there.recv(4096).decode().splitlines()


def test_systemd_is_told(listening, monkeypatch, clock):
    monkeypatch.setenv("WATCHDOG_USEC", "15000000")
    with closing(Systemd.of_environment()) as systemd:
        _hear_all(listening, health(clock, "a", "b", tell=lambda beats, _news: systemd.tell(beats, clock.now)), clock)


def _hear_all(listening, found, clock):
    found.attaching("a")
    assert listening() == [
        "STATUS=a: attaching; b: starting",
        "EXTEND_TIMEOUT_USEC=600000000",
        "WATCHDOG_USEC=600000000",
        "WATCHDOG=1",
    ]
    found.enter("a", "running")
    assert listening()[1:] == ["EXTEND_TIMEOUT_USEC=15000000", "WATCHDOG_USEC=15000000", "WATCHDOG=1"]
    clock.now += 5.0
    found.enter("b", "waiting for lease")
    assert listening()[1:] == ["READY=1", "WATCHDOG_USEC=10000000", "WATCHDOG=1"]
    found.beat("b")
    assert listening() == ["WATCHDOG_USEC=10000000", "WATCHDOG=1"]
    clock.now += 12.0
    found.beat("b")  # and a is stuck: the watchdog is not fed
    assert [line.partition("=")[0] for line in listening()] == ["STATUS"]
    found.enter("a", "stopping")
    assert "STOPPING=1" not in listening()
    found.enter("b", "stopping")
    assert "STOPPING=1" in listening()


def test_systemd_without_a_watchdog_is_not_told_often(listening):
    with Telling.of(HealthSettings(interval=600)) as telling:
        found = health(time.monotonic, tell=telling)
        found.enter("g", "running")
        assert listening() == ["STATUS=g: running", "READY=1"]
        found.beat("g")
        found.enter("g", "paused")
        assert listening() == ["STATUS=g: paused"]


def test_an_abstract_socket_will_do(monkeypatch, clock):
    name = f"stridegraph-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind("\0" + name)
        there.settimeout(5.0)
        with closing(Systemd("@" + name)) as systemd:
            systemd.tell({"g": Beat("running", 0.0, 1.0)}, 0.0)
        assert b"READY=1" in there.recv(4096)


def test_nobody_who_listens_is_no_error(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert Systemd.of_environment() is None


def test_a_beat_costs_microseconds(tmp_path):
    """Most beats tell nothing, and one that does writes a file: 500 µs would be 0.1 % of a core at two a second."""

    def cost(every, times):
        found = Health(["g"], startup=600.0, interval=5.0, tell=Telling(HealthFile(tmp_path / "health"), every=every))
        took = []
        for _ in range(5):
            start = time.perf_counter()
            for _ in range(times):
                found.beat("g")
            took.append((time.perf_counter() - start) / times * 1e6)
        return min(took)

    silent, told = cost(1e9, 2000), cost(0.0, 200)
    assert silent < 50
    assert told < 2000, silent


def test_the_command_imports_little():
    """A probe runs every few seconds: the whole program takes seconds to import."""
    code = (
        "import sys; sys.argv = ['stridegraph', 'health', '--json']\n"
        "from worker.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, sorted({'numpy', 'neo4j', 'worker.settings', 'structlog'} & sys.modules.keys()))"
    )
    env = {**os.environ, KEY: "/nowhere/health"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True
    )
    said, ended = done.stdout.splitlines()
    assert json.loads(said)["healthy"] is False
    assert "no worker runs" in json.loads(said)["why"]
    assert ended == "1 []"
