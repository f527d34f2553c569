"""The sink of subscribers: what it hands over is what the schemas say, and nothing is made that nobody wants."""

import gc
import json
import weakref
from collections import Counter

import jsonschema
import pytest

from tests.unit.test_events import filled, stimulate
from worker.events import build, subscribers
from worker.events.backlog import parts_of
from worker.events.build import events, lost_event
from worker.events.models import KINDS
from worker.events.schema import schemas
from worker.events.subscribers import ORDER, STATE, SUBSCRIBED, WAITING, Subscribers
from worker.tick import tick

VALIDATORS = {kind: jsonschema.Draft202012Validator(schema) for kind, schema in schemas().items()}


def sink_of(kinds=SUBSCRIBED, share=0.1):
    sink = Subscribers("g", share)
    sink.kinds = frozenset(kinds)
    return sink


def made(bundle):
    return [json.loads(line) for part in parts_of(bundle) for line in part.text.splitlines()]


def frames(held, count=4):
    for i in range(count):
        stimulate(held, {"node": f"n{i:03}", "delta": 2.0}, {"node": "nowhere", "delta": 1.0})
        yield tick(held, 4.0)
        held.resident.rejected.clear()


def test_with_all_strides_it_hands_over_what_a_file_would_get():
    sink = sink_of(share=1.0)
    for frame in frames(filled()):
        sink.frame(frame)
        expected = [json.loads(json.dumps(event)) for event in events(frame, frame.resident.rejected)]
        (bundle,) = sink.take()
        assert (bundle.frame, bundle.kinds) == (frame.frame, SUBSCRIBED)
        assert made(bundle) == expected


def test_every_event_is_what_its_schema_says_though_it_is_made_when_the_graph_has_gone_on():
    sink, seen, held = sink_of(), Counter(), filled()
    sink.state("running", "")
    for frame in frames(held):
        sink.frame(frame)
    looks = sink.take()
    for bundle in looks:
        snapshot = [bundle.look.snapshot("running")] if bundle.look else []
        for event in (*made(bundle), *snapshot):
            VALIDATORS[event["kind"]].validate(event)
            assert list(event) == list(KINDS[event["kind"]].model_fields)
            seen[event["kind"]] += 1
    assert set(seen) == {*SUBSCRIBED, "snapshot.v1"}
    VALIDATORS["events.lost.v1"].validate(lost_event("g", 3, frame.at, {"node.flip.v1": 2}))


def test_what_is_worked_out_later_is_what_it_was_though_weights_and_visits_have_changed():
    sink, held, expected = sink_of(), filled(links=16, learning={"rate": 1.0}), []
    for frame in frames(held, 6):
        sink.frame(frame)
        some = build.sample(frame, sink.share)
        expected.append(list(build.strides(frame, some)))
        every = list(build.strides(frame))
        assert expected[-1] == [every[i] for i in some]
    late = [[event for event in made(bundle) if event["kind"] == "stride.exec.v1"] for bundle in sink.take()]
    assert late == expected
    assert len({event["selected_reason"] for events in late for event in events}) > 3


def test_nothing_is_built_of_kinds_that_nobody_wants(monkeypatch):
    built = Counter()
    for name in (
        "frame_start",
        "stimuli",
        "strides",
        "flips",
        "boundaries",
        "weights",
        "rejections",
        "frame_end",
        "sample",
    ):
        real = getattr(build, name)
        monkeypatch.setattr(build, name, lambda *args, name=name, real=real: (built.update([name]), real(*args))[1])
    monkeypatch.setattr(subscribers, "_MAKE", {k: lambda f, k=k: (built.update([k]), [])[1] for k in subscribers._MAKE})
    monkeypatch.setattr(
        subscribers,
        "_MAKE_OF_SOME",
        {k: lambda f, _, k=k: (built.update([k]), [])[1] for k in subscribers._MAKE_OF_SOME},
    )
    held = filled()
    found = list(frames(held))
    sink = sink_of(())
    for frame in found:
        sink.frame(frame)
    assert built == {}
    for kind in ORDER:
        built.clear()
        sink.kinds = frozenset({kind})
        sink.frame(found[-1])
        assert set(built) - {"sample"} == {kind}


def test_strides_are_a_share_and_those_of_most_phi_the_same_ones_every_time():
    held = filled(size=400, links=12)
    frame = list(frames(held, 2))[-1]
    some = build.sample(frame, 0.1)
    assert some.tolist() == build.sample(frame, 0.1).tolist()
    phi = frame.moment.staged.phi
    best = sorted(range(len(phi)), key=lambda i: -phi[i])[:20]
    assert phi[best].min() >= sorted(phi)[-20]
    assert sum(phi[i] >= sorted(phi)[-20] for i in some) >= 20
    assert 0.05 * len(phi) < len(some) < 0.2 * len(phi) + 20
    assert len(build.sample(frame, 0.0)) == 20
    assert len(build.sample(frame, 1.0)) == len(phi)
    every = list(build.strides(frame))
    assert list(build.strides(frame, some)) == [every[i] for i in some]
    learned = {(e["src"], e["tgt"], e["link_type"], e["link"]): e for e in build.weights(frame)}
    few = list(build.weights(frame, some))
    assert 0 < len(few) < len(learned)
    assert all(learned[e["src"], e["tgt"], e["link_type"], e["link"]] == e for e in few)


def test_a_tick_without_strides_has_a_sample_without_any():
    held = filled(size=5, links=1)
    held.resident["energy"][:] = 0.0
    held.resident.active = held.resident.active[:0]
    assert build.sample(tick(held, 1.0), 0.5).tolist() == []


def test_the_snapshot_is_how_the_graph_stands():
    held, sink = filled(), sink_of(())
    for frame in frames(held):
        sink.frame(frame)
    event = sink.take()[-1].look.snapshot("running")
    assert (event["state"], event["frame"], event["energy_total"]) == ("running", frame.frame, frame.energy_total)
    assert sum(event["energy_by_type"].values()) == pytest.approx(frame.energy_total)
    books = event["books"]
    assert books["opening"] + books["injected"] + books["external"] - books["lost"] - books["decayed"] == pytest.approx(
        frame.energy_total
    )
    best = sorted(held.graph.node.values(), key=lambda n: -n.get("energy", 0.0))
    assert len(event["top"]) == min(20, frame.frontier_active)
    assert event["top"][0]["node"] == best[0]["id"]
    energies = [row["energy"] for row in event["top"]]
    assert energies == sorted(energies, reverse=True)
    assert all(row["energy"] >= row["threshold"] for row in event["top"])


def test_what_waits_is_bounded_and_a_gap_is_noted():
    sink, held = sink_of(), filled()
    frame = next(frames(held))
    for _ in range(WAITING + 5):
        sink.frame(frame)
    sink.state("paused", "")
    assert sink.gap
    assert len(sink.take()) == WAITING
    assert sink.entered["state"] == "paused"
    sink.frame(frame)
    assert len(sink.take()) == 1


def test_where_nobody_takes_it_any_more_nothing_is_handed_over():
    sink, held = sink_of(), filled()
    frame = next(frames(held))
    sink.frame(frame)
    sink.stop()
    sink.frame(frame)
    sink.state("running", "")
    assert sink.take() == []


def test_what_was_handed_over_keeps_nothing_large_of_the_graph():
    sink, held = sink_of(), filled()
    for frame in frames(held):
        sink.frame(frame)
    bundles = sink.take()
    for bundle in bundles:
        parts_of(bundle)
    resident = weakref.ref(held.resident)
    look = bundles[-1].look
    del held, frame, bundles, bundle
    gc.collect()
    assert resident() is None
    assert look.snapshot(None)["state"] is None


def test_states_are_told_to_who_wants_them():
    sink = sink_of({STATE})
    sink.state("running", "x")
    (event,) = made(sink.take()[0])
    assert (event["state"], event["detail"], event["frame"]) == ("running", "x", 0)
