"""Removes the weights without which the untrained network would learn fastest.

The squared length of the gradient g says how fast the loss falls at the first steps. Removing w changes it, to first order,
by −2 w (H g), H being the loss's curvature: what raises it most goes first. The sign matters: a weight that slows learning
goes before one that does nothing. As in the authors' code the outputs are divided by 200 before the loss.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pruneviz.engine.batches import Inputs, double, said, split
from pruneviz.engine.criterion import Paper
from pruneviz.engine.subject import Subject
from pruneviz.engine.working import private

name = "GraSP"
formula = r"w \, (H g)"
paper = Paper("Wang, Zhang & Grosse 2020", "arXiv 2002.07376, eq. 8", "https://arxiv.org/abs/2002.07376")
TEMPERATURE = 200.0
CHUNK = 128


def scores(inside: Subject, inputs: Inputs, labels: Tensor, temperature: float = TEMPERATURE) -> list[Tensor]:
    with torch.inference_mode(False), torch.enable_grad():
        network, found = private(inside.network, frozenset(layer.name for layer in inside.layers))
        network.double()
        weights, batch = [found[layer.name] for layer in inside.layers], (double(inputs), labels)
        slope = [torch.zeros_like(weight) for weight in weights]
        for loss in _losses(network, batch, temperature):
            part = torch.autograd.grad(loss, weights, materialize_grads=True)
            slope = [one + more for one, more in zip(slope, part, strict=True)]
        turned = [torch.zeros_like(weight) for weight in weights]  # H g
        for loss in _losses(network, batch, temperature):
            part = torch.autograd.grad(loss, weights, create_graph=True, materialize_grads=True)
            along = sum((one * more).sum() for one, more in zip(slope, part, strict=True))
            more = torch.autograd.grad(along, weights, materialize_grads=True)
            turned = [one + other for one, other in zip(turned, more, strict=True)]
        return [(weight * one).detach() for weight, one in zip(weights, turned, strict=True)]


def _losses(network: nn.Module, batch: tuple[Inputs, Tensor], temperature: float) -> Iterator[Tensor]:
    """What each few samples add to the mean loss, ready to be differentiated."""
    inputs, labels = batch
    told = int((labels >= 0).sum())
    for some, theirs in zip(split(inputs, CHUNK), labels.split(CHUNK), strict=True):
        outputs = said(network, some).flatten(0, -2) / temperature
        yield nn.functional.cross_entropy(outputs, theirs.flatten(), reduction="sum") / told
