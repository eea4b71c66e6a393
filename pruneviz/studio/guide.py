"""Guide: the keys that work everywhere, and the way to the tour."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pruneviz.studio import show, welcome
from pruneviz.studio.lessons import found

KEYS = (
    ("Ctrl+Z", "Undo"),
    ("Ctrl+Shift+Z", "Redo"),
    ("Alt+P", "Pin as baseline"),
    ("Tab, Shift+Tab", "Go to the next control, or back"),
    ("← →, on a slider", "One percent less or more; with Shift, ten"),
    ("Page Up, Page Down, on a slider", "Ten percent more or less"),
    ("Home, End, on a slider", "Nothing, or everything, is removed"),
    ("Enter or Space", "Press what is in focus: a unit, a lock, a button"),
    ("← →, while presenting", "The slide before, the next slide; Escape ends"),
)
"""What works, as a visitor reads it; tests/browser/test_help.py presses them."""


def popover(pages: Sequence[tuple[str, str, str]]) -> None:
    """What «Help» opens. `pages` are the menu's."""
    with st.popover("Help", key="help", width="content"):
        if st.button("Take the tour (two minutes)", key="help-tour"):
            tour(pages)
        show.table([("key", "what it does"), *((f"**{key}**", what) for key, what in KEYS)], "Everything works by keyboard:")


def greet(pages: Sequence[tuple[str, str, str]]) -> None:
    """To somebody who is here for the first time, a quiet line that offers the tour."""
    if welcome.line():
        tour(pages)


def tour(pages: Sequence[tuple[str, str, str]]) -> None:
    """Opens the tour, which is a lesson like any other."""
    found.begin_tour(pages)
