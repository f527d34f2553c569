"""A ledger that is read while a commit writes it: what is returned was there at one time (RELIABILITY)."""

from dataclasses import replace
from itertools import cycle

import pytest

from worker.errors import Busy
from worker.graph.ledger import pack
from worker.graph.neo4j import LOOKS, Neo4jGraph
from worker.graph.port import Ledger
from worker.physics.books import Books


class Answers:
    """A connection that answers a ledger's reads by these rows, one after the other."""

    def __init__(self, *ledgers):
        self.left = iter(ledgers)
        self.asked = 0

    def run(self, name, **_):
        assert name == "inspect/ledger"
        self.asked += 1
        found = next(self.left)
        return [{"ledger": found}] if found else []


def ledger(tick, **energy):
    return replace(Ledger(), tick=tick, books=Books(energy), half_lives=dict.fromkeys(energy, 1.0))


OLD, NEW = pack(ledger(1, A=1.0)), pack(ledger(2, A=1.0, B=2.0))
SHORT = {**NEW, "energies": OLD["energies"]}  # its lists do not go together
MIXED = {**NEW, "tick": OLD["tick"]}


@pytest.mark.parametrize(
    "met", [(NEW, NEW), (OLD, NEW, NEW), (SHORT, NEW, NEW), (SHORT, SHORT, NEW, NEW), (MIXED, NEW, NEW)]
)
def test_what_is_met_halfway_is_read_again(met):
    there = Answers(*met)
    assert Neo4jGraph(there, "g").ledger() == ledger(2, A=1.0, B=2.0)
    assert there.asked == len(met)


def test_there_is_none_only_where_none_was_found_twice():
    assert Neo4jGraph(Answers(None, None), "g").ledger() is None
    assert Neo4jGraph(Answers(None, NEW, NEW), "g").ledger() == ledger(2, A=1.0, B=2.0)


def test_one_that_never_rests_is_told_of():
    there = Answers()
    there.left = cycle((OLD, NEW))
    with pytest.raises(Busy, match="'g' was another at each of 100 looks"):
        Neo4jGraph(there, "g").ledger()
    assert there.asked == LOOKS
