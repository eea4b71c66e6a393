"""Evaluate: from what was chosen to what is measured. Each step takes just what it depends on, so each can be cached."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from pruneviz.engine import granularity, progress
from pruneviz.engine.account import account
from pruneviz.engine.fitting import check, nonfinite, structure_of
from pruneviz.engine.measure import Run, Workspace, never
from pruneviz.engine.outcomes import Measurement
from pruneviz.engine.pattern import PatternRanking
from pruneviz.engine.standing import Standing, asked, kept, mask, stand
from pruneviz.engine.subject import Subject
from pruneviz.recipe import Recipe
from pruneviz.report import Curve, CurvePoint, Report, Score

__all__ = ["Standing", "asked", "check", "curve", "curve_of", "curve_points", "curve_steps", "evaluate", "kept", "mask",
           "nonfinite", "point", "reports", "stand", "structure_of"]  # fmt: skip

COARSE = 64
"""A curve first shows every point on so many samples, or as many as one batch has."""


def evaluate(subject: Subject, recipe: Recipe, standing: Standing, workspace: Workspace) -> Report:
    """One setting, measured on the held-out samples of the standing's split."""
    for found in reports(subject, recipe, standing, workspace):  # noqa: B007
        pass
    return found


def reports(
    subject: Subject, recipe: Recipe, standing: Standing, workspace: Workspace, stop: Callable[[], bool] = never
) -> Iterator[Report]:
    """One setting on ever more samples, in steps of about a third of a second; the last Report is on all of them."""
    started = time.perf_counter()
    if isinstance(standing.ranking, PatternRanking):
        standing.ranking.check(recipe.amount)
    found = account(subject, recipe, standing)
    for partial in progress.measured(workspace, standing, recipe, stop):
        yield Report(
            **found | {"notes": (*found["notes"], *workspace.words)},
            score=_score(workspace, partial),
            seconds=time.perf_counter() - started,
            device=workspace.device,
        )


def curve(subject: Subject, recipe: Recipe, standing: Standing, workspace: Workspace, amounts: Sequence[float]) -> Curve:
    """Accuracy at each of `amounts`: one shot, no fine-tuning."""
    started = time.perf_counter()
    points = tuple(curve_points(recipe, standing, workspace, amounts))
    found = curve_of(subject, recipe, standing, workspace, points, seconds=time.perf_counter() - started)
    return replace(found, points=points)  # as they were asked for, twice the same included


def curve_of(
    subject: Subject, recipe: Recipe, standing: Standing, workspace: Workspace, points: Sequence[CurvePoint],
    seconds: float = 0.0,
) -> Curve:  # fmt: skip
    """The curve around the points that there are so far. The dense network stands beside it on as many samples as it was
    run on."""
    dense = workspace.dense_at() if points else workspace.dense()
    return Curve(
        subject=subject.name,
        criterion=recipe.criterion,
        scope=recipe.scope,
        seed=recipe.seed,
        calibration=standing.split.source,
        calibration_n=len(standing.split.calibration),
        points=tuple(sorted({one.amount: one for one in points}.values(), key=lambda one: one.amount)),
        dense_value=dense.value,
        chance=workspace.task.chance(len(subject.classes)),
        metric=workspace.task.metric,
        noun=workspace.task.noun,
        seconds=seconds,
    )


def curve_points(recipe: Recipe, standing: Standing, workspace: Workspace, amounts: Sequence[float]) -> Iterator[CurvePoint]:
    """The points of a curve one by one, each on all samples, so that whoever iterates may stop."""
    plan = _Plan(recipe, standing, workspace)
    for amount in amounts:
        run = plan.run(amount)
        while not run.done:
            workspace.advance(run, math.inf)
        yield plan.point(amount)


def curve_steps(
    recipe: Recipe, standing: Standing, workspace: Workspace, nodes: Sequence[float], stop: Callable[[], bool] = never
) -> Iterator[CurvePoint | None]:
    """The points of a curve in steps of about a third of a second: each node on the first few samples, then each on all.

    A point stands in for the earlier one of the same amount; None says that a step was done which made no point complete.
    """
    plan = _Plan(recipe, standing, workspace)
    for most in (min(COARSE, workspace.n), workspace.n):
        for amount in nodes:
            run, before = plan.run(amount), plan.said.get(amount)
            while run.n < most and not stop():
                # What takes only one step more is done at once.
                workspace.advance(run, progress.STEP, stop)
                if run.n < most:
                    yield None
            if stop():
                return
            if run.n != before:
                yield plan.point(amount)


class _Plan:
    """The runs of a curve. Units leave in one order: as many gone are the same ones gone, and four layers have five
    networks, not a hundred."""

    def __init__(self, recipe: Recipe, standing: Standing, workspace: Workspace) -> None:
        self._standing, self._workspace, self._what = standing, workspace, asked(recipe, standing)
        self._runs: dict[float, Run] = {}
        self.said: dict[float, int] = {}

    def run(self, amount: float) -> Run:
        """The run that measures this amount."""
        key = self._standing.ranking.removals(amount, *self._what) if self._standing.structure else amount
        if key not in self._runs:
            self._runs[key] = self._workspace.run(self._standing.ranking, amount, *self._what)
        return self._runs[key]

    def point(self, amount: float) -> CurvePoint:
        """What is known of this amount by now."""
        partial = progress.partial(self._workspace, self.run(amount))
        self.said[amount] = partial.n
        choosing = self._standing.split.choosing.numpy()[partial.at]
        found = point(amount, _sparsity(self._standing, amount, self._what), partial.measured, partial.dense, choosing)
        return replace(found, of=partial.of)


def _sparsity(standing: Standing, amount: float, what: tuple) -> float:
    """The fraction of the prunable weights that go."""
    if standing.structure is None:
        return standing.ranking.removals(amount, *what) / standing.ranking.n
    layers = standing.ranking.layers
    left = granularity.left(standing.structure, standing.ranking.kept(amount, *what), layers)
    weights = sum(layer.size for layer in layers)
    return (weights - int(left.sum())) / weights


def point(amount: float, sparsity: float, measured: Measurement, dense: Measurement, choosing: np.ndarray) -> CurvePoint:
    """One point of a curve from what was measured, sample by sample."""
    # Only where the value is a share of right samples do the halves' counts say the same as the value.
    right = measured.correct if measured.correct is not None and measured.value == measured.correct.mean() else None
    newly_wrong, newly_right = _flips(measured, dense)
    return CurvePoint(
        amount=float(amount),
        sparsity=sparsity,
        value=measured.value,
        correct=None if measured.correct is None else int(measured.correct.sum()),
        n=measured.n,
        interval=measured.interval,
        half=(0, 0) if right is None else (int(right[choosing].sum()), int(choosing.sum())),
        newly_wrong=newly_wrong,
        newly_right=newly_right,
    )


def _flips(measured: Measurement, dense: Measurement) -> tuple[int, int]:
    """How many samples became wrong, and how many right."""
    if measured.correct is None or dense.correct is None:
        return 0, 0
    return int((dense.correct & ~measured.correct).sum()), int((~dense.correct & measured.correct).sum())


def _score(workspace: Workspace, partial: progress.Partial) -> Score:
    measured, dense, task = partial.measured, partial.dense, workspace.task
    newly_wrong, newly_right = _flips(measured, dense)
    return Score(
        metric=task.metric,
        value=measured.value,
        correct=None if measured.correct is None else int(measured.correct.sum()),
        n=measured.n,
        interval=measured.interval,
        loss=measured.loss,
        dense_value=dense.value,
        dense_correct=None if dense.correct is None else int(dense.correct.sum()),
        newly_wrong=newly_wrong,
        newly_right=newly_right,
        noun=task.noun,
        method=task.method,
        of=partial.of,
        samples=workspace.named(partial.at),
        right=b"" if measured.correct is None else np.packbits(measured.correct).tobytes(),
    )
