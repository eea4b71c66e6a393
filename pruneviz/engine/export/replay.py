"""Replay: does to a network what a removal.json says, and nothing else.

Every name must exist in the network, every position must lie on its axis, and a number that a module keeps beside its
tensors may only shrink. Whatever does not fit, the answer is one `SubjectError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from pruneviz.engine.export.removal import Step
from pruneviz.engine.sources.gate import SubjectError, brief
from pruneviz.engine.structure import slim, surgery
from pruneviz.engine.structure.surgery import Removal


def replay(network: nn.Module, steps: Sequence[Step]) -> nn.Module:
    """The smaller network: `network`, which is used up, with each step done to it in turn."""
    for at, step in enumerate(steps):
        try:
            network = _replayed(network, step.removal)
        except SubjectError as error:
            raise SubjectError(f"removal {at + 1} does not fit the architecture: {error}: export it again") from None
    return network


def _replayed(network: nn.Module, removal: Removal) -> nn.Module:
    modules = dict(network.named_modules(remove_duplicate=False))
    named = (*(one[0] for one in (*removal.slims, *removal.repairs)), *removal.blocks, *removal.biases)
    for name in named:
        _need(name in modules, f"there is no module {name[:64]!r}")
    try:
        for module, kind in removal.slims:
            slim.stand_in(network, module, kind)
        _check_slices(network, removal)
        _check_repairs(network, removal)
        return surgery.apply(network, replace(removal, slims=()))
    except SubjectError:
        raise
    except Exception as error:  # the network's own modules do the cutting, and may refuse in any way they like
        raise SubjectError(f"it cannot be done ({brief(error)})") from None


def _check_slices(network: nn.Module, removal: Removal) -> None:
    tensors: dict[str, Tensor] = dict(network.named_parameters(remove_duplicate=False))
    tensors |= dict(network.named_buffers(remove_duplicate=False))
    for name, axis, stay in removal.slices:
        _need(name in tensors, f"there is no tensor {name[:64]!r}")
        _need(axis < tensors[name].ndim, f"{name[:64]} has no axis {axis}")
        size = tensors[name].shape[axis]
        _need(not stay or stay[-1] < size, f"axis {axis} of {name[:64]} has {size} positions and no {max(stay, default=0)}")


def _check_repairs(network: nn.Module, removal: Removal) -> None:
    for module, attribute, value in removal.repairs:
        owner: Any = network.get_submodule(module)
        *path, last = attribute.split(".")
        for part in path:
            owner = getattr(owner, part, None)
        present = getattr(owner, last, None)
        where = f"{module}.{attribute}".lstrip(".")[:64]
        _need(type(present) is int, f"{where} is no whole number there")
        _need(value <= present, f"{where} is {present} and cannot become {value}")


def _need(true: bool, words: str) -> None:
    if not true:
        raise SubjectError(words)
