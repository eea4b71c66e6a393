"""Stage: what stands in the middle of the first page. A slider where amounts can be dragged, patterns where they cannot."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pruneviz import plain
from pruneviz.charts import patterns as pattern_charts
from pruneviz.recipe import Recipe
from pruneviz.report import Curve, Report
from pruneviz.studio import bench, catalogue, curves, guesses, kitchen, panels, pinned_curve, recovery, show, words
from pruneviz.studio.scrubber import scrubber

BESIDE = "beside"
"""Patterns are measured beside the setting of the strip, not instead of it."""


def curve_of(recipe: Recipe) -> Curve | None:
    """The curve that the slider rides on; a pattern has no amounts to choose from, and no curve."""
    return None if ":" in recipe.granularity else curves.curve(recipe)[0]


def hero(
    recipe: Recipe, report: Report, curve: Curve | None, *, challenges: bool = True, small: bool = False
) -> None:  # fmt: skip
    """The live slider with its curve; or, at N:M, the patterns beside unstructured pruning. A `small` one, which stands
    beside other charts, leaves the histogram and the layers out."""
    if curve is None:
        _patterns(recipe)
        return
    baseline = curves.baseline(recipe)
    challenges = challenges and not bench.is_hidden("challenges")
    try:
        sweep = curves.sweep(recipe)
    except ValueError as problem:  # of a heavy model it is asked of the worker, and can be cancelled
        st.info(f"What goes at each percent is not known: {plain.markdown(problem, 512)}")
        return
    title, tuned = catalogue.criteria()[recipe.criterion].name, curves.tuned(recipe)
    panel = panels.hero(recipe, report, curve, sweep, title=title, baseline=baseline, tuned=tuned, trail=bench.trail())
    panel, pinned = pinned_curve.beside(panel, recipe, report)
    panel = replace(panel, tuned=recovery.beside(panel, recipe))
    scrubber(
        [replace(panel, layers=(), histogram=None) if small else panel],
        key="hero",
        challenges=challenges,
        guess=recipe.guess if challenges else -1,
        others=guesses.seen(recipe) if challenges else (),
        on_commit=guesses.take,
    )
    curves.watch([curve, baseline, pinned])


def _patterns(recipe: Recipe) -> None:
    try:
        rows = {name: pair(replace(recipe, granularity=name)) for name in catalogue.patterns(recipe.granularity)}
    except ValueError as problem:  # of a heavy model they are asked of the worker, and can be cancelled
        st.info(f"The patterns are not compared: {plain.markdown(problem, 512)}")
        return
    show.chart(pattern_charts.patterns(rows, recipe.granularity), key="patterns")
    st.markdown(words.patterns())


def pair(recipe: Recipe) -> tuple[Report, Report]:
    """A pattern's Report, and that of as many weights removed wherever they are smallest; both of all samples."""
    one = kitchen.whole_report(catalogue.fitting(recipe), BESIDE)
    free = replace(recipe, granularity="weight", scope="layer", amount=one.sparsity, overrides=(), spared=())
    return one, kitchen.whole_report(free, BESIDE)
