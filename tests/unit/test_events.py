"""Events: every one of real ticks against its published schema and against the graph; and the file that they go to."""

import json
import math
import os
import resource
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import jsonschema
import numpy as np
import pytest
from structlog.testing import capture_logs

from worker.errors import SettingsError
from worker.events import Sinks
from worker.events.build import events, rfc3339, state_event
from worker.events.file import FileSink, lines
from worker.events.models import KINDS, MODELS, State, StrideExec
from worker.events.schema import publish, schemas
from worker.graph.attach import attach
from worker.graph.memory import MemoryGraph
from worker.physics import decay, fanout, learning
from worker.physics.reasons import REASONS, selected_reasons
from worker.physics.select import select
from worker.physics.valence import terms
from worker.settings import EventsSettings, Settings
from worker.tick import SCHEDULE, tick

PUBLISHED = Path(__file__).parents[2] / "docs/reference/events"
ORDER = [model.model_fields["kind"].default for model in MODELS]
AT = datetime(2026, 1, 1, tzinfo=UTC)


def filled(seed=0, size=120, links=8, **settings):
    """A graph with everything in it, attached."""
    rng = np.random.default_rng(seed)
    graph = MemoryGraph("g")
    nodes = [
        graph.add_node(
            id=f"n{i:03}",
            type=("Concept", "Memory", "Odd")[i % 3],
            energy=float(rng.uniform(0.0, 1.6)),
            embedding=rng.normal(size=2).tolist(),
            visits=int(rng.integers(0, 30)),
        )
        for i in range(size)
    ]
    entities = [graph.add_entity(id=name) for name in ("red", "green", "blue")]
    for i, key in enumerate(nodes):
        for k in range(i % 4):
            graph.add_member(key, entities[(i + k) % 3], weight=1.0 + k)
    for source in nodes:
        for target in rng.choice(nodes, rng.integers(0, links), replace=False).tolist():
            if target != source:
                weight, feeling = float(rng.normal()), rng.normal(size=2).tolist()
                graph.add_link(source, target, str(rng.choice(["R", "S"])), log_weight=weight, emotion=feeling)
    settings.setdefault("valence", {"goal": (1.0, 0.2), "affect": (0.5, 0.5)})
    settings.setdefault("decay", {"half_life": {"Concept": 60.0, "*": 400.0}, "settle": 9.0})
    return attach(graph, Settings(**settings), "me")


def stimulate(held, *stimuli):
    for i, found in enumerate(stimuli):
        name = f"s{held.ledger.tick}-{i}"
        held.graph.add_stimulus(**{"id": name, "created_at": AT, "source": None, **found})


def energies(held):
    """What the graph's energies are worth now, by id."""
    return {
        node["id"]: node.get("energy", 0.0)
        * 2.0 ** ((node.get("energy_at", 0.0) - held.ledger.decay_clock) / held.parameters.half_life(node["type"]))
        for node in held.graph.node.values()
    }


def ticks(held, count=6, dt=4.0):
    """Tick a stimulated graph; give frame and events of each tick, as a reader gets them."""
    rng = np.random.default_rng(3)
    for _ in range(count):
        good = [
            {"node": f"n{i:03}", "delta": float(rng.uniform(0.1, 2.0)), "source": "test"}
            for i in rng.integers(0, 120, 5)
        ]
        stimulate(held, *good, {"node": "nowhere", "delta": 1.0}, {"node": "n001", "delta": -1.0})
        frame = tick(held, dt)
        made = lines(events(frame, held.resident.rejected)).splitlines()
        held.resident.rejected.clear()
        yield frame, [json.loads(line) for line in made]


def of(made, kind):
    return [event for event in made if event["kind"] == kind]


# What is published


def test_what_is_published_is_what_the_models_give(tmp_path):
    publish(tmp_path)
    assert {p.name: p.read_text() for p in PUBLISHED.iterdir()} == {p.name: p.read_text() for p in tmp_path.iterdir()}
    assert {p.name for p in PUBLISHED.iterdir()} == {f"{kind}.schema.json" for kind in KINDS}


def test_each_schema_is_one_and_demands_every_field_of_its_kind():
    for kind, schema in schemas().items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["required"] == list(KINDS[kind].model_fields)
        assert schema["properties"]["kind"]["const"] == kind


def test_the_models_know_what_the_physics_can_say():
    allowed = StrideExec.model_json_schema()["properties"]["strategy"]["enum"]
    assert set(allowed) == set(fanout.STRATEGIES)
    assert set(schemas()["weights.updated.v1"]["properties"]["tier"]["enum"]) == set(learning.TIERS)


# What a tick says


def test_every_event_of_real_ticks_is_what_its_schema_says():
    validators = {kind: jsonschema.Draft202012Validator(schema) for kind, schema in schemas().items()}
    seen = Counter()
    for frame, made in ticks(filled()):
        for event in made:
            validators[event["kind"]].validate(event)
            KINDS[event["kind"]].model_validate(event)
            assert list(event) == list(KINDS[event["kind"]].model_fields)
            assert (event["graph"], event["frame"], event["t"]) == ("g", frame.frame, rfc3339(frame.at))
            seen[event["kind"]] += 1
    assert set(seen) == set(KINDS) - {"worker.state.v1", "events.lost.v1", "snapshot.v1"}


def test_a_tick_says_it_all_in_one_order():
    for _, made in ticks(filled(), count=3):
        kinds = [event["kind"] for event in made]
        assert kinds == sorted(kinds, key=ORDER.index)
        assert (kinds[0], kinds[-1]) == ("frame.start.v1", "frame.end.v1")


def test_the_first_and_the_last_event_agree_with_the_graph():
    held = filled(fanout={"task_mode": "methodical"})
    before = energies(held)
    for frame, made in ticks(held):
        start, end = made[0], made[-1]
        now = dict(before)
        for event in of(made, "stimulus.injected.v1"):
            now[event["node"]] += event["delta"]
        theta = {name: float(held.resident["threshold"][i]) for i, name in enumerate(held.resident.ids)}
        theta |= {n["id"]: held.parameters.threshold_of(n["type"]) for n in held.graph.node.values()}
        active = {name for name, energy in now.items() if energy >= theta[name]}
        names = {key: node["id"] for key, node in held.graph.node.items()}
        out = {names[link.target] for link in held.graph.link.values() if names[link.source] in active}
        assert (start["active"], start["shadow"]) == (len(active), len(out - active))
        assert (start["dt"], start["interval"], start["interval_reason"]) == (4.0, 4.0, "fixed")

        after = energies(held)
        assert end["frontier_active"] == sum(energy >= theta[name] for name, energy in after.items())
        assert end["energy_total"] == pytest.approx(math.fsum(after.values()), rel=1e-12)
        assert end["energy_decay"]["total"] == pytest.approx(math.fsum(end["energy_decay"]["by_type"].values()))
        expected = math.fsum(before.values()) + end["energy_in"] - end["energy_lost"] - end["energy_decay"]["total"]
        assert end["energy_total"] == pytest.approx(expected, rel=1e-9)
        assert abs(end["conservation_error"]["absolute"]) < 1e-9
        assert set(end["timings_ms"]) == set(SCHEDULE)
        assert end["timings_ms"]["emit"] > 0.0
        assert end["strides"] == len(of(made, "stride.exec.v1")) == frame.strides
        before = after


def test_strides_explain_where_every_energy_went():
    held = filled()
    for _, made in ticks(held):
        strides = of(made, "stride.exec.v1")
        assert math.fsum(s["delta_e"] for s in strides) == pytest.approx(made[-1]["energy_transferred"], rel=1e-12)
        pre = {s["src"]: s["e_src_pre"] for s in strides} | {s["tgt"]: s["e_tgt_pre"] for s in strides}
        for target, post in {s["tgt"]: s["e_tgt_post"] for s in strides}.items():
            moved = sum(s["delta_e"] * ((s["tgt"] == target) - (s["src"] == target)) for s in strides)
            assert post == pytest.approx(pre[target] + moved, rel=1e-12)
        assert [s["src"] for s in strides] == sorted(s["src"] for s in strides)
        kinds = {
            (held.graph.node[k.source]["id"], held.graph.node[k.target]["id"], k.type) for k in held.graph.link.values()
        }
        assert {(s["src"], s["tgt"], s["link_type"]) for s in strides} <= kinds


def test_the_reasons_are_those_of_the_snapshot_though_the_commit_has_changed_weights_and_visits(monkeypatch):
    """Reasons made after the tick equal reasons made from a copy of what it read."""
    read = []

    def copied(frontier, *rest):
        nodes = type(frontier.nodes)(*(column.copy() for column in frontier.nodes))
        links = type(frontier.links)(*(column.copy() for column in frontier.links))
        read.append(frontier._replace(nodes=nodes, links=links))
        return select(frontier, *rest)

    monkeypatch.setattr("worker.tick.select", copied)
    held = filled(links=16, learning={"rate": 1.0})
    for frame, made in ticks(held):
        numbers = terms(held.parameters, frame.dt)
        codes = selected_reasons(read[-1], frame.moment.strides, numbers, held.parameters)
        assert [s["selected_reason"] for s in of(made, "stride.exec.v1")] == [REASONS[code] for code in codes]
        assert len(set(codes.tolist())) > 3


def test_s13_flips_say_what_became_active_and_why():
    held, seen = filled(), Counter()
    theta = {node["id"]: held.parameters.threshold_of(node["type"]) for node in held.graph.node.values()}
    on = {name for name, energy in energies(held).items() if energy >= theta[name]}
    for frame, made in ticks(held, count=12):
        flips = of(made, "node.flip.v1")
        stimulated = {event["node"] for event in of(made, "stimulus.injected.v1")}
        for flip in flips:
            assert (flip["node"] in on) == (flip["direction"] == "off")
            on ^= {flip["node"]}
            assert (flip["e_post"] >= flip["threshold"]) == (flip["direction"] == "on")
            assert (flip["e_pre"] >= flip["threshold"]) == (flip["direction"] == "off")
            assert flip["cause"] != "stimulus" or flip["node"] in stimulated
            seen[flip["direction"], flip["cause"]] += 1
        assert on == {name for name, energy in energies(held).items() if energy >= theta[name]}
        directions = Counter(flip["direction"] for flip in flips)
        assert (directions["on"], directions["off"]) == (frame.flips_on, frame.flips_off)
    assert set(seen) == {("on", "stimulus"), ("on", "stride"), ("off", "stride"), ("off", "decay")}


def test_a_node_that_only_the_strides_lift_was_not_lifted_by_its_stimulus():
    graph = MemoryGraph()
    source, target = graph.add_node(id="a", energy=10.0), graph.add_node(id="b", energy=0.5)
    graph.add_link(source, target, "R", log_weight=0.0)
    held = attach(graph, Settings(), "me")
    stimulate(held, {"node": "b", "delta": 0.4})
    flip = of(events(tick(held, 5.0), []), "node.flip.v1")[0]
    assert (flip["node"], flip["cause"], flip["e_pre"]) == ("b", "stride", 0.5)


def test_links_that_learned_are_told_with_both_their_weights():
    held = filled(learning={"rate": 0.5})
    for _, made in ticks(held):
        assert of(made, "weights.updated.v1")
        for event in of(made, "weights.updated.v1"):
            link = held.graph.link[int(event["link"])]
            ends = (held.graph.node[link.source]["id"], held.graph.node[link.target]["id"], link.type)
            assert (event["src"], event["tgt"], event["link_type"]) == ends
            assert event["after"] == link.properties["log_weight"] > event["before"]


def test_a_weight_before_is_the_weight_after_of_the_tick_before():
    held, known = filled(learning={"rate": 0.5}), {}
    known = {str(key): link.properties["log_weight"] for key, link in held.graph.link.items()}
    for _, made in ticks(held):
        for event in of(made, "weights.updated.v1"):
            assert event["before"] == known[event["link"]]
            known[event["link"]] = event["after"]


def test_what_is_rejected_is_told_and_what_is_applied_too():
    (_, made), *_ = ticks(filled(), count=1)
    rejected = of(made, "input.rejected.v1")
    assert Counter(event["what"] for event in rejected) == {"stimulus": 2, "type": 2}
    applied = of(made, "stimulus.injected.v1")
    assert [(event["id"], event["source"]) for event in applied] == [(f"s0-{i}", "test") for i in range(5)]


def test_the_decay_of_a_settled_epoch_is_told_like_any_other():
    """Energies are rewritten while the tick closes: what a faded node had before still comes out right."""
    graph = MemoryGraph()
    graph.add_node(id="a", energy=1.05)
    held = attach(graph, Settings(decay={"half_life": {"*": 40.0}, "settle": 5.0}), "me")
    (flip,) = of(events(tick(held, 5.0), []), "node.flip.v1")
    assert flip["e_pre"] == pytest.approx(1.05, rel=1e-14)
    assert flip["e_post"] == pytest.approx(1.05 * decay.factors(np.array([5.0]), np.array([40.0]))[0], rel=1e-14)


def test_an_empty_graph_ticks_with_two_events():
    held = attach(MemoryGraph(), Settings(), "me")
    assert [event["kind"] for event in events(tick(held, 1.0), [])] == ["frame.start.v1", "frame.end.v1"]


def test_each_state_is_what_its_schema_says():
    for state in get_args(State):
        jsonschema.validate(state_event("g", 0, AT, state, ""), schemas()["worker.state.v1"])


# Lines


def test_one_line_an_event_whatever_stands_in_a_text():
    hostile = ['},{"kind":"x"}', "\n\r\u2028", "\x00", "é😀", "\ud800", '"},\n{"kind":']
    made = [{"kind": "x", "id": text, "inner": {"a": {}}} for text in hostile]
    for some in (made, [event for event in made if event["id"] != "\ud800"]):
        written = lines(some)
        assert written.endswith(b"\n")
        assert [json.loads(line) for line in written.splitlines()] == some


# The file


@pytest.fixture
def sink(tmp_path):
    """Opens sinks, and closes them at the end."""
    opened = []

    def make(**settings):
        opened.append(FileSink(EventsSettings(**{"file": tmp_path / "events.jsonl", **settings}), "g"))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def read(path):
    text = path.read_bytes()
    assert text.endswith(b"\n") or not text
    return [json.loads(line) for line in text.splitlines()]


def test_a_tick_goes_to_the_file_and_states_between(sink, tmp_path):
    file, held = sink(), filled()
    file.state("running", "")
    frame = tick(held, 1.0)
    file.frame(frame)
    file.state("stopping", "tick: 1")
    first, *made, last = read(tmp_path / "events.jsonl")
    assert (first["state"], first["frame"], first["graph"]) == ("running", 0, "g")
    assert (last["state"], last["frame"], last["detail"]) == ("stopping", 1, "tick: 1")
    assert [e["kind"] for e in made] == [e["kind"] for e in events(frame, held.resident.rejected)]
    assert of(made, "input.rejected.v1")


def test_a_file_grows_to_its_size_and_so_many_are_kept(sink, tmp_path):
    file = sink(max_bytes=10_000, keep=2)
    for i in range(400):
        file.state("running", f"{i}")
    names = ["events.jsonl.2", "events.jsonl.1", "events.jsonl"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names)
    kept = [int(event["detail"]) for name in names for event in read(tmp_path / name)]
    assert kept == list(range(kept[0], 400))
    assert all(9_000 < (tmp_path / name).stat().st_size <= 10_000 for name in names[:2])


def test_a_tick_stands_in_one_file_even_if_it_alone_is_larger(sink, tmp_path):
    file, held = sink(max_bytes=10_000), filled()
    for _ in range(2):
        file.frame(tick(held, 1.0))
    for name in ("events.jsonl", "events.jsonl.1"):
        kinds = [event["kind"] for event in read(tmp_path / name)]
        assert (kinds[0], kinds[-1]) == ("frame.start.v1", "frame.end.v1")
        assert (tmp_path / name).stat().st_size > 10_000


@pytest.mark.parametrize("before", [b"", b'{"kind":"x"}\n', b'{"kind":"x"}\n' * 20_000])
@pytest.mark.parametrize("broken", [b"{", b'{"kind":', b'{"kind":"stride.exec.v1","gra' + b"x" * 200_000])
def test_a_line_that_a_crash_left_broken_is_cut_off(sink, tmp_path, before, broken):
    (tmp_path / "events.jsonl").write_bytes(before + broken)
    sink()
    assert (tmp_path / "events.jsonl").read_bytes() == before


def test_a_last_line_that_is_none_of_ours_is_ended_and_not_lost(sink, tmp_path):
    (tmp_path / "events.jsonl").write_bytes(b"a diary\nwithout an end")
    sink().state("running", "")
    diary, without, event = (tmp_path / "events.jsonl").read_bytes().splitlines()
    assert (diary, without) == (b"a diary", b"without an end")
    assert json.loads(event)["state"] == "running"


def test_a_file_is_taken_up_again(sink, tmp_path):
    sink().close()
    for state in ("starting", "attached"):
        one = sink()
        one.state(state, "")
        one.close()
    assert [event["state"] for event in read(tmp_path / "events.jsonl")] == ["starting", "attached"]


def test_two_may_not_write_to_one_file(sink):
    sink()
    with pytest.raises(SettingsError, match=r"STRIDE_EVENTS__FILE = .*: another process writes to it"):
        sink()


def test_a_file_that_was_rotated_in_is_still_for_one_alone(sink):
    file = sink(max_bytes=10_000)
    for _ in range(100):
        file.state("running", "")
    with pytest.raises(SettingsError, match="another process"):
        sink()


@pytest.mark.parametrize(
    ("name", "why"),
    [("no/such/folder", "No such file or directory"), ("", "not a regular file"), ("pipe", "not a regular")],
)
def test_a_file_that_cannot_be_opened_is_named_with_its_setting(sink, tmp_path, name, why):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingsError, match=rf"STRIDE_EVENTS__FILE = {tmp_path}.*: {why}"):
        sink(file=tmp_path / name)


class Full:
    """A disk with no room for a file over so many bytes, as the kernel would have it."""

    def __init__(self, size):
        self.size = size

    def __enter__(self):
        self.limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.limits[1]))

    def __exit__(self, *_):
        resource.setrlimit(resource.RLIMIT_FSIZE, self.limits)


def test_a_disk_that_is_full_at_the_start_is_refused(sink, tmp_path):
    (tmp_path / "events.jsonl").write_bytes(b'{"kind":"x"}\n')
    with pytest.raises(SettingsError, match=r"STRIDE_EVENTS__FILE = .*File too large"), Full(13):
        sink()
    assert (tmp_path / "events.jsonl").read_bytes() == b'{"kind":"x"}\n'


def test_a_disk_that_fills_up_costs_events_and_nothing_else(sink, tmp_path):
    file, held = sink(), filled()
    file.state("running", "")
    with capture_logs() as log:
        with Full((tmp_path / "events.jsonl").stat().st_size + 5000):
            for _ in range(3):
                frame = tick(held, 1.0)
                file.frame(frame)
            assert len(read(tmp_path / "events.jsonl")) == 1
            dropped = file.dropped
        file.frame(frame)
        file.state("stopping", "")
    assert dropped > 3 * 20
    assert [(line["event"], line["log_level"]) for line in log] == [
        ("events.dropped", "error"),
        ("events.resumed", "info"),
    ]
    assert log[0]["why"] == "File too large"
    assert log[1]["dropped"] == dropped == file.dropped
    _, *made, last = read(tmp_path / "events.jsonl")
    assert (made[0]["kind"], made[-1]["kind"], last["state"]) == ("frame.start.v1", "frame.end.v1", "stopping")


def test_a_rotation_that_fails_is_tried_again_and_loses_no_file(sink, tmp_path):
    file = sink(max_bytes=10_000, keep=3)
    file.state("running", "x" * 9_000)
    with capture_logs() as log, Full(0):
        for _ in range(5):
            file.state("running", "y" * 9_000)
    assert [line["event"] for line in log] == ["events.dropped"]
    file.state("running", "z" * 9_000)
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["events.jsonl", "events.jsonl.1"]
    assert [read(p)[0]["detail"][0] for p in sorted(tmp_path.iterdir())] == ["z", "x"]
    assert file.dropped == 5


def test_a_folder_that_no_file_may_be_renamed_in_costs_events_and_nothing_else(sink, tmp_path):
    file = sink(max_bytes=10_000, keep=2)
    for name in ("events.jsonl.1", "events.jsonl.2"):
        (tmp_path / name / "in the way").mkdir(parents=True)
    with capture_logs() as log:
        for _ in range(2):
            file.state("running", "x" * 9_000)
    assert [line["event"] for line in log] == ["events.dropped"]
    assert len(read(tmp_path / "events.jsonl")) == file.dropped == 1


# Several sinks


def test_sinks_are_those_that_are_set_and_those_that_are_added(tmp_path):
    told = []

    class Listener:
        def frame(self, frame):
            told.append(frame)

        def state(self, state, detail):
            told.append((state, detail))

        def close(self):
            told.append("closed")

    sinks = Sinks.of(EventsSettings(), "g")
    sinks.add(Listener())
    sinks.state("running", "why")
    sinks.frame("a frame")
    sinks.close()
    assert told == [("running", "why"), "a frame", "closed"]
    sinks = Sinks.of(EventsSettings(file=tmp_path / "events.jsonl"), "g")
    sinks.state("running", "")
    sinks.close()
    assert len(read(tmp_path / "events.jsonl")) == 1
