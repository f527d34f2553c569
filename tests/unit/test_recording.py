"""Recordings in memory: what is in them, what a replay finds, and what becomes of a worker whose recording cannot go on."""

from __future__ import annotations

import json
import threading
from contextlib import nullcontext

import pyarrow.parquet as pq
import pytest
import structlog

from tests.stores import MemoryStore, fill
from worker.archive import journal, recorded, segments
from worker.archive.recorder import Recorder
from worker.archive.replay import opened
from worker.archive.snapshot import take
from worker.cli.record import Record
from worker.errors import Diverged, ForeignChange, InputError, NotReplayable, TooLarge, Unreachable
from worker.events import Sinks
from worker.graph.attach import attach, detach
from worker.graph.export import MemoryExport
from worker.graph.memory import MemoryGraph
from worker.loop import Worker
from worker.settings import Settings
from worker.tick import tick

HOW = {"decay": {"settle": 5.0, "half_life": {"*": 60.0}}, "learning": {"rate": 0.2}, "tick": {"alpha": 0.1}}


class Run:
    """A graph in memory whose worker is recorded: from a snapshot before it on."""

    def __init__(self, folder, settings=None, **how):
        self.folder = folder
        self.settings = settings or Settings.read(**{**HOW, **how})
        self.store = MemoryStore(MemoryGraph())
        self.keys = fill(self.store)
        self.graph = self.store.graph
        self.before = self.snapshot("before")
        self.held = None
        self.strides = False
        self.begin()

    def begin(self):
        self.recorder = Recorder(self.folder / "rec", self.settings, strides=self.strides)
        self.listening = self.recorder.listen(self.graph)

    def snapshot(self, name):
        take(nullcontext(MemoryExport(self.graph)), self.folder / name, self.settings)
        return opened(self.folder / name)[1]

    def attach(self):
        self.held = attach(self.listening, self.settings, "me")

    def ticks(self, count, dt=2.5):
        if self.held is None:
            self.attach()
        for _ in range(count):
            self.recorder.frame(tick(self.held, dt))

    def end(self):
        detach(self.held)
        self.held = None
        self.recorder.close()

    def die(self):
        """Leave the folder as a killed process would: what was handed to the journal may be there or not, nothing else."""
        self.recorder._journal.wait(self.recorder._journal._said)
        self.recorder._builder.shutdown()
        self.recorder.stopped = True
        self.recorder.close()
        self.held = None

    def replay(self, before=None, until=None):
        tables = before or self.before
        return recorded.replay(tables, self.settings, recorded.recording(self.folder / "rec", tables, until))

    def is_replayed(self, before=None, *, unread=False):
        copy, found = self.replay(before)
        assert found.held.ledger.digest == self.graph.kept.digest
        after = self.snapshot(f"after{len(list(self.folder.iterdir()))}")
        assert (recorded.compare(copy, after) > 0) == unread
        return copy


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def numbers(folder, suffix=".parquet"):
    return segments.numbers(folder / "rec", suffix)


def test_segments_end_after_so_many_ticks_bytes_or_seconds(tmp_path):
    for name, limits, count in (
        ("a", {"ticks": 4}, 3),
        ("b", {"seconds": 1e-9}, 10),
        ("c", {"max_bytes": 10_000}, None),
    ):
        (tmp_path / name).mkdir()
        run = Run(tmp_path / name, record=limits)
        for _ in range(10):
            run.ticks(1)
            run.recorder._journal.wait(run.recorder._journal._said)
        run.end()
        found = segments.opened(run.folder / "rec")
        assert len(found) == count if count else 1 < len(found) < 10
        assert [segment.manifest["number"] for segment in found] == list(range(1, len(found) + 1))
        assert sum(segment.manifest["rows"] for segment in found) == 11
        assert not numbers(run.folder, ".journal")
        assert run.is_replayed().changed == 0, "nobody else has written"


def test_a_segment_is_plain_parquet_with_strides_and_the_parts_of_their_costs(tmp_path):
    run = Run(tmp_path)
    run.recorder.close()
    run.strides = True
    run.begin()
    run.ticks(3)
    run.end()
    (segment,) = segments.opened(tmp_path / "rec")
    table = pq.read_table(segment.path).to_pylist()
    assert [(row["kind"], row["tick"], row["dt"]) for row in table] == [
        ("attach", 0, None),
        *(("tick", n, 2.5) for n in (1, 2, 3)),
    ]
    assert table[-1]["digest"] == run.graph.kept.digest == segment.manifest["digest"]
    taken = next(told for what, told in json.loads(table[1]["steps"])[:1] if what == "intake")
    assert (taken["id"], taken["node"], taken["delta"]) == (
        ["s0", "s1", "s2", "s3"],
        ["n000", "n001", "n002", "n003"],
        [1.5, 2.5, 3.5, 4.5],
    )
    for stride in (stride for row in table[1:] for stride in row["strides"]):
        assert (stride["weight"] + stride["novelty"] + stride["goal"]) * stride["multiplier"] == stride["cost"]
        assert stride["energy"] > 0.0
    assert sum(len(row["strides"]) for row in table[1:]) > 20
    run.is_replayed()


def test_others_writes_of_every_kind_are_replayed(run):
    run.ticks(2)
    store, keys = run.store, run.keys
    active = [run.held.resident.ids[i] for i in run.held.resident.active.tolist()]
    one, two = (int(own[1:]) for own in active[:2])
    store.set_node(keys[one], energy=4.0)  # found by the commit
    run.ticks(1)
    new = store.node(id="new", type="Odd", energy=2.5, threshold=0.5)
    store.link(keys[two], new, "U", log_weight=1.0, emotion=[0.5, 0.5])
    store.link(new, keys[7], "U", log_weight=0.5)
    store.set_node(keys[9], threshold=0.25, visits=7, energy="much")
    store.delete_node(keys[next(k for k in range(40) if k not in {1, 2, 5, 7, 9, one, two})])
    run.graph.delete_link(run.graph.out_links(keys[two])[0])
    store.set_link(run.graph.out_links(keys[one])[0], log_weight=float("nan"))
    store.stimulus(minute=60, id="late", budget=2.0, candidates=["n001", "gone", "new"], similarity=[1.0, 0.5, 0.5])
    store.stimulus(minute=61, id="odd", node="n002", delta="much")
    store.stimulus(minute=62, id="s1", node="n002", delta=1.0)  # known
    run.attach()
    run.ticks(4)
    store.stimulus(minute=63, node=7, id=None, delta=1.0)
    run.ticks(2)
    run.end()
    assert len(run.graph.rejected) == 3
    copy = run.is_replayed(unread=True)  # that a node without energy is gone, nobody could see
    assert copy.changed > 8
    assert copy.keys({"new"})


def test_what_was_committed_when_the_worker_died_is_recovered(tmp_path):
    """Its journal has the inputs; of the last tick, where its own line was lost, the ledger has the rest."""
    run = Run(tmp_path, record={"ticks": 3})
    for end in ("whole", "broken", "lost", "before"):
        run.store.stimulus(minute=end.__hash__() % 9, id=end, node="n005", delta=1.0)
        run.ticks(4)
        if end == "before":  # of its commit
            commit, run.graph.commit = run.graph.commit, lambda _: (_ for _ in ()).throw(Unreachable("gone"))
            with pytest.raises(Unreachable):
                run.ticks(1)
            run.graph.commit = commit
        if end == "lost":  # the answer to it, and then the close of the tick
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(run.graph, "decay", lambda *_: (_ for _ in ()).throw(Unreachable("gone")))
                with pytest.raises(Unreachable):
                    run.ticks(1)
        run.die()
        path = segments.journal_of(tmp_path / "rec", run.recorder._number)
        lines = path.read_bytes().splitlines(keepends=True)
        if end == "broken":
            path.write_bytes(b"".join(lines)[:-7])
        if end == "lost":
            while b'"commit' in lines[-1]:
                lines.pop()
            path.write_bytes(b"".join(lines))
        if end == "whole":
            run.replay()  # a journal is read as it is
        run.begin()
    run.ticks(3)
    run.end()
    assert run.graph.kept.tick == 20
    run.is_replayed()


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("what", ["settle", "forget"])
def test_a_worker_that_died_while_it_settled_or_forgot_is_replayed(tmp_path, what, written):
    """Nobody heard what became of it: the ledger that the next one finds tells."""
    run = Run(tmp_path, decay={"settle": 5.0}, weight_decay={"enabled": True, "every": 5.0, "half_life": {"*": 1e-3}})
    whole = getattr(run.graph, what)

    def dies(*args):
        if written:
            whole(*args)
        raise Unreachable("gone")

    for _ in range(2):
        run.ticks(1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(run.graph, what, dies)
            with pytest.raises(Unreachable):
                run.ticks(4)
        run.die()
        run.begin()
    run.ticks(3)
    run.end()
    run.is_replayed()


def test_a_recording_goes_on_where_the_one_before_ended(run):
    run.ticks(3)
    run.end()
    middle = run.snapshot("middle")
    run.begin()
    run.ticks(3)
    run.end()
    run.is_replayed()
    run.is_replayed(middle)
    assert run.replay(until=4)[1].held.ledger.tick == 4


def test_ticks_that_nobody_recorded_are_named(run):
    run.ticks(2)
    run.end()
    run.listening = run.graph
    run.recorder.frame = lambda _: None
    run.ticks(3)
    detach(run.held)
    run.held = None
    between = run.snapshot("between")
    run.begin()
    run.ticks(2)
    run.end()
    with pytest.raises(InputError, match="ticks 3 to 5 were not recorded") as told:
        run.replay()
    assert "--ticks 2" in told.value.remedy
    assert run.replay(until=2)[1].held.ledger.tick == 2
    run.is_replayed(between)


def test_a_recording_that_does_not_go_on_from_the_snapshot_is_refused(run, tmp_path):
    run.ticks(3)
    run.end()
    after = run.snapshot("late")
    with pytest.raises(InputError, match="it has ticks 1 to 3, and the snapshot is of tick 3"):
        run.replay(after)
    (tmp_path / "b").mkdir()
    other = Run(tmp_path / "b")
    other.store.set_node(other.keys[0], energy=9.0)
    other.ticks(2)
    other.end()
    with pytest.raises(InputError, match="not of what the recorded worker found: energy of the node 'n000'"):
        other.replay()
    theirs = other.snapshot("theirs")
    run.begin()
    run.ticks(1)
    run.end()
    with pytest.raises(InputError, match="at tick 2 the digest of all strides was"):
        run.replay(theirs)
    (tmp_path / "c").mkdir()
    (tmp_path / "d").mkdir()
    with pytest.raises(InputError, match=r"tick\.alpha had other values"):
        run.replay(Run(tmp_path / "c", tick={"alpha": 0.2}).before)
    run.settings = Settings.read(**HOW, graph="other")
    named = Run(tmp_path / "d")
    named.graph.name = "other"
    with pytest.raises(InputError, match="of the graph 'default', and the snapshot of 'other'"):
        run.replay(named.snapshot("named"))


def test_a_snapshot_may_not_know_more_than_the_worker_did(run):
    run.ticks(2)
    far = [run.store.node(id=f"far{k}") for k in range(2)]
    run.store.link(*far, "R", log_weight=3.0)  # it counts in statistics that the worker has not made yet
    between = run.snapshot("between")
    run.ticks(1)
    run.store.node(id="new", energy=2.0)
    late = run.snapshot("late")
    run.ticks(1)
    run.end()
    assert run.replay(between)[1].held.ledger.digest == run.graph.kept.digest
    with pytest.raises(InputError, match="tick 3: others had written energies that are in the snapshot"):
        run.replay(late)


@pytest.mark.parametrize("strides", [False, True])
def test_a_difference_is_told_by_the_first_tick_and_what_differs(tmp_path, strides):
    run = Run(tmp_path)
    run.recorder.close()
    run.strides = strides
    run.begin()
    run.ticks(2)
    graph = run.graph
    link = next(graph.link[key] for key in graph.link if graph.link[key].source == graph.keys({"n000"})["n000"])
    own = run.held.resident["threshold"]
    own[run.held.resident.active] *= 1.5  # a fault in the worker's memory, which no database has told it of
    run.ticks(3)
    run.end()
    assert link
    what = "is recorded as" if strides else "of the ledger is recorded as"
    with pytest.raises(Diverged, match=rf"^tick [345]: .*{what}") as told:
        run.replay()
    assert ("the link 'n" in str(told.value)) == strides
    assert "report" in told.value.remedy


def test_a_state_that_is_another_is_told_by_node_link_or_statistics(run):
    run.ticks(3)
    run.end()
    copy, _ = run.replay()
    before = {key: dict(node) for key, node in run.graph.node.items()}
    run.store.set_node(run.keys[4], energy=0.125)
    with pytest.raises(Diverged, match=r"tick 3: energy of the node 'n004' is 0\.125 in the snapshot, and "):
        recorded.compare(copy, run.snapshot("a"))
    run.graph.node.update(before)
    key = next(iter(run.graph.link))
    run.store.set_link(key, log_weight=9.0)
    with pytest.raises(Diverged, match=r"log_weight of the link 'n.*\]-> 'n.*' is 9\.0 in the snapshot"):
        recorded.compare(copy, run.snapshot("b"))
    run.store.set_link(key, log_weight=copy.link[key].properties["log_weight"])
    run.store.node(id="new")
    assert recorded.compare(copy, run.snapshot("c")) == 1
    run.store.node(id="rich", energy=1.0)
    with pytest.raises(Diverged, match="the node 'rich' is not in the replay"):
        recorded.compare(copy, run.snapshot("d"))


def test_what_a_recording_does_not_hold_stops_the_replay(tmp_path):
    """Others' links of a hub, of which only the best are read; and how far ticks were cut where the database lacked memory."""
    run = Run(tmp_path, fanout={"hub": 100})
    hub = run.store.node(id="hub", energy=5.0)
    links = [run.store.link(hub, run.keys[k % 40], f"T{k // 40}", log_weight=k / 100) for k in range(400)]
    run.recorder.close()
    run.before = run.snapshot("hub")
    run.begin()
    run.ticks(2)
    run.end()
    run.is_replayed()
    run.begin()
    for link in links[:2]:
        run.graph.delete_link(link)
    run.ticks(2)
    run.end()
    with pytest.raises(NotReplayable, match=r"^tick 3: others have changed links of 'hub', which has so many"):
        run.replay()
    assert run.replay(until=2)[1].held.ledger.tick == 2


def test_ticks_that_were_cut_for_want_of_memory_stop_the_replay_where_that_shows(tmp_path):
    run = Run(tmp_path)
    for k in range(120):
        run.store.link(run.keys[0], run.store.node(id=f"m{k:03}", energy=5.0), "R", log_weight=0.0)
    run.recorder.close()
    run.before = run.snapshot("many")
    run.begin()
    run.ticks(1)
    commit = run.graph.commit
    run.graph.commit = lambda _: (_ for _ in ()).throw(TooLarge("x"))
    with pytest.raises(TooLarge):
        run.ticks(1)
    run.graph.commit = commit
    run.attach()
    run.held.frontier_cap = 100
    run.ticks(2)
    run.end()
    with pytest.raises(NotReplayable, match=r"^tick 2: the database had lacked memory"):
        run.replay()


def test_a_worker_is_recorded_by_its_loop_through_restarts_of_all_kinds(tmp_path):
    """Contention, a database without memory, one that goes away: attaching follows, and the bits are the same."""
    run = Run(tmp_path, pace={"fixed": 0.001}, resident={"refresh": 0.02})
    fails = {3: ForeignChange("x"), 5: TooLarge("x"), 8: Unreachable("x")}
    commit = run.graph.commit

    def failing(changes):
        if error := fails.pop(changes.ledger.tick, None):
            raise error
        commit(changes)

    run.graph.commit = failing
    for k in range(40):
        run.store.stimulus(minute=70 + k, id=f"late{k}", node=f"n{k % 40:03}", delta=0.5)
    settings = run.settings.model_copy(update={"stimulus": run.settings.stimulus.model_copy(update={"batch": 2})})
    run.settings = run.recorder.settings = settings
    run.recorder.close()
    run.begin()
    (run.folder / "two").mkdir()
    take(nullcontext(MemoryExport(run.graph)), run.folder / "two" / "a", settings)
    tables = opened(run.folder / "two" / "a")[1]
    worker = Worker(run.listening, settings, Sinks(run.recorder), prepare=lambda: None, ticks=25)
    thread = threading.Thread(target=worker.run)
    thread.start()
    thread.join(30.0)
    structlog.reset_defaults()
    run.recorder.close()
    assert not fails
    kinds = [part.episode.kind for part in recorded.recording(tmp_path / "rec", tables).parts]
    assert kinds.count("attach") > 3
    run.is_replayed(tables)


def test_strides_are_left_out_where_segments_are_not_written_as_fast(tmp_path):
    run = Run(tmp_path, record={"ticks": 1})
    run.recorder.close()
    run.strides = True
    run.begin()
    waits = threading.Event()
    run.recorder._builder.submit(waits.wait)
    with structlog.testing.capture_logs() as lines:
        for _ in range(6):
            run.ticks(1)
            run.recorder._journal.wait(run.recorder._journal._said)
    waits.set()
    run.end()
    assert {line["event"] for line in lines} == {"recording.thinned"}
    parts = recorded.recording(tmp_path / "rec", run.before).parts
    had = [part.strides is not None for part in parts if part.episode.kind == "tick"]
    assert 0 < sum(had) < 6
    run.is_replayed()


def test_options_that_do_not_go_together_are_refused(tmp_path):
    with pytest.raises(InputError, match="no folder is named"):
        Record(None, strides=True).check([])
    with pytest.raises(InputError, match="several graphs"):
        Record(tmp_path).check(["a", "b"])
    Record(tmp_path / "{graph}").check(["a", "b"])
    recorder = Record(tmp_path / "{graph}").of(Settings(graph="a/b"))
    recorder.close()
    assert recorder.folder == tmp_path / "a%2Fb"
    assert Record().of(Settings()) is None


def test_a_tick_that_reads_nothing_forces_its_journal_to_the_disk_once(run, monkeypatch):
    run.settings = Settings.read(**{**HOW, "decay": {"settle": 1e6}})
    run.ticks(100)
    run.recorder._journal.wait(run.recorder._journal._said)
    forced, force = [], journal.os.fdatasync
    monkeypatch.setattr(journal.os, "fdatasync", lambda file: forced.append(force(file)))
    run.ticks(5)
    run.recorder._journal.wait(run.recorder._journal._said)
    assert len(forced) == 5
    run.end()


def test_a_journals_line_holds_whatever_a_property_may_be(tmp_path):
    path = tmp_path / "000001.journal"
    kept = journal.Journal(path, {"a": 1})
    odd = ["x", {"big": 2**70, "half": "\ud800", "bytes": b"x", "set": {1}}]
    assert kept.wait(kept.append([odd, ["y", [1.5, None, True]]], needed=True))
    kept.close()
    header, entries = journal.read(path)
    assert header == {"a": 1}
    assert entries == [
        ["x", {"big": 2**70, "half": "\ud800", "bytes": {"?": "b'x'"}, "set": {"?": "{1}"}}],
        ["y", [1.5, None, True]],
    ]
