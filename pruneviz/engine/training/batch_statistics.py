"""Batch statistics: the means and variances of BatchNorm, counted anew on training data after weights have gone.

Pruning changes what a layer puts out, and BatchNorm goes on dividing by what it used to be. No weight changes here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pruneviz.engine.subject import Samples, Sentences, Windows
from pruneviz.engine.training.memory import Memory

_Norm = nn.modules.batchnorm._NormBase


def norms(network: nn.Module) -> list[_Norm]:
    """The modules that remember statistics of their batches."""
    return [one for one in network.modules() if isinstance(one, _Norm) and one.running_mean is not None]


def batches(samples: Samples | Windows | Sentences, batch: int, most: int) -> int:
    """So many batches are looked at: each sample once, or `most` batches. The last one may be smaller, but not a single
    sample, which has no variance."""
    whole = math.ceil(len(samples) / batch)
    if len(samples) % batch == 1 and whole > 1:
        whole -= 1
    return min(most, whole)


def recount(
    network: nn.Module,
    samples: Samples | Windows | Sentences,
    order: Tensor,
    batch: int,
    memory: Memory,
    name: str = "norms",
) -> Iterator[int]:
    """Counts the statistics anew, over batches of `batch` samples in `order` [n]; how many batches there were, after each.

    Every batch's mean and variance count alike, as `momentum=None` of torch's BatchNorm has it. What the rest depends on is
    in the memory, below `name`; a count that had ended only fills the network in.
    """
    counted, parts = norms(network), order.split(batch) if len(order) else ()
    done = memory.number(f"{name}/batches")
    if done:
        network.load_state_dict(memory.under(f"{name}/network"))
    elif len(order):
        for norm in counted:
            norm.reset_running_stats()
    kind = next(network.parameters()).dtype
    for at in range(done, len(parts)):
        with _counting(network, counted), torch.no_grad():
            _run(network, samples.inputs(parts[at]), kind)
        memory.put(f"{name}/network", network.state_dict())
        memory.note(f"{name}/batches", at + 1)
        yield at + 1


def _run(network: nn.Module, inputs: Tensor | dict[str, Tensor], kind: torch.dtype) -> None:
    if isinstance(inputs, dict):
        network(**inputs)
    else:
        network(inputs.to(kind) if inputs.is_floating_point() else inputs)


@contextmanager
def _counting(network: nn.Module, counted: list[_Norm]) -> Iterator[None]:
    """The norms count, everything else evaluates; afterwards all are as they were."""
    before = [(norm, norm.momentum) for norm in counted]
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        for norm in counted:
            norm.training, norm.momentum = True, None
        yield
    finally:
        network.eval()
        for module in training:
            module.training = True
        for norm, momentum in before:
            norm.momentum = momentum
