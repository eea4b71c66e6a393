"""Matthews correlation: how labels and predictions go together, from −1 by way of 0 (guessing, or always one class) to 1."""

from __future__ import annotations

import numpy as np

from pruneviz.engine.metrics import confusion
from pruneviz.report import wilson

metric = "Matthews correlation"
method = confusion.METHOD
shares = False


def value(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Gorodkin's R_K (2004), which is Matthews' φ (1975) for two classes; 0 where either side names one class only."""
    cells = confusion.cells(labels, predicted)
    return float(_of(cells, cells.counts))


def interval(labels: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile interval of the bootstrap over samples. Where all are right, draws say nothing: then the lower
    end is what R_K would be at the lower end of the accuracy, were the errors spread as the labels are."""
    cells = confusion.cells(labels, predicted)
    if cells.flawless and cells.classes > 1:
        agreeing = float(np.square(cells.told(cells.counts) / cells.n).sum())
        low, high = wilson(cells.n, cells.n)
        return (low - agreeing) / (1 - agreeing), high
    return confusion.bootstrap(cells, _of)


def chance(classes: int) -> float:
    """What guessing gets."""
    return 0.0


def _of(cells: confusion.Cells, counts: np.ndarray) -> np.ndarray:
    """R_K = (n·right − Σ tₖpₖ) / √((n² − Σ tₖ²)(n² − Σ pₖ²)); counts [..., M] → [...]."""
    right, told, said = cells.found(counts).sum(-1), cells.told(counts), cells.said(counts)
    square = float(cells.n) ** 2
    below = np.sqrt((square - np.square(told).sum(-1)) * (square - np.square(said).sum(-1)))
    return np.where(below > 0, (cells.n * right - (told * said).sum(-1)) / np.where(below > 0, below, 1), 0.0)
