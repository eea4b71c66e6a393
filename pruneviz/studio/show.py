"""Show: how a chart, a table and a long computation appear on a page."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import streamlit as st

from pruneviz import plain
from pruneviz.charts import theme
from pruneviz.charts.chart import Chart
from pruneviz.charts.passage import Text
from pruneviz.studio import bench

STYLE = (
    ".stPlotlyChart .modebar{opacity:0;transition:opacity .2s}"
    ".stPlotlyChart:hover .modebar,.stPlotlyChart:focus-within .modebar{opacity:1}"
    ".stPlotlyChart,.stPlotlyChart .js-plotly-plot{overflow:visible!important}"
    ".stPlotlyChart .modebar-container{top:-1rem!important}"
)
"""A toolbar comes when somebody points at the chart, and stands between its title and its first marks."""
Found = TypeVar("Found")
_SIGNS = str.maketrans({sign: f"\\{sign}" for sign in "<[`$"})
# A title may name a class or a token that came from a file: its stars and lines are words.
_TITLE_SIGNS = _SIGNS | str.maketrans({sign: f"\\{sign}" for sign in "*_"})
# The toolbar offers the picture as a file; nothing else of Plotly's is of use to a visitor.
_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["zoom", "pan", "select", "lasso2d", "zoomIn", "zoomOut", "autoScale", "resetScale"],
}


def chart(one: Chart, key: str, on_pick: Callable[[list[Any]], None] | None = None) -> None:
    """A chart under its finding, with its words for a screen reader and its numbers as a table.

    `on_pick` hears on which marks a visitor clicked, by what their `customdata` say. Only markers tell of a click.
    """
    st.subheader(one.title.translate(_TITLE_SIGNS), anchor=False)
    figure = theme.on_dark(one.figure) if dark() else one.figure
    how = {"on_select": lambda: _picked(key, on_pick), "selection_mode": "points"} if on_pick else {}
    st.plotly_chart(figure, key=key, alt=one.alt, config=_CONFIG, **how)
    with st.expander("View as table", key=f"{key}-table"):
        header, rows = one.table
        table([tuple(header), *([_words(cell) for cell in row] for row in rows)], one.title)


def dark() -> bool:
    """Whether the visitor's page is dark."""
    return st.context.theme.type == "dark"


def text(one: Text, key: str) -> None:
    """A text that is its own picture, under its finding, and its numbers as a table."""
    st.subheader(one.title.translate(_TITLE_SIGNS), anchor=False)
    st.html(one.html)
    with st.expander("View as table", key=f"{key}-table"):
        header, rows = one.table
        table([tuple(header), *([_words(cell) for cell in row] for row in rows)], one.title)


def _picked(key: str, tell: Callable[[list[Any]], None]) -> None:
    found = bench.picked(key)
    if found:  # a click beside all marks ends Plotly's own selection, which is nothing to us
        tell(found)


def _words(cell: object) -> str:
    """A cell whose signs mean nothing: names of layers and classes may come from files."""
    return plain.one_line(cell, 1024).translate(_SIGNS)


def table(rows: Sequence[Sequence[object]], caption: str) -> None:
    """A plain table that reads well aloud; its first row is the header."""
    st.caption(caption)
    st.markdown(lines(rows))


def lines(rows: Sequence[Sequence[object]]) -> str:
    """A plain table as Markdown; its first row is the header."""
    # A bar that is escaped already, as `plain.markdown` has it, would end its cell if it were escaped again.
    header, *body = [[re.sub(r"(?<!\\)((?:\\\\)*)\|", r"\1\\|", str(cell)) for cell in row] for row in rows]
    written = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(written + ["| " + " | ".join(row) + " |" for row in body])


def progress(label: str, work: Callable[[Callable[[float], None]], Found]) -> Found:
    """Runs `work`, which tells how far it is; the bar goes when the result is there."""
    place = st.empty()
    try:
        return work(lambda share: place.progress(min(1.0, share), label))
    finally:
        place.empty()
