"""Straight through: a mask that is chosen by scores, and scores that learn as if the choice were no step at all.

Forward a layer computes with W ⊙ M(S). Backward the step M has no slope, so its slope is said to be 1 (Bengio et al. 2013,
arXiv 1308.3432; for pruning Sanh et al. 2020, arXiv 2005.07683, §3): ∂L/∂S = ∂L/∂W′ ⊙ W, and ∂L/∂W = ∂L/∂W′ ⊙ M. A score
falls where a step of descent would bring its weight nearer to zero, and it learns whether its weight is there or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from pruneviz.engine.ranking import rank
from pruneviz.engine.subject import Layer
from pruneviz.engine.training.loop import Inputs, plain


class _StraightThrough(torch.autograd.Function):
    """W ⊙ M forward; to the scores goes what W ⊙ M is told, times W."""

    @staticmethod
    def forward(context, weight: Tensor, scores: Tensor, stays: Tensor) -> Tensor:
        context.save_for_backward(weight, stays)
        return weight.masked_fill(~stays, 0.0)

    @staticmethod
    def backward(context, told: Tensor) -> tuple[Tensor, Tensor, None]:
        weight, stays = context.saved_tensors
        return told.masked_fill(~stays, 0.0), told * weight, None


def straight_through(weight: Tensor, scores: Tensor, stays: Tensor) -> Tensor:
    """The weights that stay (bool, True: kept), zero elsewhere; all of one shape."""
    return _StraightThrough.apply(weight, scores, stays)


def top(layers: Sequence[Layer], scores: Sequence[Tensor], amount: float, scope: str = "global") -> dict[str, Tensor]:
    """What stays of each layer when the lowest scores go, bool by name: exactly so many, ties by their place."""
    ranked = [one.detach() for one in scores]
    ones = [torch.ones_like(one) for one in ranked]  # that a weight is zero by now is no reason to go: it may come back
    mask = rank(layers, ones, ranked, scope=scope).keep(amount)
    return {name: torch.tensor(part) for name, part in mask.layers().items()}


def above(layers: Sequence[Layer], scores: Sequence[Tensor], threshold: float) -> dict[str, Tensor]:
    """What stays of each layer where the sigmoid of a score has to be above a threshold, bool by name."""
    return {layer.name: one.detach().sigmoid() > threshold for layer, one in zip(layers, scores, strict=True)}


class Masked:
    """The objective of a network that computes with masked weights: `stays` may be another before each step.

    Where `scores` are given, by a layer's name, they learn through the mask. The network's own weights stay whole.
    """

    def __init__(self, layers: Sequence[Layer], scores: Mapping[str, Tensor] | None = None) -> None:
        self._layers, self._scores = tuple(layers), dict(scores or {})
        self.stays: dict[str, Tensor] = {layer.name: torch.ones(layer.shape, dtype=torch.bool) for layer in layers}

    def __call__(self, network: nn.Module, inputs: Inputs, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The mean loss of the masked network, and what it says."""
        weights = {layer.name: self._weight(network, layer.name) for layer in self._layers}

        def through(*given: Tensor, **named: Tensor) -> Tensor:
            return functional_call(network, weights, given, named)

        return plain(through, inputs, labels)

    def fill(self, network: nn.Module, other: nn.Module) -> None:
        """Gives `other`, of the same architecture, the numbers of `network`, masked as they are now."""
        other.load_state_dict(network.state_dict())
        with torch.no_grad():
            for name, stays in self.stays.items():
                other.get_parameter(name).masked_fill_(~stays, 0.0)

    def _weight(self, network: nn.Module, name: str) -> Tensor:
        weight = network.get_parameter(name)
        if name in self._scores:
            return straight_through(weight, self._scores[name], self.stays[name])
        return weight.masked_fill(~self.stays[name], 0.0)
