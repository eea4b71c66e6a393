"""Allowed: which courses a page performs. A link may name anything; what reads files, fills memory or keeps what a visitor
only lent is refused here, before anything is built."""

from __future__ import annotations

import os

from pruneviz.recipe import Recipe
from pruneviz.studio import catalogue, house_rules, library

WIDEST = 4.0
"""A network so many times as wide has its square as many weights."""


def refused(recipe: Recipe) -> str:
    """Why a page does not run this course, in a sentence; empty where it does."""
    from pruneviz.engine.training.second import HALVES

    course, shared = recipe.course, not house_rules.own_machine()
    second = course.second
    if second and second != HALVES and (second not in catalogue.subjects() or library.is_own(second)):
        return f"a page goes on with the data of a model on its list, or with {HALVES}, not with {second[:40]!r}: choose one"
    if course.width > WIDEST:
        return f"a page widens a network up to {WIDEST:g} times, not {course.width:g}: choose less"
    cores = os.cpu_count() or 1
    if course.threads > cores:
        return f"{course.threads} threads are asked for, and there are {cores} cores here: choose as many or fewer"
    if shared and library.is_own(recipe.subject):
        return (
            "runs are kept, and this server forgets what you brought: start the app on your own machine, or use "
            "`python -m pruneviz train` there"
        )
    return ""


def too_long(recipe: Recipe, planned: int) -> str:
    """Why a run of so many training steps, its whole bill, is not begun here, in a sentence; empty where it is."""
    course, caps = recipe.course, house_rules.caps()
    steps, samples, moments = planned, planned * course.batch, planned // course.every
    if steps > (most := caps.run_steps):
        return f"it takes {steps:,} training steps, and a run here may take {most:,}: choose fewer steps, rounds or controls"
    if samples > (most := caps.run_samples):
        much = f"it trains on {samples:,} samples, its steps times its batch, and a run here may train on {most:,}"
        return f"{much}: choose fewer steps or a smaller batch"
    if moments > (most := caps.run_moments):
        return f"it stores {moments:,} moments, and a run here may store {most:,}: look at it less often"
    return ""


def too_slow(seconds: float) -> str:
    """Why a run that takes about so long is not begun here, in a sentence; empty where it is."""
    most = house_rules.caps().run_seconds
    if seconds > most:
        return f"it takes about {seconds:,.0f} seconds on this machine, and a run here may take {most:,}: choose fewer steps"
    return ""
