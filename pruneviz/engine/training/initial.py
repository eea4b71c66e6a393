"""Initial: the values that a network has before anything trained it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Give every parameter a fresh value: matrices and kernels normal with variance 1/inputs (LeCun et al. 1998, §4.6),
    norms 1 and 0, biases 0.

    Parameters that stand alone, as position and class tokens do, are normal with deviation 0.5: with few samples, places
    have to differ from the start to be told apart at all.
    """
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._NormBase | nn.LayerNorm | nn.GroupNorm):
                module.reset_parameters()
                continue
            for key, parameter in module.named_parameters(recurse=False):
                _initialise(key, parameter, generator)


def _initialise(key: str, parameter: Tensor, generator: torch.Generator) -> None:
    if "bias" in key:
        parameter.zero_()
    elif key.endswith("weight") and parameter.ndim >= 2:
        nn.init.kaiming_normal_(parameter, nonlinearity="linear", generator=generator)
    else:
        parameter.normal_(0, 0.5, generator=generator)
