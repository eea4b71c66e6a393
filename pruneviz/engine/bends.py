"""Bends: the first and second derivative of the smooth activations, from what autograd kept of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.nn import functional

from pruneviz.engine.tape import operation

FUNCTIONS: dict[str, Callable[[Node, Tensor], Tensor]] = {
    "Gelu": lambda node, z: functional.gelu(z, approximate=node._saved_approximate),
    "Silu": lambda node, z: functional.silu(z),
    "Softplus": lambda node, z: functional.softplus(z, node._saved_beta, node._saved_threshold),
    "Elu": lambda node, z: torch.ops.aten.elu(z, node._saved_alpha, node._saved_scale, node._saved_input_scale),
    "Mish": lambda node, z: functional.mish(z),
    "Hardswish": lambda node, z: functional.hardswish(z),
    "LogSigmoid": lambda node, z: functional.logsigmoid(z),
}


def derivatives(node: Node) -> tuple[Tensor, Tensor]:
    """φ′(z) and φ″(z) of one activation, elementwise."""
    kind = operation(node)
    if kind == "Tanh":
        a = node._saved_result.detach()
        slope = 1 - a * a
        return slope, -2 * a * slope
    if kind == "Sigmoid":
        a = node._saved_result.detach()
        slope = a * (1 - a)
        return slope, slope * (1 - 2 * a)
    z = node._saved_self.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(FUNCTIONS[kind](node, z).sum(), z, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), z)
    return slope.detach(), bend
