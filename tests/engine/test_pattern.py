"""N of every M weights: exactly, aligned, along the inputs, and never in a short group."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine.pattern import fits, highest, inputs_axis, rank_pattern
from pruneviz.engine.subject import Layer


@st.composite
def cases(draw):
    m = draw(st.integers(2, 8))
    n = draw(st.integers(1, m - 1))
    shape = [draw(st.integers(1, 3)), draw(st.integers(1, 3)) * m, draw(st.integers(1, 3))]
    values = draw(st.lists(st.integers(0, 3).map(float), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    return n, m, np.array(values, dtype=np.float32).reshape(shape)


@given(case=cases())
def test_each_aligned_group_keeps_its_n_highest(case):
    """P11, with ties: of equal ones the later stay, as in any ranking."""
    n, m, scores = case
    kept = highest(scores, 1, n, m)
    for o in range(scores.shape[0]):
        for k in range(scores.shape[2]):
            for start in range(0, scores.shape[1], m):
                group = scores[o, start : start + m, k].tolist()
                stays = sorted(sorted(range(m), key=lambda i, g=group: (g[i], i))[m - n :])
                assert np.flatnonzero(kept[o, start : start + m, k]).tolist() == stays


@given(case=cases())
def test_the_axis_is_the_axis(case):
    n, m, scores = case
    assert (highest(np.moveaxis(scores, 1, 0), 0, n, m) == np.moveaxis(highest(scores, 1, n, m), 1, 0)).all()


LAYERS = (
    Layer("fc.weight", "fc", "Linear", (2, 8)),
    Layer("conv.weight", "conv", "Conv2d", (2, 4, 1, 1)),
    Layer("first.weight", "first", "Conv2d", (2, 3, 1, 1)),
    Layer("gpt.weight", "gpt", "Conv1D", (4, 3)),
)


def scores() -> list[torch.Tensor]:
    source = torch.Generator().manual_seed(0)
    return [torch.rand(layer.shape, generator=source) for layer in LAYERS]


def test_a_width_that_is_no_multiple_stays_dense_and_is_named():
    ranking = rank_pattern(LAYERS, scores(), "2:4")
    assert ranking.dense == ("first.weight",) and ranking.amount == 0.5
    masks = ranking.keep(0.5).layers()
    assert masks["first.weight"].all()
    assert (masks["fc.weight"].reshape(2, 2, 4).sum(axis=2) == 2).all()
    assert (masks["conv.weight"].sum(axis=1) == 2).all()
    assert (masks["gpt.weight"].sum(axis=0) == 2).all()  # stored [I, O]: inputs are axis 0
    assert ranking.removals(0.5) == (16 + 8 + 12) // 2 and ranking.n == 42 and ranking.threshold(0.5) is None


def test_which_axis_holds_the_inputs():
    assert [inputs_axis(layer) for layer in LAYERS] == [1, 1, 1, 0]
    assert inputs_axis(Layer("up.weight", "up", "ConvTranspose2d", (4, 2, 3, 3))) == 0
    assert not fits(Layer("odd.weight", "odd", "Linear", (4,)), 2)


def test_a_pattern_knows_two_amounts():
    ranking = rank_pattern(LAYERS, scores(), "1:4")
    assert ranking.keep(0.0).removed == 0 and ranking.keep(0.75).removed == 36 * 3 // 4
    for amount in (0.5, 1.0):
        with pytest.raises(ValueError, match="1:4 removes 0.75 of the weights, not .*; leave the amount out, or give 0.75"):
            ranking.keep(amount)
    with pytest.raises(ValueError, match="not 0;"):
        ranking.check(0.0)


def test_a_spared_layer_stays_whole():
    ranking = rank_pattern(LAYERS, scores(), "2:4")
    assert ranking.keep(0.5, {"fc.weight": 0.0}).layers()["fc.weight"].all()
    assert ranking.keep(0.5, {"fc.weight": 0.5}).removed == ranking.keep(0.5).removed
    with pytest.raises(ValueError, match="not 0.3"):
        ranking.keep(0.5, {"fc.weight": 0.3})
    with pytest.raises(ValueError, match="unknown layer 'nowhere'"):
        ranking.keep(0.5, {"nowhere": 0.0})


def test_nan_goes_first():
    scores = np.array([[np.nan, 1.0, -np.inf, 2.0]], dtype=np.float32)
    assert highest(scores, 1, 2, 4).tolist() == [[False, True, False, True]]
