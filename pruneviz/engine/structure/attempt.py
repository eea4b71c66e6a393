"""An attempt: one unit of every group is removed. A forward that has a width written into it is found out here.

`x.view(-1, 9216)` looks like any other reshaping until one channel is missing. The group that it breaks is not offered.
Only shapes matter for this, so it happens without numbers, on torch's meta device, wherever the forward allows that.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from torch import Tensor, nn

from pruneviz.engine.structure import hanging, surgery
from pruneviz.engine.structure.proof import SurgeryError, brief, output
from pruneviz.engine.structure.units import Group, Structure


def checked(network: nn.Module, structure: Structure, inputs: Tensor | dict) -> Structure:
    """The same structure; groups without which the network does not run have a reason."""
    if not _loose(structure):
        return structure
    network, inputs = _weightless(network, inputs)
    if not _failure(network, structure, _loose(structure), inputs):
        return structure
    reasons = {group.name: _failure(network, structure, [group], inputs) for group in _loose(structure)}
    left = _with(structure, reasons)
    together = _failure(network, left, _loose(left), inputs)
    return _with(left, {group.name: together for group in _loose(left)})


def _loose(structure: Structure) -> list[Group]:
    return [group for group in structure.removable if group.units > 1]


def _with(structure: Structure, reasons: dict[str, str]) -> Structure:
    groups = tuple(replace(one, reason=one.reason or reasons.get(one.name, "")) for one in structure.groups)
    return replace(structure, groups=groups)


def _failure(network: nn.Module, structure: Structure, groups: Iterable[Group], inputs: Tensor | dict) -> str:
    """Why the network cannot do without the first unit of each of these groups; empty if it can."""
    kept = {group.name: np.arange(group.units) > 0 for group in groups}
    if not kept:
        return ""
    try:
        output(surgery.cut(network, surgery.plan(network, structure, kept)), inputs)
    except SurgeryError as problem:
        return f"without one of them, {problem}"
    except (RuntimeError, AttributeError, IndexError, TypeError, KeyError) as problem:
        return f"without one of them, the network cannot be put together ({brief(problem)})"
    return ""


def _weightless(network: nn.Module, inputs: Tensor | dict) -> tuple[nn.Module, Tensor | dict]:
    """The network and its inputs as shapes without numbers; as they are, where the forward needs numbers to run."""
    empty: dict[tuple, Tensor] = {}
    memo = {}
    for one in (*network.parameters(), *network.buffers()):
        place = hanging.place(one)
        if place not in empty:
            meta = one.detach().to("meta")
            empty[place] = nn.Parameter(meta, requires_grad=False) if isinstance(one, nn.Parameter) else meta
        memo[id(one)] = empty[place]
    bare = copy.deepcopy(network, memo=memo)
    shapes = {name: _meta(value) for name, value in inputs.items()} if isinstance(inputs, dict) else _meta(inputs)
    try:
        output(bare, shapes)
    except SurgeryError:
        return network, inputs
    return bare, shapes


def _meta(value: object) -> object:
    return value.to("meta") if isinstance(value, Tensor) else value
