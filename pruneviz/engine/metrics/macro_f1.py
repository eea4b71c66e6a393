"""Macro F1: the mean over classes of 2·precision·recall / (precision + recall), so that rare classes count as much."""

from __future__ import annotations

import numpy as np

from pruneviz.engine.metrics import confusion
from pruneviz.report import wilson

metric = "macro F1"
method = confusion.METHOD
shares = False


def value(labels: np.ndarray, predicted: np.ndarray) -> float:
    """The mean F1 of the classes that occur as a label or as a prediction."""
    cells = confusion.cells(labels, predicted)
    return float(_of(cells, cells.counts))


def interval(labels: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile interval of the bootstrap over samples. Where all are right, draws say nothing: then the lower
    end is that of the accuracy."""
    cells = confusion.cells(labels, predicted)
    if cells.flawless:
        return wilson(cells.n, cells.n)
    return confusion.bootstrap(cells, _of)


def chance(classes: int) -> float:
    """What a guess gets that names each of equally frequent classes equally often: precision and recall 1 / classes."""
    return 1 / classes


def _of(cells: confusion.Cells, counts: np.ndarray) -> np.ndarray:
    """F1 of class k is 2·tp / (labels + predictions); counts [..., M] → [...]."""
    found, told, said = cells.found(counts), cells.told(counts), cells.said(counts)
    there = told + said > 0
    return np.where(there, 2 * found / np.maximum(told + said, 1), 0.0).sum(-1) / there.sum(-1)
