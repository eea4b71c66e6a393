"""Evenly: whoever takes one of n turns in this order, the turns taken lie evenly among all."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine.evenly import evenly


@given(st.integers(0, 5000))
def test_every_number_has_one_turn(many):
    assert np.array_equal(np.sort(evenly(many)), np.arange(many))


@given(st.integers(2, 3000), st.data())
def test_the_first_turns_lie_evenly(many, data):
    """Between any two neighbours among the first k the gap is less than three times what it would be on a ruler."""
    k = data.draw(st.integers(1, many))
    taken = np.sort(evenly(many)[:k])
    gaps = np.diff(np.concatenate(([-1], taken, [many])))
    assert gaps.max() <= 3 * many / k + 1
