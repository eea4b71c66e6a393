"""Allocation: how much may go of each layer so that the accuracy that was asked for stays and most is saved.

An allocation is judged by running the network that is pruned everywhere at once, never by a sum of what single layers lose
(Han et al. 2015, arXiv 1506.02626, §5, set each layer's threshold by such a sensitivity; He et al. 2018, AMC, arXiv
1802.03494, learn the amounts by reinforcement instead). One half of the held-out data chooses; the other is looked at once,
at the end, for the answer and for uniform and global pruning at the same budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from pruneviz import allocation as records
from pruneviz.allocation import Allocation, Setting
from pruneviz.engine import batches, distortion, starts, unit_report
from pruneviz.engine.budget import Budget
from pruneviz.engine.clock import LONG, Clock
from pruneviz.engine.halves import Judge, differ, half, relative_error, thin
from pruneviz.engine.measure import Workspace, never
from pruneviz.engine.reality import Problems
from pruneviz.engine.search import Search, Tried
from pruneviz.engine.standing import Standing
from pruneviz.engine.subject import Subject
from pruneviz.recipe import Recipe

WORK = 2e13
"""Multiply-adds that the evaluations are to fit into, the fewest of them and the fewest samples excepted."""
LEAST, MOST = 80, 400
"""Evaluations, at least and at most."""
FEWEST = 64
"""So many samples choose, at least, where there are so many."""
LOOKED, OUTPUT_NUMBERS = 128, 2**25
"""Samples, and numbers of output, by which the distance of outputs is judged, at most."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How many allocations are measured, and on how many samples of the choosing half (0: as many as fit the work)."""

    evaluations: int = 0
    samples: int = 0


def solve(
    subject: Subject, recipe: Recipe, standing: Standing, effort: Effort | None = None, stop: Callable[[], bool] = never
) -> Iterator[Allocation | None]:
    """The best amounts so far, again and again, None before the dense network is measured; the last is complete, unless
    `stop` says so before."""
    refused = records.trouble(recipe)
    if refused:
        raise ValueError(refused)
    # Within a layer all scopes have one order, but for ties that a scope's own scale makes: the answer is the scope «layer».
    standing = replace(standing, ranking=starts.ranked(subject, recipe, standing, "layer"))
    solver = _Solver(subject, replace(recipe, scope="layer"), standing, effort or Effort(), stop)
    for _ in solver.run():
        if stop():
            return
        yield solver.found
    if not stop():
        yield solver.found


class _Solver:
    """One search with all that it says on its way."""

    def __init__(
        self, subject: Subject, recipe: Recipe, standing: Standing, effort: Effort, stop: Callable[[], bool]
    ) -> None:
        self._subject, self._recipe, self._stop = subject, recipe, stop
        self._budget = Budget(subject, recipe, standing, "parameters" if recipe.budget == "parameters" else "macs")
        evaluations, samples = affordable(subject, int(standing.split.choosing.sum()), effort)
        self._judge = Judge(subject, self._budget, choosing=True, most=samples, stop=stop)
        self._starts: dict[str, starts.Start] = dict(starts.offered(subject, self._budget))
        self._search: Search | None = None
        self._evaluations, self._looked = evaluations, 0.0
        self.found: Allocation | None = None

    def run(self) -> Iterator[None]:
        """Dense, distances of outputs, search, report; `found` holds what there is to say after every step."""
        measured = yield from self._judge.dense()
        if measured is None:
            return
        dense = half(measured)
        self._search = Search(self._budget, self._judge, self._starts, self._evaluations)
        self.found = self._opening(Setting("dense", (), self._budget.whole, choosing=dense))
        yield
        yield from self._look()
        for _ in self._search.run(measured, self.found.allowed):
            self._say()
            yield
        self._say()
        if not self._stop():
            yield from self._report()

    def _opening(self, dense: Setting) -> Allocation:
        higher = self._judge.higher
        return Allocation(
            layers=tuple((one.name, one.label, one.size) for one in self._budget.players),
            tolerance=self._recipe.tolerance,
            budget=self._recipe.budget,
            whole=self._budget.whole,
            dense=dense,
            best=replace(dense, name=records.SOLVER, amounts=self._budget.amounts(np.zeros_like(self._budget.sizes))),
            allowed=allowed(dense.choosing.value, self._recipe.tolerance, higher=higher),
            metric=self._judge.workspace.task.metric,
            noun=self._judge.workspace.task.noun,
            granularity=self._recipe.granularity,
            of=self._evaluations,
            words="seeing how far the outputs move",
            higher=higher,
        )

    def _look(self) -> Iterator[None]:
        """How far the outputs move when each layer alone is pruned: one more start, and often the best."""
        split = self._budget.standing.split
        mine = split.measured[split.choosing]
        few = Workspace(self._subject, mine[thin(len(mine), self._few(len(mine)))], self._recipe.device)
        for moved in distortion.measured(self._budget, few):
            if self._stop():
                return
            self._looked = 1 - float(np.isnan(moved).mean())
            yield
        lagrangian = distortion.Lagrangian(self._budget, moved)
        self._starts["distortion"] = lagrangian.at

    def _few(self, n: int) -> int:
        """On how many samples: few where the outputs are many, or the network is large."""
        with torch.inference_mode():
            first = self._judge.workspace.subject.held_out.inputs(slice(0, 1))
            numbers = batches.said(self._subject.skeleton().eval(), first).numel()
        passes = len(self._budget.players) * len(distortion.SHARES)
        most = max(FEWEST // 4, int(WORK / 4 / (passes * cost_of(self._subject))))
        return max(1, min(n, self._judge.n, LOOKED, most, OUTPUT_NUMBERS // max(1, numbers)))

    def _say(self) -> None:
        best = self._search.best
        self.found = replace(
            self.found, best=self._setting(records.SOLVER, best), started=self._search.started, tried=self._search.tried,
            of=max(self._evaluations, self._search.tried), words=self._search.words,
        )  # fmt: skip

    def _setting(self, name: str, tried: Tried) -> Setting:
        return Setting(name, self._budget.amounts(tried.counts), tried.left, choosing=tried.half)

    def _report(self) -> Iterator[None]:
        """The half that nobody has looked at: the dense network, the answer, and its peers at the same budget."""
        best, judge = self._search.best, Judge(self._subject, self._budget, choosing=False, stop=self._stop)
        self.found = replace(self.found, words="measuring on the other half")
        mine = yield from judge.counts(best.counts)
        dense = yield from judge.dense()
        if mine is None or dense is None:
            return
        gains, losses = differ(dense, mine)
        paired = None if mine.correct is not None else relative_error(mine, dense)
        self.found = replace(
            self.found,
            best=replace(self.found.best, reporting=half(mine)),
            dense=replace(self.found.dense, reporting=half(dense), gains=gains, losses=losses, error=paired),
        )
        counts = {"dense": np.zeros_like(best.counts), records.SOLVER: best.counts}
        for name, scope in ((records.UNIFORM, "layer"), (records.GLOBAL, "global")):
            rule, target = self._starts[scope], best.left
            if self._recipe.budget == "ms":
                for target in self._clocked(rule, best.counts):  # noqa: B007
                    yield
            counts[name] = rule(target)
            choosing = yield from self._judge.counts(counts[name])
            measured = yield from judge.counts(counts[name])
            if choosing is None or measured is None:
                return
            gains, losses = differ(measured, mine)
            peer = Setting(
                name, self._budget.amounts(counts[name]), self._budget.left(counts[name]), scope, rule.amount(target),
                half(choosing), half(measured), gains, losses,
            )  # fmt: skip
            self.found = replace(self.found, peers=(*self.found.peers, peer))
            yield
        if self._recipe.budget == "ms":
            self._time(counts)
        self.found = replace(self.found, complete=True, words="done")

    def _clocked(self, rule: starts.Start, mine: np.ndarray) -> Iterator[float]:
        """What a peer may leave to be as fast as the answer; as many multiply-adds where nothing can be cut out."""
        self.found = replace(self.found, words="timing networks that are really smaller")
        yield self._search.best.left
        try:
            yield from Clock(self._subject, self._budget).as_fast(rule, mine)
        except Problems:
            yield self._search.best.left

    def _time(self, counts: Mapping[str, np.ndarray]) -> None:
        """The times of all four, side by side; a word where they cannot be had."""
        try:
            found = Clock(self._subject, self._budget).quartiles(counts, LONG)
        except Problems as problem:
            self.found = replace(self.found, note=f"It could not be timed: {' '.join(str(problem).split())[:200]}.")
            return
        self.found = replace(
            self.found,
            dense=replace(self.found.dense, milliseconds=found["dense"]),
            best=replace(self.found.best, milliseconds=found[records.SOLVER]),
            peers=tuple(replace(one, milliseconds=found[one.name]) for one in self.found.peers),
        )


def allowed(dense: float, tolerance: float, *, higher: bool) -> float:
    """The value that keeps what is asked for: (1 − t) of the dense one; where small is better, 1 / (1 − t) of it."""
    if higher:
        return dense * (1 - tolerance) - 1e-12
    return dense / (1 - tolerance) + 1e-12 if tolerance < 1 else math.inf


def affordable(subject: Subject, n: int, effort: Effort) -> tuple[int, int]:
    """Evaluations, and samples of the n that may choose: as many as the work allows, the same on every machine."""
    each = cost_of(subject)
    samples = effort.samples or max(FEWEST, int(WORK / (LEAST * each)))
    samples = min(n, samples)
    evaluations = effort.evaluations or min(MOST, max(LEAST, int(WORK / (max(1, samples) * each))))
    return evaluations, samples


def cost_of(subject: Subject) -> float:
    """Multiply-adds of one sample; as many as there are weights where they cannot be counted."""
    try:
        return max(1.0, unit_report.counted(subject).macs)
    except (RuntimeError, NotImplementedError, TypeError):
        return float(subject.weights)
