"""All ways: one shot by every way with one and the same setting, asked for at once and performed one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from pruneviz import came_of, plain
from pruneviz.charts.labs import oneshot as charts
from pruneviz.recipe import Recipe
from pruneviz.studio import bench
from pruneviz.studio.labs import found, live, office
from pruneviz.studio.labs.asked import Asked, take
from pruneviz.traced import Traced

METHODS = ("sparsegpt", "least_squares", "swaps", "swaps_refit")
"""Those that cover for what goes; beside them every criterion that leaves the survivors alone."""


def recipes(recipe: Recipe) -> list[Recipe]:
    """This very setting by every way that it can be run. Where the visitor's method takes what a criterion chose, the others
    that do take the same; else they take what Wanda chooses."""
    asked = came_of.opinion(recipe) if recipe.course.method != "keep" else ""
    ways = [(key, "keep") for key in charts.CRITERIA] + [(asked or "wanda", method) for method in METHODS]
    made = [replace(recipe, criterion=key, course=replace(recipe.course, method=method)) for key, method in ways]
    return [one for one in made if _runs(one)]


def panel(here: Asked) -> None:
    """What is still to be run so that all ways stand beside each other, by this seed or, where all of them were, by another;
    while they are, how many are over."""
    wanted, there = _named(here.recipe), found.siblings(here.recipe, "method", "criterion")
    known = {charts.way(run): run for run in there if run.recipe.seed == here.recipe.seed}
    going = [run for name, run in known.items() if name in wanted and live.goes_on(run)]
    if len(going) > 1 or (going and charts.way(going[0]) != charts.named(here.recipe)):
        _going(going, len(wanted))
        return
    left = [one for name, one in wanted.items() if name not in known or not known[name].done]
    if going or len(wanted) < 2:
        return
    seed = here.recipe.seed if left else 1 + max(run.recipe.seed for run in there)
    left = left or [*_named(replace(here.recipe, seed=seed)).values()]
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="all-ways"):
        many = f"all {len(left)} ways" if len(left) == len(wanted) else f"the {len(left)} ways that nobody ran"
        label = f"Run {many}{live.on_model(here.recipe)}{f' with seed {seed}' if seed else ''}"
        st.button(label, key="run-all", on_click=_start, args=(replace(here.recipe, seed=seed), left))
        st.caption(f"{len(left)} runs{_takes(left)}, one after the other.", width="content")


@st.fragment(run_every=live.POLL)
def _going(going: Sequence[Traced], of: int) -> None:
    """How many are still to come. When one is over, the page is drawn anew: it has one dot more."""
    left = [one for one in going if live.goes_on(office.watch(one.key).run)]
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="all-going"):
        st.progress(1 - len(left) / of, f"All {of} ways: {of - len(left)} are over", width="stretch")
        pressed = st.button("Cancel all", key="cancel-all", on_click=_cancel, args=([one.key for one in left],))
    if pressed or (len(left) < len(going) and not bench.covered()):
        st.rerun()


def _start(recipe: Recipe, left: Sequence[Recipe]) -> None:
    take(recipe)
    try:
        for one in left:
            office.start(one)
    except (ValueError, RuntimeError) as problem:
        bench.say(plain.markdown(f"{problem}.", 512))


def _cancel(keys: Sequence[str]) -> None:
    for key in reversed(keys):  # the one that is performed last, so that none of the others begins
        office.cancel(key)


def _takes(left: Sequence[Recipe]) -> str:
    """How long they take together, where anything like each of them was run; nothing where it was not."""
    each = [office.pace(one) for one in left]
    if not all(each):
        return ""
    seconds = sum(pace * live.planned(one) for pace, one in zip(each, left, strict=True))
    return f", about {live.duration(seconds)} on one core here"


def _named(recipe: Recipe) -> dict[str, Recipe]:
    return {charts.named(one): one for one in recipes(recipe)}


def _runs(recipe: Recipe) -> bool:
    """Whether this can be run at all: a scope that asks a criterion may not fit every way."""
    try:
        live.planned(recipe)
    except ValueError:
        return False
    return True
