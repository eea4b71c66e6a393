"""Found: the runs that a lab's page shows, shipped ones and those of the store, by what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pruneviz import shipped_runs
from pruneviz.course import Course
from pruneviz.recipe import LOOKS, Recipe
from pruneviz.studio import kitchen
from pruneviz.studio.labs import office
from pruneviz.traced import Traced

MOST = 24
"""So many of the kept runs are looked at for one page."""


def siblings(recipe: Recipe, *free: str) -> list[Traced]:
    """The runs that differ from a Recipe by their seed and these choices alone, by seed. Of two equal ones
    the kept one goes first where it has come to its end."""
    wanted, found = _bare(recipe, free), {}
    for run in sorted(all_of(recipe), key=lambda one: (one.done, not one.shipped)):
        if _bare(run.recipe, free) == wanted:
            found[_plain(run.recipe)] = run
    return sorted(found.values(), key=lambda one: one.recipe.seed)


def grouped(runs: Sequence[Traced], field: str) -> dict[Any, list[Traced]]:
    """Runs by one choice of the course, in the order in which they come."""
    groups: dict[Any, list[Traced]] = {}
    for run in runs:
        groups.setdefault(getattr(run.recipe.course, field), []).append(run)
    return groups


def exactly(recipe: Recipe) -> Traced | None:
    """The run of just this Recipe, its seed included."""
    return next((one for one in siblings(recipe) if one.recipe.seed == recipe.seed), None)


def all_of(recipe: Recipe) -> list[Traced]:
    """All runs of the Recipe's lab on its model, as it is now: the shipped ones, then those that are kept."""
    lab, subject = recipe.course.lab, kitchen.subject(recipe.subject)
    here = [run for run in office.past(lab) if (run.model_sha256, run.data_sha256) == (subject.sha256, subject.data_sha256)]
    return [*shipped_runs.read(recipe.subject, lab), *(office.traced(run) for run in here[:MOST])]


def _bare(recipe: Recipe, free: Sequence[str]) -> Recipe:
    """A Recipe without its seed, and without these choices of its course, or of its own."""
    course, plain = Course(), Recipe()
    put = {name: getattr(course, name) for name in free if hasattr(course, name)}
    own = {name: getattr(plain, name) for name in free if name not in put}
    return replace(_plain(recipe), seed=0, **own, course=replace(recipe.course, **put))


def _plain(recipe: Recipe) -> Recipe:
    default = Recipe()
    return replace(recipe, **{name: getattr(default, name) for name in LOOKS})
