"""Blank: a network of the transformers library without a number in it, which is filled part by part from its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from pruneviz.engine.reconstruct.folders import CONFIG
from pruneviz.engine.sources.gate import SubjectError, brief
from pruneviz.engine.sources.shelf import transformers as shelf

TASK = "language_modelling"


def empty(source: Path) -> nn.Module:
    """The network without a number in it: every tensor is on the meta device."""
    given = shelf.arguments(shelf.read(source / CONFIG), TASK)
    with torch.device("meta"):
        network = shelf.maker("", given)().eval()
    network.tie_weights()
    return network


def fill(network: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Puts numbers in the places of these names; what is tied to them follows."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise SubjectError(f"{name} has numbers that are NaN or infinite, which have no rank: repair the file")
        owner, _, key = name.rpartition(".")
        module = network.get_submodule(owner)
        if key in module._parameters:
            module._parameters[key] = nn.Parameter(tensor, requires_grad=False)
        else:
            module._buffers[key] = tensor
    network.tie_weights()


def constants(network: nn.Module, blocks: Sequence[str], only: nn.Module | None = None) -> None:
    """Buffers that no file holds, such as the angles of positions: made anew by the module that owns them."""
    root = only if only is not None else network
    skipped = tuple(f"{name}." for name in blocks)
    for name, module in root.named_modules():
        if only is None and f"{name}.".startswith(skipped):
            continue
        if any(one is not None and one.is_meta for one in module._buffers.values()):
            try:
                made = type(module)(network.config)
            except Exception as error:
                raise SubjectError(
                    f"{type(module).__name__} cannot be made alone ({brief(error)}): leave --stream out"
                ) from None
            for key, one in module._buffers.items():
                if one is not None and one.is_meta:
                    module._buffers[key] = made._buffers[key]


def at(network: nn.Module, name: str) -> Tensor:
    """The numbers at a name."""
    owner, _, key = name.rpartition(".")
    return getattr(network.get_submodule(owner), key).detach()
