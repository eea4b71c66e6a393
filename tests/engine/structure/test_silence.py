"""Silence: what is gone is heard by nobody, not even where it is NaN."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz.engine.structure import silence, surgery, trace
from tests.engine.structure import cases
from tests.engine.structure.test_trace import conv, picture


@pytest.mark.parametrize("where", ["0.weight", "0.bias", "1.weight", "1.running_mean", "1.running_var"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_unit_that_is_not_finite_goes_without_a_trace(where, value):
    """0 · NaN is NaN: the rows of filter 2 become zero as well, and what is left is what the smaller network computes."""
    network = cases.randomised(
        nn.Sequential(conv(3, 4), nn.BatchNorm2d(4), nn.ReLU(), conv(4, 5), nn.Flatten(), nn.Linear(180, 2))
    )
    structure = trace.structure(network, picture().float(), "filter")
    tensor = network.state_dict()[where]
    tensor[(2, *[0] * (tensor.ndim - 1))] = value
    assert {name: np.flatnonzero(one).tolist() for name, one in silence.broken(network, structure).items()} == {
        "0": [2],
        "3": [],
    }
    kept = {"0": np.array([True, True, False, True])}
    smaller, _, proof = surgery.remove(network, structure, kept, picture().float())
    assert proof.holds and torch.isfinite(smaller(picture().float())).all()
    assert not torch.isfinite(tensor).all()
    whole = surgery.masked(network, structure, {"3": np.arange(5) > 0}).state_dict()[where]
    assert not torch.isfinite(whole).all()  # who stays, stays as it is


def test_a_sum_that_overflows_is_finite_all_the_same():
    assert silence.finite(torch.full((4,), 60000.0, dtype=torch.float16))
    assert silence.finite(torch.arange(3)) and not silence.finite(torch.tensor([1.0, math.inf]))
