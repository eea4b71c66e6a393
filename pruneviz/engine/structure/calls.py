"""Calls: what a module was called with in one forward pass, so that it can be called with the same again, alone."""

from __future__ import annotations

import copy
from collections.abc import Container, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneviz.engine.working import skeleton


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call's arguments (a private copy, of the first call, if asked for), and the shapes of what came in and out."""

    args: tuple
    kwargs: dict
    came_in: tuple[int, ...] | None
    came_out: tuple[int, ...] | None


def private(network: nn.Module) -> nn.Module:
    """A module tree of our own, in evaluation mode, that shares the network's tensors: the network itself is never run."""
    return skeleton(network).eval()


def run(network: nn.Module, inputs: Tensor | dict) -> object:
    return network(**inputs) if isinstance(inputs, dict) else network(inputs)


def first(values: Iterable) -> Tensor | None:
    """What a module is mainly called with, or gives: the first tensor."""
    return next((value for value in values if isinstance(value, Tensor)), None)


def main(output: object) -> Tensor | None:
    """The tensor that a module's output is about."""
    if isinstance(output, Tensor):
        return output
    return first(output) if isinstance(output, tuple | list) else None


def watch(
    network: nn.Module, inputs: Tensor | dict, names: Iterable[str], keep: Container[str] = ()
) -> dict[str, list[Call]]:
    """Runs `network` (see `private`) once and notes the calls of the modules named, and what those in `keep` were given."""
    calls: dict[str, list[Call]] = {name: [] for name in names}
    hooks, begun = [], []
    for name in calls:

        def before(_module: nn.Module, args: tuple, kwargs: dict, name: str = name) -> None:
            mine = first((*args, *kwargs.values()))
            given = copy.deepcopy((args, kwargs)) if name in keep and not calls[name] else ((), {})
            begun.append((*given, None if mine is None else tuple(mine.shape)))

        def after(_module: nn.Module, _args: tuple, _kwargs: dict, output: object, name: str = name) -> None:
            came = main(output)
            calls[name].append(Call(*begun.pop(), None if came is None else tuple(came.shape)))

        module = network.get_submodule(name)
        hooks += [
            module.register_forward_pre_hook(before, with_kwargs=True),
            module.register_forward_hook(after, with_kwargs=True),
        ]
    try:
        with torch.no_grad():
            run(network, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return calls
