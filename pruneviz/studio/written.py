"""Written: what the worker wrote as a file, read here. One that made room for newer ones is asked for anew."""

from __future__ import annotations

from pathlib import Path

from pruneviz.recipe import Recipe
from pruneviz.studio import orders

TRIES = 3


def content(recipe: Recipe, kind: str, panel: str) -> bytes:
    """The bytes of the file that an order of this kind comes to; ValueError says why there are none."""
    for _ in range(TRIES):
        path = Path(orders.finished(recipe, kind, panel=panel))
        try:
            return path.read_bytes()
        except FileNotFoundError:
            orders.anew(recipe, kind)
    raise ValueError("others ask for so many files that this one is gone before it can be read: try again in a minute")
