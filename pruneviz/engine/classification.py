"""Classification: one label for each sample. What images and texts have in common; a prediction is the largest output."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pruneviz.report import wilson

LIKELIEST = 3
"""So many classes of each sample are told with their probabilities."""


def losses(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each sample, [n], in nats."""
    return functional.cross_entropy(outputs, targets, reduction="none")


def counts(targets: Tensor) -> Tensor:
    """A sample is one prediction, [n]."""
    return torch.ones(len(targets), dtype=torch.int64)


def predictions(outputs: Tensor) -> Tensor:
    """The class with the largest output, [n]."""
    return outputs.argmax(dim=1)


def details(outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """The likeliest classes of each sample, the likeliest first, [n, k] (int32), and their probabilities [n, k]: at most
    three. Of equals the first is taken, as `predictions` does."""
    said = outputs.float()
    likeliest = said.argsort(dim=1, descending=True, stable=True)[:, :LIKELIEST]
    return {"likeliest": likeliest.to(torch.int32), "chances": said.softmax(dim=1).gather(1, likeliest)}


def correct(outputs: Tensor, targets: Tensor) -> Tensor:
    """Whether the largest output is the label, [n]."""
    return outputs.argmax(dim=1) == targets


def value(
    losses: np.ndarray | Tensor, counts: np.ndarray | Tensor, correct: np.ndarray | Tensor, predicted=None, labels=None
) -> float:
    """The share of samples that are right."""
    return int(correct.sum()) / len(correct)


def interval(
    losses: np.ndarray | Tensor, counts: np.ndarray | Tensor, correct: np.ndarray | Tensor, predicted=None, labels=None
) -> tuple[float, float]:
    """The 95 % Wilson score interval of the share of samples that are right."""
    return wilson(int(correct.sum()), len(correct))


def chance(classes: int) -> float:
    """What guessing gets when all classes are equally frequent."""
    return 1 / classes


def classes(outputs: object, labels: Tensor) -> int:
    """How many classes a batch of outputs tells apart."""
    if not isinstance(outputs, Tensor) or outputs.ndim != 2 or not outputs.shape[1]:
        raise ValueError("the network does not give one number per class: name a classifier in [architecture]")
    if outputs.shape[1] == 1:
        raise ValueError("the network gives one number, where a classifier gives one per class: give it two outputs or more")
    return outputs.shape[1]


def check(labels: Tensor, classes: int) -> None:
    """Refuses labels that name no class."""
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        possible = f"{classes} classes, which count from 0 to {classes - 1}"
        hint = ", or say the first label's number with [data] first_label = 1" if (low, high) == (1, classes) else ""
        raise ValueError(f"labels from {low} to {high} do not fit {possible}: correct them{hint}")


def unnamed(labels: Tensor, classes: int) -> None:
    """Refuses a network with more outputs than there are labels, where nobody has said what the other outputs are."""
    high = int(labels.max())
    if high + 1 < classes:
        raise ValueError(
            f"the network tells {classes} classes apart but the labels end at {high}: name all {classes} in the card's "
            "classes if that is meant, or give the data or the network that belong together"
        )
