"""Confidence: how often a network is right where it is so sure of itself. Numpy and plain numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BINS = 10
"""A reliability line has so many steps of confidence, each as wide as the others."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Samples whose likeliest class is given a probability from `low` to `high`: how many, how many of them are right, and
    their mean probability."""

    low: float
    high: float
    n: int
    correct: int
    confidence: float


def reliability(confidence: np.ndarray, correct: np.ndarray) -> tuple[Bin, ...]:
    """Samples by how sure the network is: ten equal steps of the probability of what it says (Guo et al. 2017, §2,
    arXiv 1706.04599). Steps without samples are left out, and so are samples without a probability."""
    known = np.isfinite(confidence)
    confidence, correct = confidence[known], correct[known]
    at = np.clip((confidence * BINS).astype(int), 0, BINS - 1)
    found = []
    for step in np.unique(at):
        here = at == step
        mean = float(confidence[here].mean(dtype=np.float64))
        found.append(Bin(float(step) / BINS, float(step + 1) / BINS, int(here.sum()), int(correct[here].sum()), mean))
    return tuple(found)


def overconfidence(bins: Sequence[Bin]) -> float | None:
    """Mean confidence minus accuracy, in points: above 0 the network is too sure of itself. None without samples."""
    n = sum(one.n for one in bins)
    return 100 * sum(one.n * one.confidence - one.correct for one in bins) / n if n else None


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """The expected calibration error in points: how far confidence and accuracy lie apart, bin by bin, weighed by samples
    (Guo et al. 2017, eq. 3). None without samples."""
    n = sum(one.n for one in bins)
    return 100 * sum(abs(one.n * one.confidence - one.correct) for one in bins) / n if n else None
