"""Recover: asks on the slider's page for what training brings back. Its runs are the office's, as those of any lab."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from pruneviz import plain
from pruneviz.charts.chart import as_percent
from pruneviz.course import Course
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, catalogue, kitchen
from pruneviz.studio.labs import fields, live, office, recovered
from pruneviz.studio.labs.asked import Asked
from pruneviz.traced import Traced

WAYS = {
    "fine-tune": "Fine-tune", "fine-tune-removed": "Fine-tune the smaller network",
    "batchnorm": "BatchNorm statistics only",
}  # fmt: skip
RATES = (1e-4, 3e-4, 1e-3, 3e-3)
WHOLE = (0.5, 0.7, 0.8, 0.9, 0.95)
"""The amounts of a whole curve."""
TEACHERS = {0.0: "the labels", 0.5: "the dense network too"}
"""How much of the loss is the dense network's word, and how a menu says it."""
MOST = 20_000
"""Steps."""


def panel(recipe: Recipe) -> None:
    """The choices, what they cost, the button; how far it is; and what came of it."""
    st.subheader("Recover: how much comes back?", anchor=False)
    trouble = impossible(recipe)
    if trouble:
        st.info(trouble)
        return
    here = _here(recipe)
    _choices(here)
    course, known = _run_of(here.recipe.course), recovered.runs(recipe)
    going = [run for run in known if live.goes_on(run)]
    if going:
        _going(going)
    else:
        _offer(replace(recipe, course=course), known)
    recovered.results(recovered.shown(known, course))


def _here(recipe: Recipe) -> Asked:
    """What is chosen: the visitor's course where it is a recovery, else what is offered; a way that this model or this cut
    does not have is none."""
    chosen, ways = recipe.course.lab == recovered.LAB, _ways(recipe)
    course = recipe.course if chosen else recovered.OFFERED
    course = course if course.method in ways else replace(course, method=ways[0])
    return Asked(recovered.LAB, replace(recipe, course=course), chosen)


def _run_of(course: Course) -> Course:
    """The course that is run: with twenty moments, and of what its way does not use nothing, so that equal runs are one."""
    looks = {"steps": course.steps, "every": max(1, course.steps // 20), "threads": course.threads}
    if course.method == "batchnorm":
        return Course(lab=recovered.LAB, method=course.method, batch=course.batch, **looks)
    return replace(course, **looks)


def impossible(recipe: Recipe) -> str:
    """Why nothing can be trained here, in a sentence; empty where it can."""
    subject = kitchen.subject(recipe.subject)
    name = plain.markdown(subject.title, 128)
    if subject.training is None or not len(subject.training):
        return f"{name} has no training data here, so nothing can be recovered: give its card a training split."
    if kitchen.heavy(recipe.subject):
        return f"{name} is too heavy to be trained beside the slider: `python -m pruneviz train` recovers it."
    if not recipe.amount:
        return "Nothing is removed yet, so there is nothing to recover: drag the slider first."
    return ""


def _choices(here: Asked) -> None:
    """Which way, how long, how fast, and whether the dense network teaches."""
    method = here.recipe.course.method
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="recover-choices"):
        fields.choose(here, "way", "method", _ways(here.recipe), WAYS.get)
        fields.number(here, "batches" if method == "batchnorm" else "steps", "steps", 1, MOST, step=50, width=130)
        if method != "batchnorm":
            fields.select(here, "learning rate", "rate", RATES, "{:g}".format, width=130)
            fields.choose(here, "teacher", "distil", TEACHERS, TEACHERS.get)


def _ways(recipe: Recipe) -> list[str]:
    from pruneviz.engine.training import batch_statistics

    lacks = set() if batch_statistics.norms(kitchen.subject(recipe.subject).network) else {"batchnorm"}
    lacks |= set() if recipe.granularity in catalogue.UNITS and recipe.granularity != "layer" else {"fine-tune-removed"}
    return [way for way in WAYS if way not in lacks]


def _offer(recipe: Recipe, known: Sequence[Traced]) -> None:
    """The two buttons: this setting, or five amounts at once. What was done already is not done again."""
    curve = [replace(recipe, amount=amount) for amount in WHOLE] if ":" not in recipe.granularity else []
    done = {run.recipe.amount for run in known if run.done and recovered.alike(run.recipe.course, recipe.course)}
    left, short = ([one for one in many if one.amount not in done] for many in ([recipe], curve))
    try:
        steps = live.planned(recipe)
    except ValueError as problem:
        st.info(plain.markdown(f"This cannot be run: {problem}.", 512))
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="recover-run"):
        label = f"Recover {as_percent(recipe.amount)}"
        st.button(label, key="recover", type="primary", disabled=not left, on_click=_start, args=(left,))
        if curve:
            said = f"At {', '.join(map(as_percent, WHOLE))}."
            st.button(
                "Recover the whole curve", key="recover-curve", disabled=not short, on_click=_start, args=(short,), help=said
            )
        about = f"{steps:,} steps{live.takes(recipe, steps)}"
        whole = steps * len(short)
        tail = f"; the whole curve: {whole:,} steps{live.takes(recipe, whole)}" if short else ""
        st.caption("This was recovered already." if not left else f"One recovery: {about}{tail}.", width="content")


def _start(recipes: Sequence[Recipe]) -> None:
    for recipe in recipes:
        try:
            office.start(recipe)
        except (ValueError, RuntimeError) as problem:
            bench.say(plain.markdown(f"{problem}.", 512))
            return


@st.fragment(run_every=live.POLL)
def _going(going: Sequence[Traced]) -> None:
    """How far they are; the page is drawn anew when one of them has ended."""
    watched = [office.watch(run.key) for run in going]
    steps, of = sum(one.run.step for one in watched), sum(one.run.of or one.run.recipe.course.steps for one in watched)
    # Those that wait take as long for a step as those that have come further.
    gone, took = (sum(getattr(one.run, name) for one in watched if one.run.step) for name in ("step", "seconds"))
    left = took / gone * (of - steps) if gone else 0.0
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="recovering"):
        words = f"{steps:,} of {of:,} steps{f', about {live.duration(left)} left' if left else ''}"
        st.progress(min(1.0, steps / max(1, of)), words, width="stretch")
        pressed = st.button("Cancel", key="recover-cancel", on_click=_cancel, args=([run.key for run in going],))
    ended = any(one.run.state not in office.RUNNING or one.idle for one in watched)
    if pressed or (ended and not bench.covered()):
        st.rerun()


def _cancel(keys: Sequence[str]) -> None:
    for key in keys:
        office.cancel(key)
