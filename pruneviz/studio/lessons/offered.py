"""Offered: the lessons that begin on a page, as ways in on that page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pruneviz import plain
from pruneviz.studio import bench
from pruneviz.studio.lessons import found
from pruneviz.studio.lessons.places import Places


def on(page: str, pages: Sequence[tuple[str, str, str]]) -> None:
    """A button for each lesson that begins on this page, named by its address; none while a lesson is open, or where a
    teacher's link hides the lessons. `pages` are the menu's, each as (file, title, address)."""
    now = bench.recipe_now()
    lessons = [one for one in found.shelf().lessons.values() if one.page == page]
    if now.lesson or "page:lessons" in now.hidden or not lessons:
        return
    with st.container(horizontal=True, gap="small", key="lessons-here"):
        for one in lessons:
            short = one.title.partition(":")[0]  # a narrow screen cuts a long label off
            label = f"Lesson: {plain.markdown(short)} ({one.minutes} min)"
            if st.button(label, key=f"lesson-here-{one.name}", help=plain.markdown(one.title)):
                found.begin(one, Places(pages))
