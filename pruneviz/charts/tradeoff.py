"""Trade-off: the live setting among its neighbours, what each layer keeps, and any chart made large for a projector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pruneviz import findings, headlines
from pruneviz.case import Case, neighbours
from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, float32, whole
from pruneviz.plain import label as named
from pruneviz.report import PERCENTS, Curve, CurvePoint, LayerReport

ROWS = 12
"""So many layers are drawn; of more, those with the most weights."""
WIDE = 1e3
"""A perplexity that grows by more than so many times has numbers at powers of ten alone."""
LARGE = 20
"""The size of every letter of a chart on a slide, in pixels."""


def trade_off(case: Case) -> Chart:
    """Accuracy against what is removed: the live setting is the star, its neighbours are named.

    A curve is one shot, without fine-tuning; its points are measured and joined by straight lines that are not.
    """
    curve, (less, more) = case.curve, neighbours(case)
    share = all(point.correct is not None for point in curve.points)
    scale = 100 if share else 1
    traces = [*_ribbon(curve, scale), _line(curve, scale, f"{case.criterion}, one shot, with 95% interval", 0)]
    if case.baseline:
        traces.append(_line(case.baseline, scale, "random pruning (baseline)", 1))
    traces += [_step(less, "less aggressive", "circle-open", scale)] if less else []
    traces += [_step(more, "more aggressive", "diamond-open", scale)] if more else []
    traces.append(_star(case, scale))
    chart = theme.figure(traces, f"{case.many} removed, %", f"{curve.metric}{', %' if share else ''}", 440)
    said = {"annotation_text": "guessing", "annotation_position": "bottom left"} if share else {"showlegend": True}
    chart.add_hline(scale * curve.chance, line={"color": theme.QUIET, "dash": "dot"}, name="guessing", **said)
    chart.update_xaxes(range=[-2, 102])
    if not share:
        values = [point.value for point in curve.points]
        chart.update_yaxes(type="log", dtick="D2" if max(values) < WIDE * min(values) else 1)
    title = _title(case)
    alt = f"{title} A line of {len(curve.points)} points with its 95% interval. {headlines.trade_off(case)}"
    return Chart(title, chart, alt, _table(curve, scale))


def _title(case: Case) -> str:
    """Where the curve falls most, and what kind of curve it is."""
    fall = findings.cliff(case.curve) if len(case.curve.points) >= PERCENTS else None
    most = max((point.n for point in case.curve.points), default=0)
    seen = f"{findings.how_cut(case.recipe.subject)}, {whole(most)} {case.curve.noun}"
    if fall is None:
        return f"The curve is {seen}."
    ends = f"{findings.percent(fall.start)} and {findings.percent(fall.stop)}"
    if fall.times:
        return f"The steepest rise is between {ends}: to {fall.times:.3g} times what it was; {seen}."
    return f"The steepest fall is between {ends}: {fall.points:.0f} points; {seen}."


def _ribbon(curve: Curve, scale: float) -> list[go.Scatter]:
    x = float32([100 * point.amount for point in curve.points])
    ends = ([point.interval[at] for point in curve.points] for at in (0, 1))
    low, high = (float32([scale * end for end in side]) for side in ends)
    fill = theme.faded(theme.INKS[0], 0.18)
    return [go.Scatter(
        x=np.concatenate((x, x[::-1])), y=np.concatenate((high, low[::-1])), fill="toself", fillcolor=fill,
        mode="lines", line={"width": 0}, hoverinfo="skip", showlegend=False,
    )]  # fmt: skip


def _line(curve: Curve, scale: float, name: str, style: int) -> go.Scatter:
    look = theme.ink(style)
    return go.Scatter(
        x=float32([100 * point.amount for point in curve.points]),
        y=float32([scale * point.value for point in curve.points]),
        mode="lines", name=name, line={"color": look["color"], "dash": look["dash"], "width": 3},
        hovertemplate="%{x:.0f}% removed: %{y:.1f}<extra></extra>",
    )  # fmt: skip


def _step(point: CurvePoint, words: str, symbol: str, scale: float) -> go.Scatter:
    said = f"{words}: {findings.percent(point.amount)}"
    return go.Scatter(
        x=[100 * point.amount], y=[scale * point.value], mode="markers", name=said,
        marker={"symbol": symbol, "size": 16, "color": theme.INKS[0], "line": {"width": 3}},
        hovertemplate=f"{said} removed, %{{y:.1f}}<extra></extra>",
    )  # fmt: skip


def _star(case: Case, scale: float) -> go.Scatter:
    score = case.report.score
    low, high = (scale * abs(end - score.value) for end in score.interval)
    at = 100 * case.recipe.amount
    return go.Scatter(
        x=[at], y=[scale * score.value], mode="markers", name=f"live: {findings.percent(case.recipe.amount)}",
        marker={"symbol": "star", "size": 24, "color": theme.INKS[0], "line": {"width": 1.5, "color": theme.ON_GROUND}},
        error_y={"type": "data", "array": [high], "arrayminus": [low], "thickness": 2, "color": theme.INKS[0]},
        hovertemplate=f"live: {findings.percent(case.recipe.amount)} removed, %{{y:.1f}}<extra></extra>",
    )  # fmt: skip


def _table(curve: Curve, scale: float) -> tuple[tuple[str, ...], tuple[tuple[object, ...], ...]]:
    header = ("removed", curve.metric, "95% interval", f"held-out {curve.noun}")
    rows = tuple(
        (
            findings.percent(point.amount),
            f"{scale * point.value:.1f}",
            f"{scale * point.interval[0]:.1f} to {scale * point.interval[1]:.1f}",
            whole(point.n),
        )
        for point in curve.points
    )
    return header, rows


def layers_left(layers: Sequence[LayerReport]) -> Chart:
    """A bar per layer: the share of its weights that stays, and what goes, hatched."""
    drawn = layers if len(layers) <= ROWS else _drawn(layers)
    labels = [named(one.label) for one in drawn]
    kept = float32([100 * (1 - one.sparsity) for one in drawn])
    stays = go.Bar(
        x=kept, y=labels, orientation="h", name="kept", marker={"color": theme.KEPT},
        text=[f"{findings.percent(1 - one.sparsity)} of {one.weights:,}" for one in drawn], textposition="none",
        hovertemplate="%{y}: %{text} kept<extra></extra>",
    )  # fmt: skip
    pattern = {"shape": theme.REMOVED_PATTERN, "fgcolor": theme.REMOVED, "bgcolor": theme.REMOVED_SOFT, "solidity": 0.35}
    goes = go.Bar(
        x=100 - kept, y=labels, orientation="h", name="removed", hoverinfo="skip",
        marker={"color": theme.REMOVED, "pattern": pattern},
    )  # fmt: skip
    chart = theme.figure([stays, goes], "% of the layer's weights", "", 130 + 34 * len(drawn))
    chart.update_layout(barmode="stack")
    chart.update_yaxes(title="", categoryorder="array", categoryarray=labels[::-1], type="category")
    chart.update_xaxes(range=[0, 101], dtick=20, ticksuffix="%")
    total, left = sum(one.weights for one in layers), sum(one.kept for one in layers)
    rest = (
        f" Drawn: {len(drawn)} of {len(layers)} layers, the largest and who loses most and least."
        if len(drawn) < len(layers)
        else ""
    )
    title = f"Of {whole(total)} weights {whole(left)} are left.{rest}"
    rows = tuple((one.label, one.weights, one.kept, f"{1 - one.sparsity:.1%}") for one in layers)
    return Chart(title, chart, f"{title} One bar per layer.", (("layer", "weights", "kept", "kept share"), rows))


def _drawn(layers: Sequence[LayerReport]) -> list[LayerReport]:
    """The largest layers, and always those that a headline names: the one that loses most, and the one that loses least."""
    some = [at for at, one in enumerate(layers) if one.weights] or [0]
    named_ones = {pick(some, key=lambda at: layers[at].sparsity) for pick in (max, min)}
    largest = sorted(range(len(layers)), key=lambda at: (at not in named_ones, -layers[at].weights))
    return [layers[at] for at in sorted(largest[:ROWS])]


def starred(one: Chart) -> Chart:
    """A chart of candidates in which the live one, which is presented, is a star."""
    figure = go.Figure(one.figure)
    for trace in figure.data:
        if isinstance(trace.marker.symbol, tuple):
            trace.marker.symbol = ["star" if symbol == "diamond" else symbol for symbol in trace.marker.symbol]
    return Chart(one.title, figure, one.alt, one.table)


def large(one: Chart, height: int = 0) -> Chart:
    """The same chart for a projector: letters of 20 pixels and more, and as high as a slide has room for."""
    figure = go.Figure(one.figure)
    for trace in figure.data:
        if "textfont" in trace:
            trace.textfont.size = LARGE
    font = {"size": LARGE}
    figure.update_layout(font=font, hoverlabel={"font": font}, legend={"font": font})
    figure.update_xaxes(tickfont=font, title_font={"size": LARGE - 2})
    if figure.layout.xaxis.title.text:  # a telephone cuts off what is long
        figure.layout.xaxis.title.text = figure.layout.xaxis.title.text.replace(" · ", "<br>", 1)
    figure.update_yaxes(tickfont=font, title_font=font)
    figure.update_annotations(font=font)
    figure.update_layout(height=height or round(1.25 * (figure.layout.height or 360)))
    return Chart(one.title, figure, one.alt, one.table)
