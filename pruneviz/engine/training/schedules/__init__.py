"""The shelf of schedules: every file here says when how much goes, found by looking.

A schedule file has a docstring (the text in the app), `name`, `formula` (LaTeX), `paper`, and `amount(at, low, high,
course)`: the amount at a share `at` [0, 1] of the way from the course's `start` to its `stop`. The shelf holds it to its
bounds: before the start nothing but `low` goes, from the stop on `high`, and what is gone never comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np

from pruneviz.course import Course
from pruneviz.engine.criterion import Paper
from pruneviz.engine.looking import look, text

DRAWN = 201
"""A schedule is drawn through so many points."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One way to spread a cut over time: its words, and the amount at each share of its way."""

    key: str
    name: str
    text: str
    formula: str
    paper: Paper
    amount: Callable[[float, float, float, Course], float]


@cache
def shelf() -> dict[str, Schedule]:
    """Every schedule there is, by key: its file's name with hyphens."""
    found = (_schedule(name.replace("_", "-"), module) for name, module in look(__name__).items())
    return {one.key: one for one in found}


def find(key: str) -> Schedule:
    """The schedule of that name."""
    if key not in shelf():
        raise ValueError(f"unknown schedule {key[:40]!r}; there are {', '.join(shelf())}")
    return shelf()[key]


def curve(course: Course, high: float, low: float = 0.0) -> Callable[[float], float]:
    """The amount at each share of a run's steps, any number, also before it and after it. A stop before the start is the
    start: then everything goes at once."""
    chosen, start, stop = find(course.schedule), course.start, max(course.start, course.stop)

    def amount(progress: float) -> float:
        if progress < start:
            return low
        if progress >= stop:
            return high
        return min(max(chosen.amount((progress - start) / (stop - start), low, high, course), low), high)

    return amount


def cuts(course: Course, high: float, low: float = 0.0) -> dict[int, float]:
    """Before which steps of `course.steps` a schedule is followed, and to what amount; steps at which nothing more goes are
    left out. It is followed `times` times after its start, evenly up to its stop; the last step reaches `high` at the
    latest."""
    amount, start, stop = curve(course, high, low), course.start, max(course.start, course.stop)
    found, gone = {}, low
    for at in range(course.times + 1):
        progress = start + (stop - start) * at / course.times
        asked = high if at == course.times else amount(progress)
        if asked > gone:
            found[min(round(progress * course.steps), course.steps - 1)] = gone = asked
    return found


def drawn(course: Course, high: float, low: float = 0.0) -> np.ndarray:
    """The curve itself, float64 [n, 2]: shares of the run's steps and the amount at each, both ends of it included."""
    at = np.unique(np.concatenate((np.linspace(0, 1, DRAWN), [course.start, max(course.start, course.stop)])))
    amount = curve(course, high, low)
    return np.array([(one, amount(float(one))) for one in at])


def _schedule(key: str, module: ModuleType) -> Schedule:
    return Schedule(key, module.name, text(module), module.formula, module.paper, module.amount)
