"""Metrics: one closed table, each row of it in what is scraped, and right."""

import re
import threading
from collections import Counter

import pytest
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from worker.errors import Busy, CommitUnknown, ForeignChange, TooLarge
from worker.events import Sinks
from worker.events.file import FileSink
from worker.events.metrics import BOUNDS, HELD_UP, MOST_TYPES, OTHERS, PREFIX, TABLE, Figures, Metrics, Spread
from worker.graph.attach import attach
from worker.graph.memory import MemoryGraph
from worker.graph.rows import QUARANTINE
from worker.loop import Worker
from worker.settings import EventsSettings, Settings
from worker.tick import SCHEDULE, tick


def graph_of(count=30, **more):
    graph = MemoryGraph("g", **more)
    keys = [graph.add_node(id=f"n{i}", energy=1.0 + i, type=("Memory", "Task")[i % 2]) for i in range(count)]
    for i, key in enumerate(keys):
        graph.add_link(key, keys[(i + 1) % count], "R", log_weight=0.1 * i)
        graph.add_link(key, keys[(i + 5) % count], "R", log_weight=-0.1 * i)
    return graph


def worked(graph, metrics, ticks=3, **settings):
    """Let a worker tick a graph; return it with its lease still known, as a scrape sees it in the middle of its work."""
    figures = metrics.of("g")
    seen = []

    class Scrape:
        def frame(self, frame):
            seen.append(scraped(metrics))

        def state(self, state, detail):
            pass

        def close(self):
            pass

    sinks = Sinks(figures, Scrape())
    worker = Worker(
        graph, Settings(graph="g", pace={"fixed": 0.01}, **settings), sinks, prepare=lambda: None, ticks=ticks
    )
    figures.watch(worker, sinks)
    worker.run()
    return seen


def scraped(metrics):
    """Return what a scrape says, by name and labels."""
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(found, name, **labels):
    return found[PREFIX + name, frozenset({"graph": "g", **labels}.items())]


def names(found):
    return {name for name, _ in found}


def test_every_row_has_a_name_by_the_convention_and_every_value_the_label_of_its_graph():
    assert len({row.name for row in TABLE}) == len(TABLE)
    for row in TABLE:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", row.name)
        assert row.name.endswith("_total") == (row.kind == "counter")
        assert row.name.endswith("_seconds") or row.kind != "histogram"
        assert not row.name.endswith(("_ms", "_milliseconds", "_percent"))
        assert row.meaning.endswith(".")
    metrics = Metrics()
    for _, labels in worked(graph_of(), metrics)[-1]:
        assert dict(labels)["graph"] == "g"


def test_every_row_is_scraped_with_the_labels_that_the_table_names(tmp_path):
    metrics = Metrics()
    file = FileSink(EventsSettings(file=tmp_path / "events.jsonl"), "g")
    metrics.of("g").pending = 3.0
    metrics.of("g").sinks = Sinks(file)
    found = scraped(metrics)
    file.close()
    metrics.of("g").sinks = None
    found |= worked(graph_of(), metrics)[-1]
    ending = {"counter": "", "gauge": "", "histogram": "_sum"}
    assert {PREFIX + row.name + ending[row.kind] for row in TABLE} <= names(found)
    for row in TABLE:
        labels = {
            frozenset(key) - {"le"}
            for name, labels in found
            if name.startswith(PREFIX + row.name + ending[row.kind])
            and len(name) == len(PREFIX + row.name + ending[row.kind])
            for key in [dict(labels)]
        }
        assert labels == {frozenset({"graph", *row.labels})}, row.name


def test_what_is_scraped_agrees_with_the_ticks():
    metrics, graph, frames = Metrics(), graph_of(), []
    graph.add_stimulus(id="s", node="n3", delta=5.0, created_at=0)
    graph.add_stimulus(id="bad", node="nobody", delta=5.0, created_at=1)
    figures = metrics.of("g")
    held = attach(graph, Settings(graph="g", stickiness={"enabled": True}), "me")

    class There:
        met, takeovers, lease_left = Counter(), 2, 7.0

    There.held = held
    figures.watch(There(), Sinks())
    for _ in range(4):
        frames.append(tick(held, 3.0))
        figures.frame(frames[-1])
        held.resident.rejected.clear()
    found, last = scraped(metrics), frames[-1]
    assert value(found, "ticks_total") == value(found, "tick") == 4
    assert value(found, "strides_total") == sum(frame.strides for frame in frames)
    assert value(found, "energy_moved_total") == pytest.approx(sum(frame.energy_transferred for frame in frames))
    assert value(found, "energy_injected_total") == sum(frame.energy_in for frame in frames) == 5.0
    assert value(found, "energy_faded_total") == pytest.approx(sum(frame.energy_faded for frame in frames))
    assert value(found, "energy_lost_total") == pytest.approx(sum(frame.energy_lost for frame in frames))
    assert value(found, "energy_lost_total") > 0.0
    by_type = [amount for (name, _), amount in found.items() if name == PREFIX + "energy"]
    assert sum(by_type) == pytest.approx(last.energy_total)
    assert value(found, "conservation_error") == last.conservation_error
    assert value(found, "nodes_active") == last.frontier_active
    assert value(found, "nodes_shadow") == last.frontier_shadow
    assert value(found, "flips_total", direction="on") == sum(frame.flips_on for frame in frames)
    assert value(found, "flips_total", direction="off") == sum(frame.flips_off for frame in frames)
    assert value(found, "links_learned_total") == sum((frame.moment.staged.learned != 0).sum() for frame in frames)
    assert (value(found, "stimuli_applied_total"), value(found, "stimuli_rejected_total")) == (1, 1)
    assert value(found, "inputs_rejected_total", what="stimulus") == 1
    assert (value(found, "lease_left_seconds"), value(found, "lease_takeovers_total")) == (7.0, 2)
    for step in SCHEDULE:
        assert value(found, "tick_step_seconds_count", step=step) == 4
        spent = sum(frame.timings_ms[step] for frame in frames) * 1e-3
        assert value(found, "tick_step_seconds_sum", step=step) == pytest.approx(spent)
    figures.close()
    found = scraped(metrics)
    assert value(found, "lease_held") == 0
    assert value(found, "lease_takeovers_total") == 2
    assert not {PREFIX + name for name in ("energy", "nodes_active", "lease_left_seconds")} & names(found)


def test_the_quarantine_is_told_by_reason_also_by_a_worker_that_it_has_paused():
    graph = graph_of()
    for i in range(12):
        graph.add_node(id=f"bad{i}", energy=["much", float("nan"), -1.0, 1e12][i % 4])
    graph.add_node(id="late", energy=1.0, energy_at=-5.0)
    held = attach(graph, Settings(graph="g"), "me")
    assert held.resident.quarantine == dict(zip(QUARANTINE, (6, 3, 3, 1), strict=True))
    assert sum(held.resident.quarantine.values()) == held.resident.quarantined
    metrics, paused = Metrics(), threading.Event()

    class State:
        def frame(self, frame):
            pass

        def state(self, state, detail):
            if state == "paused":
                paused.set()

    sinks = Sinks(metrics.of("g"), State())
    graph.holder = None
    worker = Worker(graph, Settings(graph="g"), sinks, prepare=lambda: None)
    metrics.of("g").watch(worker, sinks)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert paused.wait(20.0)
    found = scraped(metrics)
    worker.stop()
    thread.join()
    assert value(found, "nodes_quarantined", reason="not_a_number") == 6
    assert value(found, "ticks_total") == 0
    assert value(found, "lease_held") == 1


def test_types_without_number_have_a_bounded_number_of_series():
    graph = MemoryGraph("g")
    for i in range(3 * MOST_TYPES):
        graph.add_node(id=f"n{i}", energy=1.0, type=f"T{i}" + "x" * 300)
    metrics = Metrics()
    found = worked(graph, metrics, ticks=1)[-1]
    types = {dict(labels)["type"]: amount for (name, labels), amount in found.items() if name == PREFIX + "energy"}
    assert len(types) == MOST_TYPES + 1
    assert max(map(len, types)) <= 100
    assert types[OTHERS] == pytest.approx(2 * MOST_TYPES, rel=1e-3)


class Failing(MemoryGraph):
    """Raises errors in answer to commits, one after the other."""

    errors = ()

    def commit(self, changes):
        if self.errors:
            error, *self.errors = self.errors
            raise error
        super().commit(changes)


def test_what_holds_a_worker_up_is_counted_by_what_it_was():
    graph = graph_of(count=130)
    graph.__class__ = Failing
    graph.errors = [Busy("a"), CommitUnknown("b"), ForeignChange("c"), ForeignChange("d"), TooLarge("e"), Busy("f")]
    found = worked(graph, Metrics(), ticks=1)[-1]
    counts = {why: value(found, "held_up_total", reason=why) for why in (*HELD_UP.values(), "restaged")}
    expected = {"busy": 2, "commit_unknown": 1, "too_large": 1}
    assert counts == {**dict.fromkeys(counts, 0), **expected} | {"restaged": 0}
    again = graph_of()
    again.__class__ = Failing
    again.errors = [ForeignChange("c"), ForeignChange("d")]
    assert value(worked(again, Metrics(), ticks=1)[-1], "held_up_total", reason="restaged") == 2


def test_a_takeover_is_a_lease_that_another_had_last():
    graph, metrics = graph_of(), Metrics()
    assert value(worked(graph, metrics)[-1], "lease_takeovers_total") == 0
    metrics.of("g").close()
    assert value(worked(graph, metrics)[-1], "lease_takeovers_total") == 1
    metrics.of("g").close()
    assert value(scraped(metrics), "lease_takeovers_total") == 1
    assert value(scraped(metrics), "ticks_total") == 6


def test_buckets_add_up():
    spread = Spread()
    for seconds in (0.0, BOUNDS[0], 0.02, 99.0):
        spread.add(seconds)
    buckets = dict(spread.buckets())
    assert buckets[str(BOUNDS[0])] == 2
    assert buckets["0.025"] == 3
    assert buckets["+Inf"] == 4
    assert spread.total == 99.0 + 0.02 + BOUNDS[0]


def test_nothing_is_registered_for_the_whole_process():
    before = set(REGISTRY._names_to_collectors)
    Metrics({"g": Figures()})
    assert set(REGISTRY._names_to_collectors) == before


def test_lost_events_are_counted_by_sink(tmp_path):
    metrics = Metrics()
    file = FileSink(EventsSettings(file=tmp_path / "events.jsonl"), "g")
    file.dropped = 7
    metrics.of("g").sinks = Sinks(metrics.of("g"), file)
    assert value(scraped(metrics), "events_dropped_total", sink="file") == 7
    file.close()
