"""Standings: where every weight or unit of a model stands under a criterion. The amount is in none of these keys."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pruneviz.recipe import Recipe
from pruneviz.studio import larder, orders
from pruneviz.studio.models import calibration_of, heavy, subject

PATIENT = ("leave_one_out", "greedy")
"""Criteria that measure every unit by itself, or one after another. They are waited for under a bar that moves, and can be
left."""
STANDS_ON = ("subject", "criterion", "granularity", "scope", "pool", "floor", "calibration", "nonfinite", "seed")
"""What of a Recipe decides where every weight or unit stands. The amount is not among it."""


def standing_of(recipe: Recipe, told: Callable[[int, int], None] | None = None):
    """Where every weight or unit stands; `told(done, all)` hears how far a criterion is that goes unit by unit."""
    key = _stands_on(recipe)
    if recipe.criterion not in PATIENT:
        wait_for(recipe)
        return _standing(key)
    place = _place(_scored_by(key))
    if place.scores is None and heavy(key.subject):
        place.scores = orders.finished(_scored_by(key), "stand", told)["units"]
    with place.lock:
        if key not in place.standings:
            from pruneviz.engine import evaluate

            found = evaluate.stand(subject(key.subject), key, told, place.scores)
            place.scores = found.ranking.split(found.ranking.scores)
            place.standings[key] = found
    return place.standings[key]


def wait_for(*recipes: Recipe) -> None:
    """Waits for what the worker has to find before units or weights of these stand. To be asked before a jar of the larder
    is opened: whoever waits inside one has no word for those who want the same, and lets them wait without a way out."""
    for recipe in recipes:
        key = _stands_on(recipe)
        if recipe.criterion in PATIENT:
            if heavy(key.subject):
                standing_of(recipe)
        elif _of_worker(key) and _standing.known(key) is None:
            orders.finished(key, "stand")


def _of_worker(key: Recipe) -> bool:
    from pruneviz.engine import criterion, standing

    rule = standing.rule_of(key)
    looks = criterion.find(key.criterion).needs_data or bool(rule and rule.needs_data)
    return looks and heavy(key.subject)


@larder.kept(24)
def _standing(recipe: Recipe):
    from pruneviz.engine import evaluate, restand

    if _of_worker(recipe):  # what `wait_for` waited for
        return restand.restand(subject(recipe.subject), recipe, orders.finished(recipe, "stand"))
    return evaluate.stand(subject(recipe.subject), recipe)


def known(recipe: Recipe) -> bool:
    """Whether nobody has to wait long for where the units stand: it is quick, or was measured already."""
    return recipe.criterion not in PATIENT or _place(_scored_by(_stands_on(recipe))).scores is not None


def _stands_on(recipe: Recipe) -> Recipe:
    return Recipe(**{name: getattr(recipe, name) for name in STANDS_ON} | {"calibration": calibration_of(recipe)})


def _scored_by(key: Recipe) -> Recipe:
    """Without what only ranks: who competes with whom does not change what leaving a unit out costs."""
    return replace(key, scope="global", floor=1, pool="mean")


@dataclass
class _Place:
    """Where what takes long is kept. It is filled outside of the larder, so that its progress can be shown meanwhile."""

    lock: threading.Lock
    scores: dict | None = None
    standings: dict = field(default_factory=dict)


@larder.kept(24, grows=True)
def _place(_: Recipe) -> _Place:
    return _Place(threading.Lock())


def mask(recipe: Recipe):
    """What stays of the prunable weights."""
    from pruneviz.engine import evaluate

    return evaluate.mask(recipe, standing_of(recipe))
