"""Listing: the latest runs that somebody wants to see, found without reading what came of all others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import select

from pruneviz.recipe import Recipe
from pruneviz.runs.store import Store
from pruneviz.runs.store.naming import recipe_of
from pruneviz.runs.store.records import Run
from pruneviz.runs.store.tables import run_of, runs

KNOWN = 5_000
"""So many of a lab's runs are looked through, the latest ones."""


@dataclass(frozen=True, slots=True)
class Wanting:
    """Which runs are wanted: those on the model and the data of these sha256, whose Recipe `fits`; where nothing is said,
    all of them."""

    hashes: tuple[str, str] | None = None
    fits: Callable[[Recipe], bool] | None = None


ANY = Wanting()


def latest(store: Store, lab: str, wanted: Wanting, most: int) -> list[Run]:
    """The latest runs of a lab, or of all, that are wanted, the latest first. Of others nothing but the Recipe is read."""
    asked = select(runs.c.key, runs.c.recipe).order_by(runs.c.created.desc(), runs.c.key).limit(KNOWN)
    asked = asked.where(runs.c.lab == lab) if lab else asked
    if wanted.hashes is not None:
        asked = asked.where(runs.c.model_sha256 == wanted.hashes[0], runs.c.data_sha256 == wanted.hashes[1])
    keys: list[str] = []
    for row in store.ask(asked):
        if wanted.fits is None or wanted.fits(_recipe(row.recipe)):
            keys.append(row.key)
        if len(keys) == most:
            break
    if not keys:
        return []
    found = {row.key: _run(row) for row in store.ask(select(runs).where(runs.c.key.in_(keys)))}
    return [found[key] for key in keys if key in found]


# A page asks for the same again and again, and a row that has not changed is the same run.
_recipe = lru_cache(2 * KNOWN)(recipe_of)
_run = lru_cache(1024)(run_of)
