"""One shot: the page that asks what can go without any retraining, and whether the survivors can cover for it."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pruneviz import plain
from pruneviz.charts.chart import as_percent
from pruneviz.charts.labs import closeup as near
from pruneviz.charts.labs import oneshot as charts
from pruneviz.closeup import Closeup
from pruneviz.course import Course
from pruneviz.recipe import LOOKS, Recipe
from pruneviz.studio import bench, catalogue, kitchen, larder, show
from pruneviz.studio.labs import around, fields, found
from pruneviz.studio.labs.asked import Asked
from pruneviz.traced import Traced

AMOUNTS = (0.3, 0.5, 0.6, 0.7, 0.8)
PATTERNS = ("2:4", "4:8")
SCOPES, SHARES = ("row", "layer", "owl", "global"), ("row", "owl", "global")
WINDOWS = (8, 256, 8)
"""Calibration samples: from, to, in steps of."""


def runs(here: Asked) -> dict[str, list[Traced]]:
    """The runs that differ by what chooses, by method and by seed, by the words of their way."""
    ways: dict[str, dict[int, Traced]] = {}
    for run in found.siblings(here.recipe, "method", "criterion"):
        mine = ways.setdefault(charts.way(run), {})
        if run.done or run.recipe.seed not in mine:
            mine[run.recipe.seed] = run
    return {name: [*mine.values()] for name, mine in ways.items()}


def headline(here: Asked) -> str:
    """What the runs say, or the question."""
    return charts.headline(runs(here))


def choices(here: Asked) -> None:
    """What goes, who chooses it, what becomes of the survivors, and on how much text."""
    recipe = here.recipe
    pattern = ":" in recipe.granularity
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="oneshot-choices"):
        offered = ("weight", *PATTERNS)
        name = lambda one: one if ":" in one else catalogue.granularity_name(one)  # noqa: E731
        bench.choose_of("what goes", "lab-granularity", recipe.granularity, offered, name, lambda one: _of(here, one))
        if not pattern:
            fields.select(here, "sparsity", "amount", AMOUNTS, as_percent, width=130)
        fields.select(here, "method", "method", [*charts.METHODS], lambda key: charts.METHODS.get(key, key), width=260)
        if recipe.course.method not in charts.CHOOSES:
            names = lambda key: charts.CRITERIA.get(key, key)  # noqa: E731
            fields.select(here, "what goes is chosen by", "criterion", [*charts.CRITERIA], names, width=180)
        if not pattern:
            names = {key: one.name for key, one in catalogue.scopes("weight").items()}
            scopes = SCOPES
            if recipe.course.method in charts.CHOOSES:  # it compares in blocks of columns; a scope only shares the budget
                scopes, names = SHARES, names | {"row": "every matrix alike"}
            fields.select(here, "compared", "scope", scopes, lambda key: names.get(key, key), width=190)
        low, high, step = WINDOWS
        fields.slide(here, "calibration samples", "batch", low, high, step, width=240)
    st.caption(_told(here))


def story(here: Asked) -> None:
    """How each way leaves the whole network; then one matrix: what each way loses of it, and the sweep itself."""
    groups = runs(here)
    known = [run for group in groups.values() for run in group]
    if known:
        around.chart(charts.outcomes(groups), "outcomes", known)
        st.caption(
            "A dot is the mean over the seeds, which draw other calibration samples. Its interval is that of the change "
            "against the dense model on the same held-out data: it tells of other data, not of other seeds."
        )
    else:
        st.info("Nobody ran this setting yet: run it live, or undo the last change.")
    _matrix(here)


def said(here: Asked) -> None:
    """What is often said of one-shot pruning of language models, beside what the papers report."""
    around.often_said(
        "SparseGPT is structured pruning: it takes half of any language model in one pass, and nothing is lost.",
        "It removes single weights, or 2 of every 4. It goes layer by layer over a calibration text, and the weights that "
        "stay are changed. At half of the weights perplexity goes from 8.35 to 8.21 for OPT-175B, from 12.47 to 13.48 for "
        "2.7B, and from 27.66 to 36.85 for 125M: the smaller the model, the more it costs.",
        "Frantar & Alistarh 2023 (arXiv 2301.00774), tables of OPT on raw-WikiText2",
    )


def _matrix(here: Asked) -> None:
    """One matrix. Which one changes no number of a run, so it is a way of looking and no choice of the run."""
    st.header("One matrix, close up", anchor=False)
    subject = here.recipe.subject
    if kitchen.heavy(subject):
        st.info("This model is too large to be looked at matrix by matrix on a page.")
        return
    labels = {layer.name: layer.label for layer in kitchen.subject(subject).layers}
    offered = [name for name in _offered(subject) if name in labels]
    if not offered:
        st.info("No matrix of this model is small enough to be pruned in every way while you wait.")
        return
    name = st.selectbox(
        "matrix", offered, min(len(offered) // 2, len(offered) - 1), labels.get, key="oneshot-matrix", width=420
    )
    try:
        with st.spinner("Pruning this matrix in every way …", show_time=False):
            closeup = _closeup(_bare(here.recipe), name)
    except ValueError as problem:
        st.info(plain.markdown(f"{problem}.", 512))
        return
    label = plain.label(labels[name])
    pattern = here.recipe.granularity if ":" in here.recipe.granularity else ""
    show.chart(near.errors(closeup, label, pattern), "errors")
    marks = f"The larger open marks are {pattern}. " if pattern and closeup.lines[0].pattern else ""
    st.caption(
        f"{marks}Measured here on {closeup.samples} calibration samples, in {closeup.seconds:.1f} s: every way prunes "
        f"{_part(closeup, label)} of the model as it was before, row by row, and what is lost is measured on those same "
        "samples; of others it may be more. Once it is settled which weights go, no way loses less than least squares; "
        "one-swaps settle it anew."
    )
    show.chart(near.sweep(closeup, label), "sweep")
    st.caption(
        "SparseGPT on an excerpt, the first rows and columns. Each column that is visited loses what has to go, and what "
        "its rows then lack is made up for by columns to the right, which have not been visited."
    )
    show.chart(near.diagonal(closeup, label), "diagonal")
    st.caption(
        r"The worth of an input is $1 / [(H + \lambda I)^{-1}]_{jj}$, with $H$ of the calibration samples. To take out a "
        "weight of its column costs half of the weight's square times that, if all others of its row may cover for it."
    )


def _part(closeup: Closeup, label: str) -> str:
    """The matrix, or as many of its rows as were solved; a criterion compares within each row."""
    from pruneviz.engine.reconstruct.closeup import TALLEST

    return label if closeup.shape[0] <= TALLEST else f"the first {TALLEST} rows of {label}"


def _of(here: Asked, granularity: str) -> Recipe:
    """The visitor's Recipe with something else that goes; a pattern has one amount."""
    n, colon, m = granularity.partition(":")
    amount = 1 - int(n) / int(m) if colon else here.recipe.amount
    # A pattern takes as much of every matrix: there is nothing that a scope could share.
    scope = {"scope": "row"} if colon else {}
    return fields.changed(here, granularity=granularity, amount=amount, **scope)


def _told(here: Asked) -> str:
    """What the method does, in the first words of its own text."""
    from pruneviz.engine import reconstruct

    method = reconstruct.shelf().get(here.recipe.course.method)
    first = method.text.splitlines()[0] if method else ""
    return f"{first} No step of training is taken: the model is gone through once, block by block."


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
