"""Criteria: the charts of «analyse/criteria» that compare opinions. What each costs, and where two of them disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, amount, as_percent, float32, number, whole
from pruneviz.report import Agreement, Curve, CurvePoint

POINTS = 0.05
"""«Lasts» means: loses at most so much accuracy, five points, against the dense model."""
BASELINE = "random"
WIDE = 1e3
"""Perplexities so many times apart have a tick at each power of ten only."""


def curves(
    curves: Sequence[Curve], names: Mapping[str, str], amounts: Mapping[str, float], *, measure: str = "sparsity"
) -> Chart:
    """Accuracy against sparsity, a line per criterion with its 95% interval; random pruning is the grey baseline.

    `names` are the criteria's words on screen; `measure` is what a point's sparsity is called; `amounts` says where each
    criterion's slider stands: its nearest measured point is marked with a ring, nothing in between is made up.
    """
    tuning = "after fine-tuning" if curves and all(curve.tuned for curve in curves) else "one shot, no fine-tuning"
    share = bool(curves) and curves[0].metric == "accuracy"
    unit = 100 if share else 1
    chart = theme.figure([], f"{measure} (%) · {tuning}", "accuracy (%)" if share else _metric(curves), 400)
    styles = _styles(curves)
    for curve in curves:
        chart.add_traces(_curve_traces(curve, _name(curve.criterion, names), styles[curve.criterion], unit, amounts))
    if share:
        chance = curves[0].chance
        line = {"color": theme.QUIET, "dash": "dot", "width": 1.5}
        chart.add_hline(100 * chance, line=line, name=f"chance, {as_percent(chance)}", showlegend=True)
        chart.update_yaxes(range=[0, 103])
    elif curves and all(point.correct is None for curve in curves for point in curve.points):
        line = {"color": theme.QUIET, "dash": "dot", "width": 1.5}
        chart.add_hline(curves[0].chance, line=line, name=f"chance, {amount(curves[0].chance)}", showlegend=True)
        values = [point.value for curve in curves for point in curve.points]
        chart.update_yaxes(type="log", dtick="D2" if max(values) < WIDE * min(values) else 1)
    chart.update_xaxes(range=[-1, 102])
    title = _curves_title(curves, names, tuning, measure)
    rows = tuple(_curve_row(curve, point, names) for curve in curves for point in curve.points)
    header = (
        "criterion",
        measure,
        curves[0].metric if curves else "value",
        "95% from",
        "to",
        "n",
        "newly wrong",
        "newly right",
    )
    return Chart(title, chart, f"{title} A line per criterion; the table has every point.", (header, rows))


def agreement(agreement: Agreement, names: Mapping[str, str]) -> Chart:
    """How alike the removed weights of every two criteria are: removed by both / removed by either (Jaccard 1912)."""
    words = [names.get(key, key) for key in agreement.criteria]
    matrix = np.asarray(agreement.jaccard)
    heat = go.Heatmap(
        z=float32(100 * matrix),
        x=words,
        y=words,
        zmin=0,
        zmax=100,
        colorscale=theme.MAGNITUDE,
        showscale=False,
        xgap=3,
        ygap=3,
        hovertemplate="%{y} and %{x}<br>%{z:.1f}% of what either removes is removed by both<extra></extra>",
    )
    figures = go.Scatter(
        x=words * len(words),
        y=[word for word in words for _ in words],
        text=[f"{100 * cell:.0f}%" for cell in matrix.flat],
        mode="text",
        textfont={"color": [theme.on_magnitude(cell) for cell in matrix.flat]},
        hoverinfo="skip",
        showlegend=False,
    )
    chart = theme.figure([heat, figures], "", "", 130 + 48 * len(words))
    chart.update_yaxes(autorange="reversed", title="", showgrid=False)
    # No angle is set: on a narrow screen the words turn before they touch each other.
    chart.update_xaxes(title="", showgrid=False, autotickangles=[0, 45, 90])
    rows = tuple((word, *(f"{cell:.1%}" for cell in row)) for word, row in zip(words, matrix, strict=True))
    title = _agreement_title(words, matrix)
    return Chart(title, chart, f"{title} A square per pair of criteria.", (("criterion", *words), rows))


def disagreement(
    ranks: tuple[np.ndarray, np.ndarray], weights: int, names: tuple[str, str], amounts: tuple[float, float],
    many: str = "sampled weights",
) -> Chart:  # fmt: skip
    """Sampled weights, or all units, by their rank under two criteria; the lines are the two masks, the corners what each
    would do.

    `ranks` are two arrays [S] of ranks among all `weights`, 0 goes first; a weight goes when its rank is below
    round(amount · weights). At most 2,000 sampled weights are meant to be drawn. `many` is what they are called.
    """
    cuts = tuple(round(amount * weights) for amount in amounts)
    goes = tuple(np.asarray(rank) < cut for rank, cut in zip(ranks, cuts, strict=True))
    place = [100 * (np.asarray(rank) + 0.5) / max(1, weights) for rank in ranks]
    one, other = names
    corners = (
        ("both keep", ~goes[0] & ~goes[1], theme.KEPT, "circle"),
        ("both remove", goes[0] & goes[1], theme.REMOVED, "x"),
        (f"only {one} removes", goes[0] & ~goes[1], theme.INKS[0], "diamond"),
        (f"only {other} removes", ~goes[0] & goes[1], theme.INKS[1], "triangle-up"),
    )
    traces = [
        go.Scatter(
            x=float32(place[0][chosen]), y=float32(place[1][chosen]), mode="markers", name=f"{word} ({int(chosen.sum())})",
            marker={"color": colour, "symbol": symbol, "size": 6, "opacity": 0.7},
            hovertemplate=f"{one}: %{{x:.1f}}%<br>{other}: %{{y:.1f}}%<extra>{word}</extra>",
        )
        for word, chosen, colour, symbol in corners
    ]  # fmt: skip
    chart = theme.figure(traces, f"rank under {one} (%), first to go left", f"rank under {other} (%)", 460)
    chart.add_vline(100 * amounts[0], line={"color": theme.QUIET, "dash": "dash", "width": 1.5})
    chart.add_hline(100 * amounts[1], line={"color": theme.QUIET, "dash": "dash", "width": 1.5})
    chart.update_xaxes(range=[-1, 101])
    chart.update_yaxes(range=[-1, 101])
    apart = int((goes[0] ^ goes[1]).sum())
    total = place[0].size
    share = as_percent(apart / total) if total else "none"
    title = f"{one} and {other} disagree about {share} of {whole(total)} {many}."
    rows = tuple((word, int(chosen.sum())) for word, chosen, _, _ in corners)
    return Chart(
        title,
        chart,
        f"{title} " + ", ".join(f"{word}: {count}" for word, count in rows) + ".",
        (("corner", many), rows),
    )


def lasts(curve: Curve) -> float:
    """The sparsity up to which every measured point loses at most five points of accuracy."""
    far = 0.0
    for point in sorted(curve.points, key=lambda point: point.sparsity):
        if point.value < curve.dense_value - POINTS - 1e-12:
            break
        far = point.sparsity
    return far


def _name(key: str, names: Mapping[str, str]) -> str:
    return "random pruning (baseline)" if key == BASELINE else names.get(key, key)


def _metric(curves: Sequence[Curve]) -> str:
    return curves[0].metric if curves else "accuracy"


def _styles(curves: Sequence[Curve]) -> dict[str, dict[str, str]]:
    """A look per criterion that does not depend on which others are shown: by its place in the alphabet of those given."""
    quiet = {"color": theme.QUIET, "dash": "dash", "marker": "x-thin-open"}
    opinions = sorted({curve.criterion for curve in curves} - {BASELINE})
    return {BASELINE: quiet, **{key: theme.ink(index) for index, key in enumerate(opinions)}}


def _curve_traces(
    curve: Curve, name: str, style: Mapping[str, str], unit: float, amounts: Mapping[str, float]
) -> list[go.Scatter]:
    points = sorted(curve.points, key=lambda point: point.sparsity)
    x = float32([100 * point.sparsity for point in points])
    low, high = (float32([unit * point.interval[side] for point in points]) for side in (0, 1))
    ribbon = go.Scatter(
        x=np.concatenate((x, x[::-1])), y=np.concatenate((high, low[::-1])), fill="toself", mode="lines", line={"width": 0},
        fillcolor=theme.faded(style["color"], 0.16), hoverinfo="skip", showlegend=False, legendgroup=curve.criterion,
    )  # fmt: skip
    line = go.Scatter(
        x=x,
        y=float32([unit * point.value for point in points]),
        customdata=[[unit * point.interval[0], unit * point.interval[1], point.n] for point in points],
        mode="lines+markers",
        name=name,
        legendgroup=curve.criterion,
        line={"color": style["color"], "dash": style["dash"], "width": 2.5},
        marker={"symbol": style["marker"], "size": 7, "color": style["color"], "maxdisplayed": 14},
        hovertemplate=f"{name}<br>%{{x:.0f}}% removed: %{{y:.1f}} (%{{customdata[0]:.1f}} to %{{customdata[1]:.1f}}, "
        "n = %{customdata[2]})<extra></extra>",
    )
    here = [point for point in points if curve.criterion in amounts]
    if not here:
        return [ribbon, line]
    near = min(here, key=lambda point: abs(point.amount - amounts[curve.criterion]))
    ring = go.Scatter(
        x=[100 * near.sparsity],
        y=[unit * near.value],
        mode="markers",
        marker={"symbol": "circle-open", "size": 15, "color": style["color"], "line": {"width": 3}},
        hoverinfo="skip",
        showlegend=False,
        legendgroup=curve.criterion,
    )
    return [ribbon, line, ring]


def _curves_title(curves: Sequence[Curve], names: Mapping[str, str], tuning: str, measure: str) -> str:
    if not curves:
        return "No curve has been measured yet."
    if curves[0].metric != "accuracy":
        return f"{curves[0].metric.capitalize()} against {measure}, {tuning}."
    reach = {_name(curve.criterion, names): lasts(curve) for curve in curves if curve.criterion != BASELINE}
    control = next((lasts(curve) for curve in curves if curve.criterion == BASELINE), None)
    baseline = "" if control is None else f"random pruning only to {as_percent(control)}"
    if not reach:
        return f"At most 5 points are lost with {baseline} of the weights gone, {tuning}."
    far = max(reach.values())
    best = " and ".join(name for name, value in reach.items() if value == far)
    verb = "last" if " and " in best else "lasts"
    if control is not None and control >= far:
        baseline = f"random pruning lasts as far, {as_percent(control)}"
    tail = f"; {baseline}" if baseline else ""
    return f"{best} {verb} longest: at most 5 points are lost up to {as_percent(far)} {measure}{tail} ({tuning})."


def _curve_row(curve: Curve, point: CurvePoint, names: Mapping[str, str]) -> tuple[object, ...]:
    share = curve.metric == "accuracy"
    value, low, high = (f"{x:.2%}" if share else number(x) for x in (point.value, *point.interval))
    flips = (point.newly_wrong, point.newly_right)
    return (_name(curve.criterion, names), f"{point.sparsity:.1%}", value, low, high, point.n, *flips)


def _agreement_title(words: Sequence[str], matrix: np.ndarray) -> str:
    if len(words) < 2:
        return "One criterion alone has nobody to disagree with."
    pairs = [(float(matrix[i, j]), words[i], words[j]) for i in range(len(words)) for j in range(i)]
    (low, a, b), (high, c, d) = min(pairs), max(pairs)
    if len(pairs) == 1:
        return f"{d} and {c} share {as_percent(high)} of the weights that either removes."
    most = f"{d} and {c} agree most: both remove {as_percent(high)} of what either removes"
    return f"{most}; {b} and {a} least, {as_percent(low)}."
