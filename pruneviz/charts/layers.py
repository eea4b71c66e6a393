"""Layers: a row per layer. Which law each one follows, and what a mask does to each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32, number
from pruneviz.charts.weights import POOR
from pruneviz.plain import label as named
from pruneviz.report import LayerDamage, LayerShape


def layers(shapes: Sequence[LayerShape]) -> Chart:
    """A row per layer: its shape β (1 Laplace, 2 Gauss), and how far Laplace and Gauss each are from it (KS distance)."""
    chart = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.06)
    theme.dress(chart, 130 + 24 * len(shapes))
    labels = [named(shape.label) for shape in shapes]
    fitted = [shape for shape in shapes if shape.deviation > 0]
    chart.add_trace(_dots([s.fit("generalised").shape for s in fitted], fitted, "β", 2, "β %{x:.2f}"), 1, 1)
    for index, law in enumerate(("laplace", "gauss")):
        name = f"KS, {theme.LAWS[law]}"
        chart.add_trace(_dots([s.fit(law).ks for s in fitted], fitted, name, index, f"{name}%{{x:.3f}}"), 1, 2)
    for beta, law in ((1, "laplace"), (2, "gauss")):
        theme.upright(chart, beta, f"β = {beta}, {theme.LAWS[law]}", **theme.law_line(law), row=1, col=1)
    chart.update_yaxes(categoryorder="array", categoryarray=labels[::-1], range=[-0.6, len(labels) - 0.4])
    widest = max((s.fit("generalised").shape for s in fitted), default=2.0)
    chart.update_xaxes(title="shape β", range=[0, max(3.0, min(widest * 1.1, 20.0))], nticks=5, row=1, col=1)
    chart.update_xaxes(title="KS distance", rangemode="tozero", nticks=4, row=1, col=2)
    header = (
        "layer",
        "weights",
        "zeros",
        "not finite",
        "β",
        "b (Laplace)",
        "KS Laplace",
        "σ (Gauss)",
        "KS Gauss",
        "closer to",
    )
    title = _layers_title(shapes, fitted)
    return Chart(title, chart, f"{title} One row per layer.", (header, tuple(_layer_row(shape) for shape in shapes)))


def damage(harm: Sequence[LayerDamage]) -> Chart:
    """A row per layer: the share of Σw² that the mask removes, and how far the layer's output moves, ‖ŷ−y‖/‖y‖."""
    styles = (
        ("Σw² removed", [d.energy_removed for d in harm], 1),
        ("output moved, ‖ŷ−y‖ / ‖y‖", [d.output_change for d in harm], 2),
    )
    bridges = go.Scatter(
        x=float32([v for d in harm for v in (100 * d.energy_removed, 100 * d.output_change, np.nan)]),
        y=[named(d.label) for d in harm for _ in range(3)],
        mode="lines",
        line={"color": theme.QUIET, "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )
    dots = [_dots([100 * v for v in values], harm, name, style, f"{name}: %{{x:.1f}}%") for name, values, style in styles]
    chart = theme.figure([bridges, *dots], "% of the layer's own<br>Σw² and ‖y‖", "", 130 + 24 * len(harm))
    order = [named(d.label) for d in harm][::-1]
    chart.update_yaxes(title="", categoryorder="array", categoryarray=order, range=[-0.6, len(order) - 0.4])
    chart.update_xaxes(rangemode="tozero")
    rows = tuple((d.label, f"{d.energy_removed:.2%}", f"{d.output_change:.2%}") for d in harm)
    title = "No layer to measure."
    if harm:
        worst = max(harm, key=lambda d: np.nan_to_num(d.output_change, nan=-1.0))
        title = (
            f"{worst.label} moves most: its output changes by {as_percent(worst.output_change)} "
            f"while {as_percent(worst.energy_removed)} of its Σw² goes."
        )
    header = ("layer", "Σw² removed", "output moved ‖ŷ−y‖/‖y‖")
    return Chart(title, chart, f"{title} Two marks per layer.", (header, rows))


def _dots(
    values: Sequence[float], rows: Sequence[LayerShape | LayerDamage], name: str, style: int, words: str
) -> go.Scatter:
    look = theme.ink(style)
    return go.Scatter(
        x=float32(values),
        y=[named(row.label) for row in rows],
        mode="markers",
        name=name,
        marker={"color": look["color"], "symbol": look["marker"], "size": 10},
        hovertemplate=f"%{{y}}<br>{words}<extra></extra>",
    )


def _layers_title(shapes: Sequence[LayerShape], fitted: Sequence[LayerShape]) -> str:
    if not fitted:
        return "No layer has a shape to fit: all are constant." if shapes else "No layer to fit."
    gauss = [shape.label for shape in fitted if shape.best.law == "gauss"]
    named = f": {', '.join(gauss)}" if 0 < len(gauss) <= 3 and len(gauss) < len(fitted) else ""
    laplace = len(fitted) - len(gauss)
    poor = sum(shape.best.ks > POOR for shape in fitted)
    warning = f", though {poor} fit neither well (KS above {POOR})" if poor else ""
    betas = [shape.fit("generalised").shape for shape in fitted]
    return (
        f"{laplace} of {len(fitted)} layers are closer to Laplace, {len(gauss)} to Gauss{named}{warning}; "
        f"β runs from {min(betas):.2f} to {max(betas):.2f}."
    )


def _layer_row(shape: LayerShape) -> tuple[object, ...]:
    laplace, gauss, general = (shape.fit(law) for law in theme.LAWS)
    if shape.deviation == 0:
        return (shape.label, shape.weights, shape.zeros, shape.nonfinite, "", "0", "", "0", "", "constant")
    fit = (f"{general.shape:.2f}", number(laplace.scale), f"{laplace.ks:.3f}", number(gauss.scale), f"{gauss.ks:.3f}")
    return (shape.label, shape.weights, shape.zeros, shape.nonfinite, *fit, theme.LAWS[shape.best.law])
