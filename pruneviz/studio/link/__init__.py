"""Copy link: a button that puts the page's address on the clipboard, and says so."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

from pruneviz.query import to_query
from pruneviz.recipe import Recipe

_HERE = Path(__file__).resolve().parent
_COPY = st.components.v2.component(
    "pruneviz_copy_link",
    html='<button type="button" class="pv-copy">Copy link</button>\n<span class="pv-copied" role="status"></span>',
    css=(_HERE / "link.css").read_text("utf-8"),
    js=(_HERE / "link.js").read_text("utf-8"),
)


def copy_link(recipe: Recipe) -> None:
    """The button. `recipe` is the visitor's, with what a link says about the files it was made with."""
    _COPY(key="copy_link", data={"query": urlencode(to_query(recipe))}, width="content", height="content")
