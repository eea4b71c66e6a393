"""What a sweep counts, bin by bin and node by node, as its definition has it; of any floats, compiled and in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pruneviz.engine import kernels

PATHS = [kernels.choose(False), *([kernels.choose(True)] if kernels.available() else [])]


@pytest.mark.parametrize("passes", PATHS)
@given(
    values=arrays(np.float32, st.integers(0, 60), elements=st.floats(width=32)),
    reach=st.sampled_from([1e-30, 0.125, 0.3, 1.0, 7.0, 1e30]),
    absolute=st.booleans(),
    seed=st.integers(0, 99),
)
def test_weights_are_counted_by_node_and_bin(passes, values, reach, absolute, seed):
    """On an edge it is the bin above; what lies outside, and NaN, is in the outer bins; squares are of what is finite."""
    edges = np.linspace(0.0 if absolute else -reach, reach, 8)
    values = np.concatenate((values, edges.astype(np.float32), np.nextafter(edges.astype(np.float32), np.float32(0))))
    places = np.random.default_rng(seed).integers(0, 5, values.size).astype(np.uint8)
    table, squares, start = np.zeros((5, 7), np.int64), np.zeros(5), min(3, values.size)
    passes.tabulate(values, places, 0, start, edges, absolute, table, squares)
    passes.tabulate(values, places, start, values.size, edges, absolute, table, squares)
    wanted, sums = np.zeros((5, 7), np.int64), np.zeros(5)
    for value, place in zip(values.astype(float), places, strict=True):
        size = abs(value) if absolute else value
        spot = 6 if np.isnan(size) else int((edges[1:-1] <= size).sum())
        wanted[place, spot] += 1
        sums[place] += value * value if np.isfinite(value) else 0
    assert np.array_equal(table, wanted)
    assert squares == pytest.approx(sums, rel=1e-12)
