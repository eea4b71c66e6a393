"""Movement: the page that asks whether weights should go because they are small, or because they become small."""

from __future__ import annotations

import streamlit as st

from pruneviz.charts.chart import as_percent
from pruneviz.charts.labs import clouds
from pruneviz.charts.labs import movement as charts
from pruneviz.studio.labs import around, fields, found
from pruneviz.studio.labs.asked import Asked
from pruneviz.traced import Traced

AMOUNTS = (0.5, 0.7, 0.85, 0.95, 0.98)
STRENGTHS = (10.0, 50.0, 100.0, 200.0, 300.0, 600.0, 1000.0)


def runs(here: Asked) -> dict[str, list[Traced]]:
    """The runs that differ by method and seed alone, by method. Only soft movement hears of the strength."""
    groups: dict[str, dict[int, Traced]] = {}
    strength = here.recipe.course.strength
    for run in found.siblings(here.recipe, "method", "strength"):
        course = run.recipe.course
        if course.method == charts.SOFT and course.strength != strength:
            continue
        mine = groups.setdefault(course.method, {})
        if run.done or run.recipe.seed not in mine:
            mine[run.recipe.seed] = run
    return {method: [*mine.values()] for method, mine in groups.items()}


def headline(here: Asked) -> str:
    """What the runs say about movement beside magnitude, or the question."""
    return charts.verdict(runs(here))


def choices(here: Asked) -> None:
    """Which method, and how much is to go."""
    course = here.recipe.course
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="movement-choices"):
        fields.choose(here, "what goes is chosen by", "method", [*charts.METHODS], charts.METHODS.get)
        fields.select(here, "sparsity", "amount", AMOUNTS, as_percent, width=130)
        if course.method == charts.SOFT:
            fields.select(here, "pull on the scores", "strength", STRENGTHS, lambda value: f"{value:g}", width=170)
        fields.number(here, "steps of each task", "steps", 20, 5000, width=160)
    st.caption(_told(here))


def story(here: Asked) -> None:
    """How each method fares; then which weights go, and which of them magnitude would have kept."""
    groups = runs(here)
    known = [run for group in groups.values() for run in group]
    if not known:
        st.info("Nobody ran this setting yet: run it live, or undo the last change.")
        return
    around.chart(charts.accuracy(groups), "methods", known)
    pictured = {method: _pictured(group, here.recipe.seed) for method, group in groups.items()}
    pictured = {method: run for method, run in pictured.items() if run is not None}
    own = here.recipe.course.method
    other = own if own in pictured and own != charts.MAGNITUDE else charts.MOVEMENT
    pair = {method: pictured[method] for method in (charts.MAGNITUDE, other) if method in pictured}
    if pair:
        around.chart(clouds.clouds(pair), "clouds", [*pair.values()])
    mosaic = pair.get(other)
    if mosaic is not None:
        around.chart(charts.mosaic(mosaic), "mosaic", [mosaic])


def said(here: Asked) -> None:
    """What is often said of movement pruning, beside what the paper reports."""
    around.often_said(
        "Movement pruning keeps 93% of BERT's score at 95% sparsity.",
        "With distillation, 3% of the encoder's weights keep 93% of the F1 on SQuAD (82.3 of 88.1), and 10% keep 96%. "
        "Movement is better than magnitude only where most weights go; where few go, magnitude is.",
        "Sanh, Wolf and Rush 2020 (arXiv 2005.07683): abstract, and the table of their repository",
    )


def _told(here: Asked) -> str:
    how = {
        charts.MAGNITUDE: "Magnitude removes the weights that are nearest to zero.",
        charts.MOVEMENT: "Movement scores each weight by how far the second task drives it away from zero, and removes the "
        "lowest scores.",
        charts.SOFT: "Soft movement removes what scores below a threshold while a pull lowers all scores: how much goes "
        "comes of it, and the sparsity that is asked for says nothing.",
    }
    second = "the other half of the classes" if here.recipe.course.second == "upper-half" else "other data"
    spared = " The output layer stays whole." if here.recipe.spared else ""
    return f"Trained on one task, then tuned for {second} while weights go. {how[here.recipe.course.method]}{spared}"


def _pictured(group: list[Traced], seed: int) -> Traced | None:
    """The run whose weights are drawn: this seed's, else any that has them."""
    ordered = sorted(group, key=lambda run: run.recipe.seed != seed)
    return next((run for run in ordered if run.array("w_after") is not None), None)
