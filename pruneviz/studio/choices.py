"""Choices: the rows of menus that several pages share. Each is bound to a field of the Recipe."""

from __future__ import annotations

import streamlit as st

from pruneviz.recipe import Recipe
from pruneviz.studio import bench, catalogue, kitchen

POOLS = {"mean": "mean", "l1": "sum (L1)", "l2": "L2", "max": "largest"}
"""How weights' importances become a unit's, as a menu says it."""


FLOORS = {1: "one of each group", 0: "nothing"}
"""What stays whatever is asked for, as a menu says it."""


def all_of_it(recipe: Recipe) -> None:
    """What goes, by which importance, compared with whom: one row where it fits."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="asked"):
        what_goes(recipe)
        by_what(recipe)
        device(recipe)


def what_goes(recipe: Recipe) -> None:
    """What is pruned at once, of what this model has; at N:M also which pattern."""
    offered = [key for key in catalogue.granularities(recipe.granularity) if ":" in key or key in kitchen.offers(recipe)]
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="what", width="content"):
        bench.choose("what goes", "granularity", offered, catalogue.granularity_name)
        if ":" in recipe.granularity:
            patterns = catalogue.patterns(recipe.granularity)
            bench.choose("keep N of every M inputs", "granularity", patterns, key="pattern")


def by_what(recipe: Recipe) -> None:
    """By which importance, pooled how, compared with whom. Few choices lie open; the many of units fold into menus."""
    names, scopes = catalogue.criteria(), catalogue.scopes(recipe.granularity)
    offered = catalogue.order(recipe.granularity, kitchen.of_language(recipe))
    ask, how = (bench.select, {"width": 220}) if recipe.granularity in catalogue.UNITS else (bench.choose, {})
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="choices", width="content"):
        ask("criterion", "criterion", offered, lambda key: names[key].name, **how)
        pooled(recipe)
        if ":" not in recipe.granularity:
            ask("compared", "scope", [*scopes], lambda key: scopes[key].name, **how)
        if recipe.granularity in catalogue.UNITS:
            bench.select("always stays", "floor", [*FLOORS], FLOORS.get, width=170)


def pooled(recipe: Recipe) -> None:
    """How weights' importances become a unit's: asked only where units go and the criterion scores weights."""
    if recipe.granularity in catalogue.UNITS and not catalogue.criteria()[recipe.criterion].units:
        bench.select("pooled by", "pool", [*POOLS], POOLS.get, width=160)


def device(recipe: Recipe) -> None:
    """Where it is measured: asked only on a machine with a graphics card. A link may name a card that is not here."""
    here = kitchen.devices()
    if len(here) > 1:
        bench.select("measured on", "device", [*here], lambda name: here.get(name, name), width=260)
