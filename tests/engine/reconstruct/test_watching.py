"""Watching: who shares a Gram and who must not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pruneviz.engine.reconstruct.gram import Norms
from pruneviz.engine.reconstruct.seats import seat
from pruneviz.engine.reconstruct.watching import Watch, silent


def watched(network: nn.Module, inputs: torch.Tensor) -> dict[str, object]:
    seats = [seat(network, name) for name, one in network.named_parameters() if one.ndim > 1]
    watch = Watch(seats, whole=True)
    with torch.no_grad(), watch.batch(len(inputs)):
        network(inputs)
    return {one.name: watch.of(one.name) for one in seats}


class Two(nn.Module):
    """Two that read one tensor; between them it may be written to."""

    def __init__(self, one: nn.Module, other: nn.Module, *, writes: bool = False) -> None:
        super().__init__()
        self.one, self.other, self.writes = one, other, writes

    def forward(self, x: torch.Tensor) -> tuple:
        x = x.clone()
        first = self.one(x)
        if self.writes:
            x.relu_()
        return first, self.other(x)


def test_matrices_that_read_one_tensor_share_what_was_seen():
    found = watched(Two(nn.Linear(3, 2), nn.Linear(3, 4)), torch.randn(5, 3))
    assert found["one.weight"] is found["other.weight"]


@pytest.mark.parametrize("how", [{"stride": 2}, {"padding": 1}, {"kernel_size": 1}, {"dilation": 2}])
def test_convolutions_that_read_it_otherwise_do_not(how):
    """A 3×3 and a 1×1 have other rows; a stride, a padding or a dilation sees other patches."""
    plain = {"kernel_size": 3}
    network = Two(nn.Conv2d(2, 3, **plain), nn.Conv2d(2, 3, **{**plain, **how}))
    found = watched(network, torch.randn(4, 2, 7, 7))
    assert found["one.weight"] is not found["other.weight"]
    alone = watched(nn.Sequential(network.other), torch.randn(4, 2, 7, 7))
    assert alone["0.weight"].width == found["other.weight"].width == network.other.weight[0].numel()


def test_what_was_written_to_in_between_is_another_tensor():
    found = watched(Two(nn.Linear(1, 1), nn.Linear(1, 1), writes=True), torch.tensor([[3.0], [-4.0]]))
    assert float(found["one.weight"].norms) == 5.0 and float(found["other.weight"].norms) == 3.0


def test_norms_refuse_what_is_no_number():
    norms = Norms(2)
    norms.add(torch.tensor([[1.0, torch.inf]]), 1)
    with pytest.raises(ValueError, match="not all finite numbers"):
        norms.norms  # noqa: B018


class Again(nn.Module):
    """Both read one tensor; then one of them, or none, reads another."""

    def __init__(self, again: str) -> None:
        super().__init__()
        self.one, self.other, self.again = nn.Linear(3, 2), nn.Linear(3, 2), again

    def forward(self, x: torch.Tensor) -> None:
        self.one(x), self.other(x)
        for name in self.again.split():
            getattr(self, name)(x if name == "both" else 2 * x)


@pytest.mark.parametrize("again", ["one", "other"])
def test_sums_that_only_one_of_two_would_have_are_not_shared_in_silence(again):
    with pytest.raises(ValueError, match="is multiplied with other inputs than .*: keep one of the two whole"):
        watched(Again(again), torch.randn(5, 3))
    assert watched(Again(""), torch.randn(5, 3))


def test_two_that_share_in_every_batch_but_the_first_are_not_alike():
    """In the first batch only one of them is called: the other's sums would hold what it never saw."""
    network = Two(nn.Linear(3, 2), nn.Linear(3, 2))
    watch = Watch([seat(network, name) for name in ("one.weight", "other.weight")], whole=True)
    with torch.no_grad(), watch.batch(4):
        network.one(torch.randn(4, 3))
    with pytest.raises(ValueError, match="one.weight is multiplied with other inputs than other.weight"):  # noqa: SIM117
        with torch.no_grad(), watch.batch(4):
            network(torch.randn(4, 3))


def test_who_is_multiplied_with_without_being_called_is_silent():
    network = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    seats = [seat(network, name) for name in ("self_attn.out_proj.weight", "linear1.weight", "linear2.weight")]
    heard = {one.name for one in seats} - silent(network, torch.randn(2, 3, 8), seats)
    watch = Watch(seats, whole=True)
    with torch.no_grad(), watch.batch(2):
        network(torch.randn(2, 3, 8))
    assert heard == {one.name for one in seats if watch.of(one.name) is not None}
    assert "self_attn.out_proj.weight" not in heard
