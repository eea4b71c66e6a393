"""Guesses: where the visitors of one lesson thought that accuracy falls off, shown to each other as dots without names.

All that is kept is a whole percent for each visitor, in this process's memory, for a day. Who guessed is known as a keyed
hash, so that nobody counts twice; its key is drawn when the process starts and is written nowhere. Whoever has not guessed
sees nobody's guess.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass, replace
from typing import Any

from pruneviz.recipe import LOOKS, Recipe
from pruneviz.studio import bench, house_rules, visitor
from pruneviz.studio.lessons import found

MOST = 500
"""So many guesses of one lesson are kept; the oldest makes room."""
DAY = 24 * 3600.0
"""Seconds after which a guess is forgotten."""
_SALT = secrets.token_bytes(32)
_lock = threading.Lock()
_kept: dict[str, dict[bytes, Guess]] = {}
_now = time.monotonic


@dataclass(frozen=True, slots=True)
class Guess:
    """A whole percent, and when it was said by this process's clock."""

    percent: int
    at: float


def note(lesson: str, who: str, percent: int) -> None:
    """Keeps a visitor's guess; a later one of the same visitor takes its place."""
    with _lock:
        guesses = _fresh(lesson)
        token = _token(lesson, who)
        guesses.pop(token, None)
        guesses[token] = Guess(min(100, max(0, int(percent))), _now())
        for oldest in list(guesses)[: max(0, len(guesses) - MOST)]:
            del guesses[oldest]


def others(lesson: str, who: str) -> tuple[int, ...]:
    """What the others guessed, in rising order; nothing to whoever has not guessed."""
    with _lock:
        guesses, token = _fresh(lesson), _token(lesson, who)
        if token not in guesses:
            return ()
        return tuple(sorted(guess.percent for other, guess in guesses.items() if other != token))


def seen(recipe: Recipe) -> tuple[int, ...]:
    """The others' guesses for the curve that is shown: that of an open lesson, which this visitor has guessed, too."""
    return others(recipe.lesson, visitor.name()) if _asked(recipe) else ()


def take(commit: Any) -> None:
    """What the slider settled on, taken into the Recipe; a guess is also noted where a lesson asks all for it."""
    bench.take_commit(commit)
    recipe = bench.recipe_now()
    if commit.kind == "guess" and _asked(recipe):
        note(recipe.lesson, visitor.name(), round(commit.percent))


def _asked(recipe: Recipe) -> bool:
    """Whether all who open the lesson look at this very curve: its own, whatever the slider is at."""
    if not recipe.lesson or not house_rules.guesses():
        return False
    one = found.shelf().lessons.get(recipe.lesson)
    return one is not None and _curve(one.start) == _curve(recipe)


def _curve(recipe: Recipe) -> Recipe:
    """What a curve depends on: neither the amount nor how it is looked at."""
    return replace(recipe, amount=0.0, **{name: getattr(Recipe(), name) for name in LOOKS})


def _fresh(lesson: str) -> dict[bytes, Guess]:
    """The guesses of a lesson that are not older than a day. Only names of the shelf come here, so there are few."""
    guesses, oldest = _kept.setdefault(lesson, {}), _now() - DAY
    for token in [token for token, guess in guesses.items() if guess.at < oldest]:
        del guesses[token]
    return guesses


def _token(lesson: str, who: str) -> bytes:
    return hashlib.blake2b(f"{lesson}\0{who}".encode(), key=_SALT, digest_size=16).digest()
