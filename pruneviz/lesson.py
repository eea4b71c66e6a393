"""Lesson: a text, a Recipe to begin with, steps that end with an action, claims with sources, and one question."""

from __future__ import annotations

from dataclasses import dataclass

from pruneviz import lesson_condition
from pruneviz.lesson_condition import Condition, Seen
from pruneviz.lesson_figure import Figure
from pruneviz.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Step:
    """One action: what to do, when it is done, and on which page it is done (empty: wherever the learner is)."""

    say: str
    done: tuple[Condition, ...]
    page: str = ""

    def holds(self, recipe: Recipe, seen: Seen) -> bool:
        """Whether it is done, for a Recipe and what the learner looks at."""
        return lesson_condition.all_hold(self.done, recipe, seen)


@dataclass(frozen=True, slots=True)
class Claim:
    """What is often said, beside what a paper reports, or what is measured here: for a Recipe (and perhaps another), or by
    runs that ship with a model, as `figures` by the names that the sentence has for them."""

    often: str
    paper: str = ""
    source: str = ""
    url: str = ""
    here: str = ""
    recipe: Recipe | None = None
    other: Recipe | None = None
    figures: tuple[tuple[str, Figure], ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer: right where the measured value lies below `below`, or where its own Recipe keeps the most accuracy."""

    say: str
    below: float | None = None
    recipe: Recipe | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What the learner is asked, and what the app measures to say who is right; `figures` are what shipped runs say of it:
    one number, or two of which the second is held against the first."""

    ask: str
    what: str
    choices: tuple[Choice, ...]
    first: Recipe | None = None
    then: Recipe | None = None
    after: str = ""
    figures: tuple[Figure, ...] = ()

    def right(self, value: float) -> int:
        """Which choice a measured value makes right: the first whose bound it does not reach, else the last."""
        return next((at for at, one in enumerate(self.choices) if one.below is not None and value < one.below), -1) % len(
            self.choices
        )


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson. `idea` is its first paragraph, `text` the rest; `start` is what its link opens, on `page`."""

    name: str
    title: str
    section: str
    minutes: int
    start: Recipe
    page: str
    steps: tuple[Step, ...]
    claims: tuple[Claim, ...]
    question: Question
    idea: str
    text: str
