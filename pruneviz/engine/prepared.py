"""Prepared: a private copy of a network made ready for many masks.

BatchNorm is folded into the convolution before it, activations lie channels-last, and the prunable weights are views into
one flat array, on whatever device the network is to run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneviz.engine import batch_norms, device
from pruneviz.engine.silence import Store
from pruneviz.engine.subject import Subject

AGREEING, ELSEWHERE = 1e-4, 1e-3
"""By how much two ways of computing the same may differ, of the largest output: on one processor, and on two devices."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A network that reads its prunable weights from `weights.out`; `folded` says which convolution each norm went into."""

    network: nn.Module
    weights: Store
    folded: Mapping[str, str]


def prepare(subject: Subject, where: torch.device, *, fold: bool) -> Prepared:
    """A private network of a subject, ready for many masks."""
    network = subject.skeleton().eval()
    folded = batch_norms.fold(network) if fold else {}
    parts = []
    for layer in subject.layers:
        weight = subject.parameter(layer).to(torch.float32)
        scale = next((one for conv, one in folded.values() if f"{conv}.weight" == layer.name), None)
        parts.append((weight if scale is None else weight * scale.view(-1, *[1] * (weight.ndim - 1))).reshape(-1))
    source, near = (torch.cat(parts) if parts else torch.zeros(0)).to(where), where == torch.device(device.CPU)
    _point(network, subject, source)  # what is pruned is there already when the rest follows
    network = network if near else device.moved(network, where)
    out = source.clone()
    places = _point(network, subject, out)
    return Prepared(network, Store(source, out, places, near), {norm: conv for norm, (conv, _) in folded.items()})


def _point(network: nn.Module, subject: Subject, flat: Tensor) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Makes the network's layers look into `flat`; returns where each is, under all of its names."""
    start, places = 0, {}
    for layer in subject.layers:
        view = flat[start : start + layer.size].view(layer.shape)
        for name in (layer.name, *layer.aliases):
            owner, _, attribute = name.rpartition(".")
            setattr(network.get_submodule(owner), attribute, nn.Parameter(view, requires_grad=False))
            places[name] = start, layer.shape
        start += layer.size
    return places


def channels_last(batch: Tensor | dict) -> Tensor | dict:
    """The batch, channels last even where it has one channel: there any layout counts as channels-last, and only the
    strides tell the convolutions which one is meant."""
    if isinstance(batch, Mapping) or batch.ndim != 4:
        return batch
    return torch.empty_like(batch, memory_format=torch.channels_last).copy_(batch)


def close(plain: Tensor, ready: Tensor, within: float = AGREEING) -> bool:
    """Whether two ways of computing the same agree. Where the plain one is not finite, nothing can be said."""
    scale = plain.abs().max().clamp(min=1e-30)
    return bool(torch.isfinite(plain).all()) and float((plain - ready.to(plain.device)).abs().max() / scale) < within
