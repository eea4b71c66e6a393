"""Dumbbell: rows with a ring for before and a dot for after, as the charts of what breaks draw them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pruneviz.breakage import Breakage
from pruneviz.charts import theme

DENSE = {"symbol": "circle-open", "size": 12, "color": theme.QUIET, "line": {"width": 2.5}}
PRUNED = {"symbol": "circle", "size": 11, "color": theme.INKS[0]}
BRIDGE = {"color": theme.INKS[0], "width": 3}


def bridge(before: Sequence[float], after: Sequence[float], at: np.ndarray) -> go.Scatter:
    """What lies between before and after."""
    return go.Scatter(
        x=[x for pair in zip(before, after, strict=True) for x in (*map(float, pair), None)],
        y=[y for one in at for y in (one, one, None)], mode="lines", line=BRIDGE, opacity=0.35, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip


def rows_of(chart: go.Figure, labels: Sequence[str]) -> None:
    """Names beside the rows, the first on top. By number: two classes may have one name."""
    chart.update_yaxes(
        title="", tickvals=list(range(len(labels))), ticktext=list(labels), range=[len(labels) - 0.4, -0.6], showgrid=False
    )


def seen(found: Breakage) -> str:
    """On how many samples it is, as an axis says it."""
    return f"n = {found.n:,} of {found.of:,} so far" if found.partial else f"n = {found.n:,}"
