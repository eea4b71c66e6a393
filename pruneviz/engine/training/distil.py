"""Distilling: a network learns from what a trained one says, beside the labels (Hinton et al. 2015, arXiv 1503.02531)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pruneviz.engine.training.loop import NOTHING, Inputs, Objective, plain


def distilled(teacher: nn.Module, share: float, temperature: float) -> Objective:
    """The objective (1 − α)·CE(labels) + α·T²·KL(teacher at T ‖ network at T), α = `share`; α = 0 is the plain one.

    The teacher is run in evaluation and never learns. At T > 1 its words are softer, so that what it thinks of the wrong
    classes is heard; T² keeps the gradient's size. Places where nothing is predicted teach nothing.
    """
    if share == 0:
        return plain
    teacher.eval()

    def objective(network: nn.Module, inputs: Inputs, labels: Tensor) -> tuple[Tensor, Tensor]:
        loss, outputs = plain(network, inputs, labels)
        with torch.no_grad():
            _, words = plain(teacher, inputs, labels)
        told = labels != NOTHING
        return (1 - share) * loss + share * lesson(outputs[told], words[told], temperature), outputs

    return objective


def lesson(outputs: Tensor, words: Tensor, temperature: float) -> Tensor:
    """T²·KL(softmax(words / T) ‖ softmax(outputs / T)), the mean over rows; both [n, classes]."""
    said, taught = ((one / temperature).log_softmax(-1) for one in (outputs, words))
    return temperature**2 * functional.kl_div(said, taught, reduction="batchmean", log_target=True)
