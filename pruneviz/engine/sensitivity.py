"""Sensitivity: each layer, or each group of units, pruned alone at a grid of amounts.

Coarse amounts of every layer first, then the rest, row by row. Everything is measured, one shot, on the same samples
(a map of layers' sensitivity is Han et al.'s 2015, arXiv 1506.02626, §5, Fig. 6).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from pruneviz.engine import progress
from pruneviz.engine.measure import Run, Workspace, never
from pruneviz.engine.pattern import PatternRanking
from pruneviz.engine.standing import Standing
from pruneviz.engine.subject import Subject
from pruneviz.engine.unit_ranking import groups_of
from pruneviz.recipe import Recipe
from pruneviz.sensitivity import Cell, Row, Sensitivity

WEIGHTS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
UNITS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
COARSE = (0.5, 0.9)
"""Amounts at which every layer is measured before any is measured at more."""
FEW = 64
"""Of a slow network every cell is measured on so many samples before any is on all."""
ASIDE = ("tied to", "shares memory with")
"""What is said of a matrix that cannot be pruned; of biases, norms and tokens there is no row."""


def sensitivity(
    subject: Subject, recipe: Recipe, standing: Standing, workspace: Workspace, stop: Callable[[], bool] = never
) -> Iterator[Sensitivity | None]:
    """The map as far as it is, after every row; None says that a step was done which made no row longer."""
    if isinstance(standing.ranking, PatternRanking):
        raise ValueError(
            f"{recipe.granularity} is one choice, not a scale: choose weights, filters, neurons, heads or layers for a map"
        )
    plan = _Plan(subject, recipe, standing, workspace)
    slow = progress.seconds(workspace) > progress.STEP
    for most in sorted({min(FEW, workspace.n) if slow else workspace.n, workspace.n}):
        for amounts in (COARSE, [one for one in plan.amounts if one not in COARSE]):
            for at in [at for at, row in enumerate(plan.rows) if not row.reason]:
                for amount in amounts:
                    yield from plan.measure(at, amount, most, stop)
                    if stop():
                        return
                yield plan.map()
    yield plan.map()


def _through(workspace: Workspace, run: Run, most: int, stop: Callable[[], bool]) -> Iterator[None]:
    """Runs a setting on so many samples."""
    while run.n < most and not stop():
        workspace.advance(run, progress.STEP, stop)
        if run.n < most:
            yield None


@dataclass
class _Plan:
    """The rows so far, and what was measured already: as many gone are the same ones gone."""

    subject: Subject
    recipe: Recipe
    standing: Standing
    workspace: Workspace

    def __post_init__(self) -> None:
        self.amounts = UNITS if self.standing.structure is not None else WEIGHTS
        self.rows = list(rows(self.subject, self.recipe, self.standing))
        self._none = {row.name: 0.0 for row in self.rows if row.name in self._known()} | dict.fromkeys(
            self.recipe.spared, 0.0
        )
        self._cells: dict[tuple[str, int], Cell] = {}

    def measure(self, at: int, amount: float, most: int, stop: Callable[[], bool]) -> Iterator[None]:
        """One cell on at least so many samples; equal counts share one measurement."""
        row, ranking = self.rows[at], self.standing.ranking
        own = {**self._none, row.name: amount}
        key = row.name, int(ranking.removals(0.0, own)), most
        if key not in self._cells:
            run = self.workspace.run(ranking, 0.0, own)
            yield from _through(self.workspace, run, most, stop)
            if stop():
                return
            self._cells[key] = cell(amount, key[1], progress.partial(self.workspace, run))
        found = replace(self._cells[key], amount=amount)
        known = [one for one in row.cells if one.amount != amount]
        self.rows[at] = replace(row, cells=tuple(sorted((*known, found), key=lambda one: one.amount)))

    def map(self) -> Sensitivity:
        """What is known by now."""
        task = self.workspace.task
        return Sensitivity(
            subject=self.subject.name,
            criterion=self.recipe.criterion,
            granularity=self.recipe.granularity,
            amounts=self.amounts,
            rows=tuple(self.rows),
            dense_value=self.workspace.dense_at().value,
            chance=task.chance(len(self.subject.classes)),
            n=self.workspace.n,
            metric=task.metric,
            noun=task.noun,
            higher=task.better == "higher",
            shares=task.shares,
        )

    def _known(self) -> set[str]:
        structure = self.standing.structure
        return {group.name for group in structure.groups} if structure else {layer.name for layer in self.subject.layers}


def rows(subject: Subject, recipe: Recipe, standing: Standing) -> Iterator[Row]:
    """A row for every layer or group, in the network's order, with the reason why it cannot be pruned alone."""
    structure = standing.structure
    if structure is None:
        for layer in subject.layers:
            reason = "you keep it whole" if layer.name in recipe.spared else ""
            yield Row(layer.name, layer.label, layer.size, reason=reason, others=layer.aliases)
        for name, reason in subject.skipped:
            if reason.startswith(ASIDE):
                yield Row(name, name.rpartition(".")[0] or name, 0, reason=reason)
        return
    spared = {group for name in recipe.spared for group in groups_of(structure, standing.ranking.layers, name)}
    for group in structure.groups:
        reason = group.reason or ("you keep it whole" if group.name in spared else "")
        yield Row(group.name, group.label, group.units, reason=reason, others=group.modules[1:] if group.coupling else ())


def cell(amount: float, removed: int, found: progress.Partial) -> Cell:
    """One measurement beside the dense network's, sample by sample."""
    measured, dense, wrong, right = found.measured, found.dense, 0, 0
    if measured.correct is not None and dense.correct is not None:
        wrong = int((dense.correct & ~measured.correct).sum())
        right = int((~dense.correct & measured.correct).sum())
    rises = (measured.losses - dense.losses) / np.maximum(1, dense.counts)
    error = float(rises.std(ddof=1) / math.sqrt(len(rises))) if len(rises) > 1 else 0.0
    return Cell(
        amount, removed, found.n, measured.value, dense.value, measured.interval, wrong, right, float(rises.mean()), error
    )
