"""Recovered: what training brought back of what pruning took, as the hero's second curve and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial

import streamlit as st

from pruneviz import plain
from pruneviz.charts.chart import as_percent, number
from pruneviz.course import Course
from pruneviz.query import to_pin
from pruneviz.recipe import Recipe
from pruneviz.report import wilson
from pruneviz.studio import bench, kitchen, show
from pruneviz.studio.labs import around, found, live, office
from pruneviz.studio.labs.asked import at_home
from pruneviz.studio.scrubber import Line
from pruneviz.traced import Traced

LAB = "recover"
OFFERED = Course(lab=LAB, method="fine-tune", steps=200, rate=1e-3, annealing="cosine")
"""What is offered before anything is chosen."""
OPEN = "The recovered network as a model of its own: to look at, to prune further, to export. Undo leads back."
WEIGHTS = "The recovered network's tensors as safetensors. Opened, it can be exported with all that loads it again."
PIN = "Puts the recovered network beside the others on the page Compare."


def line(recipe: Recipe, *, share: bool) -> Line | None:
    """What came back at each amount, in the way that is chosen, else in that which was recovered last; None where nobody
    recovered this ranking."""
    done = [run for run in runs(recipe) if run.done]
    done = shown(done, recipe.course if recipe.course.lab == LAB else OFFERED)
    if not done:
        return None
    scale = 100 if share else 1
    values = [scale * _value(run) for run in done]
    ends = [wilson(int(run.last("correct")), int(run.last("n"))) for run in done] if share else None
    low, high = ([scale * end[side] for end in ends] if ends else None for side in (0, 1))
    percents = [100 * run.recipe.amount for run in done]
    return Line(percents, values, low, high, f"after recovery ({_way(done[0].recipe.course)})")


def runs(recipe: Recipe) -> list[Traced]:
    """All recoveries of this ranking on this model, whatever the amount and the way, the latest first."""
    wanted = _ranking(recipe)
    return found.those(replace(recipe, course=Course(lab=LAB)), lambda one: _ranking(one) == wanted)


def shown(known: Sequence[Traced], chosen: Course) -> list[Traced]:
    """Those that were recovered in the way that is chosen, by amount; where none was, in the last way."""
    same = [run for run in known if alike(run.recipe.course, chosen)]
    same = same or [run for run in known if run.recipe.course == known[0].recipe.course]
    return sorted(same, key=lambda run: run.recipe.amount)


def alike(one: Course, other: Course) -> bool:
    """Whether two courses recover in the same way, however often one looks at it."""
    if "batchnorm" in (one.method, other.method):
        return (one.method, one.steps, one.batch) == (other.method, other.steps, other.batch)
    return replace(one, every=other.every) == other


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
    """What these recoveries brought, a sentence each and what can be done with it, and their bill."""
    for run in known:
        if run.done:
            _result(run)
        elif not live.goes_on(run):
            why = f": {plain.markdown(run.trouble, 200)}" if run.trouble else ""
            far = f" after {run.step:,} of {run.of:,} steps" if run.step else ""
            st.caption(f"At {as_percent(run.recipe.amount)} the recovery {live.stands(run)}{far}{why}.")
    done = [run for run in known if run.done]
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


def _result(run: Traced) -> None:
    """What one brought. Its network is a model like any other: it can be opened, and pinned beside what it came from."""
    at = f"{100 * run.recipe.amount:g}"
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key=f"recovered-{at}"):
        st.markdown(told(run), width="stretch")
        if not run.shipped:
            opened = around.network(run)
            st.button("Open", key=f"open-recovered-{at}", on_click=_open, args=(opened,), help=OPEN)
            pinned = to_pin(opened) in bench.recipe_now().pins
            st.button(
                "Pinned" if pinned else "Pin", key=f"pin-recovered-{at}", on_click=bench.pin, args=(opened,),
                disabled=pinned, help=PIN,
            )  # fmt: skip
            st.download_button(
                "Weights", partial(office.weights, run.key), file_name="recovered.safetensors", on_click="ignore",
                mime="application/octet-stream", key=f"weights-recovered-{at}", help=WEIGHTS,
            )  # fmt: skip


def _open(recipe: Recipe) -> None:
    after = at_home(recipe)
    bench.commit(after, bench.why_not(after))


def _row(run: Traced) -> tuple[str, ...]:
    share = run.last("accuracy") is not None
    said = as_percent if share else number
    gains = [_points(run.last(name)) if share else number(run.last(name)) for name in ("gain", "gain_low", "gain_high")]
    return (as_percent(run.recipe.amount), said(_first(run)), said(_value(run)), *gains)


@lru_cache(8192)
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
