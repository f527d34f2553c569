"""What waits for a subscriber: bounded, strides lost first, frames never; and what one who comes back is sent again."""

import json

import pytest

from worker.events.backlog import BATCH, MESSAGE, Backlog, Part, Recent, Sent, parts_of
from worker.events.subscribers import SNAPSHOT, STATE, SUBSCRIBED, Bundle


def part(frame, kind, events=1, size=100):
    return Part(frame, kind, events, size, f"{kind} {frame}\n")


def tick(frame, strides=10, flips=3):
    return [
        part(frame, "frame.start.v1"),
        part(frame, "stride.exec.v1", strides, 100 * strides),
        part(frame, "node.flip.v1", flips, 100 * flips),
        part(frame, "frame.end.v1"),
    ]


def drained(backlog):
    lost, said = {}, []
    while True:
        counts, text = backlog.take()
        for kind, count in counts.items():
            lost[kind] = lost.get(kind, 0) + count
        if not text:
            return lost, said
        said += text.splitlines()


def test_all_that_fits_comes_in_its_order():
    backlog = Backlog(10_000)
    for frame in (1, 2, 3):
        assert backlog.put(tick(frame), SUBSCRIBED) == 0
    lost, said = drained(backlog)
    assert (lost, backlog.size, len(backlog), backlog.full) == ({}, 0, 0, False)
    assert said == [f"{p.kind} {p.frame}" for frame in (1, 2, 3) for p in tick(frame)]


def test_strides_are_lost_first_and_the_oldest_of_them():
    backlog = Backlog(4_000)
    lost = sum(backlog.put(tick(frame), SUBSCRIBED) for frame in (1, 2, 3))
    assert lost == 10
    counts, said = drained(backlog)
    assert counts == {"stride.exec.v1": 10}
    assert "stride.exec.v1 1" not in said
    assert [line for line in said if line.startswith("stride")] == ["stride.exec.v1 2", "stride.exec.v1 3"]
    assert [line for line in said if line.startswith("node.flip")] == [f"node.flip.v1 {frame}" for frame in (1, 2, 3)]


def test_then_flips_and_never_frames_states_or_a_snapshot():
    backlog = Backlog(1_500)
    backlog.put([part(0, SNAPSHOT), part(0, STATE)], SUBSCRIBED)
    for frame in range(1, 7):
        backlog.put(tick(frame), SUBSCRIBED)
    assert not backlog.full
    counts, said = drained(backlog)
    assert counts["stride.exec.v1"] == 60
    assert counts["node.flip.v1"] >= 15
    assert said[:2] == [f"{SNAPSHOT} 0", f"{STATE} 0"]
    assert [line for line in said if line.startswith("frame.")] == [
        f"frame.{end}.v1 {frame}" for frame in range(1, 7) for end in ("start", "end")
    ]


def test_where_even_frames_are_too_many_it_is_full_for_good():
    backlog = Backlog(1_000)
    for frame in range(1, 7):
        backlog.put(tick(frame), SUBSCRIBED)
    assert backlog.full
    drained(backlog)
    backlog.put(tick(8, strides=0, flips=0), SUBSCRIBED)
    assert backlog.full


def test_what_it_holds_is_bounded_however_much_comes():
    backlog = Backlog(20_000)
    for frame in range(1, 500):
        backlog.put(tick(frame, strides=1000), SUBSCRIBED)
        if backlog.full:
            break
        assert backlog.size <= 20_000
        assert sum(p.size for p in backlog._parts) == backlog.size
    assert frame > 90


def test_only_what_is_wanted_waits_and_a_loss_of_others_is_none():
    backlog = Backlog(250)
    for frame in (1, 2, 3):
        assert backlog.put(tick(frame), {"node.flip.v1"}) <= 3
    assert set(drained(backlog)[0]) == {"node.flip.v1"}


def test_what_was_lost_is_told_once():
    backlog = Backlog(1_200)
    backlog.put(tick(1), SUBSCRIBED)
    assert backlog.take()[0] == {"stride.exec.v1": 10}
    assert backlog.take()[0] == {}


def test_a_message_has_a_bounded_size():
    backlog = Backlog(10_000_000)
    backlog.put(
        [part(i, "stride.exec.v1", 1, 30_000) for i in range(9)] + [part(9, "stride.exec.v1", 1, 90_000)], SUBSCRIBED
    )
    sizes = []
    while text := backlog.take()[1]:
        sizes.append(sum(90_000 if " 9" in line else 30_000 for line in text.splitlines()))
    assert sizes == [60_000] * 4 + [30_000] + [90_000]
    assert max(sizes[:-1]) <= MESSAGE


def test_parts_are_lines_of_the_events_some_at_a_time():
    made = [{"kind": "stride.exec.v1", "src": f"é{i}"} for i in range(2 * BATCH + 5)]
    found = parts_of(Bundle(7, frozenset(), {"stride.exec.v1": iter(made), "node.flip.v1": []}))
    assert [p.events for p in found] == [BATCH, BATCH, 5]
    assert [json.loads(line) for p in found for line in p.text.splitlines()] == made
    assert all(p.size == len(p.text.encode()) for p in found)


def sent(frame, parts, kinds=SUBSCRIBED, *, is_tick=True):
    return Sent(frame, is_tick, frozenset(kinds), parts)


@pytest.fixture
def recent():
    found = Recent(1_000_000)
    for frame in range(5, 9):
        found.put(sent(frame, tick(frame)))
    found.put(sent(8, [part(8, STATE)], is_tick=False))
    return found


def said(parts):
    return None if parts is None else [(p.frame, p.kind) for p in parts]


def test_who_comes_back_is_sent_what_came_since(recent):
    everything = [(p.frame, p.kind) for frame in range(5, 9) for p in tick(frame)] + [(8, STATE)]
    assert said(recent.after(4, SUBSCRIBED)) == everything
    assert said(recent.after(6, SUBSCRIBED)) == everything[8:]
    assert said(recent.after(8, SUBSCRIBED)) == [(8, STATE)]
    assert said(recent.after(6, {"frame.end.v1"})) == [(7, "frame.end.v1"), (8, "frame.end.v1")]


@pytest.mark.parametrize("after", [0, 3, 9, 100])
def test_where_something_between_is_not_held_nothing_is_sent_again(recent, after):
    assert recent.after(after, SUBSCRIBED) is None


def test_ticks_of_another_worker_between_two_are_a_gap(recent):
    recent.put(sent(12, tick(12)))
    assert recent.after(8, SUBSCRIBED) is None
    assert said(recent.after(11, {"frame.end.v1"})) == [(12, "frame.end.v1")]


def test_kinds_that_nobody_wanted_then_are_not_held(recent):
    recent.put(sent(9, [part(9, "frame.end.v1")], kinds={"frame.end.v1"}))
    assert recent.after(8, SUBSCRIBED) is None
    assert said(recent.after(8, {"frame.end.v1"})) == [(9, "frame.end.v1")]


def test_the_oldest_go_over_the_bound_even_where_they_are_empty():
    recent = Recent(10_000)
    for frame in range(1, 1000):
        recent.put(sent(frame, []))
    assert len(recent._held) <= 50
    assert recent.after(1, SUBSCRIBED) is None
    assert recent.after(998, SUBSCRIBED) == []
    recent.clear()
    assert recent.after(998, SUBSCRIBED) is None
