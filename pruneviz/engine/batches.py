"""Batches: the inputs of several samples, as one tensor [N, …] or as several by keyword, and what a network says to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from pruneviz.engine.structure.proof import logits

Inputs = Tensor | dict[str, Tensor]


def rows(inputs: Inputs) -> int:
    """How many samples they are."""
    return len(next(iter(inputs.values())) if isinstance(inputs, Mapping) else inputs)


def at(inputs: Inputs, index: slice | Tensor) -> Inputs:
    """Some of the samples."""
    return {name: one[index] for name, one in inputs.items()} if isinstance(inputs, Mapping) else inputs[index]


def split(inputs: Inputs, size: int) -> Iterator[Inputs]:
    """All samples in order, `size` at a time."""
    for start in range(0, rows(inputs), size):
        yield at(inputs, slice(start, start + size))


def plain(inputs: Inputs) -> Inputs:
    """The same, fit to be differentiated."""
    if isinstance(inputs, Mapping):
        return {name: plain(one) for name, one in inputs.items()}
    return inputs.clone() if inputs.is_inference() else inputs.detach()


def double(inputs: Inputs) -> Inputs:
    """The same in double precision; whole numbers, such as tokens, stay what they are."""
    if isinstance(inputs, Mapping):
        return {name: double(one) for name, one in inputs.items()}
    return inputs.double() if inputs.is_floating_point() else inputs


def precision(inputs: Inputs) -> torch.dtype:
    """The kind of numbers that weights must be to work with them."""
    first = next(iter(inputs.values())) if isinstance(inputs, Mapping) else inputs
    return first.dtype if first.is_floating_point() else torch.float32


def said(network: nn.Module, inputs: Inputs, replaced: Mapping[str, Tensor] | None = None) -> Tensor:
    """What a network says to them: its logits, with some parameters replaced by other tensors where that is asked."""
    plain_, named = ((), dict(inputs)) if isinstance(inputs, Mapping) else ((inputs,), {})
    if replaced is None:
        return logits(network(*plain_, **named))
    return logits(torch.func.functional_call(network, dict(replaced), plain_, named))
