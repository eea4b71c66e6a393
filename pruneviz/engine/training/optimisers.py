"""Optimisers: how a gradient becomes a step. Decay pulls on matrices and kernels, not on norms, biases and tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pruneviz.course import Course

NAMES = ("adam", "sgd")


def find(network: nn.Module, course: Course, extra: Sequence[Mapping] = ()) -> torch.optim.Optimizer:
    """An optimiser of everything in the network, and of `extra` groups of parameters with rates of their own.

    «adam» is AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101; without decay it is Adam), «sgd» has momentum, and its decay
    is the gradient of an L2 penalty.
    """
    groups = [*_groups(network, course.decay), *map(dict, extra)]
    if course.optimiser == "adam":
        return torch.optim.AdamW(groups, lr=course.rate)
    if course.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=course.rate, momentum=course.momentum)
    raise ValueError(f"unknown optimiser {course.optimiser[:40]!r}; there are {', '.join(NAMES)}")


def state(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """All that the optimiser remembers, as tensors by name."""
    found = {}
    for at, values in optimiser.state_dict()["state"].items():
        found |= {f"{at}/{name}": value for name, value in values.items() if isinstance(value, Tensor)}
    return found


def restore(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Gives an optimiser of the same parameters what another one remembered."""
    said = optimiser.state_dict()
    said["state"] = {}
    for name, tensor in tensors.items():
        at, _, key = name.partition("/")
        said["state"].setdefault(int(at), {})[key] = tensor.clone()
    optimiser.load_state_dict(said)


def _groups(network: nn.Module, decay: float) -> list[dict]:
    parameters = list(network.named_parameters())
    pulled = [one for name, one in parameters if name.endswith("weight") and one.ndim >= 2]
    others = [one for name, one in parameters if not (name.endswith("weight") and one.ndim >= 2)]
    groups = [{"params": pulled, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
