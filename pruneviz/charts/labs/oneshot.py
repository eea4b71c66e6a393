"""One shot: what each way leaves of a network and of one matrix; and the sweep that pushes errors to the right."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, amount, as_percent, float32, number, whole
from pruneviz.charts.labs import film
from pruneviz.closeup import Closeup, ErrorLine, Sweep
from pruneviz.traced import Traced

METHODS = {
    "keep": "leave the survivors", "sparsegpt": "SparseGPT", "least_squares": "least squares", "swaps": "one-swaps",
    "swaps_refit": "one-swaps, then least squares", "sparsegpt_refit": "SparseGPT, then least squares",
}  # fmt: skip
"""The methods, in the order of the menu, and their words."""
CHOOSES = ("sparsegpt", "sparsegpt_refit")
"""Methods that pick what goes themselves: no criterion is asked."""
CRITERIA = {"random": "random", "magnitude": "magnitude", "wanda": "Wanda", "ria": "RIA"}
Ways = Mapping[str, Sequence[Traced]]
"""Runs by the words of their way, seeds together."""


def way(run: Traced) -> str:
    """How a run chose and what it did with the survivors, in a few words."""
    method = run.recipe.course.method
    if method in CHOOSES:
        return METHODS[method]
    chosen = CRITERIA.get(run.recipe.criterion, run.recipe.criterion)
    return chosen if method == "keep" else f"{chosen}, then {METHODS.get(method, method)}"


def outcomes(ways: Ways) -> Chart:
    """A row per way, the best first: what the network measures when its walk is over, beside the dense one."""
    found = sorted(((name, *_end(runs)) for name, runs in ways.items()), key=_rank(ways))
    found = [row for row in found if row[1] is not None]
    metric, dense = _metric(ways), _dense(ways)
    if not found:
        title = "No walk has come to its end yet."
        return Chart(title, theme.figure([], "", "", 120), title, (("way",), ()))
    names, values, lows, highs, many = zip(*found, strict=True)
    x, minus, plus = float32(values), float32([v - low for v, low in zip(values, lows, strict=True)]), None
    plus = float32([high - v for v, high in zip(values, highs, strict=True)])
    dots = go.Scatter(
        x=x, y=names, mode="markers", name="after one shot", showlegend=False,
        marker={"size": 12, "color": theme.INKS[0]},
        error_x={"type": "data", "symmetric": False, "array": plus, "arrayminus": minus, "thickness": 1.6, "width": 5},
        customdata=[[amount(v) if metric == "perplexity" else as_percent(v)] for v in values],
        hovertemplate=f"%{{y}}: {metric} %{{customdata[0]}}<extra></extra>",
    )  # fmt: skip
    scale = " (log scale)" if metric == "perplexity" else ""
    chart = theme.figure([dots], f"held-out {metric}{scale}", "", 130 + 42 * len(names))
    chart.update_yaxes(autorange="reversed", gridcolor=theme.CLEAR)
    if metric == "perplexity":
        chart.update_xaxes(type="log", dtick="D2", tickformat="~s" if max(values) > 1e4 else None)
    else:
        chart.update_xaxes(tickformat=".0%")
    theme.upright(chart, dense, f"dense: {_shown(dense, metric)}")
    title = headline(ways)
    rows = tuple(
        (name, _shown(value, metric), _shown(low, metric), _shown(high, metric), count)
        for name, value, low, high, count in found
    )
    alt = f"{title} A dot per way with its interval, and a line where the dense network stands."
    return Chart(title, chart, alt, (("way", metric, "95% from", "to", "seeds"), rows))


def headline(ways: Ways) -> str:
    """Which way loses least here, in a sentence with its number; or the question."""
    done = {name: _end(runs) for name, runs in ways.items() if any(run.done for run in runs)}
    if len(done) < 2:
        return "Which weights can go in one pass, and can the survivors cover for them?"
    metric, dense = _metric(ways), _dense(ways)
    ranked = sorted(done, key=lambda name: done[name][0] if metric == "perplexity" else -done[name][0])
    first, others = ranked[0], [name for name in ranked[1:] if "then" not in name and name != "SparseGPT"]
    values = {name: _shown(done[name][0], metric) for name in done}
    gone = _gone(ways)
    said = f"{gone} in one pass: {first} ends at a {metric} of {values[first]}"
    if others:
        said += f", {others[0]} alone at {values[others[0]]}" if others[0] != first else ""
    return f"{said}; dense it is {_shown(dense, metric)}."


def errors(found: Closeup, label: str, pattern: str = "") -> Chart:
    """The share of one matrix's output that each way loses, over sparsity; of a pattern N:M as marks at its share."""
    chart = theme.figure([], "sparsity of this matrix (%)", "lost of its output (% of its squared size)", 420)
    for at, line in enumerate(found.lines):
        chart.add_trace(_line(line, at))
    held = {line.name: dict(line.pattern).get(pattern) for line in found.lines}
    for at, line in enumerate(found.lines):
        if held[line.name] is not None:
            chart.add_trace(_mark(line, at, pattern, held[line.name]))
    chart.update_yaxes(type="log", dtick="D1", ticksuffix="%")
    chart.update_xaxes(ticksuffix="%")
    chart.update_layout(height=470)
    title = _errors_title(found, label)
    header = ("way", *(as_percent(one) for one in found.lines[0].amounts), *(name for name, _ in found.lines[0].pattern))
    rows = tuple(
        (line.name, *map(as_percent, line.errors), *(as_percent(value) for _, value in line.pattern)) for line in found.lines
    )
    alt = f"{title} A line per way against the sparsity, on {whole(found.samples)} calibration samples."
    return Chart(title, chart, alt, (header, rows))


def sweep(found: Closeup, label: str) -> Chart:
    """SparseGPT on an excerpt of one matrix as a film: how far each weight has moved, with a cursor over the columns."""
    film_of = found.sweep
    moved = film_of.weights - film_of.weights[0]
    moved = np.where(_visited(film_of) & ~film_of.kept[None], 0.0, moved)
    reach = float(np.quantile(np.abs(moved[-1][film_of.kept]), 0.99)) if film_of.kept.any() else 1.0
    middle = film_of.columns // 2
    chart = theme.figure(_picture(film_of, moved, reach, middle), "input (column)", "output (row)", 420)
    chart.update_yaxes(autorange="reversed", dtick=4)
    chart.update_xaxes(range=[-0.7, film_of.columns - 0.3], dtick=film_of.group or 4, gridcolor=theme.CLEAR)
    for column in range(film_of.group, film_of.columns, film_of.group) if film_of.group else ():
        chart.add_vline(x=column - 0.5, line={"color": theme.QUIET, "width": 1.2})
    chart.frames = [go.Frame(data=_picture(film_of, moved, reach, at), name=str(at)) for at in range(film_of.columns + 1)]
    stops = [film.stop(str(at), f"{at} of {film_of.columns}", redraw=True) for at in range(film_of.columns + 1)]
    film.controls(chart, stops, "columns visited: ", active=middle, pace=250, redraw=True)
    chart.update_layout(height=600, margin={"b": 170})
    title = _sweep_title(film_of)
    alt = f"{title} Purple and green squares are weights that moved; an orange cross is a removed one; a line is the cursor."
    header = ("column", "removed of its rows", "mean error pushed right", "mean move of the survivors so far")
    rows = tuple(
        (
            at,
            int((~film_of.kept[:, at]).sum()),
            number(float(film_of.moved[at].mean())),
            number(float(np.abs(moved[at + 1][film_of.kept]).mean())) if film_of.kept.any() else "–",
        )
        for at in range(film_of.columns)
    )
    return Chart(title, chart, alt, (header, rows))


def diagonal(found: Closeup, label: str) -> Chart:
    """What each input's weights are worth by curvature: 1 over the inverse Hessian's diagonal, in the matrix's own order."""
    worth = 1.0 / np.maximum(found.diagonal.astype(np.float64), 1e-30)
    share = worth / worth.sum()
    bars = go.Bar(x=np.arange(worth.size), y=float32(100 * share), marker={"color": theme.INKS[4], "line": {"width": 0}},
                  hovertemplate="input %{x}: %{y:.2f}% of the whole<extra></extra>")  # fmt: skip
    chart = theme.figure([bars], "input (column)", "1 / [(H + λI)⁻¹]ⱼⱼ (% of the sum)", 300)
    chart.update_layout(bargap=0)
    order = np.argsort(worth)[::-1]
    tenth = max(1, worth.size // 10)
    top = float(share[order[:tenth]].sum())
    title = (
        f"The tenth of the inputs whose weights are hardest to do without has {as_percent(top)} of the worth: "
        f"{'a few inputs count far more than the rest' if top > 1 / 3 else 'no few inputs carry it all'}."
    )
    rows = tuple((int(at), as_percent(float(share[at])), number(float(found.norms[at]))) for at in order[:40])
    return Chart(title, chart, f"{title} A bar per input.", (("input", "share", "‖X‖₂ of the input"), rows))


def _line(line: ErrorLine, at: int) -> go.Scatter:
    style = theme.ink(at)
    return go.Scatter(
        x=float32([100 * one for one in line.amounts]), y=float32([100 * one for one in line.errors]), name=line.name,
        mode="lines+markers", line={"color": style["color"], "dash": style["dash"], "width": 2.5},
        marker={"symbol": style["marker"], "size": 8, "color": style["color"]}, legendgroup=line.key,
        hovertemplate=f"{line.name}: %{{y:.2f}}% lost at %{{x}}%<extra></extra>",
    )  # fmt: skip


def _mark(line: ErrorLine, at: int, pattern: str, value: float) -> go.Scatter:
    style, (n, _, m) = theme.ink(at), pattern.partition(":")
    return go.Scatter(
        x=[100 * (1 - int(n) / int(m))], y=[100 * value], mode="markers", showlegend=False, legendgroup=line.key,
        marker={"symbol": f"{style['marker']}-open", "size": 13, "color": style["color"], "line": {"width": 2.5}},
        hovertemplate=f"{line.name}, {pattern}: %{{y:.2f}}% lost<extra></extra>",
    )  # fmt: skip


def _errors_title(found: Closeup, label: str) -> str:
    named = {line.key: dict(zip(line.amounts, line.errors, strict=True)) for line in found.lines}
    half = {key: row.get(0.5) for key, row in named.items()}
    plain, fitted = half.get("wanda/keep"), half.get("wanda/least_squares")
    if not plain or not fitted:
        return f"What each way loses of {label}."
    less = 1 - fitted / plain
    magnitude = half.get("magnitude/keep") or plain
    choosing = 1 - plain / magnitude
    return (
        f"Half of {label} gone: choosing by Wanda instead of magnitude saves {as_percent(max(0.0, choosing))} of the error, "
        f"fitting the survivors saves another {as_percent(less)} of what is left."
    )


def _sweep_title(found: Sweep) -> str:
    gone = int((~found.kept).sum())
    moved = np.abs(found.weights[-1] - found.weights[0])[found.kept]
    size = np.abs(found.weights[0])[found.kept]
    share = float(moved.sum() / max(1e-30, size.sum()))
    return (
        f"The survivors move to cover for the dead: {whole(gone)} of {whole(found.kept.size)} weights go, and those that "
        f"stay move by {as_percent(share)} of their size."
    )


def _visited(found: Sweep) -> np.ndarray:
    """Which columns are behind the cursor in each picture, [F, 1, C]."""
    return (np.arange(found.columns)[None, :] < np.arange(len(found.weights))[:, None])[:, None, :]


def _picture(found: Sweep, moved: np.ndarray, reach: float, at: int) -> list[go.Heatmap | go.Scatter]:
    """One frame: how far each weight moved, crosses where one was removed, and the cursor."""
    gone = ~found.kept & (np.arange(found.columns)[None, :] < at)
    down, across = np.nonzero(gone)
    bar = {"title": {"text": "moved by", "side": "right"}, "thickness": 12, "len": 1.0, "nticks": 5}
    return [
        go.Heatmap(
            z=np.round(moved[at] / max(reach, 1e-30), 3).astype(np.float32) * np.float32(reach), zmin=-reach, zmax=reach,
            colorscale=theme.SIGNED, colorbar=bar, xgap=1, ygap=1,
            hovertemplate="row %{y}, column %{x}: moved by %{z:.3g}<extra></extra>",
        ),
        go.Scatter(x=across, y=down, mode="markers", name="removed", hovertemplate="removed<extra></extra>",
                   marker={"symbol": "x-thin", "size": 8, "line": {"width": 2, "color": theme.REMOVED}}),
        go.Scatter(x=[at - 0.5, at - 0.5], y=[-0.5, found.rows - 0.5], mode="lines", name="cursor", hoverinfo="skip",
                   line={"color": theme.QUIET, "width": 4}),
    ]  # fmt: skip


def _end(runs: Sequence[Traced]) -> tuple[float | None, float, float, int]:
    """Mean over the seeds of what was measured at the end, the ends of its interval, and how many seeds."""
    ended = [run for run in runs if run.done]
    if not ended:
        return None, math.nan, math.nan, 0
    found = [_interval(run) for run in ended]
    return (*(math.fsum(side) / len(found) for side in zip(*found, strict=True)), len(found))


def _interval(run: Traced) -> tuple[float, float, float]:
    """What a run measured, with the interval of its change against the dense network on the same samples."""
    dense, low, high = (float(run.last(name) or 0.0) for name in ("dense", "gain_low", "gain_high"))
    if (right := run.last("accuracy")) is not None:
        return right, dense + low, dense + high
    return float(run.last("value") or math.nan), dense * math.exp(min(700.0, -high)), dense * math.exp(min(700.0, -low))


def _rank(ways: Ways):
    sign = 1 if _metric(ways) == "perplexity" else -1
    return lambda row: math.inf if row[1] is None else sign * row[1]


def _metric(ways: Ways) -> str:
    return "perplexity" if all(run.last("accuracy") is None for runs in ways.values() for run in runs) else "accuracy"


def _dense(ways: Ways) -> float:
    return next(float(run.last("dense") or 0.0) for runs in ways.values() for run in runs)


def _gone(ways: Ways) -> str:
    recipe = next(run.recipe for runs in ways.values() for run in runs)
    if ":" in recipe.granularity:
        n, _, m = recipe.granularity.partition(":")
        return f"{int(m) - int(n)} of every {m} weights gone"
    return f"{as_percent(recipe.amount)} of the weights gone"


def _shown(value: float, metric: str) -> str:
    return amount(value) if metric == "perplexity" else as_percent(value)
