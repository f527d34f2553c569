"""Recordings that are damaged are refused by file and reason; a disk that is full ends the recording, and never the worker."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
from pathlib import Path

import pytest
import structlog

from tests.unit.test_recording import Run
from worker.archive import files, journal, recorded, segments
from worker.archive.recorder import LOCK, Recorder
from worker.errors import InputError
from worker.settings import Settings


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A recording of three segments, with strides, and the snapshot before it."""
    run = Run(tmp_path_factory.mktemp("whole"), record={"ticks": 3})
    run.recorder.close()
    run.strides = True
    run.begin()
    run.ticks(8)
    run.end()
    return run


@pytest.fixture
def damaged(whole, tmp_path):
    """Return a recording one file of which is another; the others are the same."""
    folder = tmp_path / "rec"
    folder.mkdir()
    for path in (whole.folder / "rec").iterdir():
        (folder / path.name).hardlink_to(path)

    def damaged(name, content):
        (folder / name).unlink(missing_ok=True)
        if content is not None:
            (folder / name).write_bytes(content)
        return folder

    return damaged


def refused(whole, folder):
    with pytest.raises(InputError) as told:
        recorded.recording(folder, whole.before)
    return str(told.value)


NAMES = ("000001.parquet", "000001.json", "000002.parquet", "000002.json", "000003.parquet", "000003.json")


@pytest.mark.parametrize("name", NAMES)
def test_a_byte_that_is_another_or_a_cut_is_found_in_any_file(whole, damaged, name):
    content = (whole.folder / "rec" / name).read_bytes()
    for k in range(40):
        at = k * (len(content) - 1) // 39
        for flip in (0x01, 0x20, 0xFF):
            assert name in refused(whole, damaged(name, content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :]))
        assert name in refused(whole, damaged(name, content[:at]))
    assert name in refused(whole, damaged(name, content + b"\n"))
    assert name in refused(whole, damaged(name, None))


def test_a_segment_that_is_not_there_is_named_with_its_ticks(whole, damaged):
    damaged("000002.parquet", None)
    assert "segments 2 to 2 are not there: after tick 3, and before tick 7" in refused(
        whole, damaged("000002.json", None)
    )
    damaged("000001.parquet", None)
    assert "it has ticks 7 to 8, and the snapshot is of tick 0" in refused(whole, damaged("000001.json", None))
    damaged("000003.parquet", None)
    assert "there is no segment in it" in refused(whole, damaged("000003.json", None))


def sealed(whole, name, change):
    """Change a manifest and seal it anew, as another program might."""
    manifest = json.loads((whole.folder / "rec" / name).read_text())
    del manifest["sha256"]
    change(manifest)
    manifest["sha256"] = files.seal(manifest)
    return files.written(manifest)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda m: m.update(schema=2), "its schema is 2, and this program reads up to 1"),
        (lambda m: m.update(format="stridegraph snapshot"), "not of a stridegraph recording"),
        (lambda m: m.update(number=7), "does not say"),
        (lambda m: m.pop("follows"), "does not say"),
        (lambda m: m.update(schema="1"), "its SHA-256 is another"),
        (lambda m: m.update(rows=9), "columns or rows are not those"),
        (lambda m: m.update(graph="other"), "it is of the graph 'other', not 'default'"),
        (lambda m: m.update(previous="0" * 64), "it does not follow on segment 2"),
        (lambda m: m["settings"]["tick"].update(alpha=0.3), "tick.alpha had other values"),
    ],
)
def test_a_foreign_or_newer_segment_is_refused_however_well_sealed(whole, damaged, change, why):
    text = refused(whole, damaged("000003.json", sealed(whole, "000003.json", change)))
    assert why in text
    assert "000003." in text
    assert ("update Stridegraph" in text) == ("schema is 2" in why)


def test_what_is_no_recording_is_refused(whole, damaged, tmp_path):
    assert "there is no segment in it" in refused(whole, tmp_path)
    assert "there is no segment in it" in refused(whole, tmp_path / "nowhere")
    for text in (b"[]", b'"x"', b"{}", b"[" * 100_000, b"\xff", b"nul", b""):
        assert "000001.json" in refused(whole, damaged("000001.json", text))


def test_a_journal_broken_off_anywhere_is_replayed_as_far_as_it_goes(tmp_path):
    """As a kill or a power failure leaves it: each prefix of it gives a prefix of the ticks, or the end of the last."""
    run = Run(tmp_path)
    run.ticks(4)
    run.die()
    path = segments.journal_of(tmp_path / "rec", 1)
    content = path.read_bytes()
    reached = set()
    for k in range(60):
        path.write_bytes(content[: len(content) * k // 59])
        try:
            plan = recorded.recording(tmp_path / "rec", run.before)
        except InputError as error:
            assert "no segment" in str(error) or "no tick" in str(error)  # noqa: PT017
            continue
        _, found = recorded.replay(run.before, run.settings, plan)
        reached.add(found.held.ledger.tick)
    assert reached == {1, 2, 3, 4}
    lines = content.splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], lines[4].replace(b"e", b"f", 1), *lines[5:]]))
    with pytest.raises(InputError, match=r"000001\.journal: line 5 is damaged"):
        recorded.recording(tmp_path / "rec", run.before)
    with pytest.raises(InputError, match=r"000001\.journal: line 5 is damaged"):
        run.begin()


@pytest.mark.parametrize("at", ["part", "sealed", "kept"])
def test_one_killed_while_it_writes_a_segment_has_it_the_next_time(tmp_path, monkeypatch, at):
    run = Run(tmp_path)
    run.ticks(4)
    run.die()
    place, name = {"part": (files, "force"), "sealed": (segments, "_seal"), "kept": (Path, "unlink")}[at]
    with monkeypatch.context() as patch:
        patch.setattr(place, name, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            segments.built(tmp_path / "rec", 1, {})
    run.is_replayed()  # as the kill has left it
    run.begin()
    assert segments.numbers(tmp_path / "rec", ".journal") == [2]
    run.ticks(2)
    run.end()
    assert not list((tmp_path / "rec").glob(".*.part"))
    run.is_replayed()


def stopped(lines):
    (line,) = [line for line in lines if line["event"] == "recording.stopped"]
    assert line["log_level"] == "error"
    return line["why"]


@pytest.mark.parametrize("where", ["journal", "segment", "next"])
def test_a_full_disk_ends_the_recording_and_not_the_worker(tmp_path, monkeypatch, where):
    run = Run(tmp_path, record={"ticks": 2})
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fails(*_, **__):
        raise full

    with structlog.testing.capture_logs() as lines:
        run.ticks(3)
        run.recorder._journal.wait(run.recorder._journal._said)
        place, name = {
            "journal": (journal, "_write"),
            "segment": (segments.pq, "write_table"),
            "next": (journal, "_opened"),
        }[where]
        with monkeypatch.context() as patch:
            patch.setattr(place, name, fails)
            for _ in range(6):
                run.ticks(1)
                run.recorder._journal.wait(run.recorder._journal._said)
            run.end()
    assert run.graph.kept.tick == 9
    assert stopped(lines) == "No space left on device"
    plan = recorded.recording(tmp_path / "rec", run.before)
    assert plan.last >= 3
    recorded.replay(run.before, run.settings, plan)


def test_a_limit_of_the_system_is_a_full_disk(tmp_path):
    """By a real write that fails in its midst: RLIMIT_FSIZE."""
    run = Run(tmp_path)
    run.ticks(2)
    size = segments.journal_of(tmp_path / "rec", 1).stat().st_size
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1500, before[1]))
    try:
        with structlog.testing.capture_logs() as lines:
            run.ticks(6)
            run.end()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert run.graph.kept.tick == 8
    assert stopped(lines) == "File too large"
    plan = recorded.recording(tmp_path / "rec", run.before)
    assert 2 <= plan.last < 8
    recorded.replay(run.before, run.settings, plan)
    run.begin()  # it is made a segment of, and the gap is told
    run.ticks(1)
    run.end()
    with pytest.raises(InputError, match="were not recorded"):
        recorded.recording(tmp_path / "rec", run.before)


def test_a_folder_that_cannot_be_used_is_refused_with_a_remedy(tmp_path):
    settings = Settings()
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="File exists") as told:
        Recorder(tmp_path / "file", settings)
    assert "can be written" in told.value.remedy
    with pytest.raises(InputError, match="No such file or directory"):
        Recorder(tmp_path / "no" / "where", settings)
    first = Recorder(tmp_path / "rec", settings)
    with pytest.raises(InputError, match="another process records to it"):
        Recorder(tmp_path / "rec", settings)
    first.close()
    run = Run(tmp_path)
    run.ticks(1)
    run.end()
    with pytest.raises(InputError, match="it has the recording of the graph 'default', not of 'other'"):
        Recorder(tmp_path / "rec", Settings(graph="other"))
    shutil.rmtree(tmp_path / "rec")
    (tmp_path / "rec" / LOCK).parent.mkdir()
    (tmp_path / "rec" / LOCK).mkdir()
    with pytest.raises(InputError, match="Is a directory"):
        Recorder(tmp_path / "rec", settings)
