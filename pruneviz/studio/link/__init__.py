"""Copy link: a button that puts the page's address on the clipboard, and says so."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).resolve().parent
_COPY = st.components.v2.component(
    "pruneviz_copy_link",
    html='<button type="button" class="pv-copy">Copy link</button>\n<span class="pv-copied" role="status"></span>',
    css=(_HERE / "link.css").read_text("utf-8"),
    js=(_HERE / "link.js").read_text("utf-8"),
)


def copy_link() -> None:
    """The button. The address always holds the whole Recipe, so copying it is all there is to do."""
    _COPY(key="copy_link", width="content", height="content")
