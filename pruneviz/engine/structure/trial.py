"""A trial: does an attention module, alone and with random weights, compute without some heads what it does without
reading them? Then its layout is what it was taken for, and its attributes are repaired rightly."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from pruneviz.engine.structure import surgery
from pruneviz.engine.structure.attention import Attention, group
from pruneviz.engine.structure.calls import Call
from pruneviz.engine.structure.matrices import joined
from pruneviz.engine.structure.proof import SurgeryError, brief, prove
from pruneviz.engine.structure.units import Structure

BREAKS = "does not run with fewer heads ({})"
ALONE = "has one head, and does not run without it ({})"
DIFFERS = "its heads hang together: without one, the others compute something else"


class _Alone(nn.Module):
    """One module, with a name that can be replaced."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, call: Call) -> object:
        args, kwargs = copy.deepcopy((call.args, call.kwargs))  # a cache would remember the call before
        return self.module(*args, **kwargs)


def failure(network: nn.Module, one: Attention, call: Call) -> str:
    """Why heads cannot go as `one` says; empty if they can."""
    alone = _shaken(_Alone(copy.deepcopy(network.get_submodule(one.within))))
    mine = _inside(one)
    structure = Structure("head", (group(mine, alone, looks=0.0),))
    kept = {mine.name: np.arange(mine.units) % 2 == 1}
    try:
        smaller = surgery.apply(alone, surgery.plan(alone, structure, kept))
        return "" if prove(surgery.masked(alone, structure, kept), smaller, call).holds else DIFFERS
    except (SurgeryError, RuntimeError) as problem:
        return (ALONE if mine.units == 1 else BREAKS).format(brief(problem.__cause__ or problem))


def _shaken(module: nn.Module) -> nn.Module:
    """Every parameter random, of the size that it has: zeros would agree with anything."""
    source = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.is_floating_point():
                size = float(parameter.abs().mean()) or 0.1
                values = torch.randn(parameter.shape, generator=source) * size
                parameter.copy_(values.to(parameter.device, parameter.dtype))
    return module


def _inside(one: Attention) -> Attention:
    """The same, named as it is when the module around it stands alone."""

    def moved(name: str) -> str:
        return joined("module", name[len(one.within) :].lstrip("."))

    slabs = tuple(replace(slab, tensor=moved(slab.tensor)) for slab in one.slabs)
    return replace(one, name=moved(one.name), within="module", slabs=slabs, query="", key="")
