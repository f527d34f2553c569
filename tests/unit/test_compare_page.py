"""The page of a comparison: whole HTML that runs nothing and fetches nothing, whatever ids and settings are called."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.stores import MemoryStore, fill
from worker.cli.charts import BINS, Axis, spanned, thinned
from worker.cli.compare_html import page
from worker.compare import agreement, report
from worker.graph.copies import Original
from worker.graph.memory import MemoryGraph
from worker.settings import Settings
from worker.trial import named, steady, trial

VOID = {"meta", "path"}
HOSTILE = "</title><script>alert(1)</script>\x1b[2J\u202e&lt;"


class Held(HTMLParser):
    """Reads a page, and refuses what does not nest, what runs, what is fetched, and what nobody could be read."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.seen, self.ids = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        assert tag not in {"script", "link", "iframe", "img", "object", "foreignobject", "use", "image"}
        assert not [name for name in known if name.startswith("on") or name in {"src", "href", "xlink:href", "style"}]
        self.seen.append((tag, known))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        assert tag in VOID
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [known for name, known in self.seen if name == tag]


def made(ticks=30, name="n007", **settings):
    store = MemoryStore(MemoryGraph())
    fill(store)
    store.graph.queue.clear()
    store.graph.node[store.graph.keys({"n007"})["n007"]]["id"] = name
    original = Original(store.graph)
    plan = steady(ticks, 2.0, ((name, 5.0),))
    runs = tuple(trial(original, Settings.read(**own), plan, moments=10) for own in ({}, settings))
    found = named(store.graph)
    how = report(found, *runs, 50, 1e-6)
    result = {"graph": name, "nodes": 40, "links": 150, "ticks": ticks, "dt": 2.0, "stimuli": [{"node": name, "energy": 5.0}],
              "once": False, "snapshot": name, "recording": None, "a": {"digest": runs[0].digest}, "b": {"digest": runs[1].digest},
              "learned": {"at": {"source": name, "target": "b", "type": name}}}  # fmt: skip
    told = agreement(len(found.id), *runs, 50)
    return page(how, runs, (f"x={name}", "y=2"), result, told), told, how


def test_it_is_whole_and_runs_and_fetches_nothing():
    text, told, how = made(name=HOSTILE, diffusion={"impl": "matrix"})
    held = Held(text)
    assert text.startswith("<!doctype html>\n<html lang=")
    assert not re.search(r"https?:|url\(|@import|javascript", text)
    assert "alert(1)" not in "".join(held.texts).split("</title>")[0] or "<script>" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in held.all("meta")
    assert any("default-src 'none'" in known.get("content", "") for known in held.all("meta"))
    assert "prefers-color-scheme:dark" in text
    assert "@media print" in text
    charts = [known for known in held.all("svg") if known.get("role") == "img"]
    assert len(charts) == len(held.all("figure")) == len(held.all("figcaption")) == 6
    assert all(len(known["aria-label"]) > 30 for known in charts)
    assert all(known.get("aria-hidden") == "true" for known in held.all("svg") if known not in charts)
    assert all(known["scope"] in {"row", "col"} for known in held.all("th"))
    assert len(held.all("caption")) == len(held.all("table")) == 5
    assert [tag for tag, _ in held.seen if re.fullmatch("h[1-6]", tag)][:3] == ["h1", "h2", "h3"]
    assert told.tick == [3, 6, 9, 12, 15, 18, 21, 24, 27, 30]
    assert told.rank_correlation[-1] == how.rank_correlation
    assert told.overlap[-1] == how.top_overlap / how.top_union
    for figure in (how.l1, how.a.energy_total, how.b.energy_total):
        assert f"{figure:.6g}" in text


def test_there_is_a_page_of_one_tick_and_of_no_difference():
    text, told, _ = made(ticks=1)
    Held(text)
    assert "Both sides come to the same energies and log-weights." in text
    assert (told.tick, told.rank_correlation, told.overlap) == ([1], [1.0], [1.0])


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (0.0, 1e-16), (-3.0, 7e8), (1.0, 2.0), (1.0, 300.0), (99.0, 101.0), (0.0, 13.0)]
)
def test_an_axis_has_a_few_round_marks_within_it(low, high):
    ticks = Axis("", low, high).ticks()
    assert 3 <= len(ticks) <= 7
    assert all(low - 1e-9 * (high - low) <= tick <= high * (1 + 1e-9) for tick in ticks)
    assert len({f"{tick:.4g}" for tick in ticks}) == len(ticks)
    assert spanned("", np.zeros(3)).high > 0.0


def test_a_long_line_keeps_its_peaks_and_its_ends():
    values = np.sin(np.arange(50_000) / 500.0)
    values[777] = 9.0
    values[40_001] = -7.0
    at = thinned(values)
    assert len(at) <= 2 * BINS + 2
    assert {0, 777, 40_001, 49_999} <= set(at.tolist())
    assert (np.diff(at) > 0).all()
