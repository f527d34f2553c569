"""Columns as parameters."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from neo4j.vector import Vector

from worker.graph.texts import separator
from worker.graph.wire import LONGEST, chunks


@given(st.lists(st.text(alphabet="a0123\n\r", max_size=8), min_size=1))
@example(["\n", "0"])
@example(["\n0", "\n", "\n1\n"])
def test_joined_texts_are_found_again(texts):
    between = separator(texts)
    assert between.join(texts).split(between) == texts


@pytest.mark.parametrize("size", [0, 1, LONGEST, LONGEST + 1, 3 * LONGEST])
@pytest.mark.parametrize("vectors", [True, False])
def test_chunks_hold_every_row_once_and_none_is_longer_than_a_vector_may_be(size, vectors):
    names = [f"n{i}" for i in range(size)]
    found = chunks({"x": np.arange(size), "y": np.arange(size) / 2}, {"id": names}, "\n", vectors=vectors)
    assert all(isinstance(chunk["y"], Vector if vectors else list) for chunk in found)
    plain = [[chunk[c].to_native() if vectors else chunk[c] for c in "xy"] for chunk in found]
    assert all(1 <= len(x) == len(y) <= LONGEST for x, y in plain)
    assert [value for x, _ in plain for value in x] == list(range(size))
    assert [value for _, y in plain for value in y] == [i / 2 for i in range(size)]
    assert [name for chunk in found for name in chunk["id"].split("\n")] == names
