"""Sparse networks compute what the masked ones compute, whatever a convolution is told to do."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pruneviz.engine import sparse
from tests.engine.zoo import ZOO, cnn, data, settled


def thinned(network: nn.Module, share: float = 0.7) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            gone = torch.rand(parameter.shape, generator=generator) < share
            parameter.data = parameter.data.masked_fill(gone, 0)
    return network.requires_grad_(False).eval()


def difference(network: nn.Module, inputs: torch.Tensor) -> float:
    stored = copy.deepcopy(network)
    done, of = sparse.to_csr(stored)
    assert 0 < done <= of
    with torch.no_grad():
        before, after = network(inputs), stored(inputs)
    assert before.shape == after.shape and after.is_contiguous()
    return float((before - after).abs().max() / before.abs().max().clamp(min=1e-30))


READ = ("functional", "unusual")
"""Networks that read a kernel themselves instead of calling its module: there CSR cannot take its place."""


@pytest.mark.parametrize("name", [name for name in ZOO if name not in READ])
@pytest.mark.parametrize("batch", [1, 5])
def test_csr_computes_what_the_masked_network_computes(name, batch):
    assert difference(thinned(settled(ZOO[name]())), data(batch)[0]) < 1e-12


@given(
    inputs=st.integers(1, 3), outputs=st.integers(1, 3), groups=st.integers(1, 3), size=st.tuples(*[st.integers(1, 3)] * 2),
    stride=st.integers(1, 3), dilation=st.integers(1, 2), padding=st.one_of(st.just("same"), st.integers(0, 1)),
    mode=st.sampled_from(["zeros", "reflect", "circular", "replicate"]), flat=st.booleans(), bias=st.booleans(),
)  # fmt: skip
def test_every_kind_of_convolution(inputs, outputs, groups, size, stride, dilation, padding, mode, flat, bias):
    if padding == "same":
        stride, size = 1, tuple(one | 1 for one in size)  # torch warns of even sizes there
    how = {"stride": stride, "dilation": dilation, "padding": padding, "groups": groups, "bias": bias, "padding_mode": mode}
    kind, size = (nn.Conv1d, size[0]) if flat else (nn.Conv2d, size)
    conv = kind(groups * inputs, groups * outputs, size, dtype=torch.float64, **how)
    x = torch.randn(2, groups * inputs, *([9] if flat else [7, 9]), dtype=torch.float64)
    assert difference(thinned(nn.Sequential(conv), 0.4), x) < 1e-12


def test_weights_inside_attention_stay_dense_and_are_counted():
    network = thinned(settled(nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True)))
    assert difference(network, torch.randn(2, 3, 8, dtype=torch.float64)) < 1e-12
    done, of = sparse.to_csr(network)
    assert (done, of) == (2 * 8 * 12, 2 * 8 * 12 + 4 * 8 * 8)


def test_a_network_in_float32_is_within_the_noise_of_float32():
    network = thinned(settled(cnn(nn.ReLU), dtype=torch.float32))
    assert difference(network, data(5, dtype=torch.float32)[0]) < 1e-4


def test_two_of_four_keeps_the_two_largest():
    weight = torch.tensor([[1.0, -4.0, 2.0, 3.0, 0.0, 0.5, -0.25, 0.125]])
    assert sparse.two_of_four(weight).tolist() == [[0, -4, 0, 3, 0, 0.5, -0.25, 0]]


def test_sizes_that_the_gpu_takes():
    assert sparse.fits_semi(torch.Size((32, 64))) and sparse.fits_semi(torch.Size((96, 128)))
    assert not any(map(sparse.fits_semi, map(torch.Size, ((16, 64), (32, 32), (32, 64, 1), (33, 64)))))


@pytest.mark.skipif(bool(sparse.semi_reason()), reason=f"2:4 {sparse.semi_reason()}")
def test_two_of_four_on_the_gpu_computes_what_dense_computes():
    network = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)).cuda().half().requires_grad_(False).eval()
    network[0].weight.data = sparse.two_of_four(network[0].weight)
    stored = copy.deepcopy(network)
    assert sparse.to_semi(stored) == 128 * 64
    x = torch.randn(40, 128, device="cuda", dtype=torch.half)
    assert torch.allclose(network(x), stored(x), atol=1e-2)


def test_where_there_is_no_such_gpu_it_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "not here" in sparse.semi_reason()
