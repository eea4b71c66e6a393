"""Working copies: networks to run, watch, gate and differentiate, so that nobody else's network is touched."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


def skeleton(network: nn.Module) -> nn.Module:
    """A private module tree that shares the network's tensors and owns everything else."""
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return copy.deepcopy(network, memo=shared)


def private(network: nn.Module, tensors: frozenset[str] = frozenset()) -> tuple[nn.Module, dict[str, nn.Parameter]]:
    """A skeleton in evaluation mode with parameters of its own over the same memory, and those of them that are named.

    The named ones can be differentiated, no other can. Half precision becomes float32, buffers are copies, parameters that
    are tied stay tied.
    """
    mine, fresh = skeleton(network).eval(), {}
    for module in mine.modules():
        for key, old in module._parameters.items():
            if old is not None:
                place = (old.data_ptr(), tuple(old.shape), old.stride()) if old.numel() else id(old)
                if place not in fresh:
                    fresh[place] = nn.Parameter(_precise(old.detach()), requires_grad=False)
                module._parameters[key] = fresh[place]
        for key, old in module._buffers.items():
            if old is not None:
                module._buffers[key] = _precise(old.detach()).clone()
    weights = {name: mine.get_parameter(name).requires_grad_() for name in sorted(tensors)}
    return mine, weights


def _precise(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
