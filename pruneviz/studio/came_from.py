"""Came from: what there is to say of a network that came of a run, wherever it is looked at; else it would pass for the
model that was there before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from pruneviz import came_of, plain
from pruneviz.candidates import same_samples
from pruneviz.charts.chart import as_percent, number
from pruneviz.recipe import Recipe
from pruneviz.report import Report
from pruneviz.studio import bench, kitchen, titles


def told(recipe: Recipe) -> None:
    """A line below the strip, and the way back to the model before the run; nothing of any other model."""
    run = came_of.run(recipe.subject)
    if run is None:
        return
    with st.container(key="came-from", horizontal=True, gap="small", vertical_alignment="center"):
        st.caption(plain.markdown(sentence(recipe, kitchen.first_report(recipe)), 1024), width="content")
        st.button("Back to the model before it", key="before-run", on_click=_back, args=(run,))


def lab(recipe: Recipe, here: str, pages: Sequence[tuple[str, str, str]]) -> None:
    """On any other page: that the setting is a lab's, where what it removes is meant for the lab's rounds, and the way back
    to it."""
    file, title = next(((file, title) for file, title, url in pages if url == recipe.course.lab), ("", ""))
    if not file or here == recipe.course.lab:
        return
    with st.container(key="from-lab", horizontal=True, gap="small", vertical_alignment="center"):
        st.caption(
            f"This is the setting of the lab «{title}»: what it removes, it removes there step by step.", width="content"
        )
        st.page_link(file, label=f"Back to «{title}»")


def sentence(recipe: Recipe, report: Report) -> str:
    """Which run, what «dense» means then, and what the model was worth before; empty for any other model."""
    run = came_of.run(recipe.subject)
    if run is None:
        return ""
    said = f"This network came of a run: {titles.title(run.subject)}, {came_of.words(run)}."
    said += " «Dense» and «before» mean this network as it came of that run."
    before = kitchen.report(Recipe(subject=run.subject, amount=0.0), "before-run")
    if not same_samples(before, report):
        return said
    score = before.score
    worth = as_percent(score.dense_value) if score.correct is not None else number(score.dense_value)
    return f"{said} Before it, the model's {score.metric} on the same {score.n:,} held-out {score.noun} was {worth}."


def _back(run: Recipe) -> None:
    """The model before the run, cut as the run cut it."""
    now = bench.recipe_now()
    kept = {name: getattr(now, name) for name in ("pins", "lesson", "hidden")}
    after = replace(run, course=now.course, **kept)
    bench.commit(after, bench.why_not(after))
