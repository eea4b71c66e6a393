"""One label for each image: a prediction is the class with the largest output."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pruneviz.report import wilson

metric = "accuracy"
better = "higher"
noun = "images"
remedy = "[data] layout and resize"
mismatch = "the network has {outputs} outputs but the card names {names} classes: correct one of them"


def losses(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each sample, [n], in nats."""
    return functional.cross_entropy(outputs, targets, reduction="none")


def counts(targets: Tensor) -> Tensor:
    """An image is one prediction, [n]."""
    return torch.ones(len(targets), dtype=torch.int64)


def correct(outputs: Tensor, targets: Tensor) -> Tensor:
    """Whether the largest output is the label, [n]."""
    return outputs.argmax(dim=1) == targets


def value(losses: np.ndarray | Tensor, counts: np.ndarray | Tensor, correct: np.ndarray | Tensor) -> float:
    """The share of images that are right."""
    return int(correct.sum()) / len(correct)


def interval(losses: np.ndarray | Tensor, counts: np.ndarray | Tensor, correct: np.ndarray | Tensor) -> tuple[float, float]:
    """The 95 % Wilson score interval of the share of images that are right."""
    return wilson(int(correct.sum()), len(correct))


def chance(classes: int) -> float:
    """What guessing gets when all classes are equally frequent."""
    return 1 / classes


def classes(outputs: object, labels: Tensor) -> int:
    """How many classes a batch of outputs tells apart."""
    if not isinstance(outputs, Tensor) or outputs.ndim != 2 or not outputs.shape[1]:
        raise ValueError("the network does not give one number per class: name a classifier in [architecture]")
    return outputs.shape[1]


def check(labels: Tensor, classes: int) -> None:
    """Refuses labels that name no class."""
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        possible = f"{classes} classes, which count from 0 to {classes - 1}"
        raise ValueError(f"labels from {low} to {high} do not fit {possible}: correct them")
