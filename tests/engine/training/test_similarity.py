"""Similarity of filters: cosines by hand, an order that puts twins side by side, and pictures that stay small."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine.training.similarity import MOST, clustered, picture, similarity, twins


def test_cosines_by_hand():
    """(1, 0), (−2, 0), (1, 1) and (0, 0): the second is the first with the other sign, which says the same thing; the third
    is at 45° to both; the last is like nothing, and like itself."""
    found = similarity(torch.tensor([[1.0, 0.0], [-2.0, 0.0], [1.0, 1.0], [0.0, 0.0]]))
    half = math.sqrt(0.5)
    hand = [[1, 1, half, 0], [1, 1, half, 0], [half, half, 1, 0], [0, 0, 0, 1]]
    assert found == pytest.approx(np.array(hand), abs=1e-6) and twins(found) == 2 and twins(found, 0.7) == 3


@given(st.integers(0, 10**6))
def test_an_order_names_each_filter_once_and_twins_stand_together(seed):
    generator = torch.Generator().manual_seed(seed)
    apart = torch.eye(4) + 0.01 * torch.randn(4, 4, generator=generator)
    weight = torch.cat([apart, 3 * apart])
    order = clustered(similarity(weight))
    assert sorted(order.tolist()) == list(range(8))
    places = np.argsort(order)
    assert all(abs(places[at] - places[at + 4]) == 1 for at in range(4))


def test_pictures_are_symmetric_with_a_full_diagonal_and_no_larger_than_can_be_seen():
    for shape in ((1, 3), (2, 3), (5, 2, 3, 3), (300, 4)):
        found = picture(torch.randn(shape, generator=torch.Generator().manual_seed(0)))
        assert found.shape == (min(shape[0], MOST),) * 2 and found.dtype == np.uint8
        assert np.array_equal(found, found.T) and (np.diag(found) == 255).all()
