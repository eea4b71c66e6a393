"""Running from a layer on gives what running the whole gives, to the bit."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from pruneviz.engine.suffix import Suffix
from tests.engine.networks import Residual, Shared, images, randomised


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x):
        y = self.one(x.mean((1, 2)))
        return self.two(y if y.sum() > 0 else -y)


class Optional(nn.Module):
    """A second input that nobody gives: a trace takes it for given, so the network has to run as a whole."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x, shift=None):
        y = self.one(x.mean((1, 2)))
        return self.two(y if shift is None else y + shift)


@pytest.mark.parametrize("build", [Residual, Shared, Branching, Optional])
def test_a_suffix_is_the_network(build):
    network = randomised(build()).double()
    inputs = images()[0].double()
    suffix = Suffix(copy.deepcopy(network), list(inputs.split(16)))
    for name, parameter in suffix._network.named_parameters():
        suffix.stand_before((name,))
        kept = parameter.data.clone()
        parameter.data.mul_(1.5)
        changed = copy.deepcopy(network)
        changed.get_parameter(name).data.mul_(1.5)
        with torch.no_grad():
            expected = [changed(batch) for batch in inputs.split(16)]
        assert all(torch.equal(suffix.outputs(at), one) for at, one in enumerate(expected)), name
        parameter.data.copy_(kept)
