"""Files: the bytes are of real encodings, and every encoding gives every bit back."""

from __future__ import annotations

import zlib

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pruneviz.engine import storage

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def same_bits(one: torch.Tensor, other: torch.Tensor) -> bool:
    whole = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[one.element_size()]
    return one.dtype == other.dtype and one.shape == other.shape and torch.equal(one.view(whole), other.view(whole))


@given(
    shape=st.lists(st.integers(1, 7), min_size=2, max_size=4),
    share=st.floats(0, 1),
    seed=st.integers(0, 1000),
    dtype=st.sampled_from(FLOATS),
)
def test_both_encodings_give_every_bit_back(shape, share, seed, dtype):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(shape, generator=generator).to(dtype)
    weight[torch.rand(shape, generator=generator) < share] = 0
    weight.view(-1)[0] = -0.0
    weight.view(-1)[-1] = float("nan")
    numbers = {"a.weight": weight, "a.bias": torch.zeros(3), "steps": torch.tensor(7)}
    for encode in (storage.bitmask, storage.csr):
        written = safetensors.torch.load(storage.file(encode(numbers)))
        back = storage.decoded(written)
        assert back.keys() == numbers.keys()
        assert all(same_bits(back[name].reshape(-1), numbers[name].reshape(-1)) for name in numbers)
        assert back["a.weight"].shape == weight.shape


def test_the_break_even_points_are_those_of_the_arithmetic():
    """float32 [1000, 1000], 4 MB: a bitmask costs 1 bit a place, CSR 4 bytes a value and 4 a row: so CSR pays above 50%
    zeros, a bitmask above 1/32 = 3.1%."""
    weight = torch.ones(1000, 1000)
    sizes = {}
    for zeros in (0.0, 0.02, 0.05, 0.45, 0.55, 0.9):
        numbers = {"w": weight.masked_fill(torch.arange(10**6).view(1000, 1000) < zeros * 10**6, 0)}
        sizes[zeros] = [len(storage.file(one)) for one in (numbers, storage.bitmask(numbers), storage.csr(numbers))]
    dense = sizes[0.0][0]
    assert dense == pytest.approx(4_000_000, abs=200) and all(one[0] == dense for one in sizes.values())
    assert [one[1] < dense for one in sizes.values()] == [False, False, True, True, True, True]
    assert [one[2] < dense for one in sizes.values()] == [False, False, False, False, True, True]
    assert sizes[0.9][1] == pytest.approx(400_000 + 125_000, abs=400)
    assert sizes[0.9][2] == pytest.approx(400_000 * 2 + 4004, abs=400)


def test_compressing_in_pieces_is_compressing():
    data = bytes(range(256)) * 40_000
    assert abs(storage.compressed(data) - len(zlib.compress(data, 6))) <= 16
    assert storage.compressed(b"") == len(zlib.compress(b"", 6))


def test_a_tied_storage_is_written_once():
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.BatchNorm1d(4))
    network[1].weight = network[0].weight
    found = storage.tensors(network, {"0.weight": torch.zeros(4, 4)})
    assert "1.weight" not in found and {"0.weight", "0.bias", "1.bias", "2.running_mean"} <= found.keys()
    assert not found["0.weight"].any()
