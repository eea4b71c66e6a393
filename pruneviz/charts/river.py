"""River: how wide a network still is, from its input to its output. A Sankey diagram of kept width."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, whole
from pruneviz.plain import label as named
from pruneviz.report import GroupReport

STAGES = 7
"""So many widths fit side by side; of more, neighbours are poured together, but for the two that a headline names."""


def flow(groups: Sequence[GroupReport], many: str) -> Chart:
    """How wide the network still is, from its input to its output: a Sankey diagram, drawn as a river.

    The blue band is as wide as what passes on at each stage, the hatched banks as what was removed there.
    """
    stages = _stages([group for group in groups if not group.reason])
    before, after = ([stage[at] for stage in stages] for at in (1, 2))
    banks = [_band(before, after, side, theme.faded(theme.REMOVED, 0.25), "removed" if side > 0 else "") for side in (1, -1)]
    chart = theme.figure([*banks, *_river(after), _gauges(stages, many)], "", "", 300)
    high = max(before, default=1)
    # As ticks, so that long names turn where there is no room for them side by side.
    names = [label for label, _, _ in stages]
    chart.update_xaxes(range=[-0.55, len(stages) - 0.45], showgrid=False, tickvals=list(range(len(stages))), ticktext=names)
    chart.update_yaxes(visible=False, range=[-0.54 * high, 0.68 * high])
    title = _flow_title(stages, many)
    rows = tuple((label, units, left, f"{left / units:.1%}" if units else "") for label, units, left in stages)
    header = ("stage", "before", "after", "kept")
    return Chart(title, chart, f"{title} A river from left to right, as wide as what stays.", (header, rows))


def _steps(widths: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The outline of a band that is widths[i] wide around x = i and changes smoothly in between: x and half widths."""
    if not widths:
        return np.zeros(0), np.zeros(0)
    x = np.linspace(-0.5, len(widths) - 0.5, 48 * len(widths) + 1)
    left = np.clip(np.floor(x), 0, len(widths) - 1).astype(int)
    right = np.minimum(left + 1, len(widths) - 1)
    share = np.clip((x - left - 0.2) / 0.6, 0, 1)
    smooth = (1 - np.cos(np.pi * share)) / 2
    wide = np.asarray(widths, dtype=np.float64)
    return x, (wide[left] + (wide[right] - wide[left]) * smooth) / 2


def _river(after: Sequence[int]) -> list[go.Scatter]:
    x, half = _steps(after)
    outline = {
        "x": np.concatenate((x, x[::-1])),
        "y": np.concatenate((half, -half[::-1])),
        "fill": "toself",
        "mode": "lines",
    }
    return [go.Scatter(**outline, fillcolor=theme.KEPT, line={"width": 0}, name="kept", hoverinfo="skip")]


def _band(before: Sequence[int], after: Sequence[int], side: int, ground: str, name: str) -> go.Scatter:
    """The bank on one side: between what passes on and what once did, hatched."""
    x, outer = _steps(before)
    _, inner = _steps(after)
    return go.Scatter(
        x=np.concatenate((x, x[::-1])),
        y=side * np.concatenate((outer, inner[::-1])),
        fill="toself",
        mode="lines",
        line={"width": 0},
        fillpattern={"shape": theme.REMOVED_PATTERN, "fgcolor": theme.REMOVED, "bgcolor": ground, "solidity": 0.35},
        name=name,
        showlegend=bool(name),
        hoverinfo="skip",
    )


def _gauges(stages: Sequence[tuple[str, int, int]], many: str) -> go.Scatter:
    """What passes on at each stage and what once did, above the river, clear of its edge."""
    lift = 0.02 * max((units for _, units, _ in stages), default=0)
    return go.Scatter(
        x=list(range(len(stages))),
        y=[0.5 * units + lift for _, units, _ in stages],
        mode="text",
        text=[f"<b>{left}</b>/{units}" for _, units, left in stages],
        textposition="top center",
        cliponaxis=False,
        showlegend=False,
        hovertemplate=[f"{named(label)}: {left} of {units} {many}<extra></extra>" for label, units, left in stages],
    )


def _stages(groups: Sequence[GroupReport]) -> list[tuple[str, int, int]]:
    """Label, width before and after of each stage, in the network's order; of many groups neighbours are added up. The
    one that loses most and the one that loses least stand alone: whoever reads their names looks for them."""
    alone: set[int] = set()
    if len(groups) > STAGES:
        shares = [float(group.kept.mean()) if group.units else 1.0 for group in groups]
        alone = {shares.index(min(shares)), shares.index(max(shares))}
    step = max(1, -(-(len(groups) - len(alone)) // max(1, STAGES - 2 * len(alone))))
    poured: list[list[GroupReport]] = []
    for at, group in enumerate(groups):
        if at in alone or at - 1 in alone or not poured or len(poured[-1]) >= step:
            poured.append([])
        poured[-1].append(group)
    return [
        (
            some[0].label if len(some) == 1 else f"{some[0].label} …",
            sum(group.units for group in some),
            sum(int(group.kept.sum()) for group in some),
        )
        for some in poured
    ]


def _flow_title(stages: Sequence[tuple[str, int, int]], many: str) -> str:
    if not stages:
        return f"There are no {many} that can go."
    tight = min(stages, key=lambda stage: stage[2] / max(1, stage[1]))
    if tight[1] == tight[2]:
        return "The network is as wide as it was."
    return f"The narrowest place is {tight[0]}: {whole(tight[2])} of {whole(tight[1])} {many} pass on."
