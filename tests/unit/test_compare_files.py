"""The files that a comparison writes: every node side by side, and a plot that stands on its own."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from worker.cli.compare_files import check, write_nodes, write_plot
from worker.compare import Course, Named, Outcome
from worker.errors import InputError

NODES = Named(("a", "b", "ö,c"), ("T", None, "*"))
TITLES = ("select.topk=4", 'decay.half_life={"$": 3, "<&>": 1} ' + "x" * 300)


def outcome(*energy):
    energy = np.array(energy, dtype=float)
    flows = [np.zeros(4)] * 5
    return Outcome(
        0.0, Course(np.arange(4.0), np.array([0, 1, 1, 2]), *flows), energy, energy > 1.0, np.zeros(2), {}, 0
    )


A, B = outcome(3.0, 0.0, 1e-9), outcome(2.5, 0.25, 0.0)


@pytest.mark.parametrize(("suffix", "read"), [(".csv", pd.read_csv), (".parquet", pd.read_parquet)])
def test_all_nodes_stand_side_by_side(tmp_path, suffix, read):
    file = tmp_path / f"nodes{suffix}"
    write_nodes(file, NODES, A, B)
    table = read(file)
    assert table.columns.tolist() == [
        "id", "type", "energy_a", "energy_b", "difference", "rank_a", "rank_b", "active_a", "active_b"
    ]  # fmt: skip
    assert table["id"].tolist() == ["a", "b", "ö,c"]
    assert table["type"].isna().tolist() == [False, True, False]
    assert table["energy_a"].tolist() == [3.0, 0.0, 1e-9]
    assert table["difference"].tolist() == [-0.5, 0.25, -1e-9]
    assert table["rank_a"].fillna(0).tolist() == [1, 0, 2]
    assert table["rank_b"].fillna(0).tolist() == [1, 2, 0]
    assert table["active_b"].tolist() == [True, False, False]


def test_a_plot_is_one_file_the_same_each_time(tmp_path):
    for name in ("one.svg", "two.svg"):
        write_plot(tmp_path / name, A, B, TITLES)
    text = (tmp_path / "one.svg").read_text()
    assert text == (tmp_path / "two.svg").read_text()
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    links = [value for node in root.iter() for name, value in node.attrib.items() if name.endswith("href")]
    assert links
    assert all(link.startswith(("#", "data:image/png")) for link in links)


def test_a_plot_may_be_a_png(tmp_path):
    write_plot(tmp_path / "plot.PNG", A, B, TITLES)
    assert (tmp_path / "plot.PNG").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_plot_of_nothing_is_a_plot(tmp_path):
    write_plot(tmp_path / "plot.svg", outcome(0.0, 0.0, 0.0), outcome(0.0, 0.0, 0.0), TITLES)
    assert ElementTree.parse(tmp_path / "plot.svg").getroot() is not None


def test_what_cannot_be_written_is_refused(tmp_path):
    check(None, (".svg",))
    check(tmp_path / "x.SVG", (".svg",))
    with pytest.raises(InputError, match="only "):
        check(tmp_path / "x.pdf", (".svg",))
    with pytest.raises(InputError, match="there is no folder"):
        check(tmp_path / "none" / "x.svg", (".svg",))
    (tmp_path / "there.csv").mkdir()
    with pytest.raises(InputError, match="directory"):
        write_nodes(tmp_path / "there.csv", NODES, A, B)


def test_nothing_is_loaded_for_plots_unless_one_is_asked_for():
    code = "import sys, worker.cli.app; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
