"""Private: networks that a lab may train. A subject's own is never touched."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn

from pruneviz.engine.subject import Subject
from pruneviz.engine.training.initial import initialise


def trained(subject: Subject) -> nn.Module:
    """A copy of the subject's network with tensors of its own."""
    return copy.deepcopy(subject.network)


def fresh(subject: Subject, generator: torch.Generator) -> nn.Module:
    """The subject's architecture before anything trained it: values from the generator, statistics at their start."""
    network = trained(subject)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._NormBase):
            module.reset_running_stats()
    initialise(network, generator)
    return network


def around(subject: Subject, network: nn.Module) -> Subject:
    """The same subject with another network of the same architecture in it: to be ranked, measured, looked at."""
    return replace(subject, network=network)


@contextmanager
def measuring(network: nn.Module) -> Iterator[None]:
    """A network in training, for a moment in the mode in which it is measured: batch statistics are neither used nor
    changed. Afterwards every module is in the mode that it was in."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
