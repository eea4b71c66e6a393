"""Removes the weights through which least flows, and looks at no data at all.

Every weight is made positive, every bias nothing, and an input of ones sent through: each weight counts what it adds to the
sum of the outputs. What flows into a unit flows out of it, so all layers have equal sums, and a thin layer's weights count
more. In a hundred rounds, each time with what is left, no layer is emptied before that cannot be helped.
"""

import torch
from torch import Tensor

from pruneviz.engine.batches import Inputs, said
from pruneviz.engine.criterion import Paper
from pruneviz.engine.subject import Subject
from pruneviz.engine.working import private

name = "SynFlow"
formula = r"\frac{\partial R}{\partial w} \, w, \quad R = \mathbb{1}^{\top} \Bigl( \prod_{l=1}^{L} |W_l| \Bigr) \mathbb{1}"
paper = Paper("Tanaka, Kunin, Yamins & Ganguli 2020", "arXiv 2006.05467, algorithm 1", "https://arxiv.org/abs/2006.05467")
rounds = 100


def scores(inside: Subject, inputs: Inputs, labels: Tensor) -> list[Tensor]:
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        raise ValueError(
            f"SynFlow sends an input of ones through, and {inside.title} reads tokens: choose snip, grasp or magnitude"
        )
    with torch.inference_mode(False), torch.enable_grad():
        network, found = private(inside.network, frozenset(layer.name for layer in inside.layers))
        network.double()
        for key, parameter in network.named_parameters():
            # A new tensor: of a network that is in double precision already, the old one is still its own.
            parameter.data = torch.zeros_like(parameter) if key.endswith("bias") else parameter.detach().abs()
        weights = [found[layer.name] for layer in inside.layers]
        flow = said(network, torch.ones_like(inputs[:1], dtype=torch.float64)).sum()
        slopes = torch.autograd.grad(flow, weights, materialize_grads=True)
        return [(weight * slope).detach() for weight, slope in zip(weights, slopes, strict=True)]
