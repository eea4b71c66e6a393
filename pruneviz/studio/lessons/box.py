"""The box above the page on which a lesson is done: its idea, the step that is next, and in the end its question."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pruneviz import plain
from pruneviz.lesson import Lesson
from pruneviz.recipe import Recipe
from pruneviz.studio import bench
from pruneviz.studio.lessons import asking, found, progress, reading
from pruneviz.studio.lessons.places import Places
from pruneviz.studio.lessons.progress import Progress


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
        now = progress.advance(one, recipe, page)
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
