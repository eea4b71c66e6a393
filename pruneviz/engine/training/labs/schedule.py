"""How fast should weights go: all at once, or a few at a time while the network is trained?

The network is trained on and pruned along a schedule, then trained with what is left. Every schedule ends at the same
sparsity and takes the same number of steps, so two of them are a fair pair. It starts from the trained network, or, with
the method «scratch», from fresh weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from pruneviz.course import Course
from pruneviz.engine import fitting, granularity
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import cutting, private, regularisers, schedules, telling
from pruneviz.engine.training.exam import exam
from pruneviz.engine.training.held import Held
from pruneviz.engine.training.labs import check, conclude
from pruneviz.engine.training.loop import Stage, Tick, train
from pruneviz.engine.training.memory import Memory
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe

title = "Schedule lab"
METHODS = ("", "trained", "scratch")
CUT = ("step", "amount", "sparsity", "before", "after")
"""The columns of a moment's array `cuts`: accuracy on the held-out data right before each cut and right after it."""
default = Recipe(
    amount=0.95,
    course=Course(lab="schedule", steps=600, retrain=200, rate=1e-3, schedule="cubic", start=0.1, stop=0.7, every=20),
)


def planned(subject: Subject, recipe: Recipe) -> int:
    """The steps along the schedule, and those after it."""
    return recipe.course.steps + recipe.course.retrain


def run(subject: Subject, recipe: Recipe, memory: Memory) -> Iterator[Moment]:
    """Moments with the sparsity so far, the share of each layer that is `alive`, and the `cuts` since the moment before."""
    check(subject)
    plan = _Plan(subject, recipe)
    if not memory.number("opened"):
        memory.note("opened", 1)
        yield plan.moment("start", 0)
    for tick in train(plan.stage("schedule", recipe.course.steps), memory):
        yield plan.moment("schedule", tick.step, tick)
    for tick in train(plan.stage("retrain", recipe.course.retrain), memory):
        yield plan.moment("retrain", recipe.course.steps + tick.step, tick)
    conclude(memory, plan.network, plan.held.kept())


class _Plan:
    """A run's network and what is held of it: cut when the schedule says so, measured whenever it is looked at."""

    def __init__(self, subject: Subject, recipe: Recipe) -> None:
        course = recipe.course
        if course.method not in METHODS:
            raise ValueError(f"unknown method {course.method[:40]!r}; there are {', '.join(filter(None, METHODS))}")
        if not course.steps:
            raise ValueError("a schedule of 0 steps cannot be followed: give steps of 1 or more")
        self._subject, self._recipe, self._of = subject, recipe, planned(subject, recipe)
        self._generator = torch.Generator().manual_seed(recipe.seed)
        fitting.check(subject, recipe)
        scratch = course.method == "scratch"
        self.network = private.fresh(subject, self._generator) if scratch else private.trained(subject)
        self.held = Held(self.network)
        self._inside = private.around(subject, self.network)
        self._penalty = regularisers.bind(subject, self.network, course)
        self._due, self._cuts = schedules.cuts(course, recipe.amount), []
        self._asked = schedules.curve(course, recipe.amount)
        if granularity.pattern(recipe.granularity) and len(self._due) > 1:
            raise ValueError(
                f"{recipe.granularity} goes at once, and {course.schedule} would cut little by little: choose one-shot"
            )

    def stage(self, name: str, steps: int) -> Stage:
        """So many steps, along the schedule or after it."""
        course, pull = self._recipe.course, self._penalty.pull if self._penalty.pulls else None
        samples, before = self._subject.training, self._cut if name == "schedule" else None
        return Stage(
            name, self.network, samples, course, steps, self._generator, held=self.held, pull=pull, before=before
        )  # fmt: skip

    def moment(self, stage: str, step: int, tick: Tick | None = None) -> Moment:
        """What there is to see now."""
        found, held = telling.measured(exam(self._subject, self.network)), self.held.kept()
        course = self._recipe.course
        found["amount"] = self._asked(min(step, course.steps) / course.steps)
        found["sparsity"] = cutting.sparsity(self._inside, held)
        if self._penalty.pulls:
            found["penalty"] = self._penalty.value()
        cuts, self._cuts = np.array(self._cuts, dtype=np.float64).reshape(-1, len(CUT)), []
        arrays = {"cuts": cuts, "alive": cutting.alive(self._inside, held)}
        return Moment(step, self._of, stage, found | (telling.trained(tick) if tick else {}), arrays)

    def _cut(self, step: int) -> None:
        if step not in self._due:
            return
        amount, before = self._due[step], exam(self._subject, self.network).value
        with private.measuring(self.network):
            self.held.hold(cutting.stays(self._inside, replace(self._recipe, amount=amount), amount, self.held.kept()))
        after = exam(self._subject, self.network).value
        self._cuts.append((step, amount, cutting.sparsity(self._inside, self.held.kept()), before, after))
