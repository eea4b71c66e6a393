"""Accuracy: the share of samples that are right."""

from __future__ import annotations

import numpy as np

from pruneviz.report import wilson

metric = "accuracy"
method = "Wilson score interval"
shares = True


def value(labels: np.ndarray, predicted: np.ndarray) -> float:
    """The share of samples whose prediction is the label."""
    return int((labels == predicted).sum()) / len(labels)


def interval(labels: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """The 95 % Wilson score interval of the share."""
    return wilson(int((labels == predicted).sum()), len(labels))


def chance(classes: int) -> float:
    """What guessing gets when all classes are equally frequent."""
    return 1 / classes
