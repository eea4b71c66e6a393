"""Patterns: N of every M weights kept, beside as many removed wherever they are smallest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, amount, as_percent, float32
from pruneviz.report import Report


def patterns(rows: Mapping[str, tuple[Report, Report]], chosen: str) -> Chart:
    """A row per pattern, or per criterion at one pattern: its accuracy with its interval (filled), and unstructured pruning
    at the same sparsity (hollow). The title is about the row `chosen`."""
    names, pairs = [*rows], [*rows.values()]
    free = _dots([other for _, other in pairs], names, "any weights of each layer, as many", "circle-open", theme.QUIET)
    bound = _dots([one for one, _ in pairs], names, "N of every M", "circle", theme.KEPT)
    share = not pairs or _is_share(pairs[0][0])
    what = "accuracy, %" if share else pairs[0][0].score.metric
    chart = theme.figure([free, bound], what, "", 150 + 44 * len(pairs))
    chart.update_yaxes(categoryorder="array", categoryarray=names[::-1], type="category")
    chart.update_xaxes(ticksuffix="%") if share else chart.update_xaxes(type="log", dtick="D2")
    title = _title(rows[chosen] if chosen in rows else pairs[0])
    header = ("", "zeros", "N:M", "interval", "any of each layer, as many", "interval", "held-out samples")
    table = tuple((name, *_row(*pair)) for name, pair in rows.items())
    return Chart(title, chart, f"{title} One row each: {', '.join(names)}.", (header, table))


def _dots(reports: Sequence[Report], names: Sequence[str], name: str, symbol: str, color: str) -> go.Scatter:
    scores = [one.score for one in reports]
    scale, unit = (100, "%") if not reports or _is_share(reports[0]) else (1, "")
    return go.Scatter(
        x=float32([scale * score.value for score in scores]),
        y=list(names),
        error_x={
            "array": float32([scale * (score.interval[1] - score.value) for score in scores]),
            "arrayminus": float32([scale * (score.value - score.interval[0]) for score in scores]),
            "color": color,
            "thickness": 1.5,
        },
        mode="markers",
        marker={"symbol": symbol, "size": 13, "color": color, "line": {"width": 2, "color": color}},
        name=name,
        hovertemplate="%{y}: %{x:.1f}" + unit + "<extra>" + name + "</extra>",
    )


def _is_share(report: Report) -> bool:
    """Whether the figure is a share of what is right; perplexities are not, and of them the smaller is the better."""
    return report.score.correct is not None


def _figure(report: Report) -> str:
    return as_percent(report.score.value) if _is_share(report) else amount(report.score.value)


def _title(pair: tuple[Report, Report]) -> str:
    one, other = pair
    points = 100 * (one.score.value - other.score.value)
    low, high = one.score.interval
    free = "removing as many of each layer's weights, wherever they lie"
    if not _is_share(one):
        beside = f"{one.granularity} has a {one.score.metric} of {_figure(one)}; {free}, has {_figure(other)}"
        return f"{beside}: no telling apart." if low <= other.score.value <= high else f"{beside}."
    beside = f"{one.granularity} keeps {_figure(one)}"
    if low <= other.score.value <= high:
        return f"{beside}; {free}, keeps {_figure(other)}: no telling apart."
    more = "more" if points > 0 else "less"
    return f"{beside}, {abs(points):.1f} points {more} than {free}."


def _row(one: Report, other: Report) -> tuple[object, ...]:
    def interval(report: Report) -> str:
        low, high = report.score.interval
        return f"{100 * low:.1f} to {100 * high:.1f}" if _is_share(report) else f"{amount(low)} to {amount(high)}"

    return (
        as_percent(one.sparsity),
        _figure(one),
        interval(one),
        _figure(other),
        interval(other),
        one.score.n,
    )
