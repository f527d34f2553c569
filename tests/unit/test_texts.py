"""Ids of many nodes, gathered from their bytes, are what joining them gives."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from worker.graph.texts import LONG, Names, Texts, joined, separator

ids = st.lists(
    st.text(st.sampled_from("ab0\n\u00e9\u6f22\U0001f600\ud800"), max_size=6) | st.just("x" * 9 * LONG),
    unique=True,
    max_size=9,
)


@given(ids, ids, st.data())
def test_they_are_joined_and_can_be_split_again(first, more, data):
    held = list(first)
    texts = Texts(held)
    texts.grow()
    held += more
    texts.grow()
    which = data.draw(st.lists(st.integers(0, len(held) - 1), max_size=12)) if held else []
    names, expected = Names(texts, np.array(which, dtype=np.int32)), [held[i] for i in which]
    between = separator(names)
    assert list(names) == expected
    assert len(names) == len(expected)
    assert joined(names, between) == between.join(expected)
    assert joined(names[1:4], between) == between.join(expected[1:4])
    assert not expected or joined(names, between).split(between) == expected
