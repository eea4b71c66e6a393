"""Recovered: what training brought back of what pruning took, as the hero's second curve and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from pruneviz import plain
from pruneviz.charts.chart import as_percent, number
from pruneviz.course import Course
from pruneviz.recipe import Recipe
from pruneviz.report import wilson
from pruneviz.studio import kitchen, show
from pruneviz.studio.labs import found, live
from pruneviz.studio.scrubber import Line
from pruneviz.traced import Traced

LAB = "recover"


def line(recipe: Recipe, *, share: bool) -> Line | None:
    """What came back at each amount, in the way that was recovered last; None where nobody recovered this ranking."""
    shown = latest([run for run in runs(recipe) if run.done])
    if not shown:
        return None
    scale = 100 if share else 1
    values = [scale * _value(run) for run in shown]
    ends = [wilson(int(run.last("correct")), int(run.last("n"))) for run in shown] if share else None
    low, high = ([scale * end[side] for end in ends] if ends else None for side in (0, 1))
    percents = [100 * run.recipe.amount for run in shown]
    return Line(percents, values, low, high, f"after recovery ({_way(shown[0].recipe.course)})")


def runs(recipe: Recipe) -> list[Traced]:
    """All recoveries of this ranking on this model, whatever the amount and the way, the latest first."""
    wanted = _ranking(recipe)
    known = found.all_of(replace(recipe, course=Course(lab=LAB)))
    return [run for run in known if _ranking(run.recipe) == wanted]


def latest(known: Sequence[Traced]) -> list[Traced]:
    """Those that were recovered in the same way as the last one, by amount."""
    same = [run for run in known if run.recipe.course == known[0].recipe.course]
    return sorted(same, key=lambda run: run.recipe.amount)


def told(run: Traced) -> str:
    """What a recovery brought, with its interval, in one sentence."""
    gain, low, high = (run.last(name) for name in ("gain", "gain_low", "gain_high"))
    start, end, n = _first(run), _value(run), int(run.last("n"))
    at = f"At {as_percent(run.recipe.amount)}, {_way(run.recipe.course)}"
    if run.last("accuracy") is None:
        ends = " to ".join(number(one) for one in (low, high))
        return f"{at}: from {number(start)} to {number(end)}; loss saved {number(gain)} nats ({ends}), {n:,} samples."
    ends = f"{_points(low)} to {_points(high)}"
    said = f"{at}: accuracy from {as_percent(start)} to {as_percent(end)}, {_points(gain)} points gained ({ends})"
    if low <= 0 <= high:
        said = (
            f"{at}: accuracy from {as_percent(start)} to {as_percent(end)}, a gain that nobody can tell from none ({ends})"
        )
    return f"{said}. Before pruning it was {as_percent(run.last('dense'))}."


def results(known: Sequence[Traced]) -> None:
    """What the recoveries in the way that was tried last brought, a sentence each, with their bill."""
    shown = latest(known)
    for run in shown:
        if run.done:
            st.markdown(told(run))
        elif run.state in ("failed", "cancelled", "paused"):
            why = f": {plain.markdown(run.trouble, 200)}" if run.trouble else ""
            st.caption(f"At {as_percent(run.recipe.amount)} the recovery {live.WORDS[run.state]}{why}.")
    done = [run for run in shown if run.done]
    if not done:
        return
    n, bill = int(done[0].last("n")), sum(run.step for run in done)
    st.caption(
        f"Bill: {bill:,} training steps, {live.duration(sum(run.seconds for run in done))}. One run each, seed "
        f"{done[0].recipe.seed}; 95% intervals of the gain on the same {n:,} held-out samples, not over other seeds."
    )
    header = ("removed", "right after the cut", "recovered", "gain", "95% from", "to")
    with st.expander("View as table", key="recover-table"):
        st.markdown(show.lines([header, *map(_row, done)]))


def _row(run: Traced) -> tuple[str, ...]:
    share = run.last("accuracy") is not None
    said = as_percent if share else number
    gains = [_points(run.last(name)) if share else number(run.last(name)) for name in ("gain", "gain_low", "gain_high")]
    return (as_percent(run.recipe.amount), said(_first(run)), said(_value(run)), *gains)


def _ranking(recipe: Recipe) -> Recipe:
    return replace(kitchen.measured_part(recipe), amount=0.0, course=Course())


def _value(run: Traced) -> float:
    return run.last("value") if run.last("accuracy") is None else run.last("accuracy")


def _first(run: Traced) -> float:
    """What the network was worth right after the cut."""
    return float(run.series("value" if run.last("accuracy") is None else "accuracy")[1][0])


def _way(course: Course) -> str:
    """The way of a recovery, for a label."""
    if course.method == "batchnorm":
        return f"BatchNorm statistics, {course.steps:,} batches"
    where = " in the smaller network" if course.method == "fine-tune-removed" else ""
    return f"fine-tuned{where}, {course.steps:,} steps{', taught' if course.distil else ''}"


def _points(share: float) -> str:
    return f"{100 * share:.1f}".replace("-", "−")
