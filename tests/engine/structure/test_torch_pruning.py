"""Torch-Pruning's dependency graph as an oracle: where it is right, our units are made of the same rows and columns."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from pruneviz.engine.structure import trace
from pruneviz.engine.structure.units import Group
from tests.engine.structure import cases

SIDES = {
    nn.Conv2d: ((("weight", 0), ("bias", 0)), (("weight", 1),)),
    nn.Linear: ((("weight", 0), ("bias", 0)), (("weight", 1),)),
    nn.BatchNorm2d: ((("weight", 0), ("bias", 0), ("running_mean", 0), ("running_var", 0)),) * 2,
}
"""Per kind of module: which (tensor, axis) its outputs are, and which its inputs."""

Members = set[tuple[str, int, int]]
"""(tensor, axis, position)."""


def theirs(graph, network: nn.Module, module: str, filter_: int) -> Members:
    """What Torch-Pruning takes with this filter."""
    import torch_pruning

    root = network.get_submodule(module)
    names = {id(one): name for name, one in network.named_modules()}
    found: Members = set()
    for dependency, positions in graph.get_pruning_group(root, torch_pruning.prune_conv_out_channels, [filter_]):
        target = dependency.target.module
        if type(target) not in SIDES:
            continue  # concatenations, sums and the like have no numbers
        handler = dependency.handler.__name__
        depthwise = isinstance(target, nn.Conv2d) and target.groups > 1
        side = SIDES[type(target)][0 if "out" in handler or depthwise else 1]
        for key, axis in side:
            if getattr(target, key) is not None:
                found |= {(f"{names[id(target)]}.{key}", axis, int(at)) for at in positions}
    return found


def ours(group: Group, unit: int) -> Members:
    return {
        (part.tensor, part.axis, at) for part in group.parts for at, owner in enumerate(part.owner.tolist()) if owner == unit
    }


@pytest.mark.parametrize("name", ["resnet18", "vgg11_bn", "mobilenet_v2", "densenet121"])
def test_units_are_what_torch_pruning_takes(name):
    import torch_pruning

    network, inputs = cases.family(name)
    network, inputs = network.float(), inputs.float()
    structure = trace.structure(network, inputs, "filter")
    for parameter in network.parameters():
        parameter.requires_grad_(True)  # their tracing follows gradients
    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        graph = torch_pruning.DependencyGraph().build_dependency(network, example_inputs=inputs)
        assert structure.removable
        for group in structure.removable[:: 1 + len(structure.removable) // 30]:
            maker = group.of("makes")[0]
            for unit in (0, group.units - 1):
                filter_ = maker.owner.tolist().index(unit)
                mine = ours(group, unit)
                other = theirs(graph, network, maker.tensor.removesuffix(".weight"), filter_)
                assert not mine ^ other, f"{group.name}:{unit} differs in {sorted(mine ^ other)[:5]}"


def test_where_theirs_is_not_right():
    """ShuffleNet: their graph fails with a division by zero; ours leaves the shuffled channels alone and offers the rest."""
    import torch_pruning

    network, inputs = cases.family("shufflenet_v2_x0_5")
    structure = trace.structure(network, inputs, "filter")
    assert {"conv1.0", "conv5.0", "stage2.0.branch2.0"} <= {group.name for group in structure.removable}
    shuffled = structure.group("stage2.0.branch1.2")
    assert "shuffles the channels: which ones it mixes" in shuffled.reason
    network, inputs = network.float(), inputs.float()
    with warnings.catch_warnings(), pytest.raises(ZeroDivisionError), torch.enable_grad():
        warnings.simplefilter("ignore")
        graph = torch_pruning.DependencyGraph().build_dependency(network, example_inputs=inputs)
        for module in (one for one in network.modules() if isinstance(one, nn.Conv2d)):
            graph.get_pruning_group(module, torch_pruning.prune_conv_out_channels, [0])
