"""Scale: what papers report of large models beside what is commonly taught, and one's own curve on top."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, float32
from pruneviz.report import Curve, CurvePoint
from pruneviz.scale import Result, Study

LOWEST, HIGHEST = 60, 103
"""The part of the score's axis that is drawn, in percent; its name says where it begins."""
TICKS = (0, 50, 80, 90, 95, 98)
"""Percent gone. The axis is drawn by what is left, on a logarithmic scale: what differs lies where little is left."""
ENOUGH = 0.95
"""«Lasts» means: keeps at least so much of the dense score."""
HEADER = ("model", "who says it", "what went", "gone", "score kept", "before → after", "how", "source")


@dataclass(frozen=True, slots=True)
class Own:
    """One's own model: its name, what its amounts are called, its curve in one shot, the curve after fine-tuning where
    there is one, and the amount on screen. Amounts are of weights, or of units: then `by_amount`."""

    name: str
    measure: str
    by_amount: bool
    curve: Curve
    tuned: Curve | None
    amount: float

    @property
    def is_share(self) -> bool:
        """Whether its score is one of which a share can be kept; a perplexity is not."""
        return self.curve.metric == "accuracy"

    def at(self, point: CurvePoint) -> float:
        """The share of what goes at once that is gone at a point, in percent: of weights, or of units."""
        return 100 * (point.amount if self.by_amount else point.sparsity)


def published(studies: Sequence[Study], own: Own | None) -> Chart:
    """Sparsity against the share of the dense score kept: commonly taught hollow, the paper's filled, one's own a line.

    What has no score stands in a strip of its own above the axis; shares above 100% are drawn where they lie.
    """
    x = "gone (logarithmic in what is left)"
    chart = theme.figure([], x, f"dense score kept (%), from {LOWEST}", 560)
    _stretch(chart)
    chart.update_yaxes(range=[LOWEST, HIGHEST], ticksuffix="%", domain=[0, 0.84])
    strip = {"domain": [0.88, 1], "range": [0, 1], "tickvals": [0.5], "ticktext": ["no score"]}
    chart.update_layout(yaxis2={**strip, "showgrid": False, "zeroline": False, "automargin": True})
    chart.add_hline(100, line={"color": theme.QUIET, "dash": "dot", "width": 1.5})
    if own is not None and own.is_share:
        chart.add_traces(_own_traces(own))
    for at, study in enumerate(studies):
        chart.add_traces(_study_traces(study, theme.ink(at)))
    chart.add_trace(_key())
    title = _published_title(studies)
    rows = tuple(row for study in studies for row in _study_rows(study)) + _own_rows(own)
    alt = f"{title} Points of {len(studies)} published models; the table has every number with its source."
    return Chart(title, chart, alt, (HEADER, rows))


def lasts(curve: Curve, share: float = ENOUGH) -> float:
    """The amount up to which every measured point keeps at least that share of the dense score."""
    far = 0.0
    for point in sorted(curve.points, key=lambda point: point.amount):
        if point.value < share * curve.dense_value - 1e-12:
            break
        far = point.amount
    return far


def _stretch(chart: go.Figure) -> None:
    """The axis of what is gone: a logarithmic one of what is left, from all of it to 1.8%."""
    chart.update_xaxes(
        type="log",
        range=[np.log10(103), np.log10(1.8)],
        tickvals=[100 - gone for gone in TICKS],
        ticktext=[f"{gone}%" for gone in TICKS],
        tickangle=0,
        anchor="y",
    )


def _left(gone: Iterable[float]) -> np.ndarray:
    """Where shares that are gone, in percent, lie on that axis."""
    return float32([100 - share for share in gone])


def _key() -> go.Scatter:
    """What hollow means: an entry of the legend that draws nothing."""
    marker = {"symbol": "circle-open", "size": 10, "color": theme.QUIET, "line": {"width": 2}}
    return go.Scatter(x=[None], y=[None], mode="markers", name="commonly taught", marker=marker)


def _study_traces(study: Study, style: dict[str, str]) -> list[go.Scatter]:
    """A study's own points, its controls, and what is taught of it with a thin line to what the paper says."""
    scored = [one for one in study.papers if study.share(one) is not None]
    worded = [one for one in study.papers if study.share(one) is None]
    marker = {"symbol": style["marker"], "size": 11, "color": style["color"]}
    group = {"legendgroup": study.name, "hovertemplate": "%{customdata}<extra></extra>"}
    traces = []
    if study.taught is not None:
        traces.append(_taught(study, marker, group))
    if scored:
        traces.append(_dots(study, scored, marker, {**group, "name": study.name}))
    if study.controls:
        crossed = {"symbol": "x-thin-open", "size": 11, "color": style["color"], "line": {"width": 2}}
        traces.append(_dots(study, study.controls, crossed, {**group, "name": "its control", "showlegend": False}))
    if worded:
        said = [_hover(study, one) for one in worded]
        x = _left(100 * one.sparsity for one in worded)
        place = {"x": x, "y": [0.5] * len(x), "customdata": said, "yaxis": "y2", "name": study.name}
        traces.append(go.Scatter(**place, mode="markers", marker=marker, **group))
    return traces


def _dots(study: Study, results: Sequence[Result], marker: dict, how: dict) -> go.Scatter:
    return go.Scatter(
        x=_left(100 * one.sparsity for one in results),
        y=float32([100 * study.share(one) for one in results]),
        customdata=[_hover(study, one) for one in results],
        mode="markers",
        marker=marker,
        **how,
    )


def _taught(study: Study, marker: dict, how: dict) -> go.Scatter:
    """What is commonly taught, hollow, and a thin line to the result that it is about."""
    true, taught = study.papers[study.pair], study.taught
    hollow = {**marker, "symbol": [f"{marker['symbol']}-open", marker["symbol"]], "line": {"width": 2}}
    return go.Scatter(
        x=_left([100 * taught.sparsity, 100 * true.sparsity]),
        y=float32([100 * study.share(one) for one in (taught, true)]),
        customdata=[f"Commonly taught: {study.often}", _hover(study, true)],
        mode="lines+markers",
        line={"color": marker["color"], "width": 1},
        marker=hollow,
        showlegend=False,
        **how,
    )


def _hover(study: Study, one: Result) -> str:
    kept = _kept(study, one)
    kept = kept if study.share(one) is None else f"{kept} of the dense {study.metric}"
    lines = (f"{study.name}: {100 * one.sparsity:g}% of the {study.gone} gone", kept, one.said, study.how)
    return "<br>".join([line for line in lines if line] + [f"{study.source.cite}, {study.source.where}"])


def _kept(study: Study, one: Result) -> str:
    """The share of its dense score that a result keeps, as its source says it."""
    share = study.share(one)
    if share is None:
        return "no score given"
    return f"up to {100 * share:g}%" if one.score is None else f"{share:.1%}"


def _own_traces(own: Own) -> list[go.Scatter]:
    """One's own curve with its 95% interval, the curve after fine-tuning, and a ring where the slider stands."""
    style = theme.ink(len(theme.INKS) - 1)
    points = _drawn(own, own.curve)
    x = _left(own.at(point) for point in points)
    _, low, high = (float32(part) for part in zip(*(_shares(own.curve, point) for point in points), strict=True))
    ribbon = go.Scatter(
        x=np.concatenate((x, x[::-1])), y=np.concatenate((high, low[::-1])), fill="toself", mode="lines", line={"width": 0},
        fillcolor=theme.faded(style["color"], 0.16), hoverinfo="skip", showlegend=False, legendgroup="own",
    )  # fmt: skip
    traces = [ribbon, _own_line(own, own.curve, "yours, one shot", {"color": style["color"], "width": 3})]
    if own.tuned is not None:
        dashed = {"color": style["color"], "width": 2, "dash": "dash"}
        traces.append(_own_line(own, own.tuned, "yours, fine-tuned", dashed))
    near = min(points, key=lambda point: abs(point.amount - own.amount))
    ring = {"symbol": "circle-open", "size": 15, "color": style["color"], "line": {"width": 3}}
    here = {"x": _left([own.at(near)]), "y": [_shares(own.curve, near)[0]], "name": "your setting", "hoverinfo": "skip"}
    return [*traces, go.Scatter(**here, mode="markers", marker=ring, legendgroup="own", showlegend=False)]


def _drawn(own: Own, curve: Curve) -> list[CurvePoint]:
    """The points of a curve in order, but for the last: where nothing is left, a logarithm has no place."""
    return [point for point in sorted(curve.points, key=lambda point: point.amount) if own.at(point) < 100]


def _own_line(own: Own, curve: Curve, name: str, line: dict) -> go.Scatter:
    points = _drawn(own, curve)
    shares = [_shares(curve, point) for point in points]
    return go.Scatter(
        x=_left(own.at(point) for point in points),
        y=float32([share for share, _, _ in shares]),
        customdata=[[low, high, point.n, own.at(point)] for point, (_, low, high) in zip(points, shares, strict=True)],
        mode="lines+markers" if curve.tuned else "lines",
        name=name,
        legendgroup="own",
        line=line,
        marker={"symbol": "circle", "size": 6},
        hovertemplate=f"{name}<br>{own.measure} %{{customdata[3]:.0f}}%: %{{y:.1f}}% of the dense score "
        "(%{customdata[0]:.1f} to %{customdata[1]:.1f}, n = %{customdata[2]})<extra></extra>",
    )


def _shares(curve: Curve, point: CurvePoint) -> tuple[float, float, float]:
    """The share of the dense score that a point keeps, and its interval's ends, in percent."""
    return tuple(100 * value / curve.dense_value for value in (point.value, *point.interval))


def _published_title(studies: Sequence[Study]) -> str:
    placed = [study for study in studies if study.taught is not None]
    beaten = sum(study.beaten for study in placed)
    many = f"All {len(placed)}" if beaten == len(placed) else f"{beaten} of {len(placed)}"
    said = f"{many} commonly taught figures are too low: at their sparsity or above, the papers keep more of the score"
    return f"{said}."


def _study_rows(study: Study) -> list[tuple[object, ...]]:
    source = f"{study.source.cite}, {study.source.where}"
    taught = study.taught
    gone, kept = ("", "") if taught is None else (f"{taught.sparsity:.1%}", f"{study.share(taught):.1%}")
    rows = [(study.name, "commonly taught", study.gone, gone, kept, "", study.often, "")]
    for said, results in (("the paper", study.papers), ("its control", study.controls)):
        for one in results:
            kept = _kept(study, one)
            scores = "" if one.score is None else f"{study.dense:.2f} → {one.score:.2f} {study.metric}"
            how = "; ".join(part for part in (one.said, study.how) if part)
            rows.append((study.name, said, study.gone, f"{one.sparsity:.1%}", kept, scores, how, source))
    return rows


def _own_rows(own: Own | None) -> tuple[tuple[object, ...], ...]:
    """One's own curve at every tenth, and every fine-tuned point."""
    if own is None or not own.is_share:
        return ()
    tenths = [point for point in own.curve.points if round(100 * point.amount) % 10 == 0]
    tuned = own.tuned.points if own.tuned else ()
    return tuple(
        _own_row(own, curve, point)
        for curve, points in ((own.curve, tenths), (own.tuned, tuned))
        for point in sorted(points, key=lambda point: point.amount)
    )


def _own_row(own: Own, curve: Curve, point: CurvePoint) -> tuple[object, ...]:
    kept, low, high = _shares(curve, point)
    shares = f"{kept:.1f}% ({low:.1f} to {high:.1f})"
    scores = f"{100 * curve.dense_value:.1f}% → {100 * point.value:.1f}% accuracy"
    how = "after fine-tuning" if curve.tuned else "one shot, no fine-tuning"
    return (own.name, "measured here", own.measure, f"{own.at(point):.1f}%", shares, scores, how, f"n = {point.n:,}")
