"""Tickets: how much of a network is left after so many rounds of pruning a share of the rest, and masks of equal size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from pruneviz.engine.structure import calls
from pruneviz.engine.structure.proof import logits
from pruneviz.engine.subject import Layer, Subject
from pruneviz.recipe import Recipe


def left(size: int, rate: float, rounds: int) -> int:
    """How many of `size` weights are left when each round takes the share `rate` of what is left, rounded."""
    for _ in range(rounds):
        size -= round(rate * size)
    return size


def after(subject: Subject, recipe: Recipe, output: str, rounds: int) -> Recipe:
    """The Recipe that asks for what is gone after so many rounds, `recipe.amount` being the share that each takes.

    Per layer, every layer gives that share, the output layer half of it (Frankle & Carbin 2019, §2); elsewhere the layers
    share it as the scope says. A layer's own amount is its own share, a spared one gives nothing.
    """
    rates = recipe.own_amounts()
    if recipe.scope == "layer":
        halves = {layer.name: recipe.amount / (2 if layer.name == output else 1) for layer in subject.layers}
        rates = halves | rates
    sizes = {layer.name: layer.size for layer in subject.layers}
    own = {name: 1 - left(sizes[name], rate, rounds) / sizes[name] for name, rate in rates.items() if sizes[name]}
    free = sum(size for name, size in sizes.items() if name not in own)
    amount = 1 - left(free, recipe.amount, rounds) / free if free else 0.0
    return replace(recipe, amount=amount, overrides=tuple(sorted(own.items())), spared=())


def share(subject: Subject, asked: Recipe) -> float:
    """The share of all prunable weights that such a Recipe asks for."""
    own = dict(asked.overrides)
    return sum(own.get(layer.name, asked.amount) * layer.size for layer in subject.layers) / subject.weights


def output(subject: Subject) -> str:
    """The layer that speaks last and with as many voices as there are outputs; nothing where there is no such layer."""
    network, order, hooks = calls.private(subject.network), [], []
    for layer in subject.layers:
        module = network.get_submodule(layer.name.rpartition(".")[0])
        hooks.append(module.register_forward_hook(lambda *_, layer=layer: order.append(layer)))
    try:
        with torch.inference_mode():
            said = logits(calls.run(network, subject.held_out.inputs(slice(0, 2))))
    finally:
        for hook in hooks:
            hook.remove()
    last: Layer | None = order[-1] if order else None
    return last.name if last is not None and said.shape[-1] in last.shape[:2] else ""


def elsewhere(kept: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """As many of each layer, at places that are drawn by lot."""
    return {
        name: stays.flatten()[torch.randperm(stays.numel(), generator=generator)].view(stays.shape)
        for name, stays in kept.items()
    }
