"""Clouds: weights before the second task against what they become in it, as a film over its steps; a panel per method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32, whole
from pruneviz.charts.labs import film
from pruneviz.charts.labs.movement import METHODS
from pruneviz.moment import Moment
from pruneviz.traced import Traced

Stays = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Of the drawn weights at the end: their size, whether they moved away from zero, and which of them stay."""


def clouds(runs: Mapping[str, Traced]) -> Chart:
    """Each drawn weight before the second task against what it is after it; Play runs through the steps.

    What goes by size is a band around zero. What goes by movement lies where the dotted line is left towards zero.
    """
    shown = {method: run for method, run in runs.items() if run.array("w_after") is not None}
    if not shown:
        title = "No weight has been tuned for the second task yet."
        return Chart(title, theme.figure([], "", "", 120), title, (("method",), ()))
    names = [METHODS.get(method, method) for method in shown]
    chart = make_subplots(1, len(shown), subplot_titles=names, shared_yaxes=True, horizontal_spacing=0.04)
    for panel, run in enumerate(shown.values(), 1):
        for trace in _cloud(run, _stands(run, -1), panel == 1):
            chart.add_trace(trace, 1, panel)
    _square(chart, [*shown.values()])
    _film(chart, [*shown.values()])
    before = {method: _stays(run) for method, run in shown.items()}
    title = _clouds_title(before)
    rows = tuple(
        (METHODS.get(method, method), whole(kept.size), whole(int((~kept).sum())), *_of_removed(size, grew, kept))
        for method, (size, grew, kept) in before.items()
    )
    header = ("method", "drawn weights", "removed", "of these above the middle size", "of these moved towards zero")
    return Chart(title, chart, f"{title} A mark per weight: what is removed is an orange cross.", (header, rows))


def _stays(run: Traced) -> Stays:
    """Of the drawn weights at the end: their size, whether they moved away from zero, and which of them stay."""
    before, after, kept = (run.array(name) for name in ("w_before", "w_after", "kept"))
    return np.abs(after), np.sign(before) * (after - before) > 0, kept.astype(bool)


def _of_removed(size: np.ndarray, grew: np.ndarray, kept: np.ndarray) -> tuple[str, str]:
    if kept.all():
        return "–", "–"
    return as_percent(float((size[~kept] > np.median(size)).mean())), as_percent(float((~grew[~kept]).mean()))


def _clouds_title(before: Mapping[str, Stays]) -> str:
    """How often a weight stays that moved away from zero, and one that moved towards it, by method; the last one first."""
    said = []
    for method, (_, grew, kept) in reversed(before.items()):
        if grew.any() and (~grew).any() and not kept.all():
            away, towards = as_percent(float(kept[grew].mean())), as_percent(float(kept[~grew].mean()))
            name = METHODS.get(method, method)
            long = "of the drawn weights that moved away from zero", "of those that moved towards it"
            said.append(f"{name} {away} and {towards}" if said else f"{name} keeps {away} {long[0]} and {towards} {long[1]}")
    if not said:
        return "Nothing has been removed yet."
    return f"{said[0][:1].upper()}{'; '.join(said)[1:]}."


def _stands(run: Traced, at: int) -> Moment:
    return [moment for moment, _ in run.arrays("w_after")][at]


def _cloud(run: Traced, moment: Moment, named: bool) -> list[go.Scatter]:
    """Two traces: what is removed, hatched by crosses, and above it what is kept."""
    x, y, kept = run.array("w_before"), moment.arrays["w_after"], moment.arrays["kept"].astype(bool)
    looks = (("removed", ~kept, theme.REMOVED, "x-thin", 5), ("kept", kept, theme.KEPT, "circle", 6))
    marker = {"opacity": 0.75}
    return [
        go.Scatter(
            x=float32(x[chosen]), y=float32(y[chosen]), mode="markers", name=name, legendgroup=name, showlegend=named,
            marker=marker | {"symbol": symbol, "size": size, "color": colour, "line": {"width": 1.2, "color": colour}},
            hovertemplate=f"{name}<br>before %{{x:.3f}}, after %{{y:.3f}}<extra></extra>",
        )
        for name, chosen, colour, symbol, size in looks
    ]  # fmt: skip


def _square(chart: go.Figure, runs: Sequence[Traced]) -> None:
    """The same square for every panel, with the line on which nothing moved."""
    reach = 1.05 * max(
        float(np.abs(one).max(initial=0)) for run in runs for one in (run.array("w_before"), run.array("w_after"))
    ) or 1.0  # fmt: skip
    theme.dress(chart, 440)
    chart.update_layout(margin={"t": 36})
    chart.update_xaxes(range=[-reach, reach], title="weight before", nticks=5)
    chart.update_yaxes(range=[-reach, reach])
    chart.update_yaxes(title="weight after the second task", col=1)
    line = {"color": theme.QUIET, "dash": "dot", "width": 1.5}
    for panel in range(1, len(runs) + 1):
        chart.add_shape(type="line", x0=-reach, y0=-reach, x1=reach, y1=reach, line=line, layer="below", row=1, col=panel)


def _film(chart: go.Figure, runs: Sequence[Traced]) -> None:
    """A frame for each moment that all runs have, with Play, Pause and a slider of steps below the panels."""
    many = min(sum(1 for _ in run.arrays("w_after")) for run in runs)
    if many < 2:
        return
    frames, stops = [], []
    for at in range(many):
        moments = [_stands(run, at) for run in runs]
        data = [trace for panel, pair in enumerate(zip(runs, moments, strict=True)) for trace in _cloud(*pair, panel == 0)]
        frames.append(go.Frame(data=data, name=str(at)))
        gone = " and ".join(dict.fromkeys(as_percent(moment.values["sparsity"]) for moment in moments))
        label = f"{moments[0].step:,}, {gone} removed"
        stops.append(film.stop(str(at), label))
    chart.frames = frames
    film.controls(chart, stops, "training step ", active=len(stops) - 1)
    chart.update_layout(height=600, margin={"b": 170})
