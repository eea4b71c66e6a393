"""Damage: how far a mask moves each layer's own output, on the inputs that the dense network gives that layer."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine.mask import Mask
from pruneviz.engine.subject import Subject
from pruneviz.report import LayerDamage


def damage(subject: Subject, mask: Mask, inputs: Tensor) -> tuple[LayerDamage, ...]:
    """Per layer the share of Σw² removed and ‖ŷ − y‖ / ‖y‖: y is the layer's dense output, ŷ its output with the weights
    that `mask` keeps, both on the same dense inputs, so that a layer answers for itself and not for the ones before.

    The projections of an attention module have no output of their own; theirs is the module's. The movement is NaN where
    a layer never ran.
    """
    dense, keep = subject.skeleton().eval(), mask.layers()
    moved: dict[str, list[float]] = {layer.name: [0.0, 0.0] for layer in subject.layers}
    hooks, watching = [], []
    for layer in subject.layers:
        place, name = _speaker(dense, layer.name)
        module = dense.get_submodule(place)
        kept = subject.parameter(layer) * torch.tensor(keep[layer.name])
        watching.append((module, _compare(_twin(module, name, kept), moved[layer.name])))
    try:
        # Only now, when all twins are made: a twin of a watched module would watch, too.
        for module, hook in watching:
            hooks.append(module.register_forward_hook(hook, with_kwargs=True))
        with torch.inference_mode():
            for batch in inputs.split(256):
                dense(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return tuple(_row(subject, layer, keep[layer.name], *moved[layer.name]) for layer in subject.layers)


def _speaker(network: nn.Module, parameter: str) -> tuple[str, str]:
    """The module whose output shows a parameter, and the parameter's name inside it."""
    owner, _, attribute = parameter.rpartition(".")
    above, _, child = owner.rpartition(".")
    if owner and isinstance(network.get_submodule(above), nn.MultiheadAttention):
        return above, f"{child}.{attribute}"
    return owner, attribute


def _twin(module: nn.Module, name: str, kept: Tensor) -> nn.Module:
    """The same module with one parameter replaced; all others are shared."""
    shared = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    twin = copy.deepcopy(module, memo=shared)
    owner, _, attribute = name.rpartition(".")
    setattr(twin.get_submodule(owner), attribute, nn.Parameter(kept, requires_grad=False))
    return twin


def _compare(twin: nn.Module, sums: list[float]):
    def hook(_module: nn.Module, args: tuple, kwargs: dict, output: Tensor | tuple) -> None:
        before = output[0] if isinstance(output, tuple) else output
        after = twin(*args, **kwargs)
        after = after[0] if isinstance(after, tuple) else after
        sums[0] += float((after - before).square().sum(dtype=torch.float64))
        sums[1] += float(before.square().sum(dtype=torch.float64))

    return hook


def _row(subject: Subject, layer, keep: np.ndarray, moved: float, whole: float) -> LayerDamage:
    square = np.square(np.nan_to_num(subject.parameter(layer).double().numpy(), posinf=0, neginf=0))
    total = float(square.sum())
    share = float(square[~keep].sum()) / total if total else 0.0
    return LayerDamage(layer.name, layer.label, share, (moved / whole) ** 0.5 if whole else math.nan)
