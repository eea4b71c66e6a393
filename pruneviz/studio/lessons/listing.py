"""The list of all lessons: what each is for, how long it takes, how far this tab's visitor is, and the way in."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pruneviz import plain
from pruneviz.lesson import Lesson
from pruneviz.studio import bench
from pruneviz.studio.lessons import found, progress, reading
from pruneviz.studio.lessons.places import Places

NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")


def headline() -> str:
    """How many lessons there are, and how long all of them take."""
    lessons = found.shelf().lessons.values()
    many, minutes = len(lessons), sum(one.minutes for one in lessons)
    count = NUMBERS[many] if many < len(NUMBERS) else f"{many}"
    if not many:
        return "No lessons are here"
    return f"{count} {'lesson' if many == 1 else 'lessons'}, {minutes} {'minute' if minutes == 1 else 'minutes'} in all"


def listed(pages: Sequence[tuple[str, str, str]]) -> None:
    """All lessons under the sections that they are for, and a word about each file that is none."""
    shelf = found.shelf()
    for trouble in shelf.troubles:
        st.warning(plain.markdown(trouble, 700))
    for section, lessons in shelf.sections().items():
        st.subheader(plain.markdown(section), anchor=False)
        for one in lessons:
            _row(one, Places(pages))


def _row(one: Lesson, places: Places) -> None:
    now = progress.of(one.name)
    opened = bool(now.marks) or bench.recipe_now().lesson == one.name
    with st.container(key=f"lesson-row-{one.name}", horizontal=True, gap="medium", vertical_alignment="center"):
        with st.container(gap="xxsmall", width="stretch"):
            st.markdown(f"**{plain.markdown(one.title)}**  \n{reading.shown(one.idea)}")
            st.caption(" · ".join([f"{one.minutes} min", _many(len(one.steps), "step"), *_state(one)]))
        label = "Start again" if opened else "Start"
        named = f"{label} the lesson «{plain.one_line(one.title)}»"
        if st.button(label, key=f"lesson-start-{one.name}", help=plain.markdown(named)):
            found.begin(one, places)


def _state(one: Lesson) -> list[str]:
    """How far this tab's visitor is, if they have begun."""
    now = progress.of(one.name)
    if len(now.marks) < len(one.steps):
        return [f"{len(now.marks)} of them done"] if now.marks else []
    return ["all done, question answered" if now.answer >= 0 else "all done, the question is open"]


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
