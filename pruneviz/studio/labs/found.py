"""Found: the runs that a lab's page shows, shipped ones and those of the store, by what tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pruneviz import shipped_runs
from pruneviz.course import Course
from pruneviz.recipe import LOOKS, Recipe
from pruneviz.studio.labs import office
from pruneviz.traced import Traced

MOST = 24
"""So many of the kept runs that a page asks for are shown, where it does not say otherwise: those that go on, then the
latest."""


def siblings(recipe: Recipe, *free: str, most: int = MOST) -> list[Traced]:
    """The runs that differ from a Recipe by their seed and these choices alone, by seed; of the kept ones the latest `most`.
    Of two equal ones the kept one goes first where it has come to its end."""
    wanted = _bare(recipe, free)
    found = {_plain(run.recipe): run for run in _ranked(those(recipe, lambda one: _bare(one, free) == wanted, most))}
    return sorted(found.values(), key=lambda one: one.recipe.seed)


def settings(recipe: Recipe, *free: str) -> list[Recipe]:
    """A Recipe of each other setting of this lab and model that a run came to the end of: those that differ by more than
    their seed and these choices. No moment of any run is read."""
    done = [run.recipe for run in shipped_runs.read(recipe.subject, recipe.course.lab)]
    done += [run.recipe for run in office.like(recipe, lambda _: True) if run.state == "done"]
    first: dict[Recipe, Recipe] = {}
    for one in done:
        first.setdefault(_bare(one, free), one)
    first.pop(_bare(recipe, free), None)
    return list(first.values())


def grouped(runs: Sequence[Traced], field: str) -> dict[Any, list[Traced]]:
    """Runs by one choice of the course, in the order in which they come."""
    groups: dict[Any, list[Traced]] = {}
    for run in runs:
        groups.setdefault(getattr(run.recipe.course, field), []).append(run)
    return groups


def exactly(recipe: Recipe) -> Traced | None:
    """The run of just this Recipe, its seed included, however many others there are."""
    wanted, kept = _plain(recipe), office.exactly(recipe)
    both = [run for run in shipped_runs.read(recipe.subject, recipe.course.lab) if _plain(run.recipe) == wanted]
    both += [office.traced(kept)] if kept is not None else []
    return next(reversed(_ranked(both)), None)


def stand(recipes: Iterable[Recipe]) -> dict[Recipe, str]:
    """How the runs of these very Recipes stand, in a word of the store's, however many others there are: "" where nobody
    asked for one, "paused" where nobody performs it any more. No moment of a kept run is read."""
    asked, words = [*recipes], {}
    of = {(one.subject, one.course.lab) for one in asked}
    shipped = {_plain(run.recipe) for lab in of for run in shipped_runs.read(*lab)}
    for one in asked:
        if _plain(one) in shipped:
            words[one] = "done"
            continue
        kept = office.exactly(one)
        idle = kept is not None and kept.state in office.RUNNING and office.watch(kept.key).idle
        words[one] = "paused" if idle else kept.state if kept else ""
    return words


def those(recipe: Recipe, fits: Callable[[Recipe], bool], most: int = MOST) -> list[Traced]:
    """All runs of the Recipe's lab on its model, as it is now, whose Recipe `fits`: the shipped ones, then those that are
    kept. Nothing is read of any other."""
    shipped = [run for run in shipped_runs.read(recipe.subject, recipe.course.lab) if fits(run.recipe)]
    kept = sorted(office.like(recipe, fits), key=lambda run: run.state not in office.RUNNING)
    return [*shipped, *(office.traced(run) for run in kept[:most])]


def _ranked(runs: Sequence[Traced]) -> list[Traced]:
    """The one that counts, of equal ones, last."""
    return sorted(runs, key=lambda one: (one.done, not one.shipped))


@lru_cache(8192)
def _bare(recipe: Recipe, free: tuple[str, ...]) -> Recipe:
    """A Recipe without its seed, and without these choices of its course, or of its own."""
    course, plain = Course(), Recipe()
    put = {name: getattr(course, name) for name in free if hasattr(course, name)}
    own = {name: getattr(plain, name) for name in free if name not in put}
    return replace(_plain(recipe), seed=0, **own, course=replace(recipe.course, **put))


def _plain(recipe: Recipe) -> Recipe:
    default = Recipe()
    return replace(recipe, **{name: getattr(default, name) for name in LOOKS})
