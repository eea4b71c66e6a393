"""Confusion: how often each label met each prediction, kept as the cells that are not empty; and draws from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

DRAWS = 1_000
METHOD = f"bootstrap over samples, {DRAWS:,} draws"


@dataclass(frozen=True, eq=False)
class Cells:
    """M cells: labels [M] and predictions [M] as places 0 … classes − 1 among the classes that occur, and counts [M]."""

    labels: np.ndarray
    predicted: np.ndarray
    counts: np.ndarray
    classes: int

    @property
    def n(self) -> int:
        return int(self.counts.sum())

    @property
    def flawless(self) -> bool:
        return bool((self.labels == self.predicted).all())

    def found(self, counts: np.ndarray) -> np.ndarray:
        """How many samples of each class are right: counts [..., M] → [..., classes]."""
        return self._sums(np.where(self.labels == self.predicted, counts, 0.0), self._by_label)

    def told(self, counts: np.ndarray) -> np.ndarray:
        """How many samples each class labels, [..., classes]."""
        return self._sums(counts, self._by_label)

    def said(self, counts: np.ndarray) -> np.ndarray:
        """How many samples each class is predicted for, [..., classes]."""
        return self._sums(counts, self._by_prediction)

    @cached_property
    def _by_label(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return _runs(self.labels)

    @cached_property
    def _by_prediction(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return _runs(self.predicted)

    def _sums(self, counts: np.ndarray, runs: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
        order, starts, classes = runs
        total = np.zeros((*counts.shape[:-1], self.classes))
        total[..., classes] = np.add.reduceat(counts[..., order].astype(np.float64), starts, axis=-1)
        return total


def cells(labels: np.ndarray, predicted: np.ndarray) -> Cells:
    """The cells of n ≥ 1 samples."""
    if not len(labels):
        raise ValueError("a metric needs at least one sample; got none: give a held-out split that is not empty")
    known, places = np.unique(np.concatenate([labels, predicted]), return_inverse=True)
    pairs = places[: len(labels)] * len(known) + places[len(labels) :]
    pairs, counts = np.unique(pairs, return_counts=True)
    return Cells(pairs // len(known), pairs % len(known), counts, len(known))


def bootstrap(cells: Cells, statistic: Callable[[Cells, np.ndarray], np.ndarray]) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic over n samples drawn with replacement (Efron 1979).

    Drawing samples is drawing how many fall into each cell, so a draw costs one number per cell, not one per sample.
    """
    drawn = np.random.default_rng(0).multinomial(cells.n, cells.counts / cells.n, size=DRAWS)
    low, high = np.quantile(statistic(cells, drawn), (0.025, 0.975))
    value = float(statistic(cells, cells.counts))
    return min(float(low), value), max(float(high), value)


def _runs(places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An order in which equal places lie together, where each run of them starts, and which place it is."""
    order = np.argsort(places, kind="stable")
    known, starts = np.unique(places[order], return_index=True)
    return order, starts, known
