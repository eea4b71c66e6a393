"""Where a matrix sits: what its rows are multiplied with gives what the module gives, whatever kind it is."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pruneviz.engine.reconstruct.seats import Seat, seat


class Conv1D(nn.Module):
    """As transformers has it: the weight lies as [I, O]."""

    def __init__(self, outputs: int, inputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))

    def forward(self, x):
        return x @ self.weight


KINDS = {
    "linear": (nn.Linear(6, 4, bias=False), (2, 3, 6)),
    "conv1d of transformers": (Conv1D(4, 6), (2, 3, 6)),
    "conv": (nn.Conv2d(2, 4, 3, bias=False), (2, 2, 5, 6)),
    "padded": (nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False), (2, 2, 5, 6)),
    "same": (nn.Conv2d(2, 4, (2, 3), padding="same", dilation=2, bias=False), (2, 2, 5, 6)),
    "reflected": (nn.Conv2d(2, 4, 3, padding=(1, 2), padding_mode="reflect", bias=False), (2, 2, 5, 6)),
    "circular line": (nn.Conv1d(2, 4, 3, padding=1, padding_mode="circular", bias=False), (2, 2, 7)),
    "line": (nn.Conv1d(2, 4, 3, stride=2, dilation=2, bias=False), (2, 2, 9)),
    "unbatched": (nn.Conv2d(2, 4, 3, bias=False), (2, 5, 6)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_times_the_matrix_are_the_outputs(kind):
    module, shape = KINDS[kind]
    place = Seat("weight", module.requires_grad_(False))
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = place.rows(inputs) @ place.matrix().T
    outputs = module(inputs)
    if "onv" in type(module).__name__ and not isinstance(module, Conv1D):
        outputs = outputs.movedim(-(module.weight.ndim - 1), -1)  # channels last
    assert torch.allclose(found, outputs.reshape(found.shape), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_can_be_written(kind):
    place = Seat("weight", KINDS[kind][0].requires_grad_(False))
    other = place.matrix() + 1.0
    place.write(other)
    assert torch.equal(place.matrix(), other) and torch.equal(place.like_weight(other), place.module.weight)


@pytest.mark.parametrize(
    "module",
    [nn.Conv2d(4, 4, 3, groups=2), nn.ConvTranspose2d(2, 2, 3), nn.Conv3d(1, 1, 2), nn.Embedding(3, 4), nn.LayerNorm(3)],
)
def test_what_is_no_matrix_is_told(module):
    network = nn.Sequential(module)
    assert seat(network, "0.weight") == "is not a matrix whose inputs can be watched"
    assert isinstance(seat(nn.Sequential(nn.Linear(2, 2)), "0.weight"), Seat)
    assert isinstance(seat(nn.Sequential(nn.Linear(2, 2)), "0.bias"), str)
