"""A quantile of magnitudes is numpy's, of any floats in any number of parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pruneviz.engine import kernels
from pruneviz.engine.quantile import quantile

FLOATS = arrays(np.float32, st.integers(0, 40), elements=st.floats(width=32, allow_nan=True, allow_infinity=True))
PATHS = [False, *([True] if kernels.available() else [])]


@pytest.mark.parametrize("compiled", PATHS)
@given(parts=st.lists(FLOATS, min_size=1, max_size=4), share=st.sampled_from([0.0, 0.25, 0.5, 0.999, 1.0]) | st.floats(0, 1))
def test_it_is_numpys(compiled, parts, share):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "available", lambda: compiled)
        found = quantile(parts, share)
    flat = np.abs(np.concatenate(parts).astype(np.float64))
    flat = flat[np.isfinite(flat)]
    assert found == pytest.approx(float(np.quantile(flat, share)) if flat.size else 0.0, rel=1e-9)


def test_of_many_equal_ones_it_is_their_size():
    assert quantile([np.full(300_000, -0.5, np.float32), np.zeros(3, np.float32)], 0.999) == 0.5
