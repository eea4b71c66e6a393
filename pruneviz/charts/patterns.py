"""Patterns: N of every M weights kept, beside as many removed wherever they are smallest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32
from pruneviz.report import Report


def patterns(rows: Mapping[str, tuple[Report, Report]], chosen: str) -> Chart:
    """A row per pattern, or per criterion at one pattern: its accuracy with its interval (filled), and unstructured pruning
    at the same sparsity (hollow). The title is about the row `chosen`."""
    names, pairs = [*rows], [*rows.values()]
    free = _dots([other for _, other in pairs], names, "any weights of each layer, as many", "circle-open", theme.QUIET)
    bound = _dots([one for one, _ in pairs], names, "N of every M", "circle", theme.KEPT)
    chart = theme.figure([free, bound], "accuracy, %", "", 150 + 44 * len(pairs))
    chart.update_yaxes(categoryorder="array", categoryarray=names[::-1], type="category")
    chart.update_xaxes(ticksuffix="%")
    title = _title(rows[chosen] if chosen in rows else pairs[0])
    header = ("", "zeros", "N:M", "interval", "any of each layer, as many", "interval", "held-out samples")
    table = tuple((name, *_row(*pair)) for name, pair in rows.items())
    return Chart(title, chart, f"{title} One row each: {', '.join(names)}.", (header, table))


def _dots(reports: Sequence[Report], names: Sequence[str], name: str, symbol: str, color: str) -> go.Scatter:
    values = [one.score.value for one in reports]
    return go.Scatter(
        x=float32([100 * value for value in values]),
        y=list(names),
        error_x={
            "array": float32([100 * (one.score.interval[1] - one.score.value) for one in reports]),
            "arrayminus": float32([100 * (one.score.value - one.score.interval[0]) for one in reports]),
            "color": color,
            "thickness": 1.5,
        },
        mode="markers",
        marker={"symbol": symbol, "size": 13, "color": color, "line": {"width": 2, "color": color}},
        name=name,
        hovertemplate="%{y}: %{x:.1f}%<extra>" + name + "</extra>",
    )


def _title(pair: tuple[Report, Report]) -> str:
    one, other = pair
    points = 100 * (one.score.value - other.score.value)
    low, high = one.score.interval
    beside = f"{one.granularity} keeps {as_percent(one.score.value)}"
    if low <= other.score.value <= high:
        free = as_percent(other.score.value)
        return f"{beside}; removing as many of each layer's weights, wherever they lie, keeps {free}: no telling apart."
    more = "more" if points > 0 else "less"
    return f"{beside}, {abs(points):.1f} points {more} than removing as many of each layer's weights, wherever they lie."


def _row(one: Report, other: Report) -> tuple[object, ...]:
    def interval(report: Report) -> str:
        low, high = report.score.interval
        return f"{100 * low:.1f} to {100 * high:.1f}"

    return (
        as_percent(one.sparsity),
        as_percent(one.score.value),
        interval(one),
        as_percent(other.score.value),
        interval(other),
        one.score.n,
    )
