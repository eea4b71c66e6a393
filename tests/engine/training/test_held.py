"""Held: what a mask removes is zero, whatever was there, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz.engine.training.held import Held


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16])
def test_what_goes_is_zero_and_what_stays_is_untouched(kind):
    """Of 1, −2, NaN, −∞, 5, −6 the second, third and fourth go: what is left are +0 and the very same numbers."""
    network = nn.Linear(6, 1).to(kind)
    numbers = torch.tensor([[1.0, -2.0, float("nan"), float("-inf"), 5.0, -6.0]], dtype=kind)
    bias = network.bias.detach().clone()
    kept = np.array([[True, False, False, False, True, True]])
    kept.flags.writeable = False  # as a ranking hands masks out
    held = Held(network)
    held.hold({"weight": kept})
    with torch.no_grad():
        network.weight.copy_(numbers)
    held.apply()
    assert network.weight.tolist() == [[1, 0, 0, 0, 5, -6]] and torch.equal(network.bias, bias)
    assert not network.weight[0, 1:4].signbit().any()
    assert held.kept()["weight"].tolist() == kept.tolist()


def test_a_later_mask_replaces_the_one_before():
    network = nn.Linear(2, 1)
    held = Held(network)
    held.hold({"weight": torch.tensor([[True, False]])})
    held.hold({"bias": torch.tensor([False])})
    with torch.no_grad():
        network.weight.fill_(3.0)
    held.apply()
    assert network.weight.tolist() == [[3, 3]] and network.bias.item() == 0 and list(held.kept()) == ["bias"]


def test_a_parameter_that_is_laid_out_otherwise_is_held_too():
    network = nn.Linear(2, 2)
    network.weight = nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0]]).t())
    Held(network).hold({"weight": torch.tensor([[True, False], [True, True]])})
    assert network.weight.tolist() == [[1, 0], [2, 4]]
