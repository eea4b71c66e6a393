"""Welcome: a quiet line for somebody who is here for the first time. Only their own browser remembers that they were."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).resolve().parent
_LINE = st.components.v2.component(
    "pruneviz_welcome",
    html='<p class="pv-welcome" hidden>New here? <button type="button" class="pv-tour">Take a tour of two minutes</button>'
    '\n<button type="button" class="pv-no">No, thanks</button></p>',
    css=(_HERE / "welcome.css").read_text("utf-8"),
    js=(_HERE / "welcome.js").read_text("utf-8"),
)


def line() -> bool:
    """Shows the line where it was never answered; True on the one run after the tour was chosen."""
    return bool(_LINE(key="welcome", on_tour_change=_nothing, width="stretch", height="content").tour)


def _nothing() -> None:
    """The choice is read from what the component returns."""
