"""Exact sums are those of `math.fsum`, to the bit."""

import math

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from worker.physics.sums import summed

finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)
near = st.integers(-(2**55), 2**55).map(lambda n: n * 2.0**-60)  # many that cancel, and ties


@given(st.lists(finite | near, max_size=60))
@example([1e16, 1.0, 1e-16])  # a tie, and a little more
@example([1e16, -1e-16, 1.0])
@example([1.0, 2.0**-53, 2.0**-106])
@example([1.0, 2.0**-53, -(2.0**-106)])
@example([1e-200, 1e200, -1e200])
@example([-0.0])
@example([5e-324, 2.0**-1074, -5e-324])
def test_an_array_is_summed_as_a_list_is(terms):
    array = np.array(terms, dtype=np.float64)
    assert summed(array).hex() == math.fsum(terms).hex()
    assert summed(array, 0.1, -1e17).hex() == math.fsum((*terms, 0.1, -1e17)).hex()
    assert summed(iter(terms), 0.1).hex() == math.fsum((*terms, 0.1)).hex()


def test_what_is_not_finite_is_told_as_fsum_tells_it():
    assert summed(np.array([1.0, math.inf])) == math.inf
    assert math.isnan(summed(np.array([1.0, math.nan])))
