"""Schedule: the page that asks how fast weights should go. Four schedules, one sparsity, equal steps."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pruneviz.charts.labs import schedule as charts
from pruneviz.charts.labs.lanes import Lane, lanes
from pruneviz.engine.training import schedules
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, kitchen, show
from pruneviz.studio.labs import around, fields, found
from pruneviz.studio.labs.asked import Asked
from pruneviz.traced import Traced

ORDER = ("one-shot", "linear", "cubic", "rounds", "points")
"""The schedules on offer, and their looks in this order."""
SHORT = {"one-shot": "One-shot", "linear": "Linear", "cubic": "Cubic", "rounds": "By rounds", "points": "Own points"}
POINTS = ((0.25, 0.5), (0.5, 0.8), (0.75, 0.9))
"""Points of one's own at first: shares of the way, and of the final sparsity what is gone there."""
MOST = 6
"""So many points can be set here; a link may have more."""
STARTS = {"": "the trained model", "scratch": "fresh weights"}


def runs(here: Asked) -> list[Traced]:
    """The runs that differ by schedule and seed alone. Only a run along points of one's own hears of them."""
    points = here.recipe.course.points

    def shown(run: Traced) -> bool:
        return run.recipe.course.points == (points if run.recipe.course.schedule == "points" else ())

    return [run for run in found.siblings(here.recipe, "schedule", "points") if shown(run)]


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
        take = lambda key: fields.changed(here, schedule=key, points=_first(here) if key == "points" else ())  # noqa: E731
        bench.choose_of("schedule", "lab-schedule", course.schedule, offered, lambda key: SHORT.get(key, key), take)
        fields.percent(here, "sparsity at the end", "amount", 10.0, 99.0, width=220)
        fields.span(here, "pruned from, to (share of the steps)", ("start", "stop"), width=260)
        fields.number(here, "cuts", "times", 1, 200, width=130)
        fields.choose(here, "starts from", "method", [*STARTS], STARTS.get)
    if course.schedule == "points":
        _points(here)


def _first(here: Asked) -> tuple[tuple[float, float], ...]:
    """The points that one begins with, below the sparsity that is asked for."""
    return here.recipe.course.points or tuple((at, round(share * here.recipe.amount, 4)) for at, share in POINTS)


def _points(here: Asked) -> None:
    """A point of one's own is two numbers: how far along the way, and what is gone there."""
    points = here.recipe.course.points
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="schedule-points"):
        for at in range(min(MOST, len(points))):
            for side, label in enumerate((f"point {at + 1}: at % of the way", "% removed there")):
                take = lambda value, at=at, side=side: _moved(here, at, side, value)  # noqa: E731
                now = round(100 * points[at][side], 6)
                bench.number_of(label, f"lab-point-{at + 1}-{side + 1}", now, (0.0, 100.0), take, step=1.0, width=170)
        if len(points) < MOST:
            st.button("Add a point", key="add-point", on_click=_put, args=(here, (*points, _between(here))))
        if len(points) > 1:
            st.button("Take the last away", key="drop-point", on_click=_put, args=(here, points[:-1]))


def _moved(here: Asked, at: int, side: int, value: float) -> Recipe:
    """The Recipe with one number of one point put anew."""
    points = [list(point) for point in here.recipe.course.points]
    points[at][side] = round(value / 100, 6)
    return fields.changed(here, points=tuple(map(tuple, points)))


def _between(here: Asked) -> tuple[float, float]:
    """One more point: half of what is left of the way after the last, and of what is left to remove."""
    at, gone = max(here.recipe.course.points, default=(0.0, 0.0))
    return round((at + 1) / 2, 4), round((gone + here.recipe.amount) / 2, 4)


def _put(here: Asked, points: tuple[tuple[float, float], ...]) -> None:
    after = fields.changed(here, points=points)
    bench.commit(after, bench.why_not(after))


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
