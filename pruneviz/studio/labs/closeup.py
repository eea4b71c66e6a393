"""Closeup: one matrix of one shot's page, pruned in every way while somebody looks on."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pruneviz import plain
from pruneviz.charts.labs import closeup as charts
from pruneviz.closeup import Closeup
from pruneviz.course import Course
from pruneviz.recipe import LOOKS, Recipe
from pruneviz.studio import kitchen, larder, show

LONGEST = 10.0
"""Seconds that a page waits for what one matrix is given to read."""
STEP = 8
"""Calibration samples are chosen in steps of so many."""


def story(recipe: Recipe) -> None:
    """One matrix. Which one changes no number of a run, so it is a way of looking and no choice of the run."""
    st.header("One matrix, close up", anchor=False)
    if trouble := _slow(recipe):
        st.info(trouble)
        return
    labels = {layer.name: layer.label for layer in kitchen.subject(recipe.subject).layers}
    offered = [name for name in _offered(recipe.subject) if name in labels]
    if not offered:
        st.info("No matrix of this model is small enough to be pruned in every way while you wait.")
        return
    at = min(len(offered) // 2, len(offered) - 1)
    name = st.selectbox("matrix", offered, at, labels.get, key="oneshot-matrix", width=420)
    try:
        with st.spinner("Pruning this matrix in every way …", show_time=False):
            closeup = _closeup(_bare(recipe), name)
    except ValueError as problem:
        st.info(plain.markdown(f"{problem}.", 512))
        return
    _shown(closeup, plain.label(labels[name]), recipe)


def _slow(recipe: Recipe) -> str:
    """Why nobody waits for the inputs of a matrix here, and what helps; empty where it is a matter of seconds."""
    if not kitchen.heavy(recipe.subject):
        return ""
    each = kitchen.pace(recipe.subject) / len(kitchen.subject(recipe.subject).held_out)
    seconds = recipe.course.batch * each
    if seconds <= LONGEST:
        return ""
    fewer = int(LONGEST / each) // STEP * STEP
    way_out = f"choose at most {fewer}" if fewer else "choose a smaller model, or run it live, which goes on by itself"
    many = f"{recipe.course.batch} calibration samples take this model {seconds:,.0f} s here"
    return f"{many}, longer than a page waits: {way_out}."


def _shown(closeup: Closeup, label: str, recipe: Recipe) -> None:
    """What each way loses, the sweep of SparseGPT, and what inputs are worth; each with what has to be known of it."""
    pattern = recipe.granularity if ":" in recipe.granularity else ""
    show.chart(charts.errors(closeup, label, pattern, recipe.amount), "errors")
    st.caption(_measured(closeup, label, pattern))
    show.chart(charts.sweep(closeup, label, pattern), "sweep")
    st.caption(
        "SparseGPT on an excerpt, the first rows and columns: Play shows it column by column. "
        f"{charts.instead(closeup, pattern)} Each column that is visited loses what has to go, and what its rows then lack "
        "is made up for by columns to the right, which have not been visited."
    )
    show.chart(charts.diagonal(closeup, label), "diagonal")
    st.caption(
        r"The worth of an input is $1 / [(H + \lambda I)^{-1}]_{jj}$, with $H$ of the calibration samples. To take out a "
        "weight of its column costs half of the weight's square times that, if all others of its row may cover for it."
    )


def _measured(closeup: Closeup, label: str, pattern: str) -> str:
    """On what the errors were measured, who competed, and which pattern is not drawn."""
    held = closeup.lines and pattern in dict(closeup.lines[0].pattern)
    marks = f"The larger open marks are {pattern}. " if held else charts.unfit(closeup, label, pattern)
    return (
        f"{marks} Measured here on {closeup.samples} calibration samples, in {closeup.seconds:.1f} s: every way prunes "
        f"{_part(closeup, label)} of the model as it was before, row by row; only SparseGPT compares blocks of 128 columns, "
        "over all rows. What is lost is measured on those same samples; of others it may be more. Once it is settled which "
        "weights go, no way loses less than least squares; one-swaps settle it anew."
    )


def _part(closeup: Closeup, label: str) -> str:
    """The matrix, or as many of its rows as were solved; a criterion compares within each row."""
    from pruneviz.engine.reconstruct.closeup import TALLEST

    return label if closeup.shape[0] <= TALLEST else f"the first {TALLEST} rows of {label}"


def _bare(recipe: Recipe) -> Recipe:
    """What a closeup depends on, and nothing else."""
    default = Recipe()
    looks = {name: getattr(default, name) for name in LOOKS}
    plain_ = replace(recipe, **looks, criterion=default.criterion, scope=default.scope, spared=(), overrides=())
    return replace(plain_, course=Course(batch=recipe.course.batch))


@larder.kept(4, dry=True)
def _offered(subject: str) -> tuple[str, ...]:
    from pruneviz.engine.reconstruct import closeup

    return closeup.offered(kitchen.subject(subject))


@larder.kept(16, dry=True)
def _closeup(recipe: Recipe, layer: str) -> Closeup:
    from pruneviz.engine.reconstruct import closeup

    return closeup.look(kitchen.subject(recipe.subject), recipe, layer)
