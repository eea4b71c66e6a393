"""Layer pair: what two candidates keep of each layer, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from pruneviz.candidates import Candidate, layers
from pruneviz.charts import theme
from pruneviz.charts.candidate_words import letter, subject_of
from pruneviz.charts.chart import Chart, as_percent, whole
from pruneviz.plain import label as named
from pruneviz.report import LayerReport

MOST = 60
"""So many rows are drawn at most; where there are more, those that differ most. The table has all."""
Pairs = Sequence[tuple[LayerReport, LayerReport]]


def by_layer(one: Candidate, other: Candidate) -> Chart:
    """A ring for the first candidate, a dot for the second, and the way between them; a row per layer of one model."""
    pairs = layers(one.report, other.report)
    drawn = _drawn(pairs)
    names = [named(mine.label) for mine, _ in drawn]
    first, second = ([100 * (1 - pair[side].sparsity) for pair in drawn] for side in (0, 1))
    bridge = go.Scatter(
        x=[x for pair in zip(first, second, strict=True) for x in (*pair, None)],
        y=[name for name in names for _ in range(3)], mode="lines", hoverinfo="skip", showlegend=False,
        line={"color": theme.QUIET, "width": 2},
    )  # fmt: skip
    ring = {"symbol": "circle-open", "size": 15, "color": theme.KEPT, "line": {"width": 3}}
    dot = {"symbol": "circle", "size": 9, "color": theme.KEPT}
    marks = [_kept(first, names, letter(one), ring), _kept(second, names, letter(other), dot)]
    chart = theme.figure([bridge, *marks], "weights kept, % of the layer's", "", 130 + 26 * len(names))
    chart.update_yaxes(categoryorder="array", categoryarray=names[::-1], type="category", title="")
    chart.update_xaxes(range=[-3, 103])
    title = _title(one, other, pairs)
    rows = tuple(
        (mine.label, whole(mine.weights), *(as_percent(1 - layer.sparsity) for layer in (mine, yours)))
        for mine, yours in pairs
    )
    header = ("layer", "weights", f"{letter(one)} keeps", f"{letter(other)} keeps")
    few = f" Drawn are the {len(drawn)} of {len(pairs)} layers that differ most." if len(drawn) < len(pairs) else ""
    return Chart(title + few, chart, f"{title}{few} A row per layer.", (header, rows))


def _drawn(pairs: Pairs) -> Pairs:
    if len(pairs) <= MOST:
        return pairs
    most = sorted(range(len(pairs)), key=lambda at: -abs(pairs[at][0].sparsity - pairs[at][1].sparsity))[:MOST]
    return [pairs[at] for at in sorted(most)]


def _kept(shares: Sequence[float], names: Sequence[str], who: str, marker: dict[str, object]) -> go.Scatter:
    return go.Scatter(
        x=shares, y=names, mode="markers", name=f"{who} keeps", marker=marker, cliponaxis=False,
        hovertemplate=f"%{{y}}: {who} keeps %{{x:.1f}}%<extra></extra>",
    )  # fmt: skip


def _title(one: Candidate, other: Candidate, pairs: Pairs) -> str:
    apart = [abs(mine.sparsity - yours.sparsity) for mine, yours in pairs]
    if not apart or max(apart) < 0.0005:
        return f"{subject_of(one)} and {letter(other)} keep the same share of every layer."
    mine, yours = pairs[apart.index(max(apart))]
    return (
        f"{mine.label} differs most: {letter(one)} keeps {as_percent(1 - mine.sparsity)} of it, "
        f"{letter(other)} {as_percent(1 - yours.sparsity)}."
    )
