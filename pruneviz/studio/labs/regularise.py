"""Regularise: the page that asks what a penalty does to the weights, and how much of the network can go then."""

from __future__ import annotations

import streamlit as st

from pruneviz.charts.chart import as_percent
from pruneviz.charts.labs import regularise as charts
from pruneviz.charts.labs.lanes import Lane, lanes
from pruneviz.engine.training import regularisers
from pruneviz.studio import bench, kitchen
from pruneviz.studio.labs import around, fields, found
from pruneviz.studio.labs.asked import Asked
from pruneviz.traced import Traced

ORDER = ("none", "l1", "l2", "group-lasso", "slimming")
"""The penalties on offer, and their looks in this order."""
STRENGTHS = {"none": 0.0, "l1": 3e-4, "l2": 5e-3, "group-lasso": 1e-4, "slimming": 1e-3}
"""How hard each pulls at first: L1 and L2 about as hard on a weight of usual size, 0.06."""
LADDER = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 5e-3, 1e-2, 3e-2)


def names() -> dict[str, str]:
    """What the penalties are called."""
    shelf = regularisers.shelf()
    return {key: "no penalty" if key == "none" else one.name for key, one in shelf.items()}


def runs(here: Asked) -> list[Traced]:
    """The runs that differ by penalty, its strength and the seed alone: of each penalty those as strong as it is here, or
    as it is at first."""
    course = here.recipe.course

    def shown(run: Traced) -> bool:
        penalty, strength = run.recipe.course.penalty, run.recipe.course.strength
        return strength == (course.strength if penalty == course.penalty else STRENGTHS.get(penalty))

    # Every run prunes at many sparsities: one that asked for another has this one's curves, too.
    return [run for run in found.siblings(here.recipe, "penalty", "strength", "amount") if shown(run)]


def lanes_of(here: Asked) -> list[Lane]:
    """A lane for each penalty that somebody ran."""
    return lanes(found.grouped(runs(here), "penalty"), ORDER, names())


def headline(here: Asked) -> str:
    """What the runs say about Han's finding, or the question."""
    pair = _hans(here)
    return charts.verdict(*pair, here.recipe.amount) if pair else "What do penalties do to the weights?"


def _hans(here: Asked) -> tuple[Lane, Lane] | None:
    """L1 and L2, where somebody ran both."""
    by_name = {lane.name: lane for lane in lanes_of(here)}
    first, second = by_name.get(names()["l1"]), by_name.get(names()["l2"])
    return (first, second) if first and second else None


def choices(here: Asked) -> None:
    """Which penalty, how strong, and how much is to go."""
    known, course = names(), here.recipe.course
    offered = [key for key in ORDER if key in known and (key == course.penalty or _fits(here, key))]
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="regularise-choices"):
        take = lambda key: fields.changed(here, penalty=key, strength=STRENGTHS[key])  # noqa: E731
        bench.choose_of("penalty", "lab-penalty", course.penalty, offered, known.get, take)
        if course.penalty != "none":
            fields.select(here, "strength λ", "strength", LADDER, lambda value: f"{value:g}", width=150)
        fields.select(here, "sparsity", "amount", (0.5, 0.7, 0.8, 0.9, 0.95, 0.98), as_percent, width=130)
    one = regularisers.find(course.penalty)
    if course.penalty != "none":
        st.caption(f"{one.text.partition(chr(10) * 2)[0]} It adds ${one.formula}$ to the loss.")


def _fits(here: Asked, penalty: str) -> bool:
    """Whether the model has anything that a penalty could pull on."""
    subject = kitchen.subject(here.recipe.subject)
    try:
        return penalty == "none" or bool(regularisers.find(penalty).targets(subject, subject.network))
    except ValueError:
        return False


def story(here: Asked) -> None:
    """The histogram over time, then both curves."""
    lane_list, known = lanes_of(here), runs(here)
    if not lane_list:
        st.info("Nobody ran this setting yet: run it live, or undo the last change.")
        return
    around.chart(charts.histogram(lane_list), "histogram", known)
    for column, when in zip(st.columns(2, gap="large"), ("before", "after"), strict=True):
        with column:
            around.chart(charts.pruned(lane_list, when, here.recipe.amount), when, known)
    if pair := _hans(here):
        st.markdown(f"**These runs show:** {charts.sure_at(*pair)}")


def said(here: Asked) -> None:
    """What is often said of penalties, beside what the paper reports."""
    around.often_said(
        "L1 drives many weights to zero, so it is the penalty to prune with.",
        "L1 is better right after pruning; after retraining L2 gives the best results. Plain gradient steps under L1 seldom "
        "reach zero exactly: what is small is cut afterwards.",
        "Han et al. 2015, §3.1 and figure 5 (arXiv 1506.02626)",
    )
