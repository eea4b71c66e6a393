"""Naming: a run is named by a hash of all that decides what comes of it, so that equal runs are one."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from pruneviz.query import SHORT, from_query, to_query
from pruneviz.recipe import LOOKS, Recipe

FORMAT = 1
"""Goes up where the same Recipe comes to mean another run: a default that changes, a lab that counts otherwise."""


def decides(recipe: Recipe) -> Recipe:
    """The Recipe without what only the eye depends on."""
    default = Recipe()
    return replace(recipe, **{name: getattr(default, name) for name in LOOKS})


def text(recipe: Recipe) -> str:
    """The Recipe as the query of its link, in one fixed order, the model always named."""
    return urlencode(sorted(({SHORT["subject"]: recipe.subject} | to_query(decides(recipe))).items()))


def recipe_of(said: str) -> Recipe:
    """The Recipe of such a text."""
    return from_query(dict(parse_qsl(said)))[0]


def key(recipe: Recipe, model_sha256: str, data_sha256: str) -> str:
    """The run's name: the sha256 of its Recipe's text and of the files that it starts from, and goes on with."""
    if not recipe.course.lab:
        raise ValueError("this recipe trains nothing: its course names no lab, as in run=lottery~rounds:8")
    # One more line where another card's data come in: all other runs keep the names that they always had.
    lines = f"pruneviz run {FORMAT}", text(recipe), model_sha256, data_sha256, *_goes_on_with(recipe)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def _goes_on_with(recipe: Recipe) -> tuple[str, ...]:
    """The sha256 of the data of the card that a course names as its second."""
    if not recipe.course.second:
        return ()
    from pruneviz.engine.training import second

    return tuple(filter(None, [second.data_sha256(recipe.course.second)]))
