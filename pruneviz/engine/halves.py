"""Halves: allocations measured on the half of the held-out data that chooses, and once on the half that reports."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator

import numpy as np
import torch

from pruneviz.allocation import Half
from pruneviz.engine.budget import Budget
from pruneviz.engine.measure import Run, Workspace, never
from pruneviz.engine.outcomes import Measurement
from pruneviz.engine.progress import STEP
from pruneviz.engine.subject import Subject


class Judge:
    """Measures allocations on some of the measured samples, step by step."""

    def __init__(
        self, subject: Subject, budget: Budget, *, choosing: bool, most: int = 0, stop: Callable[[], bool] = never
    ) -> None:
        split = budget.standing.split
        mine = split.measured[split.choosing if choosing else ~split.choosing]
        if not len(mine):
            raise ValueError(
                f"{subject.title} has {len(split.measured)} held-out sample: a search needs two or more, one half to choose "
                "on and one to report"
            )
        self._budget, self._stop = budget, stop
        self.workspace = Workspace(subject, mine[thin(len(mine), most)], budget.recipe.device)
        self.higher = self.workspace.task.better == "higher"

    @property
    def n(self) -> int:
        return self.workspace.n

    def dense(self) -> Generator[None, None, Measurement | None]:
        """The network as it is."""
        return (yield from self.counts(np.zeros_like(self._budget.sizes)))

    def counts(self, counts: np.ndarray) -> Generator[None, None, Measurement | None]:
        """One allocation; it yields after every part of a second, and answers None where it was asked to stop."""
        run: Run = self.workspace.run(self._budget.standing.ranking, 0.0, *self._budget.asked(counts))
        while not run.done:
            self.workspace.advance(run, STEP, self._stop)
            if self._stop():
                return None
            if not run.done:
                yield
        return run.outcomes.measurement()


def thin(n: int, most: int) -> torch.Tensor:
    """The places of at most so many of n samples, the same every time: all where `most` is 0."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    return order[: most or n].sort().values


def half(measured: Measurement) -> Half:
    """A measurement as plain numbers."""
    return Half(
        n=measured.n,
        correct=None if measured.correct is None else int(measured.correct.sum()),
        value=measured.value,
        interval=measured.interval,
        loss=measured.loss if math.isfinite(measured.loss) else math.inf,
    )


def error(measured: Measurement, dense: Measurement) -> float:
    """The standard error of what a setting loses against the dense network, from what it changes sample by sample.

    Of samples that are right or wrong that of the share that changed sides; else that of the paired losses, which moves a
    perplexity in proportion.
    """
    n = measured.n
    if measured.correct is not None and dense.correct is not None:
        moved = measured.correct.astype(np.float64) - dense.correct
        return float(moved.std() / math.sqrt(n))
    found = measured.value * relative_error(measured, dense)
    return found if math.isfinite(found) else math.inf


def relative_error(measured: Measurement, dense: Measurement) -> float:
    """The standard error of a prediction's mean rise of the loss, sample by sample: of a perplexity as a share of it."""
    rises = (measured.losses - dense.losses) / np.maximum(1, dense.counts)
    return float(rises.std()) / math.sqrt(measured.n)


def differ(one: Measurement, other: Measurement) -> tuple[int, int]:
    """How many samples only the one has right, and how many only the other."""
    if one.correct is None or other.correct is None:
        return 0, 0
    return int((one.correct & ~other.correct).sum()), int((~one.correct & other.correct).sum())
