"""BatchNorm, folded into the convolution before it: in evaluation it is only a factor and a shift per channel."""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

from pruneviz.engine import graph


def fold(network: nn.Module) -> dict[str, tuple[str, Tensor]]:
    """Folds each BatchNorm into the convolution that alone feeds it: by the norm's name, the convolution's and the factor
    [O] of its weight.

    y = γ(Wx + b − μ)/√(σ² + ε) + β is the convolution with weight sW and bias s(b − μ) + β, s = γ/√(σ² + ε). A mask on W
    is a mask on sW, because s ≠ 0 or the whole filter is constant.
    """
    scales = {}
    for conv_name, norm_name in _pairs(network):
        conv, norm = network.get_submodule(conv_name), network.get_submodule(norm_name)
        scale = torch.rsqrt(norm.running_var + norm.eps)
        shift = torch.zeros_like(scale) if norm.bias is None else norm.bias.detach()
        if norm.weight is not None:
            scale = scale * norm.weight.detach()
        bias = 0 if conv.bias is None else conv.bias.detach()
        conv.bias = nn.Parameter((bias - norm.running_mean) * scale + shift, requires_grad=False)
        owner, _, attribute = norm_name.rpartition(".")
        setattr(network.get_submodule(owner), attribute, nn.Identity())
        scales[norm_name] = conv_name, scale
    return scales


def _pairs(network: nn.Module) -> list[tuple[str, str]]:
    """(convolution, BatchNorm) by name where the convolution's only reader is that BatchNorm and both run once."""
    calls = [node for node in graph.steps(network) if node.op == "call_module"]
    modules = [network.get_submodule(node.target) for node in calls]
    times: dict[int, int] = {}
    for module in modules:
        times[id(module)] = times.get(id(module), 0) + 1
    pairs = []
    for node, module in zip(calls, modules, strict=True):
        source = node.args[0] if node.args else None
        if not isinstance(module, nn.BatchNorm2d) or module.running_var is None or times[id(module)] > 1:
            continue
        if not isinstance(source, fx.Node) or source.op != "call_module" or len(source.users) > 1:
            continue
        conv = network.get_submodule(source.target)
        if type(conv) is nn.Conv2d and times[id(conv)] == 1:
            pairs.append((source.target, node.target))
    return pairs
