"""For teachers: a link that opens a lesson, or the setting as it is, with fewer controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlencode, urlsplit

import streamlit as st

from pruneviz import plain
from pruneviz.query import to_query
from pruneviz.studio import bench, made_with
from pruneviz.studio.lessons import found
from pruneviz.studio.lessons.places import Places

CONTROLS = {
    "subject": "model",
    "bring": "Bring your own",
    "granularity": "what goes",
    "criterion": "criterion",
    "scope": "compared",
    "pool": "pooled by",
    "floor": "always stays",
    "challenges": "things to try under the slider",
    "layer": "layer",
    "shape": "weights: w or |w|",
    "axis": "axis: linear or log",
    "against": "the criterion to compare with",
    "sampled": "how many weights are deleted one at a time",
    "batch": "batch",
    "threads": "threads",
    "length": "tokens",
}
"""What a teacher may hide, by the name that stands in the link, as the screen says it."""
_AS_IT_IS = ""


def editor(pages: Sequence[tuple[str, str, str]]) -> None:
    """Which lesson, which controls stay away, and the link that opens it so."""
    lessons, places = found.shelf().lessons, Places(pages)
    names = {_AS_IT_IS: "no lesson: the setting as it is now"} | {
        name: plain.one_line(one.title) for name, one in lessons.items()
    }
    hideable = CONTROLS | {f"page:{url}": f"page {title}" for _, title, url in pages if url != "lessons"}
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="teacher"):
        chosen = st.selectbox("the link opens", [*names], format_func=names.get, key="teacher-opens")
        hidden = st.multiselect("hidden in it", [*hideable], None, hideable.get, key="teacher-hides", placeholder="nothing")
    st.code(_link(chosen, tuple(hidden), places), language=None, wrap_lines=True)
    st.caption(
        "Whoever opens the link sees the same app without the controls that you hid. A hidden control keeps its setting; "
        "nothing is locked, so this is for calm, not for exams."
    )
    st.markdown(
        "A lesson of your own is one text file. Put it into a folder, start the app with `PRUNEVIZ_LESSONS=that-folder`, "
        "and it stands in the list above. `docs/lessons.md` has the format."
    )


def _link(name: str, hidden: tuple[str, ...], places: Places) -> str:
    """The address that opens a lesson, or the setting as it is now, without the hidden controls."""
    one = found.shelf().lessons.get(name)
    if one is None:
        recipe, path = made_with.seal(replace(bench.recipe_now(), hidden=hidden, lesson="")), ""
    else:
        recipe, path = found.beginning(one, hidden), places.path(one.page)
    query = urlencode(to_query(recipe))
    return f"{_server()}{path}{'?' if query else ''}{query}"


def _server() -> str:
    """The app's own address as this visitor's browser knows it, up to its last slash."""
    said = urlsplit(st.context.url or "")
    folder = said.path.rpartition("/")[0]
    return f"{said.scheme}://{said.netloc}{folder}/" if said.netloc else "/"
