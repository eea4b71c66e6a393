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


def copied(inputs: Inputs) -> Inputs:
    """The same in memory of their own: a network may write to what it is given."""
    return {name: one.clone() for name, one in inputs.items()} if isinstance(inputs, Mapping) else inputs.clone()


NOTHING = -100
"""The label of a place where nothing is predicted."""


def unpadded(inputs: Inputs, labels: Tensor | None = None) -> Iterator[Inputs]:
    """The same samples without the padding behind shorter texts: those of one length at a time, cut to it, longest first.
    All at once, in their order, where there is no padding.

    What is padding the inputs say, by an `attention_mask` [N, T], or labels [N, T] of tokens [N, T]: behind the last place
    where something is predicted there is nothing that counts, and nothing that is said there is ever heard.
    """
    told = inputs.get("attention_mask") if isinstance(inputs, Mapping) else None
    if told is None and labels is not None and not isinstance(inputs, Mapping) and labels.shape == inputs.shape:
        told = labels != NOTHING if labels.ndim == 2 else None
    if told is None or told.ndim != 2 or bool(told[:, -1:].all()):
        yield inputs
        return
    places = torch.arange(1, told.shape[1] + 1, device=told.device)
    lengths = (places * (told != 0)).amax(1)
    for length in lengths.unique().flip(0).tolist():
        some = at(inputs, lengths == length)
        if length:
            yield {key: one[:, :length] for key, one in some.items()} if isinstance(some, Mapping) else some[:, :length]


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
