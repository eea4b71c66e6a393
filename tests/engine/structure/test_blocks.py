"""Layers: found in their lists, passed by or dropped with the same result, and counted again."""

from __future__ import annotations

import ast
import copy
import inspect

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz.engine.structure import blocks, dropping, surgery
from tests.engine.structure.attentions import sample, some, tokens, words
from tests.engine.zoo import settled


class Block(nn.Module):
    """x plus two matrices of it; gives a tuple if asked to."""

    def __init__(self, width: int, index: int = 0, *, pair: bool = False) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.layer_idx, self.pair = index, pair

    def forward(self, x, extra=None):
        y = x + self.down(torch.relu(self.up(x)))
        return (y, y.sum()) if self.pair else y


class Narrowing(nn.Module):
    """From 4 wide to 2."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 3), nn.Linear(3, 2)

    def forward(self, x):
        return self.two(self.one(x))


def randomised(network: nn.Module) -> nn.Module:
    """Real sizes, random statistics too: `settled`, but small enough not to overflow through many layers."""
    network = settled(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(0.3)
    return network


def torchvision_vit() -> nn.Module:
    from torchvision.models import VisionTransformer

    return settled(VisionTransformer(16, 8, num_layers=4, num_heads=2, hidden_dim=8, mlp_dim=12, num_classes=5))


def torchvision(name: str) -> nn.Module:
    import torchvision.models

    return randomised(getattr(torchvision.models, name)(num_classes=5))


def convnext() -> nn.Module:
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    return randomised(ConvNeXt([CNBlockConfig(8, 12, 2), CNBlockConfig(12, None, 3)], num_classes=5))


LLAMA = {"vocabulary": 50, "width": 16, "hidden": 12, "layers": 4, "heads": 4}
PIXELS = tokens(1, 3, 32, 32)
NETWORKS = {
    "digits vit": (lambda: sample("digits_vit"), tokens(2, 1, 8, 8), {"layers": 4}),
    "digits resnet": (lambda: sample("digits_resnet"), tokens(2, 1, 8, 8), None),
    "llama": (lambda: sample("llama", **LLAMA), words(2, 7), {"model.layers": 4}),
    "torchvision vit": (torchvision_vit, tokens(2, 3, 16, 16), {"encoder.layers": 4}),
    "resnet18": (lambda: torchvision("resnet18"), PIXELS, {"layer1": 2, "layer2": 1, "layer3": 1, "layer4": 1}),
    "convnext": (convnext, PIXELS, {"features.1": 2, "features.3": 3}),
    "mobilenet_v3_small": (lambda: torchvision("mobilenet_v3_small"), PIXELS, {"features": 6}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_with_fewer_layers_computes_what_the_bypassed_one_does(name):
    make, inputs, lists = NETWORKS[name]
    network = make()
    structure = blocks.structure(network, inputs)
    found = {group.name: group.units for group in structure.removable}
    assert found and (lists is None or found == lists)
    with torch.no_grad():
        before = network(inputs)
    for fraction, seed in ((0.25, 0), (0.5, 1), (0.75, 2)):
        kept = {
            group.name: np.random.default_rng(seed).permutation(group.units) >= int(fraction * group.units + 0.5)
            for group in structure.removable
        }
        smaller, removal, proof = surgery.remove(network, structure, kept, inputs)
        assert proof.difference <= 1e-9 and removal.blocks
        with torch.no_grad():
            assert (before - smaller(inputs)).abs().max() / before.abs().max() > 1e-9, "what went did nothing"
        names = {name for name, _ in network.named_parameters()}
        assert len(names) > len(dict(smaller.named_parameters()))


def test_what_a_block_is():
    """Two matrices, called once, and as much out as in; whoever is not one is named with the reason."""

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.stack = nn.ModuleList([Block(4), nn.Linear(4, 4), Block(4), Narrowing(), Block(2), Block(2), Block(2)])
            self.also = self.stack[5]

        def forward(self, x):
            for at in (0, 1, 2, 3, 4, 4, 5):
                x = self.stack[at](x)
            return x

    one, *others = blocks.structure(settled(Network()), tokens(2, 4)).groups
    reasons = {group.name: group.reason for group in others}
    assert not one.removable  # the forward asks for fixed places: nothing can leave this list
    assert {name: reasons[f"stack/{name}"] for name in "3456"} == {
        "3": blocks.UNEQUAL.format("4", "2"),
        "4": blocks.OFTEN.format(2),
        "5": blocks.TWICE.format("also"),
        "6": blocks.NEVER,
    }
    assert all("without it" in group.reason for group in (one, *others) if group.name in ("stack/0", "stack/2"))
    assert all(group.blocks and group.units == 1 for group in (one, *others))


def test_a_list_of_stages_is_looked_into():
    """The first stage keeps its shape and could go as one; the second cannot, so blocks inside of both are the layers."""

    class Stage(nn.Module):
        def __init__(self, wide: int, narrow: int):
            super().__init__()
            self.inner = nn.Sequential(Block(wide), Block(wide))
            self.last = nn.Linear(wide, narrow)

        def forward(self, x):
            return self.last(self.inner(x))

    structure = blocks.structure(settled(nn.Sequential(Stage(4, 4), Stage(4, 2))), tokens(2, 4))
    assert [(group.name, group.blocks) for group in structure.groups] == [
        ("0.inner", ("0.inner.0", "0.inner.1")),
        ("1.inner", ("1.inner.0", "1.inner.1")),
    ]
    whole = blocks.structure(settled(nn.Sequential(Stage(4, 4), Stage(4, 4))), tokens(2, 4))
    assert [(group.name, group.blocks) for group in whole.groups] == [("network", ("0", "1"))]


def test_blocks_that_are_not_added_to_what_they_get_are_refused():
    """`for attention, forward in layers` needs pairs: half a pair cannot go, and the proof says so before anybody asks."""

    class Pairs(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.ModuleList([Block(4), Block(4)]) for _ in range(2))

        def forward(self, x):
            for one, other in self.layers:
                x = x + other(x + one(x))
            return x

    structure = blocks.structure(settled(Pairs()), tokens(2, 4))
    assert structure.units == 0 and structure.groups
    assert all("does not run without it" in group.reason for group in structure.groups)


def test_passing_by_gives_what_was_given():
    network = settled(nn.Sequential(Block(3), Block(3, pair=True)))
    x = tokens(2, 3)
    expected = network[0](x)
    blocks.bypass(network, ["1"])
    y, extra = network(x)
    assert torch.equal(y, expected) and extra.shape == ()
    assert [name for name, _ in network.named_modules()] == ["", "0", "0.up", "0.down", "1", "1.up", "1.down"]
    twin = copy.deepcopy(network)
    with torch.no_grad():
        twin[0].up.weight.zero_()
        twin[0].down.bias.fill_(1.0)
    assert torch.allclose(twin(x)[0], twin[0](x)) and torch.equal(network(x)[0], expected)
    blocks.restore(network, ["1"])
    assert not torch.equal(network(x)[0], expected) and torch.equal(network(x)[0], network[1](network[0](x))[0])


def test_passing_by_costs_nothing_where_nothing_is_missed():
    """The first call shows that the block gives one tensor and nothing else; from then on it does not run."""
    network = settled(nn.Sequential(Block(3)))
    calls = []
    network[0].up.register_forward_hook(lambda *_: calls.append(1) and None)
    blocks.bypass(network, ["0"])
    x = tokens(2, 3)
    assert all(torch.equal(network(x), x) for _ in range(3)) and len(calls) == 1


def test_what_a_block_does_in_place_does_not_reach_what_is_passed_on():
    class Rude(Block):
        def forward(self, x):
            return super().forward(x.mul_(2.0))

    network, x = settled(nn.Sequential(Rude(3))), tokens(2, 3)
    blocks.bypass(network, ["0"])
    assert torch.equal(network(x.clone()), x)


def test_numbers_close_up_and_names_stay():
    numbered = nn.Sequential(*(Block(2, at) for at in range(5)))
    last = numbered[4]
    blocks.drop(numbered, ["1", "3"])
    assert list(numbered._modules) == ["0", "1", "2"] and numbered[2] is last
    assert [block.layer_idx for block in numbered] == [0, 1, 2]
    named = nn.Module()
    named.stack = nn.Sequential()
    for name in ("first", "second", "third"):
        named.stack.add_module(name, Block(2))
    blocks.drop(named, ["stack.second"])
    assert list(named.stack._modules) == ["first", "third"]


def test_whoever_counts_the_layers_counts_again():
    class Configuration:
        num_hidden_layers = 4
        layer_types = ("a", "b", "c", "d")

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.config, self.depth, self.num_layers = Configuration(), 4, 7
            self.stack = nn.ModuleList(Block(2, at) for at in range(4))

    network = Network()
    blocks.drop(network, ["stack.0", "stack.2"])
    assert (network.config.num_hidden_layers, network.config.layer_types) == (2, ("b", "d"))
    assert (network.depth, network.num_layers) == (2, 7)
    layer = nn.TransformerEncoderLayer(4, 2, 4, batch_first=True)
    stack = nn.TransformerEncoder(layer, 3)
    blocks.drop(stack, ["layers.1"])
    assert stack.num_layers == 2


def test_layers_leave_only_lists():
    network = nn.ModuleDict({"a": Block(2)})
    with pytest.raises(ValueError, match="leave only Sequential and ModuleList"):
        blocks.drop(network, ["a"])
    with pytest.raises(AttributeError):
        blocks.drop(network, ["nowhere.0"])


@pytest.mark.parametrize("floor", [0, 1])
def test_a_list_may_empty(floor):
    """Nothing but the rest of the network is left when the last layer goes."""
    network, inputs = sample("digits_vit"), tokens(2, 1, 8, 8)
    structure = blocks.structure(network, inputs)
    smaller, _, proof = surgery.remove(network, structure, {"layers": np.arange(4) < floor}, inputs)
    assert proof.difference <= 1e-9 and len(smaller.layers) == floor


def test_looking_changes_nothing():
    network, inputs = torchvision_vit().train(), tokens(2, 3, 16, 16)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    structure = blocks.structure(network, inputs)
    surgery.remove(network, structure, some(structure, 0.5, 1, even=True), inputs)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(module.training and "forward" not in vars(module) for module in network.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_dropping_travels_alone():
    """The file is copied beside exported networks: it may import torch and nothing of ours."""
    tree = ast.parse(inspect.getsource(dropping))
    names = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert set(names) == {"__future__", "collections.abc", "torch"}
