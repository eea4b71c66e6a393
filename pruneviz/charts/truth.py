"""Truth: the charts that ask a criterion for a prediction, delete the weight, and look who was right."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, float32, number, whole
from pruneviz.report import Deletions, WeightStory


def predicted_against_true(
    deletions: Deletions, criterion: str, names: Mapping[str, str], *, in_loss: bool = False,
    nouns: tuple[str, str] = ("weight", "weights"),
) -> Chart:  # fmt: skip
    """What a criterion said about single weights, or units, against the true change of the loss, both as sizes on log axes.

    `in_loss` says that the criterion predicts a change of the loss itself: then the diagonal, where both are equal, is
    drawn. A size of exactly 0 has no place on a log axis; such weights are counted in words.
    """
    name = names.get(criterion, criterion)
    predicted, true = np.abs(deletions.predicted[criterion]), np.abs(deletions.true)
    drawn = (predicted > 0) & (true > 0) & np.isfinite(predicted) & np.isfinite(true)
    signs = (
        ("loss rises", deletions.true > 0, theme.RISE, "circle"),
        ("loss falls", deletions.true < 0, theme.FALL, "diamond-open"),
    )
    traces = [
        go.Scatter(
            x=float32(predicted[drawn & which]), y=float32(true[drawn & which]), mode="markers",
            name=f"{word} ({int((drawn & which).sum())})",
            marker={"color": colour, "symbol": symbol, "size": 6, "opacity": 0.7},
            text=[f"{deletions.layers[i]} [{int(deletions.index[i])}]" for i in np.flatnonzero(drawn & which)],
            hovertemplate="%{text}<br>predicted %{x:.3g}<br>true %{y:.3g}<extra></extra>",
        )
        for word, which, colour, symbol in signs
    ]  # fmt: skip
    what = "predicted |Δloss|" if in_loss else "importance"
    chart = theme.figure(traces, f"{what}, {name}", "true |Δloss| when deleted", 440)
    if in_loss and np.any(drawn):
        both = np.concatenate((predicted[drawn], true[drawn]))
        ends = float32([both.min(), both.max()])
        line = {"color": theme.QUIET, "dash": "dash", "width": 1.5}
        chart.add_trace(go.Scatter(x=ends, y=ends, mode="lines", line=line, name="prediction = truth", hoverinfo="skip"))
    _decades(chart.update_xaxes, predicted[drawn])
    _decades(chart.update_yaxes, true[drawn])
    rho = deletions.spearman.get(criterion, float("nan"))
    ranked = f"{name} ranks {_well(rho)}: Spearman {rho:.2f}".replace("-", "−")
    title = f"{ranked} over {whole(true.size)} {nouns[1]} deleted alone."
    missing = int(true.size - drawn.sum())
    absent = f" {whole(missing)} with a size of exactly 0 are not drawn." if missing else ""
    header = ("layer", nouns[0], f"{what}, {name}", "true Δloss")
    rows = tuple(
        (deletions.layers[i], int(deletions.index[i]), number(deletions.predicted[criterion][i]), number(deletions.true[i]))
        for i in range(true.size)
    )
    alt = f"{title} A dot per {nouns[0]}, {int(np.sum(deletions.true < 0))} of which lower the loss when deleted.{absent}"
    return Chart(title, chart, alt, (header, rows))


def along_weight(story: WeightStory) -> Chart:
    """The loss as one weight moves and all others stay, with the second-order expansion that OBD believes in over it."""
    true = go.Scatter(
        x=float32(story.values), y=float32(story.losses), mode="lines", name="true loss",
        line={"color": theme.QUIET, "width": 4}, hovertemplate="w = %{x:.3g}<br>loss %{y:.5f}<extra></extra>",
    )  # fmt: skip
    style = theme.ink(0)
    parabola = go.Scatter(
        x=float32(story.values), y=float32(story.parabola), mode="lines", name="parabola from g and h (OBD)",
        line={"color": style["color"], "dash": "dash", "width": 2.5},
        hovertemplate="w = %{x:.3g}<br>parabola %{y:.5f}<extra></extra>",
    )  # fmt: skip
    kept = _mark(story.value, story.loss, "as trained", theme.KEPT, "circle")
    gone = _mark(0.0, story.loss + story.true, "deleted, w = 0", theme.REMOVED, "x")
    chart = theme.figure([true, parabola, kept, gone], "value of the weight w", f"mean loss (n = {whole(story.n)})")
    heights = np.concatenate((story.losses, [story.loss, story.loss + story.true]))
    low, high = float(heights.min()), float(heights.max())
    # The true curve sets the frame: a parabola that misses by far leaves it, and that is the finding.
    room = max(high - low, 1e-9 * max(1.0, abs(high)))
    chart.update_yaxes(range=[low - 0.25 * room, high + 0.4 * room])
    said = -story.gradient * story.value + 0.5 * story.curvature * story.value**2
    happens = f"Deleting this weight changes the loss by {_signed(story.true)}"
    title = f"{happens}; the parabola says {_signed(said)}{_off(said, story.true)}."
    place = f"{story.layer} [{', '.join(map(str, story.position))}]"
    span = f"from {number(story.values.min())} to {number(story.values.max())}"
    alt = f"{title} Loss along {place} {span}; as trained it is {number(story.value)}."
    rows = tuple(
        (number(w), f"{loss:.6f}", f"{bend:.6f}")
        for w, loss, bend in zip(story.values, story.losses, story.parabola, strict=True)
    )
    return Chart(title, chart, alt, (("w", "true loss", "parabola"), rows))


def _mark(x: float, y: float, name: str, colour: str, symbol: str) -> go.Scatter:
    marker = {"color": colour, "symbol": symbol, "size": 13}
    return go.Scatter(
        x=[x], y=[y], mode="markers", name=name, marker=marker, hovertemplate=f"{name}: loss %{{y:.5f}}<extra></extra>"
    )


def _decades(update: object, values: np.ndarray) -> None:
    """A log axis over the data, with a power of ten for a tick and no more ticks than fit on a telephone."""
    span = float(np.log10(values.max() / values.min())) if values.size else 1.0
    update(type="log", dtick=max(1, round(span / 4)), exponentformat="power")


def _well(rho: float) -> str:
    if not np.isfinite(rho):
        return "cannot be judged"
    for bound, words in ((0.9, "nearly as the truth does"), (0.7, "well"), (0.4, "roughly"), (0.15, "barely")):
        if rho >= bound:
            return words
    return "backwards" if rho < -0.15 else "no better than chance"


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + number(value)


def _off(said: float, true: float) -> str:
    """By how much the prediction misses, where that can be said in a word."""
    if true == 0 or said == 0:
        return ""
    if said * true < 0:
        return ", the wrong way"
    ratio = said / true
    if 0.5 <= ratio <= 2:
        return (
            f", {100 * abs(ratio - 1):.0f}% {'too much' if ratio > 1 else 'too little'}" if abs(ratio - 1) >= 0.005 else ""
        )
    return f", {number(ratio)} × too much" if ratio > 1 else f", {number(1 / ratio)} × too little"
