"""Outcomes: what came out for each sample, and what it says together. Samples may be run in any order, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from pruneviz.engine.tasks import Task

VERDICTS = ("losses", "counts", "predicted", "labels")
"""What is kept of each sample, whatever the task: the last two where a sample is right or wrong as a whole."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """What came out, sample by sample: losses [n] in nats, counts [n] of predictions, and correct [n] where there is a
    right and a wrong. `value` and its 95 % interval are the task's metric; where it needs to know what was said for what,
    `predicted` and `labels` [n] are there. `details` [n, …] are what the task tells of each sample beside its verdict, where
    that was asked for."""

    losses: np.ndarray
    counts: np.ndarray
    correct: np.ndarray | None
    value: float
    interval: tuple[float, float]
    predicted: np.ndarray | None = None
    labels: np.ndarray | None = None
    details: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def loss(self) -> float:
        """Mean loss of a prediction, in nats."""
        return float(self.losses.sum() / self.counts.sum())

    @property
    def n(self) -> int:
        return len(self.losses)


class Outcomes:
    """What is known of n samples so far: a row for each that was run, whatever the order in which they were."""

    def __init__(self, task: Task, n: int, *, detailed: bool = False) -> None:
        self.task, self.known, self.detailed = task, np.zeros(n, dtype=bool), detailed
        self._columns: dict[str, np.ndarray] = {}

    def add(self, at: np.ndarray, said: Tensor, targets: Tensor) -> None:
        """What a network said of the samples at these places, and what was right."""
        for name, column in verdicts(self.task, said, targets, detailed=self.detailed).items():
            if name not in self._columns:
                self._columns[name] = np.zeros((len(self.known), *column.shape[1:]), dtype=column.dtype)
            self._columns[name][at] = column
        self.known[at] = True

    def measurement(self, at: np.ndarray | None = None) -> Measurement:
        """What is measured on all samples that are known, or on those at these places."""
        at = np.flatnonzero(self.known) if at is None else at
        return _together(self.task, {name: column[at] for name, column in self._columns.items()})


def verdicts(task: Task, said: Tensor, targets: Tensor, *, detailed: bool = False) -> dict[str, np.ndarray]:
    """What is kept of each sample of a batch, [n] each. It is judged where it lies; only the verdicts travel, and, where
    it is to be `detailed`, what the task tells beside them."""
    targets = targets.to(said.device)
    found = {"losses": task.losses(said, targets), "counts": task.counts(targets)}
    if detailed and hasattr(task, "details"):
        found |= task.details(said, targets)
    if hasattr(task, "predictions"):
        found |= {"predicted": task.predictions(said), "labels": targets}
    arrays = {name: column.cpu().numpy() for name, column in found.items()}
    return {**arrays, "losses": arrays["losses"].astype(np.float64)}


def measurement(task: Task, outputs: Iterator[tuple[Tensor, Tensor]]) -> Measurement:
    """The measurement of a task from (outputs, targets), batch by batch."""
    batches = [verdicts(task, said, targets) for said, targets in outputs]
    return _together(task, {name: np.concatenate([one[name] for one in batches]) for name in batches[0]})


def _together(task: Task, columns: Mapping[str, np.ndarray]) -> Measurement:
    losses, counts, predicted, labels = (columns.get(name) for name in VERDICTS)
    correct = None if predicted is None else predicted == labels
    parts = losses, counts, correct, predicted, labels
    details = {name: column for name, column in columns.items() if name not in VERDICTS}
    return Measurement(losses, counts, correct, task.value(*parts), tuple(task.interval(*parts)), predicted, labels, details)
