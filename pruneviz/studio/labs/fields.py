"""Fields: the controls of a lab, each bound to one choice of its course. To touch one makes the lab's Recipe the visitor's:
it stands in the link, and Undo takes it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pruneviz.recipe import Recipe
from pruneviz.studio import bench
from pruneviz.studio.labs.asked import Asked, at_home


def changed(here: Asked, **choices: Any) -> Recipe:
    """The visitor's Recipe after such a choice: the lab's, with these of its course, or of the Recipe, put anew."""
    recipe = here.recipe
    course = {name: value for name, value in choices.items() if hasattr(recipe.course, name)}
    own = {name: value for name, value in choices.items() if name not in course}
    return at_home(replace(recipe, **own, course=replace(recipe.course, **course)))


def choose(
    here: Asked, label: str, field: str, options: Sequence[Any], name: Callable[[Any], str] = str, **how: Any
) -> None:
    """A row of choices bound to one field of the course, or of the Recipe."""
    bench.choose_of(label, f"lab-{field}", _now(here, field), options, name, _put(here, field), **how)


def select(here: Asked, label: str, field: str, options: Sequence[Any], name: Callable[[Any], str] = str, **how) -> None:
    """A menu bound to one field of the course, or of the Recipe. What a link says is offered, too."""
    now = _now(here, field)
    offered = options if now in options else [*options, now]
    bench.select_of(label, f"lab-{field}", now, offered, name, _put(here, field), **how)


def number(here: Asked, label: str, field: str, low: Any, high: Any, **how: Any) -> None:
    """A number bound to one field of the course, or of the Recipe."""
    bench.number_of(label, f"lab-{field}", _now(here, field), (low, high), _put(here, field), **how)


def slide(here: Asked, label: str, field: str, low: int, high: int, step: int, **how: Any) -> None:
    """A whole number bound to one field of the course, or of the Recipe, on a slider."""
    now = min(high, max(low, _now(here, field)))
    bench.slide_of(label, f"lab-{field}", now, (low, high, step), _put(here, field), **how)


def percent(here: Asked, label: str, field: str, low: float = 0.0, high: float = 100.0, step: float = 1.0, **how) -> None:
    """A share bound to one field of the course, or of the Recipe, as percent on a slider."""
    now = min(high, max(low, round(100 * _now(here, field), 6)))
    take = _put(here, field, lambda value: round(value / 100, 12))
    bench.slide_of(label, f"lab-{field}", now, (low, high, step), take, format="%g%%", **how)


def span(here: Asked, label: str, fields: tuple[str, str], **how: Any) -> None:
    """Two shares, from and to, bound to two fields of the course, as percent on a slider with two thumbs."""
    now = tuple(min(100.0, max(0.0, round(100 * _now(here, field), 6))) for field in fields)

    def take(ends: tuple[float, float]) -> Recipe:
        return changed(here, **{field: round(end / 100, 12) for field, end in zip(fields, ends, strict=True)})

    now = (now[0], max(now))
    bench.slide_of(label, f"lab-{'-'.join(fields)}", now, (0.0, 100.0, 1.0), take, format="%g%%", **how)


def _now(here: Asked, field: str) -> Any:
    recipe = here.recipe
    # The course comes first: a Recipe has a «batch» and «threads», too, and means by them what is timed.
    return getattr(recipe.course, field) if hasattr(recipe.course, field) else getattr(recipe, field)


def _put(here: Asked, field: str, read: Callable[[Any], Any] = lambda value: value) -> Callable[[Any], Recipe]:
    return lambda value: changed(here, **{field: read(value)})
