"""Pins: settings that were put aside to be compared with. The first is the baseline, A; the live one is there, too."""

from __future__ import annotations

from dataclasses import replace

from pruneviz.candidates import LETTERS, LIVE
from pruneviz.query import from_pin, to_pin
from pruneviz.recipe import LOOKS, PINS, Recipe
from pruneviz.studio.bench.history import OF_DATA
from pruneviz.studio.bench.session import change, commit, measured, recipe_now, say, why_not

OF_LAYERS = ("layer", "pick", "guess")
"""What is looked at, and means nothing where other layers or units are pruned."""


def pins() -> list[Recipe]:
    """The pinned settings, oldest first; the first is the baseline, A."""
    return [recipe for recipe in map(from_pin, recipe_now().pins) if recipe is not None]


def as_pin() -> str:
    """The live setting as it would be pinned."""
    return to_pin(measured(recipe_now()))


def pinned() -> bool:
    """Whether the setting as it is now is pinned already."""
    return as_pin() in recipe_now().pins


def pin(other: Recipe | None = None) -> None:
    """Pins the setting as it is now, or another; the first that is pinned is the baseline. Undo takes it back."""
    now = recipe_now()
    wanted = as_pin() if other is None else to_pin(other)
    if len(now.pins) >= PINS:
        say(f"{PINS} settings are pinned, and there is no room for more: take one away on the page Compare.")
    elif wanted not in now.pins:
        change(pins=(*now.pins, wanted))


def unpin(at: int) -> None:
    """Takes the pinned setting at this place away."""
    now = recipe_now()
    if at < len(now.pins):  # else another tab's click came late: there is nothing to take away
        change(pins=(*now.pins[:at], *now.pins[at + 1 :]), marked=())


def make_baseline(at: int) -> None:
    """Makes the pinned setting at this place the first one, A; the others keep their order."""
    now = recipe_now()
    if at < len(now.pins):
        change(pins=(now.pins[at], *now.pins[:at], *now.pins[at + 1 :]), marked=())


def return_to(at: int) -> None:
    """Makes the pinned setting at this place the live one; what is looked at stays, as far as it means anything there."""
    now = recipe_now()
    found = from_pin(now.pins[at]) if at < len(now.pins) else None
    if found is None:
        return
    same_model = found.subject == now.subject
    lost = {*(() if same_model else OF_DATA), *(() if same_model and found.granularity == now.granularity else OF_LAYERS)}
    course = now.course if same_model else found.course
    recipe = replace(found, course=course, **{name: getattr(now, name) for name in LOOKS if name not in lost})
    commit(recipe, why_not(recipe))


def marked() -> tuple[str, ...]:
    """The candidates that are selected everywhere at once, as far as there are such."""
    offered = (*LETTERS[: len(recipe_now().pins)], LIVE)
    return tuple(letter for letter in recipe_now().marked if letter in offered)


def mark(*letters: str) -> None:
    """Selects these candidates, or no longer where they were selected. This is no step: Undo does not know it."""
    before = marked()
    kept = [letter for letter in before if letter not in letters]
    change(marked=(*kept, *(letter for letter in dict.fromkeys(letters) if letter not in before)))
