"""Confidence: is the model as right as it is sure, before and after?"""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from pruneviz.breakage import Breakage
from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, float32
from pruneviz.charts.dumbbell import DENSE, PRUNED, seen
from pruneviz.confidence import Bin, calibration_error, overconfidence
from pruneviz.report import wilson


def reliability(found: Breakage) -> Chart:
    """How often the model is right where it is so sure, before and after; on the diagonal it is as right as it says."""
    before, after = found.reliability
    ends = float32([0, 100])
    line = {"color": theme.QUIET, "dash": "dash", "width": 1.5}
    exact = go.Scatter(x=ends, y=ends, mode="lines", line=line, name="as right as it says", hoverinfo="skip")
    traces = [exact, _line(before, "before"), _line(after, "after pruning")]
    chart = theme.figure(traces, "confidence: probability of what it says (%)", f"right (%) · {seen(found)}", 400)
    chart.update_xaxes(range=[0, 102])
    chart.update_yaxes(range=[-4, 103])
    title = _reliability_title(before, after)
    header = ("network", "confidence from", "to", "n", "right", "accuracy", "mean confidence")
    named = (("before", before), ("after", after))
    rows = tuple(
        (
            name,
            f"{one.low:.0%}",
            f"{one.high:.0%}",
            one.n,
            one.correct,
            f"{one.correct / one.n:.1%}",
            f"{one.confidence:.1%}",
        )
        for name, bins in named
        for one in bins
    )
    return Chart(
        title, chart, f"{title} A mark per tenth of confidence; above the diagonal it is too modest.", (header, rows)
    )


def _line(bins: Sequence[Bin], name: str) -> go.Scatter:
    before = name == "before"
    values = [100 * one.correct / one.n for one in bins]
    ends = [wilson(one.correct, one.n) for one in bins]
    up, down = ([abs(100 * end[side] - value) for end, value in zip(ends, values, strict=True)] for side in (1, 0))
    colour = theme.QUIET if before else theme.INKS[0]
    return go.Scatter(
        x=float32([100 * one.confidence for one in bins]), y=float32(values), mode="lines+markers", name=name,
        customdata=[[one.n, one.correct] for one in bins], marker={**(DENSE if before else PRUNED), "size": 9},
        line={"color": colour, "width": 2, "dash": "dot" if before else "solid"},
        error_y={"type": "data", "array": float32(up), "arrayminus": float32(down), "thickness": 1, "width": 3,
                 "color": theme.faded(colour, 0.6)},
        hovertemplate=f"{name}: %{{y:.1f}}% right at %{{x:.1f}}% confidence<br>n = %{{customdata[0]}}<extra></extra>",
    )  # fmt: skip


def _reliability_title(before: Sequence[Bin], after: Sequence[Bin]) -> str:
    was, now = overconfidence(before), overconfidence(after)
    if was is None or now is None:
        return "How sure the model is of itself is not known."
    gap = f"calibration error {calibration_error(before):.1f} points before, {calibration_error(after):.1f} after"
    if abs(now) < 0.5:
        return f"On average the pruned model is as right as it says ({gap})."
    how = "too sure of itself" if now > 0 else "too modest"
    return f"The pruned model is {abs(now):.1f} points {how} on average ({gap})."
