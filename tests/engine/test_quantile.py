"""A quantile of magnitudes is numpy's, of any floats in any number of parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
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
    assert found == pytest.approx(float(np.quantile(flat, share)) if flat.size else 0.0, rel=1e-9, abs=0)


@pytest.mark.parametrize("compiled", PATHS)
@pytest.mark.parametrize("threads", [1, 3])
def test_threads_share_the_counting(monkeypatch, compiled, threads):
    """However layers of unlike sizes are cut among them."""
    monkeypatch.setattr(kernels, "available", lambda: compiled)
    monkeypatch.setattr(kernels, "ALONE", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    parts = [np.random.default_rng(n).standard_normal(n).astype(np.float32) for n in (1, 700, 0, 50)]
    for share in (0.1, 0.5, 0.999):
        assert quantile(parts, share) == pytest.approx(float(np.quantile(np.abs(np.concatenate(parts)), share)), rel=1e-6)


def test_of_many_equal_ones_it_is_their_size():
    assert quantile([np.full(300_000, -0.5, np.float32), np.zeros(3, np.float32)], 0.999) == 0.5
