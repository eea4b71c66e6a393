"""Closeup: what each way loses of one matrix; and the sweep that pushes errors to the right."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32, number, whole
from pruneviz.charts.labs import film, inks
from pruneviz.closeup import Closeup, ErrorLine, Sweep

UNEVEN = 1 / 3
"""Where a tenth of the inputs has more than that of the worth, a few carry the matrix."""

BEYOND = 0.8
"""Rows of room above and below the film's squares, for the ends of its cursor: no line between groups has any."""


def errors(found: Closeup, label: str, pattern: str = "", amount: float = 0.5) -> Chart:
    """The share of one matrix's output that each way loses, over sparsity; of a pattern N:M as marks at its share. The title
    speaks of `amount`, or of the nearest one that was tried."""
    chart = theme.figure([], "sparsity of this matrix (%)", "lost of its output (%, squared)", 420)
    for at, line in enumerate(found.lines):
        chart.add_trace(_line(line, at))
    held = {line.name: dict(line.pattern).get(pattern) for line in found.lines}
    for at, line in enumerate(found.lines):
        if held[line.name] is not None:
            chart.add_trace(_mark(line, at, pattern, held[line.name]))
    shown = ticks([100 * one for line in found.lines for one in (*line.errors, *dict(line.pattern).values())])
    chart.update_yaxes(type="log", tickvals=shown, ticktext=[f"{one:g}%" for one in shown])
    chart.update_xaxes(tickvals=[100 * one for one in found.lines[0].amounts], ticksuffix="%")
    chart.update_layout(height=520)
    title = _errors_title(found, label, pattern, amount)
    header = ("way", *(as_percent(one) for one in found.lines[0].amounts), *(name for name, _ in found.lines[0].pattern))
    rows = tuple(
        (line.name, *map(as_percent, line.errors), *(as_percent(value) for _, value in line.pattern)) for line in found.lines
    )
    marks = f" Larger open marks are {pattern}." if any(one is not None for one in held.values()) else ""
    alt = f"{title} A line per way against the sparsity, on {whole(found.samples)} calibration samples.{marks}"
    return Chart(title, chart, alt, (header, rows))


def unfit(found: Closeup, label: str, pattern: str = "") -> str:
    """Why a pattern is not drawn, or, where none was chosen, why any is not; in a sentence, empty where all are."""
    reasons = {name: why for name, why in found.unfit if pattern in ("", name)}
    if not reasons:
        return ""
    return f"There is no {' or '.join(reasons)} of {label}: it {next(iter(reasons.values()))}."


def instead(found: Closeup, pattern: str) -> str:
    """What the film shows in place of a pattern that the matrix cannot have, in a sentence; empty where it shows it."""
    if pattern not in dict(found.unfit):
        return ""
    n, _, m = pattern.partition(":")
    return (
        f"{pattern} does not fit this matrix, so the film removes single weights, {as_percent(1 - int(n) / int(m))} of them."
    )


def sweep(found: Closeup, label: str, pattern: str = "") -> Chart:
    """SparseGPT on an excerpt of one matrix as a film: how far each weight has moved, with a cursor over the columns."""
    film_of = found.sweep
    moved = film_of.weights - film_of.weights[0]
    moved = np.where(_visited(film_of) & ~film_of.kept[None], 0.0, moved)
    reach = float(np.quantile(np.abs(moved[-1][film_of.kept]), 0.99)) if film_of.kept.any() else 1.0
    chart = theme.figure(_picture(film_of, moved, reach, 0), "input (column)", "output (row)", 420)
    chart.update_yaxes(range=[film_of.rows - 0.5 + BEYOND, -0.5 - BEYOND], gridcolor=theme.CLEAR)
    chart.update_yaxes(tickvals=[*range(0, film_of.rows, 4)])
    chart.update_xaxes(range=[-0.7, film_of.columns - 0.3], dtick=max(4, film_of.group), gridcolor=theme.CLEAR)
    for column in range(film_of.group, film_of.columns, film_of.group) if film_of.group else ():
        ends = {"x0": column - 0.5, "x1": column - 0.5, "y0": -0.5, "y1": film_of.rows - 0.5}
        chart.add_shape(type="line", **ends, line={"color": theme.QUIET, "width": 2.5, "dash": "dash"})
    chart.frames = [go.Frame(data=_picture(film_of, moved, reach, at), name=str(at)) for at in range(film_of.columns + 1)]
    stops = [film.stop(str(at), f"{at} of {film_of.columns}", redraw=True) for at in range(film_of.columns + 1)]
    film.controls(chart, stops, "columns visited: ", active=0, pace=250, redraw=True)
    chart.update_layout(height=640, margin={"b": 170})
    title = _sweep_title(film_of)
    alt = f"{title} Purple and green squares are weights that moved; an orange cross is a removed one;"
    alt = f"{alt} the line between two arrows is the cursor."
    alt = " ".join(filter(None, (alt, instead(found, pattern))))
    header = ("column", "removed of its rows", "mean size of what went", "mean move of the survivors so far")
    return Chart(title, chart, alt, (header, _columns(film_of, moved)))


def diagonal(found: Closeup, label: str) -> Chart:
    """What each input's weights are worth by curvature: 1 over the inverse Hessian's diagonal, in the matrix's own order."""
    worth = 1.0 / np.maximum(found.diagonal.astype(np.float64), 1e-30)
    share = worth / worth.sum()
    bars = go.Bar(x=np.arange(worth.size), y=float32(100 * share), marker={"color": theme.INKS[4], "line": {"width": 0}},
                  hovertemplate="input %{x}: %{y:.2f}% of the whole<extra></extra>")  # fmt: skip
    chart = theme.figure([bars], "input (column)", "worth (% of the sum)", 300)
    chart.update_layout(bargap=0)
    order = np.argsort(worth)[::-1]
    tenth = max(1, worth.size // 10)
    top = float(share[order[:tenth]].sum())
    title = (
        f"The tenth of the inputs whose weights are hardest to do without has {as_percent(top)} of the worth of all: "
        f"{'a few count far more than the rest' if top > UNEVEN else 'no small group of them carries this matrix'}."
    )
    rows = tuple((int(at), as_percent(float(share[at])), number(float(found.norms[at]))) for at in order[:40])
    return Chart(title, chart, f"{title} A bar per input.", (("input", "share", "‖X‖₂ of the input"), rows))


def ticks(values: list[float]) -> list[float]:
    """1, 2 and 5 of each power of ten, from just under the smallest of the values above zero to just over the largest."""
    known = [one for one in values if one > 0] or [1.0]
    low, high = (math.floor(math.log10(one)) for one in (min(known), max(known)))
    steps = [step * 10.0**power for power in range(low, high + 1) for step in (1, 2, 5)]
    return [one for one in steps if min(known) / 2.5 <= one <= 2.5 * max(known)]


def _look(line: ErrorLine, at: int) -> dict[str, str]:
    """As the same way looks over the whole network."""
    criterion, _, method = line.key.partition("/")
    return inks.look(criterion, method, at)


def _line(line: ErrorLine, at: int) -> go.Scatter:
    style = _look(line, at)
    return go.Scatter(
        x=float32([100 * one for one in line.amounts]), y=float32([100 * one for one in line.errors]), name=line.name,
        mode="lines+markers", line={"color": style["color"], "dash": style["dash"], "width": 2.5},
        marker={"symbol": style["marker"], "size": 8, "color": style["color"]}, legendgroup=line.key,
        hovertemplate=f"{line.name}: %{{y:.2f}}% lost at %{{x}}%<extra></extra>",
    )  # fmt: skip


def _mark(line: ErrorLine, at: int, pattern: str, value: float) -> go.Scatter:
    style, (n, _, m) = _look(line, at), pattern.partition(":")
    return go.Scatter(
        x=[100 * (1 - int(n) / int(m))], y=[100 * value], mode="markers", showlegend=False, legendgroup=line.key,
        marker={"symbol": f"{style['marker']}-open", "size": 13, "color": style["color"], "line": {"width": 2.5}},
        hovertemplate=f"{line.name}, {pattern}: %{{y:.2f}}% lost<extra></extra>",
    )  # fmt: skip


def _errors_title(found: Closeup, label: str, pattern: str, amount: float) -> str:
    """What choosing and what fitting save where so much of the matrix goes, or as many as the pattern takes."""
    n, _, m = pattern.partition(":")
    held = {line.key: dict(line.pattern).get(pattern) for line in found.lines}
    nearest = min(found.lines[0].amounts, key=lambda one: abs(one - amount))
    free = {line.key: dict(zip(line.amounts, line.errors, strict=True)).get(nearest) for line in found.lines}
    there = held if held.get("wanda/keep") else free
    plain, fitted, magnitude = (there.get(key) for key in ("wanda/keep", "wanda/least_squares", "magnitude/keep"))
    if not plain or fitted is None or not magnitude:
        return f"What each way loses of {label}."
    gone = (
        f"{int(m) - int(n)} of every {m} weights of {label} gone"
        if there is held
        else f"{as_percent(nearest)} of {label} gone"
    )
    less, choosing = 1 - fitted / plain, 1 - plain / magnitude
    chosen = f"saves {as_percent(choosing)} of the error" if choosing >= 0 else f"adds {as_percent(-choosing)} to the error"
    return (
        f"{gone}: choosing by Wanda instead of magnitude {chosen}; fitting the survivors then saves {as_percent(less)} of "
        "what is left."
    )


def _sweep_title(found: Sweep) -> str:
    gone = int((~found.kept).sum())
    moved = np.abs(found.weights[-1] - found.weights[0])[found.kept]
    size = np.abs(found.weights[0])[found.kept]
    share = float(moved.sum() / max(1e-30, size.sum()))
    return (
        f"The survivors move to cover for the dead: in this excerpt {whole(gone)} of {whole(found.kept.size)} weights go, "
        f"and those that stay move by {as_percent(share)} of their size."
    )


def _columns(found: Sweep, moved: np.ndarray) -> tuple[tuple[object, ...], ...]:
    """The film's numbers, a row for each column that is visited."""
    return tuple(
        (
            at,
            int((~found.kept[:, at]).sum()),
            number(float(found.moved[at].mean())),
            number(float(np.abs(moved[at + 1][found.kept]).mean())) if found.kept.any() else "–",
        )
        for at in range(found.columns)
    )


def _visited(found: Sweep) -> np.ndarray:
    """Which columns are behind the cursor in each picture, [F, 1, C]."""
    return (np.arange(found.columns)[None, :] < np.arange(len(found.weights))[:, None])[:, None, :]


def _picture(found: Sweep, moved: np.ndarray, reach: float, at: int) -> list[go.Heatmap | go.Scatter]:
    """One frame: how far each weight moved, crosses where one was removed, and the cursor."""
    gone = ~found.kept & (np.arange(found.columns)[None, :] < at)
    down, across = np.nonzero(gone)
    bar = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "thickness": 10, "len": 1.0, "nticks": 5}
    bar |= {"title": {"text": "weight now − weight before", "side": "top"}}
    return [
        go.Heatmap(
            z=np.round(moved[at] / max(reach, 1e-30), 3).astype(np.float32) * np.float32(reach), zmin=-reach, zmax=reach,
            colorscale=theme.SIGNED, colorbar=bar, xgap=1, ygap=1,
            hovertemplate="row %{y}, column %{x}: moved by %{z:.3g}<extra></extra>",
        ),
        go.Scatter(x=across, y=down, mode="markers", name="removed", showlegend=True, hovertemplate="removed<extra></extra>",
                   marker={"symbol": "x-thin", "size": 6, "line": {"width": 1.8, "color": theme.REMOVED}}),
        go.Scatter(x=[at - 0.5, at - 0.5], y=[-0.5 - BEYOND / 2, found.rows - 0.5 + BEYOND / 2], mode="lines+markers",
                   name="cursor", hoverinfo="skip", line={"color": theme.GROUND, "width": 5},
                   marker={"symbol": ["triangle-down", "triangle-up"], "size": 12, "color": theme.GROUND}),
    ]  # fmt: skip
