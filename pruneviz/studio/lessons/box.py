"""The box above the page on which a lesson is done: its idea, the step that is next, and in the end its question."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pruneviz import plain
from pruneviz.lesson import Lesson
from pruneviz.lesson_condition import Seen
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, reality
from pruneviz.studio.lessons import asking, found, progress, reading
from pruneviz.studio.lessons.places import Places
from pruneviz.studio.lessons.progress import Progress

STYLE = (
    "@media(min-width:901px) and (min-height:720px){"
    "[data-testid='stLayoutWrapper']:has(>.st-key-lesson .st-key-lesson-step):not(:has(details[open]))"
    "{position:sticky;top:2.5rem;z-index:90;background:Canvas}}"
    "@media(max-width:900px){"
    ".st-key-lesson-step{position:fixed;inset:auto 0 0 0;z-index:90;padding:.6rem 1rem;width:auto!important;"
    "max-height:30vh;overflow-y:auto;background:Canvas;border-top:1px solid rgba(128,128,128,.4)}"
    "[data-testid='stMainBlockContainer']:has(.st-key-lesson-step){padding-bottom:9rem!important}}"
)
"""What is to be done next stays in sight of the slider that it speaks of: with its box on a wide screen, by itself at the
foot of a narrow one. Opened to be read on, the box is a text like any other."""
DEED, ROUND = "deed", "ticket-round"
"""The controls of the tickets' page that change no number, and so are no choice of the Recipe."""


def beside(recipe: Recipe, page: str, pages: Sequence[tuple[str, str, str]]) -> None:
    """The open lesson, above the page that is shown, named by its address; nothing where no lesson is open. `pages` are the
    menu's, each as (file, title, address)."""
    if not recipe.lesson:
        return
    places = Places(pages)
    one = found.shelf().lessons.get(recipe.lesson)
    with st.container(key="lesson", border=True, gap="xsmall"):
        if one is None:
            _unknown(recipe.lesson, places)
            return
        now = progress.advance(one, recipe, _seen(recipe, page))
        _head(one, now, places)
        left, right = st.columns(2, gap="medium")
        with left:
            st.markdown(reading.shown(one.idea))
            reading.read_on(one)
        with right:
            if len(now.marks) < len(one.steps):
                _step(one, now, page, places)
            else:
                asking.question(one, now, places)


def _seen(recipe: Recipe, page: str) -> Seen:
    """What this visitor looks at; a control that the page does not have holds nothing."""
    timed = "yes" if _timed(recipe) else "no"
    return Seen(page, timed, deed=bench.entered(DEED), round=int(bench.entered(ROUND) or 0))


def _timed(recipe: Recipe) -> bool:
    """Whether times of this very setting were measured here: those of one input are there first, and more follow."""
    truth = reality.known(recipe)
    return truth is not None and bool(truth.times)


def _unknown(name: str, places: Places) -> None:
    st.markdown(f"There is no lesson «{plain.markdown(name, 60)}» here: choose one from the list, or go on without.")
    with st.container(horizontal=True, gap="small"):
        if places.has("lessons"):
            st.page_link(places.file("lessons"), label="All lessons")
        st.button("Leave the lesson", key="lesson-leave", on_click=_leave)


def _head(one: Lesson, now: Progress, places: Places) -> None:
    done, many = len(now.marks), len(one.steps)
    where = f"step {done + 1} of {many}" if done < many else "all steps done"
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="lesson-head"):
        st.markdown(f"**Lesson: {plain.markdown(one.title)}** · {where}", width="content")
        st.space("stretch")
        if st.button("Start over", key="lesson-again", type="tertiary"):
            found.begin(one, places)
        st.button("Leave the lesson", key="lesson-leave", type="tertiary", on_click=_leave)
    _put_aside()


def _put_aside() -> None:
    """What a lesson took away is said, and comes back with one press, however many steps were made since."""
    before = progress.before()
    if before is None or not (before.pins or before.limits):
        return
    pins, limits = len(before.pins), len(before.limits)
    what = " and ".join(
        f"{count} {noun}{'s' * (count > 1)}" for count, noun in ((pins, "pinned setting"), (limits, "limit")) if count
    )
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="lesson-aside"):
        st.caption(f"A lesson begins afresh: your setting with {what} is put aside.", width="content")
        st.button("Leave, and bring it back", key="lesson-back", type="tertiary", on_click=_bring_back, args=(before,))


def _bring_back(before: Recipe) -> None:
    bench.commit(before, bench.why_not(before))


def _step(one: Lesson, now: Progress, page: str, places: Places) -> None:
    """The step that is next, below what the one before it was."""
    at = len(now.marks)
    step = one.steps[at]
    with st.container(key="lesson-step", gap="xxsmall"):
        if at:
            before = "✓" if now.marks[-1] == progress.DONE else "Skipped:"
            st.caption(f"{before} {reading.shown(one.steps[at - 1].say)}")
        st.markdown(f"**Now:** {reading.shown(step.say)}")
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="lesson-now"):
        if step.page and step.page != page and places.has(step.page):
            st.page_link(places.file(step.page), label=f"Go to the page «{places.title(step.page)}»")
        st.button("Skip this step", key="lesson-skip", type="tertiary", on_click=progress.skip, args=(one.name,))


def _leave() -> None:
    bench.change(lesson="")
