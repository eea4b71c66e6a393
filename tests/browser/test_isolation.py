"""Eight browsers at once, each with a model and an amount of its own: each strip shows its own visitor's numbers."""

from __future__ import annotations

import random
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from pruneviz.query import to_query
from pruneviz.recipe import Recipe
from tests.browser.server import PATIENCE, slider
from tests.soak.isolation import known

pytestmark = pytest.mark.browser
MODELS = ("digits_cnn", "digits_mlp")
CRITERIA = ("magnitude", "gradient")


def test_eight_browsers_see_their_own_numbers(visit):
    own = [Recipe(subject=MODELS[at % 2], criterion=CRITERIA[at // 2 % 2], amount=(44 + 5 * at) / 100) for at in range(8)]
    pages = [visit(f"/?{urlencode(to_query(recipe))}") for recipe in own]
    for page, recipe in zip(pages, own, strict=True):
        _await(page, recipe)
    order = [*range(8), *range(8)]
    random.Random(5).shuffle(order)
    for at in order:  # everybody's next step, while the others' are still drawn
        pages[at].focus(slider())
        pages[at].keyboard.press("ArrowRight")
        own[at] = replace(own[at], amount=round(own[at].amount + 0.01, 2))
    for page, recipe in zip(pages, own, strict=True):
        _await(page, recipe)
    assert len({page.locator(".st-key-accuracy").inner_text() for page in pages}) > 4


def _await(page, recipe: Recipe) -> None:
    """Waits until the strip shows what the engine alone gets of this Recipe."""
    share, left, _, accuracy, interval, headline = known(recipe)
    for key, text in (("strip-sparsity", share), ("strip-sparsity", left), ("accuracy", accuracy), ("accuracy", interval)):
        page.locator(f".st-key-{key}", has_text=text).wait_for(timeout=PATIENCE)
    page.locator("h1", has_text=headline).wait_for(timeout=PATIENCE)
