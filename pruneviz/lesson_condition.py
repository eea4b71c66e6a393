"""Conditions: when a step of a lesson is done. Each is about one choice of the Recipe, about the page that is open, or about
whether the times were measured (`timed = "= yes"`).

A condition is written as a sign and a value: «= obd», «not random», «in l1, l2», «>= 90%», «has conv1.weight». Choices that
hold several things (pins, spared layers, …) are compared by how many they hold, or by whether they have one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from pruneviz.recipe import Recipe

NUMERIC = {
    ">=": lambda value, bound: value >= bound - 1e-9,
    "<=": lambda value, bound: value <= bound + 1e-9,
    ">": lambda value, bound: value > bound + 1e-9,
    "<": lambda value, bound: value < bound - 1e-9,
}
WORDS = ("=", "not", "in", "has")
FIELDS = tuple(field.name for field in fields(Recipe))
PAGE = "page"
TIMED = "timed"
APART = (PAGE, TIMED)
"""What is no choice of the Recipe, and can be watched all the same."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold: a field of the Recipe (or `page`, or `timed`), a sign, and values to compare with."""

    field: str
    sign: str
    values: tuple[str, ...]

    def holds(self, recipe: Recipe, page: str, timed: bool = False) -> bool:
        """Whether it holds for a Recipe on a page, given by its address, of which times were measured or not."""
        apart = {PAGE: page, TIMED: "yes" if timed else "no"}
        value = apart[self.field] if self.field in APART else getattr(recipe, self.field)
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
            f"«{field}» cannot be watched: there are page, timed and a link's choices, such as amount or criterion"
        )
    said = str(text).strip()
    sign = next((one for one in (*NUMERIC, *WORDS) if said.startswith(one)), "")
    rest = said[len(sign) :].strip()
    kind = str if field in APART else type(getattr(Recipe(), field))
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


def all_hold(conditions: Iterable[Condition], recipe: Recipe, page: str, timed: bool = False) -> bool:
    """Whether every one of them holds at once."""
    return all(one.holds(recipe, page, timed) for one in conditions)


def _same(value: object, text: str) -> bool:
    return value == text if isinstance(value, str) else abs(float(value) - number(text)) < 1e-9
