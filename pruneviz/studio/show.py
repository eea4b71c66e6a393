"""Show: how a chart, a table and a long computation appear on a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st

from pruneviz import plain
from pruneviz.charts.chart import Chart

Found = TypeVar("Found")
_SIGNS = str.maketrans({sign: f"\\{sign}" for sign in "<[`$"})
# The toolbar offers the picture as a file; nothing else of Plotly's is of use to a visitor.
_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["zoom", "pan", "select", "lasso2d", "zoomIn", "zoomOut", "autoScale", "resetScale"],
}


def chart(one: Chart, key: str) -> None:
    """A chart under its finding, with its words for a screen reader and its numbers as a table."""
    st.subheader(one.title, anchor=False)
    st.plotly_chart(one.figure, key=key, alt=one.alt, config=_CONFIG)
    with st.expander("View as table", key=f"{key}-table"):
        header, rows = one.table
        table([tuple(header), *([_words(cell) for cell in row] for row in rows)], one.title)


def _words(cell: object) -> str:
    """A cell whose signs mean nothing: names of layers and classes may come from files."""
    return plain.one_line(cell, 1024).translate(_SIGNS)


def table(rows: Sequence[Sequence[object]], caption: str) -> None:
    """A plain table that reads well aloud; its first row is the header."""
    header, *body = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(row) + " |" for row in body]
    st.caption(caption)
    st.markdown("\n".join(lines))


def progress(label: str, work: Callable[[Callable[[float], None]], Found]) -> Found:
    """Runs `work`, which tells how far it is; the bar goes when the result is there."""
    place = st.empty()
    try:
        return work(lambda share: place.progress(min(1.0, share), label))
    finally:
        place.empty()
