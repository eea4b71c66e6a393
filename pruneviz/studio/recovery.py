"""Recovery: the door of «how much comes back?» on the slider's page. Nothing behind it is loaded before it is opened."""

from __future__ import annotations

import streamlit as st

from pruneviz.recipe import Recipe
from pruneviz.studio import bench
from pruneviz.studio.scrubber import Line, Panel

OPEN = "recover"


def beside(panel: Panel, recipe: Recipe) -> Line | None:
    """The second curve of the hero: what came back where it was recovered, else what is shipped."""
    if not bench.noted(OPEN):
        return panel.tuned
    from pruneviz.studio.labs import recovered

    return recovered.line(recipe, share=panel.share) or panel.tuned


def part(recipe: Recipe) -> None:
    """The question, and behind it all that it takes to answer it."""
    if bench.is_hidden("recover"):
        return
    if not bench.noted(OPEN):
        st.button("Recover: how much comes back?", key="recover-open", on_click=bench.note, args=(OPEN, True))
        return
    from pruneviz.studio.labs import recover

    recover.panel(recipe)
    st.button("Close", key="recover-close", on_click=bench.note, args=(OPEN, False))
