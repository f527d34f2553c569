"""`stridegraph compare` as a user runs it, on a real Neo4j: what it prints and writes, and that it leaves no trace there."""

import json
from xml.etree import ElementTree

import pandas as pd
import pytest

from tests.acceptance import test_cli

pytestmark = pytest.mark.neo4j
run, filled = test_cli.run, test_cli.filled

ALL = """
CALL () {
  MATCH (n) RETURN elementId(n) AS id, labels(n) AS kind, properties(n) AS p, '' AS ends
  UNION ALL
  MATCH (a)-[r]->(b) RETURN elementId(r) AS id, [type(r)] AS kind, properties(r) AS p, elementId(a) + elementId(b) AS ends
}
RETURN id, kind, p, ends ORDER BY id
"""
SIDE = {
    "changes", "ticks", "energy_before", "energy_total", "active", "injected", "lost", "decayed", "conservation_error",
    "books_error", "steady", "steady_since", "change", "seconds", "median_ms", "timings_ms", "stimuli_rejected", "course", "digest",
}  # fmt: skip
KEYS = {
    "graph", "nodes", "links", "ticks", "dt", "stimuli", "once", "read_seconds", "a", "b", "l1", "l1_relative", "largest",
    "largest_node", "top", "top_union", "top_overlap", "rank_correlation", "learned", "rows",
    "snapshot", "recording",
}  # fmt: skip


def state(connection):
    """Return everything in the database, and the number of its last transaction that wrote."""
    (row,) = connection.statement("SHOW DATABASE neo4j YIELD lastCommittedTxn AS last RETURN last")
    return repr(connection.statement(ALL)), row["last"]


def compare(run, *arguments, **how):
    return json.loads(run("compare", *arguments, "--json", **how))


def test_two_implementations_on_a_graph_that_a_worker_has_left(run, filled, connection, tmp_path):
    run("run", "--ticks", "3")
    run("inject", "n005", "4")  # waits in the queue, and is none of this
    before = state(connection)
    plot, nodes = tmp_path / "plot.svg", tmp_path / "nodes.parquet"
    found = compare(
        run, "--b", "diffusion.impl=matrix", "--stimulus", "n007=5", "--ticks", "40", "--dt", "2", "--plot", str(plot),
        "--nodes", str(nodes),
    )  # fmt: skip
    text = run("compare", "--a", "select.topk=1", "--stimulus", "n007=5", "--once", "--ticks", "5", "--top", "7")
    assert state(connection) == before

    assert found.keys() == KEYS
    assert (found["nodes"], found["links"], found["ticks"], found["dt"]) == (40, 150, 40, 2.0)
    assert found["stimuli"] == [{"node": "n007", "energy": 5.0}]
    for name, changes in (("a", {}), ("b", {"diffusion.impl": "matrix"})):
        side = found[name]
        assert side.keys() == SIDE
        assert side["changes"] == changes
        assert side["injected"] == 200.0
        assert max(side["conservation_error"], side["books_error"]) < 1e-12
        assert [len(values) for values in side["course"].values()] == [40] * 7
        assert side["course"]["energy"][-1] == pytest.approx(side["energy_total"], rel=1e-12)
    assert found["a"]["energy_before"] == found["b"]["energy_before"] > 0
    assert found["l1"] > 0 < found["learned"]["differing"]
    assert found["learned"]["at"].keys() == {"source", "target", "type"}
    assert -1 <= found["rank_correlation"] < 1
    assert found["rows"][0]["id"] == found["largest_node"]
    assert abs(found["rows"][0]["difference"]) == found["largest"]
    assert len(found["rows"]) >= found["top_union"]

    assert ElementTree.parse(plot).getroot().tag.endswith("svg")
    table = pd.read_parquet(nodes).set_index("id")
    assert len(table) == 40
    assert table["difference"].abs().sum() == pytest.approx(found["l1"], rel=1e-12)
    for row in found["rows"]:
        assert (table["energy_a"][row["id"]], table["energy_b"][row["id"]]) == (row["energy_a"], row["energy_b"])

    for words in ("select.topk=1", "energy after 5 ticks", "rank correlation, top 7", "not steady yet", "L1 distance"):
        assert words in text


def test_the_same_on_both_sides_differs_in_nothing(run, filled):
    found = compare(run, "--a", "select.topk=4", "--ticks", "20", "--stimulus", "n001=3")
    assert (found["l1"], found["rank_correlation"], found["learned"]["differing"]) == (0.0, 1.0, 0)
    assert found["top_overlap"] == found["top_union"]


def test_the_settings_in_force_are_what_both_sides_begin_with(run, filled):
    half = compare(
        run, "--b", "tick.alpha=0.1", "--ticks", "5", STRIDE_TICK__ALPHA="0.1", STRIDE_DECAY__HALF_LIFE='{"*": 9}'
    )
    assert half["l1"] == 0.0
    assert half["a"]["decayed"] > 0.8 * half["a"]["energy_before"]
    near = compare(run, "--b", "tick.alpha=0.1", "--ticks", "2", "--steady", "0.5")
    assert near["l1"] > 0
    assert near["a"]["steady_since"] == near["b"]["steady_since"] == 1


def test_an_empty_graph_has_no_differences(run):
    found = compare(run, "--b", "diffusion.impl=matrix", "--graph", "none", "--ticks", "2")
    assert (found["graph"], found["nodes"], found["l1"], found["rank_correlation"], found["rows"]) == (
        "none",
        0,
        0,
        None,
        [],
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "there is nothing to compare"),
        (("--a", "select.topp=1"), "did you mean select.topk"),
        (("--a", "select.topk"), "it is not KEY=VALUE"),
        (("--b", "select.topk=65"), "STRIDE_SELECT__TOPK = '65': input should be less than or equal to 64"),
        (("--b", "neo4j.uri=bolt://x"), "neo4j: it has no say in what a tick computes"),
        (("--b", "diffusion.impl=legacy", "--b", "tick.alpha=1"), "takes a product of at most 1"),
        (("--b", "tick.alpha=1", "--stimulus", "nobody=1"), "there is no node 'nobody'"),
        (("--b", "tick.alpha=1", "--stimulus", "n001"), "is not NODE=ENERGY"),
        (("--b", "tick.alpha=1", "--stimulus", "n001=-1"), "is not a number over 0"),
        (("--b", "tick.alpha=1", "--dt", "nan"), "--dt nan is not a number over 0"),
        (("--b", "tick.alpha=1", "--steady", "0"), "--steady 0 is not a number over 0"),
        (("--b", "tick.alpha=1", "--plot", "x.pdf"), "only .svg and .png files are written"),
        (("--b", "tick.alpha=1", "--nodes", "/nowhere/at/all.csv"), "there is no folder"),
    ],
)
def test_what_is_wrong_is_named_with_a_remedy(run, filled, arguments, says):
    assert says in " ".join(run("compare", *arguments, code=2).split())
