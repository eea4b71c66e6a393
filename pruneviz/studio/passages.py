"""Passages: the part of «What breaks» where a language model's own text is read, token by token, and carried on."""

from __future__ import annotations

import streamlit as st

from pruneviz import plain
from pruneviz.breakage import Breakage
from pruneviz.charts import passage as charts
from pruneviz.continuation import TOKENS, Continuation
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, kitchen, larder, orders, show

PANEL = "continuation"
ASKED = "continuation"


def part(recipe: Recipe, found: Breakage) -> None:
    """A held-out passage on the colours of its losses, and what both networks write after its beginning."""
    if not found.passages:
        return
    st.header("Which words of a passage?", anchor=False)
    names = {one.window: f"window {one.window:,}, {_which(one.rank, one.of)}" for one in found.passages}
    bench.choose("passage", "example", [*names], names.get)
    here = next((one for one in found.passages if one.window == recipe.example), found.passages[0])
    show.text(charts.passage(here, show.dark()), key="passage")
    st.header("How does it go on?", anchor=False)
    _continued(recipe, here.window)


def _continued(recipe: Recipe, window: int) -> None:
    if kitchen.heavy(recipe.subject):
        said = "This model takes a while: it runs once for each token."
        st.button("Let both networks write", key="ask-continuation", help=said, on_click=bench.ask, args=(ASKED,))
        if not bench.asked(ASKED):
            return
    try:
        with st.spinner("Both networks are writing …"):
            found = continued(recipe, window)
    except ValueError as problem:  # of a heavy model it is asked of the worker, and can be cancelled
        st.info(f"Nothing was written: {plain.markdown(problem, 600)}")
        return
    show.text(charts.continuation(found, show.dark()), key="continuation")
    st.markdown(
        f":small[{TOKENS} tokens each, the likeliest one every time, after the beginning of the held-out window {window:,}. "
        "A coloured ground begins where the two networks part. One example is no measurement, and small models repeat "
        "themselves.]"
    )


def continued(recipe: Recipe, window: int) -> Continuation:
    """What both networks write; of a heavy model asked of the worker, where it can be cancelled."""
    if kitchen.heavy(recipe.subject):
        return orders.first(kitchen.job_part(recipe), "continuations", (window,), PANEL)
    kitchen.wait_for(recipe)
    return _written(kitchen.measured_part(recipe), window)


@larder.kept(32, dry=True)
def _written(recipe: Recipe, window: int) -> Continuation:
    from pruneviz.engine import continuation

    return continuation.continued(kitchen.subject(recipe.subject), recipe, kitchen.standing_of(recipe), window)


def _which(rank: int, of: int) -> str:
    """What a window is among all: windows are told by their rank."""
    if rank == 0:
        return "hardest hit"
    return "least hit" if rank == of - 1 else "in the middle"
