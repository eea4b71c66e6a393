"""Perplexity: what half of the weights cost a language model, as a factor: a share of a perplexity means nothing."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from pruneviz import scale
from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, float32, number
from pruneviz.charts.scale import Own
from pruneviz.report import CurvePoint
from pruneviz.scale import Perplexity


def perplexities(found: Sequence[Perplexity], own: Own | None) -> Chart:
    """Perplexity after half of the weights went, over perplexity before; 1 is the dense model, lower is better."""
    sizes = [f"OPT-{one.size}" for one in found]
    rows = [("SparseGPT", 0, [one.sparsegpt / one.dense for one in found])]
    rows += [("magnitude", 1, [one.magnitude / one.dense for one in found])]
    chart = theme.figure([], "", "perplexity, times the dense model's", 360)
    for name, at, ratios in rows:
        chart.add_trace(_ratios(sizes, ratios, name, theme.ink(at)))
    half = _half(own)
    if half is not None:
        ratio = half.value / own.curve.dense_value
        chart.add_trace(_ratios([own.name], [ratio], f"{own.name}, {own.curve.criterion}", theme.ink(len(theme.INKS) - 1)))
    chart.add_hline(1, line={"color": theme.QUIET, "dash": "dot", "width": 1.5})
    ticks = [1, 10, 100, 1000, 10_000]
    chart.update_yaxes(type="log", range=[-0.2, 4.1], tickvals=ticks, ticktext=[f"{tick:,} ×" for tick in ticks])
    chart.update_xaxes(type="category")
    title = _perplexity_title(found)
    header = ("model", "dense", "SparseGPT", "times", "magnitude", "times", "source")
    table = [_perplexity_row(one) for one in found]
    if half is not None:
        value = (number(half.value), f"{half.value / own.curve.dense_value:.2f}")
        table.append((own.name, number(own.curve.dense_value), "", "", *value, f"measured here, n = {half.n:,}"))
    return Chart(title, chart, f"{title} Lower is better; the axis is logarithmic.", (header, tuple(table)))


def _half(own: Own | None) -> CurvePoint | None:
    """The measured point at half of the weights, of a model whose score is no share."""
    if own is None or own.is_share or own.by_amount:
        return None
    return next((point for point in own.curve.points if point.amount == 0.5), None)


def _ratios(names: Sequence[str], ratios: Sequence[float], name: str, style: dict[str, str]) -> go.Scatter:
    return go.Scatter(
        x=list(names), y=float32(ratios), mode="markers", name=name,
        marker={"symbol": style["marker"], "size": 12, "color": style["color"]},
        hovertemplate=f"%{{x}}, {name}: %{{y:,.2f}} × the dense perplexity<extra></extra>",
    )  # fmt: skip


def _perplexity_title(found: Sequence[Perplexity]) -> str:
    first, last = found[0], found[-1]
    worst = max(found, key=lambda one: one.magnitude / one.dense)
    return (
        f"Half of OPT's weights gone: SparseGPT's perplexity is {first.sparsegpt / first.dense:.2f} times the dense one at "
        f"{first.size} and {last.sparsegpt / last.dense:.2f} times at {last.size}; magnitude's up to about "
        f"{round(worst.magnitude / worst.dense, -2):,.0f} times."
    )


def _perplexity_row(one: Perplexity) -> tuple[object, ...]:
    ratios = [(number(value), f"{value / one.dense:,.2f}") for value in (one.sparsegpt, one.magnitude)]
    source = f"{scale.SPARSEGPT.cite}, {scale.SPARSEGPT.where}"
    return (f"OPT-{one.size}", f"{one.dense:.2f}", *ratios[0], *ratios[1], source)
