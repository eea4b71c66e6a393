"""Costs by hand, against torch's own counter, and against networks that are really smaller."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from pruneviz.engine.cost import Meter, after, count
from pruneviz.engine.sources import card
from pruneviz.engine.structure import find as structures
from pruneviz.engine.structure import surgery
from pruneviz.engine.structure.units import everything
from tests.engine.units import SMALL, Small
from tests.engine.zoo import ZOO, Attention, data, settled


def test_by_hand():
    """A kernel of 2 x 1 x 3 x 3 at 4 x 4 places, BatchNorm, then a matrix 3 x 32: 288 + 96 multiply-adds, and biases."""
    network = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(32, 3))
    found = count(network, torch.zeros(5, 1, 4, 4))
    assert found.macs == 288 + 96
    assert found.parameters == (18 + 2) + (2 + 2) + (96 + 3)
    assert found.positions == {"0.weight": 16.0, "3.weight": 1.0}
    assert [(use.module, use.tensor) for use in found.uses] == [("0", "0.weight"), ("3", "3.weight")]


class Kinds(nn.Module):
    """Grouped, transposed, called as a function, standardised, tied, and a product of two activations."""

    def __init__(self) -> None:
        super().__init__()
        self.grouped, self.up = nn.Conv2d(4, 6, 3, groups=2), nn.ConvTranspose2d(6, 2, 2, stride=2)
        self.first, self.second = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
        self.second.weight = self.first.weight
        self.standard = nn.Linear(2, 5)

    def forward(self, x):
        x = self.up(self.grouped(x)).flatten(2).transpose(1, 2)  # [n, 16, 2]
        x = self.second(functional.linear(x, self.first.weight))
        x = (x @ x.transpose(1, 2)) @ x
        return functional.linear(x, (self.standard.weight - self.standard.weight.mean()).half().float())


def test_kinds_by_hand():
    """The grouped kernel has 6 x 2 x 9 weights at 2 x 2 places; the transposed one 6 x 2 x 4 weights at 2 x 2 inputs;
    the tied matrix works twice on 16 tokens; 16 x 16 pairs of tokens are multiplied in two dimensions, twice."""
    found = count(Kinds(), torch.randn(3, 4, 4, 4, generator=torch.Generator().manual_seed(0)))
    assert found.positions == {"grouped.weight": 4.0, "up.weight": 4.0, "first.weight": 32.0, "standard.weight": 16.0}
    assert {use.module: use.macs for use in found.uses if not use.tensor} == {"": 2 * 16 * 16 * 2}
    assert found.parameters == (108 + 6) + (48 + 2) + 4 + (10 + 5)
    assert ("first.weight", "second.weight") in found.tied


class Slowly(TorchFunctionMode):
    def __torch_function__(self, function, types, arguments=(), named=None):
        return function(*arguments, **(named or {}))


def torchs_own(network, inputs):
    """Multiply-adds per input by torch's counter, attention's fused path off: it would hide them."""
    with torch.no_grad(), Slowly(), FlopCounterMode(display=False) as counter:
        network.eval()(**inputs) if isinstance(inputs, dict) else network.eval()(inputs)
    return counter.get_total_flops() / 2 / len(next(iter(inputs.values())) if isinstance(inputs, dict) else inputs)


@pytest.mark.parametrize("kind", ZOO)
def test_small_networks_of_all_kinds(kind):
    network, (inputs, _) = settled(ZOO[kind]()), data(3)
    assert count(network, inputs).macs == torchs_own(network, inputs) > 0


@pytest.mark.parametrize("name", card.samples())
def test_the_samples(name):
    subject = card.load(name)
    inputs = subject.held_out.inputs(slice(0, 2))
    found = count(subject.network, inputs)
    assert found.macs == torchs_own(subject.skeleton(), inputs)
    assert found.parameters == sum(parameter.numel() for parameter in subject.network.parameters())


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "vit"])
def test_torchvision(name):
    from torchvision import models

    inputs = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    if name == "vit":
        network = models.VisionTransformer(64, 16, num_layers=2, num_heads=4, hidden_dim=32, mlp_dim=64, num_classes=5)
    else:
        network = models.get_model(name, weights=None)
    found = count(network, inputs)
    assert found.macs == torchs_own(network, inputs)
    assert found.parameters == sum(parameter.numel() for parameter in network.parameters())


def test_llama_called_by_names():
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    network = LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=8, num_key_value_heads=4, tie_word_embeddings=True))
    inputs = {"input_ids": torch.arange(14).view(2, 7)}
    found = count(network, inputs)
    assert found.macs == torchs_own(network, inputs)
    assert found.parameters == sum(parameter.numel() for parameter in network.parameters())


CUT = [
    (lambda: Small(), "filter"), (ZOO["cnn"], "filter"), (ZOO["residual"], "filter"), (ZOO["mlp"], "neuron"),
    (lambda: Attention(True), "head"), (lambda: Attention(True), "neuron"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "granularity"), CUT)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_is_predicted_is_what_is_left(make, granularity, seed):
    """Counting the network that is really smaller gives what was predicted without it, to the last multiply-add."""
    network, (inputs, _) = settled(make()), data(1)
    structure = structures.find(network, inputs, granularity)
    drawn = np.random.default_rng(seed)
    kept = {name: drawn.random(len(stay)) < 0.6 for name, stay in everything(structure).items()}
    for stay in kept.values():
        stay[0], stay[-1] = True, False
    check(network, inputs, structure, kept)


def check(network, inputs, structure, kept):
    counted = count(network, inputs)
    smaller, _, _ = surgery.remove(network, structure, kept, inputs)
    less = count(smaller, inputs)
    assert not all(stay.all() for stay in kept.values()), "a test that removes nothing shows nothing"
    assert less.parameters < counted.parameters and less.macs < counted.macs
    assert after(counted, structure, kept) == (less.parameters, pytest.approx(less.macs, rel=1e-12))
    parameters, macs = Meter(counted, structure).at({name: stay[None] for name, stay in kept.items()})
    assert parameters.tolist() == [less.parameters] and macs.tolist() == [pytest.approx(less.macs, rel=1e-12)]


@pytest.mark.parametrize("granularity", ["filter", "layer"])
def test_a_real_architecture_is_predicted_too(granularity):
    from torchvision import models

    network = models.resnet18(weights=None).eval()
    inputs = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    structure = structures.find(network, inputs, granularity)
    kept = {name: np.arange(len(stay)) % 3 != 1 for name, stay in everything(structure).items()}
    check(network, inputs, structure, kept)


def test_shared_heads_take_their_products_along():
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    network = LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=8, num_key_value_heads=4)).eval()
    inputs = {"input_ids": torch.arange(7)[None]}
    structure = structures.find(network, inputs, "head")
    assert structure.units == 8
    check(network, inputs, structure, {name: np.array([True, False, True, False]) for name in everything(structure)})


def test_many_states_at_once_are_the_states_one_by_one():
    network, (inputs, _) = settled(Small()), data(1)
    counted, drawn = count(network, inputs), np.random.default_rng(0)
    kept = {name: drawn.random((9, len(stay))) < 0.5 for name, stay in everything(SMALL).items()}
    parameters, macs = Meter(counted, SMALL).at(kept)
    for at in range(9):
        one = after(counted, SMALL, {name: rows[at] for name, rows in kept.items()})
        assert (parameters[at], macs[at]) == one
    assert Meter(counted, SMALL).at({name: np.ones((1, len(stay)), bool) for name, stay in everything(SMALL).items()}) == (
        [counted.parameters], [counted.macs],
    )  # fmt: skip


def test_counting_changes_nothing():
    network = settled(Attention(True)).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    count(network, data(2)[0])
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(
        module.training and not module._forward_hooks and not module._forward_pre_hooks for module in network.modules()
    )
    assert torch.backends.mha.get_fastpath_enabled()


def test_parameters_that_are_slices_of_one_array_are_told_apart():
    network = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 2, bias=False))
    flat = torch.arange(20.0)
    network[0].weight, network[1].weight = nn.Parameter(flat[:12].view(4, 3)), nn.Parameter(flat[12:].view(2, 4))
    found = count(network, torch.ones(1, 3))
    assert [(use.tensor, use.macs) for use in found.uses] == [("0.weight", 12.0), ("1.weight", 8.0)]
