"""Breakage: what a Recipe breaks, kept as the kitchen keeps; of a heavy model as far as the worker has found it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from pruneviz.breakage import Breakage
from pruneviz.first_flips import FirstFlips
from pruneviz.recipe import Recipe
from pruneviz.studio import kitchen, larder, orders

PANEL = "damage"
"""What breaks is measured beside the setting of the strip, and ends when its page is left."""
TICK = 0.1
"""Seconds between two words to a page that waits for another visitor's step."""
AMOUNTS = tuple(percent / 100 for percent in range(5, 101, 5))
"""Where it is looked for what changes sides first: a measurement each."""


def found(recipe: Recipe) -> Breakage:
    """What a Recipe breaks; of a heavy model the best so far, which says of how many samples it is."""
    if kitchen.heavy(recipe.subject):
        return orders.first(kitchen.job_part(recipe), "breakage", panel=PANEL)
    return _found(kitchen.measured_part(recipe))


@larder.kept(64, dry=True)
def _found(recipe: Recipe) -> Breakage:
    from pruneviz.engine import breakage

    standing, workspace = kitchen.standing_of(recipe), kitchen.workspace_of(recipe)
    return breakage.breakage(kitchen.subject(recipe.subject), recipe, standing, workspace)


@dataclass
class Searching:
    """Where it is kept what changes sides first, while it is measured and afterwards."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    coming: Iterator[FirstFlips | None] | None = None
    found: FirstFlips | None = None


def first_flips_known(recipe: Recipe) -> FirstFlips | None:
    """At which amount each sample first changes sides, where that was measured already."""
    if kitchen.heavy(recipe.subject):
        known = orders.known(_whole(recipe), "flips", AMOUNTS)
        return first_flips(recipe, lambda _: None) if known else None
    found = _searching(_whole(recipe)).found
    return found if found and not found.partial else None


def first_flips(recipe: Recipe, told: Callable[[float], None]) -> FirstFlips:
    """At which amount each sample first changes sides; `told` hears how far it is. Of a heavy model as far as the worker has
    found it. Whoever is interrupted loses nothing, the next goes on."""
    whole = _whole(recipe)
    if kitchen.heavy(recipe.subject):
        return orders.first(whole, "flips", AMOUNTS, PANEL)
    place = _searching(whole)
    while (now := place.found) is None or now.partial:
        # One step at a time, and told without the lock: whoever waits for another's steps can leave, too.
        if place.lock.acquire(timeout=TICK):
            try:
                _step(place, whole)
            finally:
                place.lock.release()
        told(len(place.found.amounts) / len(AMOUNTS) if place.found else 0.0)
    return now


def _step(place: Searching, whole: Recipe) -> None:
    """One step further. One that fails is the end of what was begun: the next begins anew, from the first amount."""
    if place.found is not None and not place.found.partial:
        return
    try:
        place.coming = place.coming or _search(whole)
        place.found = next(place.coming) or place.found
    except BaseException:
        place.coming = None
        raise


def _search(recipe: Recipe) -> Iterator[FirstFlips | None]:
    from pruneviz.engine import breakage

    return breakage.first_flips(recipe, kitchen.standing_of(recipe), kitchen.workspace_of(recipe), AMOUNTS)


@larder.kept(24, grows=True)
def _searching(_: Recipe) -> Searching:
    return Searching()


def _whole(recipe: Recipe) -> Recipe:
    """What it depends on: everything but the amount."""
    return kitchen.job_part(recipe, amount=0.0)


def picture(name: str, index: int) -> np.ndarray | None:
    """One held-out image of a model as it is stored, uint8 [H, W, 3]; None where its samples are no images."""
    from pruneviz.engine import breakage

    return breakage.picture(kitchen.subject(name), index)


def text(name: str, index: int) -> str:
    """One held-out text of a model; empty where its samples are no texts."""
    from pruneviz.engine import breakage

    return breakage.text(kitchen.subject(name), index)
