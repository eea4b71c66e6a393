"""Payers: the parts of the page «What breaks»: who pays, who is taken for whom, which examples, and which of them first."""

from __future__ import annotations

from typing import Any

import streamlit as st

from pruneviz import plain
from pruneviz.breakage import Breakage
from pruneviz.charts import breakage as charts
from pruneviz.recipe import Recipe
from pruneviz.report import Report
from pruneviz.studio import bench, breakage, catalogue, kitchen, passages, show, stage, wall
from pruneviz.studio import breakage_words as words


def beside_the_slider(recipe: Recipe, report: Report, found: Breakage) -> None:
    """The slider, and beside it who pays."""
    if found.spread is not None:
        _of_text(recipe, found)
        return
    left, right = st.columns([2, 3], gap="large")
    with left:
        stage.hero(recipe, report, stage.curve_of(recipe), challenges=False, small=True)
    with right:
        show.chart(charts.per_class(found), key="classes", on_pick=_filter)
        st.markdown(f":small[{words.classes(found, charts.SCARCE if found.scarce else charts.CLASSES)}]")


def _of_text(recipe: Recipe, found: Breakage) -> None:
    """Which tokens a language model no longer expects. The slider's curve is one of shares, and a perplexity is none:
    amounts are chosen from a row instead."""
    if ":" not in recipe.granularity:
        measure = catalogue.kind(recipe.granularity).measure
        offered = sorted({recipe.amount, *(percent / 100 for percent in range(0, 101, 10))})
        bench.choose(measure, "amount", offered, lambda share: f"{100 * share:g}%")
    show.chart(charts.tokens(found), key="tokens")
    st.markdown(words.spread(found))
    passages.part(recipe, found)


def whom_for_whom(found: Breakage) -> None:
    """What changed sides as a flow, and who is taken for whom more often."""
    left, right = st.columns(2, gap="large")
    with left:
        show.chart(charts.turns(found), key="turns")
    with right:
        show.chart(charts.confusion(found), key="confusion", on_pick=_filter)


def examples(recipe: Recipe, found: Breakage) -> None:
    """The examples that changed sides, of all classes or of one."""
    st.header(f"Which {found.noun} change sides", anchor=False)
    rows = {row.index: row for row in found.classes if row.newly_wrong or row.newly_right or row.index == recipe.group}
    names = {-1: "all classes"} | {at: plain.one_line(row.name, 40) for at, row in rows.items()}
    group = bench.select("class", "group", [*names], names.get, width=260)
    st.markdown(words.wall(found, group))
    if found.flipped.size and not wall.can_show(recipe.subject, int(found.places[0])):
        st.markdown(words.unseen(found.noun))
    wall.wall(recipe, found)


def confidence(found: Breakage) -> None:
    """Is it still as right as it is sure?"""
    st.header("Is it as right as it is sure?", anchor=False)
    left, right = st.columns([3, 2], gap="large")
    with left:
        show.chart(charts.reliability(found), key="reliability")
    with right:
        st.markdown(words.confidence())
        st.markdown(words.papers())


def first(recipe: Recipe, found: Breakage) -> None:
    """Which examples change sides first while the amount grows. A pattern has no amounts to grow."""
    if ":" in recipe.granularity:
        return
    st.header("What changes sides first", anchor=False)
    known = breakage.first_flips_known(recipe)
    said = words.first(known, found.noun, recipe.granularity)
    if known is None and not kitchen.shipped(recipe.subject) and not bench.asked("first-flips"):
        st.markdown(said)
        label = words.searching(found.noun, len(breakage.AMOUNTS))
        st.button(label, key="first-flips", on_click=bench.ask, args=("first-flips",))
        return
    try:
        label = f"Measuring at {len(breakage.AMOUNTS)} amounts …"
        flips = known or show.progress(label, lambda told: breakage.first_flips(recipe, told))
    except ValueError as problem:  # of a heavy model it is asked of the worker, and can be cancelled
        st.info(f"What changes sides first is not known: {plain.markdown(problem, 512)}")
        return
    st.markdown(words.first(flips, found.noun, recipe.granularity))
    measure = catalogue.kind(recipe.granularity).measure
    show.chart(charts.first_flips(flips, recipe.amount, measure), key="first-chart")
    wall.earliest(recipe, flips)


def _filter(picked: list[Any]) -> None:
    bench.change(group=int(picked[0]))
