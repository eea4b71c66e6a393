"""Progress: which steps of a lesson are done or skipped, and what was answered. Kept for the tab, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from pruneviz.lesson import Lesson
from pruneviz.lesson_condition import Seen
from pruneviz.recipe import Recipe
from pruneviz.studio import bench

DONE, SKIPPED = "done", "skipped"
BEFORE = "before-lessons"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a lesson is: a mark for each step behind the learner, and the answer that was chosen (−1: none yet)."""

    marks: tuple[str, ...] = ()
    answer: int = -1


def of(name: str) -> Progress:
    """How far this tab's visitor is in a lesson."""
    return bench.noted(f"lesson-{name}") or Progress()


def advance(one: Lesson, recipe: Recipe, seen: Seen) -> Progress:
    """Ticks off every step that is done now, in order; a tick stays, whatever is done later."""
    now = of(one.name)
    marks = now.marks
    while len(marks) < len(one.steps) and one.steps[len(marks)].holds(recipe, seen):
        marks += (DONE,)
    if marks != now.marks:
        now = Progress(marks, now.answer)
        _keep(one.name, now)
    return now


def skip(name: str) -> None:
    """Leaves the step that is next out."""
    now = of(name)
    _keep(name, Progress((*now.marks, SKIPPED), now.answer))


def answered(name: str, answer: int) -> None:
    """Notes which choice was taken."""
    _keep(name, Progress(of(name).marks, answer))


def forget(name: str) -> None:
    """Begins a lesson anew."""
    _keep(name, Progress())


def put_aside(recipe: Recipe) -> None:
    """Keeps the setting that was there before lessons began, with its pins and limits."""
    bench.note(BEFORE, recipe)


def before() -> Recipe | None:
    """The setting that was there before lessons began; None where a lesson's link was opened."""
    return bench.noted(BEFORE)


def _keep(name: str, now: Progress) -> None:
    bench.note(f"lesson-{name}", now)
