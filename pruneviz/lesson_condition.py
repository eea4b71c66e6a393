"""Conditions: when a step of a lesson is done. Each is about one choice of the Recipe or of its course, or about what the
learner looks at: the page that is open, measured times (`timed = "= yes"`), a ticket's deed or round.

A condition is written as a sign and a value: «= obd», «not random», «in l1, l2», «>= 90%», «has conv1.weight». Choices that
hold several things (pins, spared layers, …) are compared by how many they hold, or by whether they have one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from pruneviz.course import Course
from pruneviz.recipe import Recipe

NUMERIC = {
    ">=": lambda value, bound: value >= bound - 1e-9,
    "<=": lambda value, bound: value <= bound + 1e-9,
    ">": lambda value, bound: value > bound + 1e-9,
    "<": lambda value, bound: value < bound - 1e-9,
}
WORDS = ("=", "not", "in", "has")
PAGE, TIMED = "page", "timed"


@dataclass(frozen=True, slots=True)
class Seen:
    """What is no choice of the Recipe, and can be watched all the same: the page by its address, whether the times of the
    setting were measured, and in the lab of the tickets which deed is shown, of which round."""

    page: str
    timed: str = "no"
    deed: str = ""
    round: int = 0


APART = tuple(field.name for field in fields(Seen))
OF_RECIPE = tuple(field.name for field in fields(Recipe) if field.name != "course")
FIELDS = (*OF_RECIPE, *(field.name for field in fields(Course) if field.name not in OF_RECIPE))
"""Every choice by its name. Where a Recipe and its course both have one, it is the Recipe's."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold: a choice of the Recipe or of its course (or what is `APART`), a sign, and values to compare
    with."""

    field: str
    sign: str
    values: tuple[str, ...]

    def holds(self, recipe: Recipe, seen: Seen) -> bool:
        """Whether it holds for a Recipe, and for what the learner looks at."""
        value = getattr(_whose(self.field, recipe, seen), self.field)
        if self.sign == "has":
            return self.values[0] in (one if isinstance(one, str) else one[0] for one in value)
        value = len(value) if isinstance(value, tuple) else value
        if self.sign in NUMERIC:
            return NUMERIC[self.sign](float(value), number(self.values[0]))
        found = any(_same(value, one) for one in self.values)
        return found != (self.sign == "not")


def read(field: str, text: object) -> Condition:
    """The condition that a lesson's file writes for a field; a ValueError says what is wrong with it."""
    if field not in APART and field not in FIELDS:
        raise ValueError(
            f"«{field}» cannot be watched: there are {', '.join(APART)} and a link's choices, such as amount or criterion"
        )
    said = str(text).strip()
    sign = next((one for one in (*NUMERIC, *WORDS) if said.startswith(one)), "")
    rest = said[len(sign) :].strip()
    kind = type(getattr(_whose(field, Recipe(), Seen("")), field))
    if not sign or not rest or (sign == "has" and kind is not tuple) or (sign in NUMERIC and kind is str):
        raise ValueError(f"{field} = «{said}» is no condition: write such as «= x», «in a, b», «not x» or «>= 90%»")
    values = tuple(part.strip() for part in rest.split(",") if part.strip()) if sign == "in" else (rest,)
    if kind is not str and sign != "has":
        for value in values:
            number(value)
    return Condition(field, sign, values)


def number(text: str) -> float:
    """A number, or a percentage as the fraction that it is."""
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise ValueError(f"«{text}» is no number: write such as 3, 0.9 or 90%") from None


def all_hold(conditions: Iterable[Condition], recipe: Recipe, seen: Seen) -> bool:
    """Whether every one of them holds at once."""
    return all(one.holds(recipe, seen) for one in conditions)


def _whose(field: str, recipe: Recipe, seen: Seen) -> Recipe | Course | Seen:
    """Whose field it is."""
    return seen if field in APART else recipe if field in OF_RECIPE else recipe.course


def _same(value: object, text: str) -> bool:
    return value == text if isinstance(value, str) else abs(float(value) - number(text)) < 1e-9
