"""Asked: the Recipe that a lab's page is about. The visitor's own where its course is this lab's, else what the lab opens
with, on the visitor's model where it can be trained in a moment."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st

from pruneviz import plain, shipped_runs
from pruneviz.recipe import LOOKS, Recipe
from pruneviz.studio import bench, catalogue, kitchen, larder, titles
from pruneviz.studio.bench.history import OF_DATA
from pruneviz.studio.bench.pins import OF_LAYERS
from pruneviz.studio.labs import allowed

UNITS = ("filter", "neuron", "head")
"""What a lab removes of a model that does not have the units that it opens with: the first of these that there are."""
LARGEST, UNTRAINED = 300_000, {"oneshot": 5_000_000}
"""Weights: a model that has more is not trained on a page. A lab that takes no step of training goes through larger ones."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a lab's page is about. `word` says why it is not about the visitor's model; `own` is the same on that model,
    where it could be run; `chosen` says whether the visitor chose anything of it."""

    lab: str
    recipe: Recipe
    chosen: bool
    word: str = ""
    own: Recipe | None = None


def asked(lab: str) -> Asked:
    """The Recipe that this page is about now."""
    now, default = bench.recipe_now(), opens_with(lab)
    chosen = now.course.lab == lab
    wanted, trouble = calibrated(now if chosen else on(default, now.subject)), untrainable(now.subject, lab)
    if trouble:
        return Asked(lab, on(replace(now, spared=()) if chosen else default, default.subject), chosen, trouble)
    if chosen and (trouble := impossible(wanted)):
        return Asked(lab, calibrated(on(default, now.subject)), False, trouble)
    own = lab in UNTRAINED and not kitchen.shipped(now.subject)  # who brought a model came to see that one
    if chosen or own or shipped_runs.read(now.subject, lab):
        return Asked(lab, wanted, chosen)
    told_of = shipped_runs.subjects(lab)
    if not told_of or now.subject == default.subject:
        return Asked(lab, wanted, chosen)
    there = default.subject if default.subject in told_of else told_of[0]
    word = f"These runs are of {name_of(there)}. Nobody ran this lab on {name_of(now.subject)} yet."
    return Asked(lab, on(default, there), chosen, word, own=wanted)


def opens_with(lab: str) -> Recipe:
    """The Recipe that a lab opens with."""
    from pruneviz.engine.training import labs

    return labs.find(lab).default


def on(recipe: Recipe, subject: str) -> Recipe:
    """A lab's Recipe on a model: what it says of layers is said of its own model's, and units that this one does not have
    are those that it has, or weights."""
    if subject == recipe.subject:
        return recipe
    moved = replace(recipe, subject=subject, spared=(), overrides=(), gone=(), back=())
    has = kitchen.offers(moved)
    fits = moved.granularity not in catalogue.UNITS or moved.granularity in has
    return moved if fits else replace(moved, granularity=next((one for one in has if one in UNITS), "weight"))


def calibrated(recipe: Recipe) -> Recipe:
    """A Recipe that says on which data it is calibrated, where its lab takes no step of training: a model without a training
    split has a quarter of its held-out data set aside. Elsewhere the same Recipe."""
    return replace(recipe, calibration=kitchen.calibration_of(recipe)) if recipe.course.lab in UNTRAINED else recipe


def untrainable(subject: str, lab: str) -> str:
    """Why a lab cannot be run with a model on a page, and which model is shown instead; empty where it can."""
    found, other = kitchen.subject(subject), name_of(opens_with(lab).subject)
    name = plain.markdown(found.title, 128)
    if lab not in UNTRAINED and (found.training is None or not len(found.training)):
        return f"{name} has no training data here, so this page shows {other}: give its card a training split."
    if found.weights > (most := UNTRAINED.get(lab, LARGEST)):
        verb, command = ("goes through", "oneshot` prunes") if lab in UNTRAINED else ("trains", "train` trains")
        many = f"{found.weights:,} weights, more than the {most:,} that a page {verb}"
        return f"{name} has {many}, so this page shows {other}: `python -m pruneviz {command} it."
    if lab in UNTRAINED and (trouble := _unwalkable(subject, lab)):
        return f"{plain.markdown(trouble, 512)}. So this page shows {other}."
    return ""


@larder.kept(2)
def _unwalkable(subject: str, lab: str) -> str:
    """Why a lab cannot go through a model, whatever is chosen, in the engine's words; empty where it can."""
    from pruneviz.engine.training import labs

    try:
        labs.find(lab).planned(kitchen.subject(subject), calibrated(on(opens_with(lab), subject)))
    except ValueError as problem:
        return str(problem)
    return ""


def impossible(recipe: Recipe) -> str:
    """Why a course cannot be followed, in a sentence; empty where it can. A link may name what there is not."""
    from pruneviz.engine.training import annealing, labs, optimisers, regularisers, schedules

    course, subject = recipe.course, kitchen.subject(recipe.subject)
    try:
        if trouble := allowed.refused(recipe):
            raise ValueError(trouble)
        schedules.curve(course, recipe.amount)(0.5)
        regularisers.bind(subject, subject.network, course)
        annealing.find(course.annealing)
        optimisers.find(subject.network, course)
        if trouble := allowed.too_long(recipe, labs.find(course.lab).planned(subject, recipe)):
            raise ValueError(trouble)
    except ValueError as problem:
        return plain.markdown(f"The link's setting cannot be run: {problem}. This is what the lab opens with.", 512)
    return ""


def name_of(subject: str) -> str:
    """A model's title, fit for a sentence."""
    return plain.markdown(titles.title(subject), 128)


def at_home(recipe: Recipe) -> Recipe:
    """A lab's Recipe as the visitor's: how they look at things stays, as far as it means anything for that model. The data
    that its model is calibrated on anyway are not said: for another model they would be a choice."""
    now, usual = bench.recipe_now(), replace(recipe, calibration="training")
    if recipe.calibration != "training" and kitchen.calibration_of(usual) == recipe.calibration:
        recipe = usual
    lost = () if recipe.subject == now.subject else (*OF_DATA, *OF_LAYERS)
    return replace(recipe, **{name: getattr(now, name) for name in LOOKS if name not in lost})


def explain(here: Asked) -> None:
    """Which model this is about, where that is not the visitor's; and the way to their own."""
    if not here.word:
        return
    if here.own is None:
        st.info(here.word)
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="which-model"):
        st.caption(here.word, width="content")
        label = f"Set it up for {titles.title(here.own.subject)}"
        st.button(label, key="own-model", on_click=take, args=(here.own,))


def take(recipe: Recipe) -> None:
    """A lab's Recipe becomes the visitor's own choice, where it can be used."""
    after = at_home(recipe)
    bench.commit(after, bench.why_not(after))
