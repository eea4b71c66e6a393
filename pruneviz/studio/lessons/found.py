"""Found: the lessons that this server has, the one that is open, and how it is begun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from pruneviz import lesson_shelf
from pruneviz.lesson import Lesson
from pruneviz.lesson_shelf import Shelf
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, house_rules, kitchen
from pruneviz.studio.lessons import progress
from pruneviz.studio.lessons.places import Places

TOUR = "tour"
"""The lesson that shows somebody new around."""


def shelf() -> Shelf:
    """The app's own lessons, then those of the folders that its owner named."""
    return lesson_shelf.read((lesson_shelf.HERE, *house_rules.lessons()))


def next_after(one: Lesson) -> Lesson | None:
    """The lesson that follows in the list; None after the last."""
    lessons = [other for section in shelf().sections().values() for other in section]
    at = next((at for at, other in enumerate(lessons) if other.name == one.name), len(lessons))
    return lessons[at + 1] if at + 1 < len(lessons) else None


def beginning(one: Lesson, hidden: tuple[str, ...] = ()) -> Recipe:
    """The Recipe that a lesson's link opens. What a teacher hid stays hidden."""
    return replace(one.start, lesson=one.name, hidden=hidden)


def begin(one: Lesson, places: Places) -> None:
    """Opens a lesson at its first step, on its page. What stood there before comes back by Undo, or by the lesson's box."""
    now = bench.recipe_now()
    recipe = beginning(one, now.hidden)
    trouble = kitchen.trouble(recipe)
    if trouble:
        bench.say(trouble)
        st.rerun()
    progress.forget(one.name)
    if not now.lesson:  # from one lesson to the next it is still the same that waits
        progress.put_aside(now)
    bench.commit(recipe)
    st.switch_page(places.file(one.page))


def begin_tour(pages: Sequence[tuple[str, str, str]]) -> None:
    """Opens the tour, which is a lesson like any other. `pages` are the menu's, each as (file, title, address)."""
    begin(shelf().lessons[TOUR], Places(pages))
