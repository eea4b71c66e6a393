"""What a sweep counts, bin by bin and node by node, as its definition has it; of any floats, compiled and in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pruneviz.engine import kernels
from pruneviz.engine import sweep as sweeps

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


@pytest.mark.parametrize("passes", PATHS)
@pytest.mark.parametrize("threads", [1, 3])
def test_threads_share_the_counting(monkeypatch, passes, threads):
    """However layers of unlike sizes are cut among them: all of them together, each for itself, and their squares."""
    monkeypatch.setattr(kernels, "choose", lambda: passes)
    monkeypatch.setattr(kernels, "ALONE", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    lot = np.random.default_rng(0)
    weights = [lot.standard_normal(n).astype(np.float32) for n in (1, 700, 0, 50)]
    flat, places = np.concatenate(weights), lot.integers(0, sweeps.STAYS, 751).astype(np.uint8)
    edges = np.linspace(-4, 4, sweeps.BINS + 1)
    table, leave, squares = sweeps._tables(weights, places, edges, False)
    spots = np.searchsorted(edges, flat, side="right") - 1
    wanted = np.zeros((sweeps.STAYS, sweeps.BINS), np.int64)
    np.add.at(wanted, (places, spots.clip(0, sweeps.BINS - 1)), 1)
    assert np.array_equal(table, wanted)
    parts = np.split(places, np.cumsum([part.size for part in weights])[:-1])
    assert np.array_equal(leave, [np.bincount(part, minlength=sweeps.STAYS) for part in parts])
    assert squares == pytest.approx(np.bincount(places, weights=flat.astype(float) ** 2, minlength=sweeps.STAYS))


def test_where_nearly_all_are_zero_the_others_are_still_in_the_picture():
    edges = sweeps._edges([np.append(np.zeros(5000), 0.25).astype(np.float32)], absolute=False)
    assert edges[0] == -0.25 and edges[-1] == 0.25
    assert sweeps._edges([np.zeros(9, np.float32)], absolute=True)[-1] == 1
