"""Recovery: the door of «how much comes back?» on the slider's page. Nothing behind it is loaded before it is opened."""

from __future__ import annotations

import streamlit as st

from pruneviz.course import Course
from pruneviz.recipe import Recipe
from pruneviz.studio import bench
from pruneviz.studio.scrubber import Line, Panel

OPEN = "recover"
LAB = "recover"
"""The name of the lab behind it."""


def beside(panel: Panel, recipe: Recipe) -> Line | None:
    """The second curve of the hero: what came back where it was recovered, else what is shipped."""
    if not opened(recipe):
        return panel.tuned
    from pruneviz.studio.labs import recovered

    return recovered.line(recipe, share=panel.share) or panel.tuned


def part(recipe: Recipe) -> None:
    """The question, and behind it all that it takes to answer it."""
    if bench.is_hidden("recover"):
        return
    if not opened(recipe):
        st.button("Recover: how much comes back?", key="recover-open", on_click=bench.note, args=(OPEN, True))
        return
    from pruneviz.studio.labs import recover

    recover.panel(recipe)
    st.button("Close", key="recover-close", on_click=_close)


def opened(recipe: Recipe) -> bool:
    """Whether the door stands open: it was opened in this tab, or the link says how to recover."""
    return bool(bench.noted(OPEN)) or recipe.course.lab == LAB


def _close() -> None:
    """Closes the door; what was chosen behind it is no part of the link any more."""
    bench.note(OPEN, False)
    if bench.recipe_now().course.lab == LAB:
        bench.change(course=Course())
