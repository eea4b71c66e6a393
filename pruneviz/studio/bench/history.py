"""History: where a visitor was, where they are, and where Redo leads. Plain records: nothing here knows a screen.

A choice is a step, and Undo takes it back; so is to start a lesson, or to leave one. What is only pointed at is no step: a
marked candidate, one example, the open slide. It changes where one is, and stays as it is when steps are undone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pruneviz.recipe import Recipe

LONGEST = 100
"""So many steps can be undone."""
POINTED = ("marked", "example", "group", "slide")
"""What is pointed at."""
OF_DATA = ("example", "group")
"""What of it means nothing for another model."""


@dataclass(frozen=True, slots=True)
class History:
    """One visitor's Recipe with those before it, oldest first, and those that were undone, the latest last."""

    now: Recipe
    past: tuple[Recipe, ...] = ()
    future: tuple[Recipe, ...] = ()

    def step(self, recipe: Recipe) -> History:
        """The Recipe is another one now. A new step ends what could be redone; what is only pointed at is no step."""
        if _unpointed(recipe) == _unpointed(self.now):
            return replace(self, now=recipe)
        return History(recipe, (*self.past, self.now)[-LONGEST:])

    def undone(self) -> History:
        """One step back; the same where there is none."""
        if not self.past:
            return self
        return History(_carried(self.past[-1], self.now), self.past[:-1], (*self.future, self.now))

    def redone(self) -> History:
        """One undone step forward; the same where there is none."""
        if not self.future:
            return self
        return History(_carried(self.future[-1], self.now), (*self.past, self.now), self.future[:-1])

    def retreated(self, usable: Callable[[Recipe], bool]) -> History:
        """One step back from what cannot be shown, and nothing that is not usable before or after it."""
        past, future = (tuple(one for one in many if one != self.now and usable(one)) for many in (self.past, self.future))
        return History(past[-1], past[:-1], future) if past else History(Recipe(), (), future)


def _unpointed(recipe: Recipe) -> Recipe:
    return replace(recipe, **{name: getattr(Recipe(), name) for name in POINTED})


def _carried(recipe: Recipe, now: Recipe) -> Recipe:
    """A Recipe of the history, with what is pointed at now as far as it means anything there."""
    left = {*(OF_DATA if recipe.subject != now.subject else ()), *(("marked",) if recipe.pins != now.pins else ())}
    return replace(recipe, **{name: getattr(now, name) for name in POINTED if name not in left})
