"""Schedule: the page that asks how fast weights should go. Four schedules, one sparsity, equal steps."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pruneviz.charts.labs import schedule as charts
from pruneviz.charts.labs.lanes import Lane, lanes
from pruneviz.engine.training import schedules
from pruneviz.studio import kitchen, show
from pruneviz.studio.labs import around, fields, found
from pruneviz.studio.labs.asked import Asked
from pruneviz.traced import Traced

ORDER = ("one-shot", "linear", "cubic", "rounds")
"""The schedules on offer, and their looks in this order; a link may also follow points of its own."""
SHORT = {"one-shot": "One-shot", "linear": "Linear", "cubic": "Cubic", "rounds": "By rounds", "points": "Own points"}
STARTS = {"": "the trained model", "scratch": "fresh weights"}


def runs(here: Asked) -> list[Traced]:
    """The runs that differ by schedule and seed alone."""
    return found.siblings(here.recipe, "schedule")


def lanes_of(here: Asked) -> list[Lane]:
    """A lane for each schedule that somebody ran."""
    return lanes(found.grouped(runs(here), "schedule"), ORDER, SHORT)


def headline(here: Asked) -> str:
    """What the runs say."""
    ended = [lane for lane in lanes_of(here) if any(run.done for run in lane.runs)]
    return charts.outcome_title(ended, SHORT["one-shot"]) if ended else "How fast should weights go?"


def choices(here: Asked) -> None:
    """When how much goes. Every one of these redraws the plan at once; a run is only asked for below."""
    course = here.recipe.course
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="schedule-choices"):
        offered = (*ORDER, course.schedule) if course.schedule not in ORDER else ORDER
        fields.choose(here, "schedule", "schedule", offered, lambda key: SHORT.get(key, key))
        fields.percent(here, "sparsity at the end", "amount", 10.0, 99.0, width=220)
        fields.span(here, "pruned from, to (share of the steps)", ("start", "stop"), width=260)
        fields.number(here, "cuts", "times", 1, 200, width=130)
        fields.choose(here, "starts from", "method", [*STARTS], STARTS.get)


def plan(here: Asked) -> None:
    """What every schedule asks for, before anything is trained."""
    recipe = here.recipe
    keys = dict.fromkeys((*ORDER, recipe.course.schedule))
    curves = {
        key: schedules.drawn(replace(recipe.course, schedule=key), recipe.amount)
        for key in keys
        if key != "points" or recipe.course.points
    }
    order = [*keys]
    steps = recipe.course.steps
    show.chart(charts.asked(curves, recipe.course.schedule, order, SHORT, steps, steps + recipe.course.retrain), "asked-for")
    st.caption(schedules.find(recipe.course.schedule).text.partition("\n\n")[0])


def story(here: Asked) -> None:
    """What came of it: the saw-tooth, where each ends, and what is left of which layer."""
    lane_list, mine = lanes_of(here), SHORT.get(here.recipe.course.schedule, here.recipe.course.schedule)
    if not lane_list:
        st.info("Nobody ran this setting yet: run it live, or undo the last change.")
        return
    known = runs(here)
    around.chart(charts.recovery(lane_list, mine), "recovery", known)
    right = st.container()
    if any(run.done for run in known):
        left, right = st.columns(2, gap="large")
        with left:
            around.chart(charts.outcome(lane_list, SHORT["one-shot"]), "outcome", known)
    own = next((lane for lane in lane_list if lane.name == mine), None)
    if own is not None:
        layers = kitchen.subject(here.recipe.subject).layers
        with right:
            one = next((run for run in own.runs if run.recipe.seed == here.recipe.seed), own.runs[0])
            chart = charts.alive(one, [layer.label for layer in layers], [layer.size for layer in layers], mine)
            around.chart(chart, "alive", [one])


def said(here: Asked) -> None:
    """What is often said of schedules, beside what their papers report."""
    around.often_said(
        "Pruning everything at once hurts much; step by step is better.",
        "Retraining between cuts takes AlexNet from 5 × to 9 × fewer weights at no loss, while half of them go without any "
        "retraining. The cubic schedule removes fast at first and slowly later, when every weight counts.",
        "Han et al. 2015, §3.4 and §5 (arXiv 1506.02626); Zhu and Gupta 2017 (arXiv 1710.01878)",
    )
