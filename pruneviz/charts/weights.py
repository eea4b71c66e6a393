"""Weights: the charts of «see/weights». One layer as a histogram, as a tail, as a Lorenz curve."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32, number, whole
from pruneviz.law import density as law_density
from pruneviz.law import lorenz as law_lorenz
from pruneviz.law import predicted_threshold
from pruneviz.law import survival as law_survival
from pruneviz.plain import label as named
from pruneviz.report import LayerShape

POOR = 0.1
"""A Kolmogorov-Smirnov distance above this is a misfit that anybody sees."""
SPIKE = 0.05
"""So many exact zeros, of all weights, are why no bell fits: the title says so."""


def verdict(shape: LayerShape) -> str:
    """Which law the layer looks like, honestly: also «neither», and «cannot be told apart» where it is too small to say."""
    if shape.deviation == 0:
        return f"{shape.label} is constant: all its weights are {number(shape.mean)}, there is no shape to fit."
    laplace, gauss = shape.fit("laplace").ks, shape.fit("gauss").ks
    best, other = ("Laplace", "Gauss") if laplace <= gauss else ("Gauss", "Laplace")
    near, far = sorted((laplace, gauss))
    digits = 2 if far - near >= 0.02 else 3
    gap = f"KS {near:.{digits}f} against {far:.{digits}f}"
    if far - near < 0.5 / max(1, shape.weights) ** 0.5:
        return f"{shape.label}: {whole(shape.weights)} weights cannot tell Laplace from Gauss ({gap})."
    if near > POOR:
        spike = (
            f" {as_percent(shape.zeros / shape.weights)} of it are exact zeros."
            if shape.zeros > SPIKE * shape.weights
            else ""
        )
        return f"{shape.label} is neither Laplace nor Gauss; {best} is the less wrong ({gap}).{spike}"
    return f"{shape.label} is closer to {best} than to {other} ({gap})."


def histogram(shape: LayerShape, *, absolute: bool = False, log: bool = False, percent: int | None = None) -> Chart:
    """How often each weight occurs, with the three fitted laws over it; at `percent` the true and the predicted threshold.

    Under |w| the left half folds onto the right, and a Laplace becomes an exponential.
    """
    edges, counts = _folded(shape) if absolute else (shape.edges, shape.counts)
    widths = np.diff(edges)
    bin_width = float(np.median(widths))
    heights = counts / widths * bin_width
    x, curves = _densities(shape, edges, absolute, bin_width)
    name, variable = ("magnitude |w|", "|w|") if absolute else ("weight w", "w")
    bars = go.Bar(
        x=float32((edges[:-1] + edges[1:]) / 2),
        y=float32(heights),
        width=float32(widths),
        name="weights",
        marker={"color": theme.BAR, "line": {"width": 0}},
        hovertemplate=variable + " ≈ %{x:.3g}<br>%{y:.0f} weights<extra></extra>",
    )
    chart = theme.figure([bars, *_law_lines(x, curves)], name, f"weights per {number(bin_width)} of {variable}")
    _frame(chart, edges, heights, curves, log)
    if percent is not None:
        _threshold_lines(chart, shape, percent, absolute)
    rows = tuple(
        (
            number(low),
            number(high),
            int(count),
            *(round(float(np.interp((low + high) / 2, x, y)), 1) for y in curves.values()),
        )
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    )
    header = ("from", "to", "weights", *(theme.LAWS[law] for law in curves))
    return Chart(verdict(shape), chart, _histogram_alt(shape, absolute), (header, rows))


def survival(shape: LayerShape, log: bool = True) -> Chart:
    """How many weights are larger than x. On a logarithmic axis Laplace is a straight line: a bend is the misfit."""
    x, share = _tail(shape)
    reach = np.linspace(0, x[-1] if x.size and x[-1] > 0 else 1, 200)
    curves = {fit.law: law_survival(fit, reach) for fit in shape.fits}
    dots = go.Scatter(
        x=float32(x),
        y=float32(share),
        mode="markers",
        name="weights",
        marker={"color": theme.QUIET, "size": 5},
        hovertemplate="%{y:.2%} exceed |w| = %{x:.3g}<extra></extra>",
    )
    chart = theme.figure([dots, *_law_lines(reach, curves)], "magnitude x", "share of weights with |w| > x")
    floor = float(share[share > 0].min()) if np.any(share > 0) else 0.01
    if log:
        chart.update_yaxes(type="log", range=[np.log10(floor / 2), 0.05], tickformat=".2~%", dtick=1)
    else:
        chart.update_yaxes(range=[0, 1.03], tickformat=".0%")
    table = ("x", "weights > x", *(theme.LAWS[law] for law in curves))
    rows = tuple(
        (number(at), f"{s:.3%}", *(f"{float(law_survival(fit, at)):.3%}" for fit in shape.fits))
        for at, s in zip(x, share, strict=True)
    )
    title = _tail_title(shape, x, share)
    return Chart(title, chart, f"{title} Share of weights above x, with three fitted laws.", (table, rows))


def lorenz(shape: LayerShape, percent: int = 50) -> Chart:
    """How little of Σw² goes when the smallest weights go first, beside what a Laplace and a Gauss layer would lose."""
    s = np.arange(shape.energy.size) / 100
    references = {law: law_lorenz(shape.fit(law), s) for law in ("laplace", "gauss")}
    true = go.Scatter(
        x=float32(100 * s),
        y=float32(100 * shape.energy),
        mode="lines",
        name=named(shape.label),
        line={"color": theme.QUIET, "width": 4},
        hovertemplate="smallest %{x:.0f}%: %{y:.1f}% of Σw²<extra></extra>",
    )
    here = go.Scatter(
        x=[percent],
        y=[100 * float(shape.energy[percent])],
        mode="markers",
        name=f"now, {percent}%",
        marker={"color": theme.REMOVED, "size": 13, "symbol": "x"},
        hovertemplate="now: %{y:.2f}% of Σw² removed<extra></extra>",
    )
    lines = _law_lines(100 * s, {law: 100 * y for law, y in references.items()}, "%{x:.0f}%: %{y:.1f}%")
    chart = theme.figure([true, *lines, here], "weights removed, smallest first (%)", "Σw² removed (%)")
    chart.update_xaxes(range=[0, 102])
    chart.update_yaxes(range=[0, 102])
    title = _lorenz_title(shape, references, percent)
    rows = tuple(
        (int(i), *(round(100 * float(v[i]), 2) for v in (shape.energy, *references.values()))) for i in range(s.size)
    )
    header = ("weights removed %", "Σw² removed %", "Laplace %", "Gauss %")
    return Chart(title, chart, f"{title} The curve stays low, then climbs steeply.", (header, rows))


def _folded(shape: LayerShape) -> tuple[np.ndarray, np.ndarray]:
    """The histogram of |w|: bins mirrored at zero are poured together."""
    half = shape.counts.size // 2
    return shape.edges[half:], shape.counts[half:] + shape.counts[:half][::-1]


def _densities(
    shape: LayerShape, edges: np.ndarray, absolute: bool, unit: float
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The laws in weights per bin, on a fine grid that holds every law's own peak."""
    low, high = _view(edges)
    peaks = [fit.location for fit in shape.fits if low <= fit.location <= high]
    x = np.unique(np.concatenate((np.linspace(low, high, 301), peaks, [abs(p) for p in peaks])))
    total = unit * float(shape.counts.sum())
    fold = (lambda fit: law_density(fit, x) + law_density(fit, -x)) if absolute else (lambda fit: law_density(fit, x))
    return x, {fit.law: total * fold(fit) for fit in shape.fits}


def _view(edges: np.ndarray) -> tuple[float, float]:
    """The part of the axis to show: a stretched outermost bin is entered, not followed to its end."""
    unit = float(np.median(np.diff(edges)))
    return max(float(edges[0]), float(edges[1]) - 2 * unit), min(float(edges[-1]), float(edges[-2]) + 2 * unit)


def _frame(chart: go.Figure, edges: np.ndarray, heights: np.ndarray, curves: dict[str, np.ndarray], log: bool) -> None:
    # The generalised law may have a needle for a peak (β near 0) that would flatten the bars; Laplace and Gauss never do.
    top = max(float(np.max(values, initial=0)) for values in (heights, curves["laplace"], curves["gauss"])) * 1.05 or 1.0
    chart.update_layout(bargap=0)
    chart.update_xaxes(range=_view(edges))
    chart.update_yaxes(
        **({"type": "log", "range": [np.log10(0.5), np.log10(top * 1.3)], "dtick": 1} if log else {"range": [0, top]})
    )


def _law_lines(x: np.ndarray, curves: dict[str, np.ndarray], words: str = "%{x:.3g}: %{y:.3g}") -> list[go.Scatter]:
    return [
        go.Scatter(
            x=float32(x), y=float32(y), mode="lines", name=theme.LAWS[law], line=theme.law_line(law),
            hovertemplate=f"{theme.LAWS[law]}<br>{words}<extra></extra>",
        )
        for law, y in curves.items()
    ]  # fmt: skip


def _threshold_lines(chart: go.Figure, shape: LayerShape, at: int, absolute: bool) -> None:
    """±t: where the true threshold at that percent lies, and where t = −b·ln(1−s) expects it."""
    laplace = float(predicted_threshold(shape.fit("laplace"), at / 100))
    for value, word, dash in ((float(shape.quantiles[at]), "true t", "solid"), (laplace, "Laplace predicts t", "dash")):
        if np.isfinite(value):
            theme.upright(chart, value, f"{word} = {number(value)}", dash=dash)
            if not absolute:
                theme.upright(chart, -value, dash=dash)


def _histogram_alt(shape: LayerShape, absolute: bool) -> str:
    beta = shape.fit("generalised").shape
    what = "magnitudes" if absolute else "weights"
    left_out = f" {whole(shape.nonfinite)} are not finite and were left out." if shape.nonfinite else ""
    return (
        f"Histogram of the {whole(shape.weights)} {what} of {shape.label}, {whole(shape.zeros)} of them zero. "
        f"{verdict(shape)} The generalised Gauss has shape β = {number(beta)}.{left_out}"
    )


def _tail(shape: LayerShape) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes and the share above each: the 101 quantiles, and beyond the last but one the edges of the histogram."""
    finite = int(shape.counts.sum())
    if not finite:
        return np.zeros(1), np.ones(1)
    removed = np.array([round(p / 100 * finite) for p in range(100)])
    edges, counts = _folded(shape)
    above = counts[::-1].cumsum()[::-1] / finite
    beyond = (edges[:-1] > shape.quantiles[99]) & (above > 0)
    x = np.concatenate((shape.quantiles[:100], edges[:-1][beyond]))
    return x, np.concatenate((1 - removed / finite, above[beyond]))


def _tail_title(shape: LayerShape, x: np.ndarray, share: np.ndarray) -> str:
    """The tail at the 99% quantile, as a multiple of what Laplace and Gauss expect there."""
    far = float(shape.quantiles[99])
    if shape.deviation == 0 or far == 0:
        return f"{shape.label} has no tail: its weights do not spread."
    true = float(share[np.searchsorted(x, far, side="right") - 1])
    times = {law: float(law_survival(shape.fit(law), far)) / max(true, 1e-12) for law in ("laplace", "gauss")}
    said = [f"{theme.LAWS[law]} expects {_times(ratio)}" for law, ratio in times.items()]
    return f"{as_percent(true)} of {shape.label}'s weights exceed {number(far)}; {said[0]}, {said[1]}."


def _times(ratio: float) -> str:
    if 0.9 <= ratio <= 1.1:
        return "about as many"
    return f"{ratio:.2g} times as many" if ratio > 0.01 else "next to none"


def _lorenz_title(shape: LayerShape, references: dict[str, np.ndarray], at: int) -> str:
    laws = ", ".join(f"{theme.LAWS[law]} {as_percent(float(values[at]))}" for law, values in references.items())
    true = as_percent(float(shape.energy[at]))
    return f"The smallest {at}% of {shape.label}'s weights hold {true} of Σw² (if it were {laws})."
