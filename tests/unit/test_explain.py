"""Explanations of small graphs, by hand; and the command, on recordings."""

from __future__ import annotations

import json
import math
import re

import pytest
from typer.testing import CliRunner

from tests.unit.test_recording import Run
from worker.cli.app import app
from worker.errors import InputError
from worker.events.trail import Trail
from worker.explain import Course, walk
from worker.graph.attach import attach
from worker.graph.memory import MemoryGraph
from worker.settings import Settings
from worker.tick import tick


@pytest.fixture
def chain():
    """a → b → c, of which only a has energy."""
    graph = MemoryGraph()
    a, b, c = (graph.add_node(id=own, energy=energy) for own, energy in (("a", 4.0), ("b", None), ("c", None)))
    graph.add_link(a, b, "R", log_weight=0.0)
    graph.add_link(b, c, "S", log_weight=0.0)
    return graph


def ticks(graph, count, trail=None, **how):
    trail = trail or Trail()
    held = attach(graph, Settings.read(decay={"half_life": {"*": 10.0}}, tick={"alpha": 0.1}, **how), "me")
    for _ in range(count):
        trail.frame(tick(held, 1.0))
    return trail


def test_half_a_mixture_leaves_as_half_of_each_of_its_parts(chain):
    chain.add_stimulus(id="s", node="b", delta=3.0, created_at=0, source="me")
    course = Course(ticks(chain, 1).accounts())
    account = course.accounts[0]
    b = [account.ids[i] for i in account.touched.tolist()].index("b")
    came = account.kept[[account.ids[i] for i in account.target.tolist()].index("b")]
    roots = {root.kind: root for root in course.roots("b", course.energy("b"))}
    faded = account.left[b] / account.after[b]
    assert roots["start"].amount == pytest.approx(came * faded, rel=1e-12)
    assert roots["stimulus"].amount == pytest.approx((account.after[b] - came) * faded, rel=1e-12)
    assert (roots["start"].node, roots["stimulus"].id, roots["stimulus"].source) == ("a", "s", "me")
    assert [(r.kind, r.node) for r in course.roots("c", course.energy("c"))] == [("stimulus", "b")]  # a's came too late


def test_the_tree_goes_back_link_by_link(chain):
    course = Course(ticks(chain, 30, guards={"min_strides": 3}).accounts())
    energy = course.energy("c")
    (way,) = course.tree("c", energy, 5, 0.0)
    assert (way.kind, way.node, way.link_type, way.amount) == ("strides", "b", "S", pytest.approx(energy))
    (before,) = way.branches
    assert (before.kind, before.node, before.link_type) == ("strides", "a", "R")
    assert [(one.kind, one.node) for one in before.branches] == [("start", "a")]
    assert way.first > before.first == 1
    assert max(one.last for one in walk([way])) <= 30
    (cut,) = course.tree("c", energy, 1, 0.0)
    assert cut.branches == []
    assert [one.kind for one in course.tree("c", energy, 5, 1.1)] == ["rest"]


def test_a_trail_begins_anew_where_a_tick_is_missing(chain):
    trail = ticks(chain, 2)
    ticks(chain, 1)
    ticks(chain, 2, trail)
    assert [account.tick for account in trail.accounts()] == [4, 5]


def test_parts_of_costs_are_the_same_whenever_they_are_worked_out():
    found = []
    for eager in (False, True):
        run = MemoryGraph()
        keys = [run.add_node(id=f"n{i}", energy=2.0) for i in range(9)]
        for i, key in enumerate(keys):
            for k in range(1, 6):
                run.add_link(key, keys[(i + k) % 9], "R", log_weight=0.1 * k * (i - 4))
        found.append([account.parts() for account in ticks(run, 5, Trail(eager=eager)).accounts()])
    for early, late in zip(*found, strict=True):
        assert all(list(a) == list(b) for a, b in zip(early, late, strict=True))


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A recording of 8 ticks with a restart, and a snapshot after its 3rd tick."""
    monkeypatch.chdir(tmp_path)
    run = Run(tmp_path)
    run.store.stimulus(minute=1, id="s1", node="n001", delta=5.0, source="me")
    run.ticks(3)
    run.snapshot("middle")
    run.ticks(1)
    run.end()
    run.begin()
    run.ticks(4)
    run.end()
    return run


def told(*words):
    done = CliRunner().invoke(app, ["explain", *words], catch_exceptions=False, standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.stdout


def explained(*words):
    return json.loads(told(*words, "--json"))


def test_a_recording_explains_by_itself_or_from_a_snapshot(recorded):
    whole, late = explained("n002", "--recording=rec"), explained("n002", "--recording=rec", "--snapshot=middle")
    same = explained("n002", "--recording=rec", "--snapshot=before")
    assert {**same, "recording": "rec"} == whole
    assert (whole["since"], whole["tick"], late["since"], late["tick"]) == (1, 8, 4, 8)
    assert whole["energy"] == late["energy"]
    for found in (whole, late):
        assert math.isclose(math.fsum(found["sources"].values()), found["energy"], rel_tol=1e-9)
    assert whole["sources"]["stimulus"] > 0.0 == late["sources"]["stimulus"]
    assert explained("n002", "--recording=rec", "--tick=3")["tick"] == 3
    text = told("n002", "--recording=rec", "--least=0.001")
    assert re.search(r"n002  energy [\d.]+ after tick 8\n├── in the end: stimuli [\d.]+ %", text)
    assert re.search(r"from n\d\d\d by \w+: \d+ strides at ticks 1 to 8", text)
    assert re.search(r"cost [\d.]+ = \(weight [\d.]+ \+ novelty [\d.e-]+ \+ goal 0\) × 1, reason: \w+", text)
    assert "was there before tick 1" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("n01", "--recording=rec"), "did you mean 'n0"),
        (("n001", "--recording=rec", "--tick=9"), "tick 9 is not in rec: it has ticks 1 to 8"),
        (("n001", "--recording=rec", "--snapshot=middle", "--tick=3"), "ticks 4 to 8"),
        (("n001", "--recording=rec", "--snapshot=middle", "--tick=9"), "ticks 4 to 8"),
        (("n001", "--recording=."), "there is no segment in it"),
    ],
)
def test_what_is_wrong_is_named(recorded, words, says):
    with pytest.raises(InputError) as error:
        told(*words)
    assert says in str(error.value)


def test_settings_of_here_have_no_say(recorded, monkeypatch):
    monkeypatch.setenv("STRIDE_TICK__ALPHA", "0.05")
    with pytest.raises(InputError, match=r"tick\.alpha: it is set here"):
        told("n001", "--recording=rec")
