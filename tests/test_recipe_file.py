"""A Recipe and its file are the same thing; what is wrong with a file is said in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given

from pruneviz import recipe_file
from pruneviz.query import from_query
from pruneviz.recipe import TRAVEL, Recipe
from tests.test_recipe import recipes

SHA = "0123456789abcdef" * 4


@given(recipes)
def test_a_recipe_survives_its_file(recipe):
    table = recipe_file.to_table(recipe, SHA, f"{SHA}+{SHA}+40of900", {"torch": "2.15.0"})
    text = recipe_file.write(table)
    found = recipe_file.read(text.encode())
    assert found.recipe == replace(recipe, **{name: getattr(Recipe(), name) for name in TRAVEL})
    assert {"subject", "amount"} <= set(found.named) == set(table["recipe"])
    assert (found.model_sha256, found.data_sha256, found.versions) == (SHA, f"{SHA}+{SHA}+40of900", (("torch", "2.15.0"),))
    assert text == recipe_file.write(recipe_file.to_table(recipe, SHA, f"{SHA}+{SHA}+40of900", {"torch": "2.15.0"}))


def test_the_link_in_it_opens_the_same():
    from urllib.parse import parse_qsl

    recipe = Recipe(subject="digits_mlp", amount=0.3, title="a & b", limits=(("points", 1.5),))
    assert from_query(dict(parse_qsl(recipe_file.link(recipe)[1:]))) == (recipe, [])


def good(**changes) -> dict:
    return recipe_file.to_table(Recipe(subject="digits_mlp"), SHA, SHA, {}) | changes


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"\xff", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "it does not say that it is a 'pruneviz recipe' file"),
        (b" " * (recipe_file.LARGEST + 1), "bytes, and at most"),
        (good(kind="pruneviz time"), "it does not say"),
        (good(version=2), "version '2', and version 1 is read"),
        (good(recipe=[]), "it does not say"),
        (good(recipe={"amuont": 0.5}), "'amuont' is no choice that is known here"),
        (good(recipe={"card": "x"}), "'card' is no choice"),
        (good(recipe={"amount": 1.5}), "amount is 1.5, which cannot be"),
        (good(recipe={"amount": "0.5"}), 'amount is "0.5", which cannot be'),
        (good(recipe={"amount": True}), "amount is true"),
        (good(recipe={"seed": -1}), "seed is -1"),
        (good(recipe={"seed": 10**400}), "seed is"),
        (good(recipe={"subject": "a\nb"}), "subject is"),
        (good(recipe={"spared": "fc1"}), "spared is"),
        (good(recipe={"overrides": [["fc1", 2]]}), "overrides is"),
        (good(recipe={"overrides": [1]}), "overrides is"),
        (good(recipe={"limits": [["accuracy", 1]]}), "limits is"),
        (good(recipe={"pins": ["nonsense=1"]}), "pins is"),
        (good(recipe={"pool": "median"}), "pool is"),
        (good(model_sha256="../../etc"), "model_sha256 is no sha256"),
        (good(data_sha256=7), "data_sha256 is no sha256"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(given, said):
    data = given if isinstance(given, bytes) else json.dumps(given).encode()
    with pytest.raises(ValueError, match="this recipe cannot be read") as problem:
        recipe_file.read(data)
    assert said in str(problem.value) and "\n" not in str(problem.value) and len(str(problem.value)) < 300


def test_another_model_or_other_data_is_noticed():
    found = recipe_file.read(json.dumps(good()).encode())
    assert found.difference(SHA, SHA) is None and found.difference("", "") is None
    assert "another model" in found.difference(SHA[::-1], SHA) and "other data" in found.difference(SHA, SHA[::-1])
