"""The shelf of tasks: what a batch of outputs means. One file is one task, found by its name.

A task file has `metric` (its name on screen and in JSON), `method` (how its interval is made), `shares` (whether the metric
is the share of samples that are right), `better` ("higher" or "lower"), `noun` (what its samples are), and these verbs,
n samples each:

`losses(outputs, targets) -> [n]` nats, summed over all that a sample predicts; `counts(targets) -> [n]` how much that is;
`correct(outputs, targets) -> [n] bool` and `predictions(outputs) -> [n]`, only where a sample is right or wrong as a whole;
`details(outputs, targets) -> {name: [n, …]}`, what else may be asked of each sample, by a name of its own;
`value(losses, counts, correct, predicted, labels) -> float` and `interval(…) -> (low, high)` of the same, 95 %, over all
samples; `chance(classes) -> float`, what guessing gets; `classes(outputs, labels) -> int`, how many classes the outputs
tell apart, and `check(labels, classes)`, both of which refuse in one sentence what does not fit the task.

Two texts help a card: `remedy`, what to look at when the network does not take its inputs, and `mismatch`, what to say of
class names that are too many or too few.

A subject may be judged by another metric than its task's own: `of(subject)` is the task as that subject is judged.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.engine import looking, metrics

if TYPE_CHECKING:
    from pruneviz.engine.subject import Subject


@dataclass(frozen=True, slots=True)
class Judged:
    """A task with another metric than its own; all else is the task's."""

    task: ModuleType
    by: ModuleType

    @property
    def metric(self) -> str:
        return self.by.metric

    @property
    def method(self) -> str:
        return self.by.method

    @property
    def shares(self) -> bool:
        return self.by.shares

    def value(self, losses, counts, correct, predicted: np.ndarray, labels: np.ndarray) -> float:
        """The metric over all samples."""
        return self.by.value(labels, predicted)

    def interval(self, losses, counts, correct, predicted: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
        """Its 95 % interval."""
        return self.by.interval(labels, predicted)

    def chance(self, classes: int) -> float:
        """What guessing gets."""
        return self.by.chance(classes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)


Task = ModuleType | Judged


def offered() -> list[str]:
    """The tasks that there are, by name."""
    return looking.names(__name__)


def find(name: str) -> ModuleType:
    """The task of that name."""
    if name not in offered():
        raise ValueError(f"unknown task {name[:64]!r}; there are {', '.join(offered())}")
    return importlib.import_module(f"{__name__}.{name}")


def judged(name: str, metric: str = "") -> Task:
    """The task of that name, judged by that metric: its own where none is named."""
    task = find(name)
    if metric in ("", task.metric):
        return task
    if not hasattr(task, "predictions"):
        raise ValueError(f"{name} is judged by {task.metric}, not by {metric[:64]!r}: leave the metric out")
    return Judged(task, metrics.find(metric))


def of(subject: Subject) -> Task:
    """The task of a subject, as it is judged."""
    return judged(subject.task, subject.metric)
