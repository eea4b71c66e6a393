"""Cases to draw reports from: gathered once, without a screen and without timing anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pruneviz.case import Case
from pruneviz.engine.sources import card
from pruneviz.handout import gather
from pruneviz.query import to_pin
from pruneviz.recipe import Recipe

LIMITS = (("points", 1.0), ("worst", 5.0), ("mb", 0.3), ("ms", 1.0))


@pytest.fixture(scope="session")
def weights_case() -> Case:
    """A small network without nine of ten weights, held against a pinned half, with limits."""
    recipe = Recipe(subject="digits_mlp", amount=0.9, limits=LIMITS, author="Ada", contact="ada@example.org")
    return _gathered(replace(recipe, pins=(to_pin(Recipe(subject="digits_mlp")),)))


@pytest.fixture(scope="session")
def heads_case() -> Case:
    """A small transformer without half of its heads."""
    return _gathered(Recipe(subject="digits_vit", granularity="head", amount=0.5))


def _gathered(recipe: Recipe) -> Case:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gather, "PATIENCE", 0.0)  # a curve of a few points, as a slow model gets one
        return gather.gather(card.load(recipe.subject), recipe)
