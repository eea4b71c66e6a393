"""Estimate: how long what is missing will take, from a few steps and one examination of each kind, before it is begun."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from benchmarks.reproduce.asked import Asked, Table
from benchmarks.reproduce.cards import Cards
from pruneviz.course import Course
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import labs, private
from pruneviz.engine.training.exam import exam
from pruneviz.engine.training.loop import Stage, train

FEW, MOST, ENOUGH = 5, 200, 1.0
"""Steps are tried by so many, up to so many, for so many seconds."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What is left of a table: runs, training steps, and seconds of one thread."""

    runs: int
    steps: int
    seconds: float


class Pace:
    """Seconds of a step and of an examination, tried once for each kind."""

    def __init__(self, cards: Cards) -> None:
        self._cards, self._known = cards, {}

    def left(self, table: Table) -> Bill:
        """What a table still needs."""
        runs, steps, seconds = 0, 0, 0.0
        for one in table.every():
            if self._cards.missing(one):
                continue
            course, subject = one.recipe.course, self._cards.base(one.recipe)
            of, done = labs.find(course.lab).planned(subject, one.recipe), self._done(one)
            if done >= of:
                continue
            step, look = self._costs(subject, course)
            many = (of - done) / of * (of / course.every + _stages(course))
            runs, steps, seconds = runs + 1, steps + of - done, seconds + (of - done) * step + many * look
        return Bill(runs, steps, seconds)

    def _done(self, asked: Asked) -> int:
        try:
            run = self._cards.run(asked)
        except ValueError:
            return 0
        return run.of if run.state == "done" and run.of else run.step

    def _costs(self, subject: Subject, course: Course) -> tuple[float, float]:
        kind = subject.name, course.optimiser, course.batch, bool(course.shift)
        if kind not in self._known:
            self._known[kind] = _tried(subject, course)
        return self._known[kind]


def _stages(course: Course) -> int:
    """Each stage ends with an examination."""
    lanes = 1 + len([one for one in course.control.split(",") if one])
    return course.rounds * lanes + (14 if course.lab == "regularise" else 2)


def _tried(subject: Subject, course: Course) -> tuple[float, float]:
    """Seconds of the processor's time, so that what else runs here counts for little. The first steps make ready."""
    network, before, generator = private.trained(subject), torch.get_num_threads(), torch.Generator().manual_seed(0)
    torch.set_num_threads(1)
    try:
        ticks = train(Stage("try", network, subject.training, replace(course, every=FEW), MOST, generator))
        next(ticks)
        started, spent, steps = time.process_time(), 0.0, 0
        while spent < ENOUGH and (tick := next(ticks, None)) is not None:
            spent, steps = time.process_time() - started, tick.step - FEW
        ticks.close()
        started = time.process_time()
        exam(subject, network)
        return spent / steps, time.process_time() - started
    finally:
        torch.set_num_threads(before)


def tell(bills: Sequence[tuple[Table, Bill]], processes: int) -> None:
    """Prints what is left, table by table."""
    for table, bill in bills:
        said = f"{bill.runs:4} runs {bill.steps:11,} steps {bill.seconds / 60:7.1f} minutes of one thread"
        print(f"{table.key:20} {said}", file=sys.stderr)
    whole = sum(bill.seconds for _, bill in bills) / 60
    print(f"{'all':20} about {whole / processes:.0f} minutes by {processes} processes", file=sys.stderr, flush=True)
