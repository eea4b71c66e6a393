"""Input norms equal what hooks and patches say, on every kind of layer; what cannot be told is refused."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from pruneviz.engine import input_norms as module
from pruneviz.engine import prunable
from pruneviz.engine.evidence import gather
from tests.engine.zoo import ZOO, Attention, Twice, data, settled

KNOWN = [kind for kind in ZOO if kind != "unusual"]


def norms(subject, inputs, labels=None):
    if labels is None:
        labels = torch.zeros(len(next(iter(inputs.values())) if isinstance(inputs, dict) else inputs), dtype=torch.int64)
    return {one.name: one.input_norm for one in gather(subject, ("input_norm",), inputs, labels).evidence}


def by_hooks(network, inputs):
    """√Σ x² over what flowed into each Linear or convolution, by autograd: ∂ Σ layer(x²) / ∂w."""
    seen = []
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
            layer.register_forward_pre_hook(lambda layer, given, name=name: seen.append((name, layer, given[0].detach())))
    network(inputs)
    total = {}
    for name, layer, given in seen:
        weight = layer.weight.detach().clone().requires_grad_()
        out = torch.func.functional_call(copy_of(layer), {"weight": weight}, (given**2,))
        total[f"{name}.weight"] = total.get(f"{name}.weight", 0) + torch.autograd.grad(out.sum(), weight)[0]
    return {name: one.sqrt() for name, one in total.items()}


def copy_of(layer):
    """Without the hooks."""
    found = copy.deepcopy(layer)
    found._forward_pre_hooks.clear()
    return found


@pytest.mark.parametrize("kind", ["mlp", "cnn", "residual", "tokens"])
def test_norms_are_those_of_what_flows_in(kind, tiny_subject):
    inputs, labels = data()
    subject = tiny_subject(settled(ZOO[kind]()), inputs, labels)
    found, true = norms(subject, inputs), by_hooks(settled(ZOO[kind]()), inputs)
    assert list(found) == [layer.name for layer in subject.layers] and found.keys() == true.keys()
    for name, norm in found.items():
        torch.testing.assert_close(norm.expand_as(true[name]), true[name], rtol=1e-9, atol=1e-12)


CONVOLUTIONS = {
    "strided": nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False),
    "dilated": nn.Conv2d(4, 2, (2, 3), dilation=(2, 1), padding=(2, 0)),
    "grouped": nn.Conv2d(4, 6, 3, groups=2, padding="same"),
    "depthwise": nn.Conv2d(4, 8, 2, groups=4),
    "wide": nn.Conv2d(4, 2, 5, padding=4, stride=3),
    "line": nn.Conv1d(4, 3, 3, padding=1, stride=2),
    "solid": nn.Conv3d(4, 2, 2, stride=(1, 2, 1), padding=(0, 1, 1)),
    "transposed": nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1),
    "transposed in groups": nn.ConvTranspose2d(4, 6, 2, stride=1, padding=1, dilation=2, groups=2),
}


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_each_place_of_a_kernel_has_the_norm_of_what_met_it(kind, tiny_subject):
    layer = CONVOLUTIONS[kind].requires_grad_(False)
    extent = {"Conv1d": (7,), "Conv3d": (4, 5, 4)}.get(type(layer).__name__, (6, 7))
    inputs = torch.randn(3, 4, *extent, generator=torch.Generator().manual_seed(0))
    network = nn.Sequential(layer, nn.Flatten())
    subject = tiny_subject(network, inputs, torch.zeros(3, dtype=torch.int64))
    (found,), (true,) = norms(subject, inputs).values(), by_hooks(copy.deepcopy(network), inputs).values()
    torch.testing.assert_close(found.expand_as(layer.weight), true)


def test_attention_hears_what_its_packed_matrix_meets(tiny_subject):
    """A layer of torch's own and the same written out: tokens before the queries, and what is heard of values behind."""
    inputs, labels = data()
    network = settled(Attention(batch_first=True))
    tokens = network.embed(inputs[:, 0]).detach()
    found = norms(tiny_subject(network, inputs, labels), inputs)
    torch.testing.assert_close(found["layer.self_attn.in_proj_weight"][0], tokens.flatten(0, 1).norm(dim=0))
    middle = network.layer.norm1(tokens + network.layer.self_attn(tokens, tokens, tokens)[0])
    torch.testing.assert_close(found["layer.linear1.weight"][0], middle.flatten(0, 1).norm(dim=0).detach())


class Across(nn.Module):
    """Queries from one place, keys and values from another: rows of one matrix that meet different inputs."""

    def __init__(self, apart: bool) -> None:
        super().__init__()
        self.attention, self.apart = nn.MultiheadAttention(4, 2, batch_first=True), apart

    def forward(self, x):
        x = x[:, 0]
        return self.attention(x, 3 * x, 5 * x if self.apart else 3 * x)[0].sum(1)


@pytest.mark.parametrize("apart", [False, True])
def test_rows_that_meet_different_inputs_have_norms_of_their_own(apart, tiny_subject):
    inputs, labels = data(dtype=torch.float32)
    network = settled(Across(apart), dtype=torch.float32)
    if not apart:  # keys and values are one tensor, as torch looks for
        network.forward = lambda x: (lambda one, two: network.attention(one, two, two)[0].sum(1))(x[:, 0], 3 * x[:, 0])
    found = norms(tiny_subject(network, inputs, labels), inputs)["attention.in_proj_weight"]
    plain = inputs.flatten(0, 2).norm(dim=0)
    assert found.shape == (12, 4)
    for rows, times in ((slice(0, 4), 1), (slice(4, 8), 3), (slice(8, 12), 5 if apart else 3)):
        torch.testing.assert_close(found[rows], (times * plain).expand(4, 4))


def test_a_weight_that_is_used_three_times_under_two_names_meets_all_inputs(tiny_subject):
    inputs, labels = data()
    network = settled(Twice(nn.ReLU()))
    first = inputs.flatten(1)
    second = functional.relu(network.first(first)).detach()
    third = functional.relu(network.first(second)).detach()
    found = norms(tiny_subject(network, inputs, labels), inputs)
    torch.testing.assert_close(found["first.weight"][0], torch.cat([first, second, third]).norm(dim=0))


class Conv1D(nn.Module):
    """As in transformers: a matrix [I, O]."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(16, 3)), nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return torch.addmm(self.bias, x.flatten(1), self.weight)


def test_a_matrix_that_is_stored_the_other_way_round(tiny_subject):
    inputs, labels = data(dtype=torch.float32)
    network = nn.Sequential(Conv1D()).requires_grad_(False)
    subject = tiny_subject(network, inputs, labels, prunable.find(network)[0])
    (found,) = gather(subject, ("input_norm",), inputs, labels).evidence
    assert found.inputs == 0 and found.input_norm.shape == (16, 1)
    torch.testing.assert_close(found.input_norm[:, 0], inputs.flatten(1).norm(dim=0))


def test_a_weight_that_nobody_uses_has_norm_zero(tiny_subject):
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.Linear(16, 4), nn.Linear(16, 4)

        def forward(self, x):
            return self.used(x.flatten(1))

    inputs, labels = data()
    assert float(norms(tiny_subject(settled(Idle()), inputs, labels), inputs)["idle.weight"]) == 0


def test_what_a_weight_meets_after_it_was_changed_is_not_guessed(tiny_subject):
    inputs, labels = data()
    subject = tiny_subject(settled(ZOO["unusual"]()), inputs, labels)
    with pytest.raises(ValueError, match=r"standard\.weight is multiplied by is not known.*choose a criterion"):
        norms(subject, inputs)


@pytest.mark.parametrize("kind", KNOWN)
def test_chunks_change_nothing(kind, tiny_subject, monkeypatch):
    inputs, labels = data(7)
    subject = tiny_subject(settled(ZOO[kind]()), inputs, labels)
    whole = norms(subject, inputs)
    monkeypatch.setattr(module, "ROOM", 1)
    for name, norm in norms(subject, inputs).items():
        torch.testing.assert_close(norm, whole[name], rtol=1e-9, atol=1e-12)


class Reader(nn.Module):
    """Embeds tokens; what is masked is not heard."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(9, 5), nn.Linear(5, 2)

    def forward(self, input_ids, attention_mask):
        heard = attention_mask[..., None].to(self.table.weight.dtype)
        return (self.head(self.table(input_ids)) * heard).sum(1)


def test_padding_is_not_looked_at(tiny_subject):
    """Texts of 3, 1 and 3 tokens: seven rows of the table, whatever stands behind them."""
    tokens = torch.tensor([[1, 2, 3], [4, 0, 0], [5, 6, 7]])
    told = {"input_ids": tokens, "attention_mask": (tokens > 0).long()}
    network = settled(Reader(), dtype=torch.float32)
    subject = tiny_subject(network, torch.zeros(3, 1), torch.zeros(3, dtype=torch.int64))
    (found,) = norms(subject, told).values()
    torch.testing.assert_close(found[0], network.table.weight[1:8].norm(dim=0).detach())


class Words(nn.Module):
    """Embeds tokens and says something after each."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(9, 5), nn.Linear(5, 9)

    def forward(self, tokens):
        return self.head(self.table(tokens))


def test_padding_behind_a_shorter_window_is_not_looked_at(tiny_subject):
    """Windows of 3, 1 and 3 tokens, filled up with token 0: its row counts nowhere."""
    tokens = torch.tensor([[1, 2, 3], [4, 0, 0], [5, 6, 7]])
    network = settled(Words(), dtype=torch.float32)
    subject = tiny_subject(network, torch.zeros(3, 1), torch.zeros(3, dtype=torch.int64))
    found = norms(subject, tokens, torch.where(tokens > 0, tokens, -100))
    torch.testing.assert_close(found["head.weight"][0], network.table.weight[1:8].norm(dim=0).detach())
