"""Compare: candidates against each other, by what they cost and what they are worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pruneviz.candidates import COSTS, Candidate, cost, front, surely, whole
from pruneviz.charts import candidate_words, theme
from pruneviz.charts.candidate_words import costs, interval, letter, listed, value
from pruneviz.charts.chart import Chart, number
from pruneviz.charts.chart import whole as count

SIZE, MARKED = 15, 23
TURNS = ("top center", "bottom center", "middle right", "middle left")


def pareto(candidates: Sequence[Candidate], by: str = "parameters", marked: Sequence[str] = ()) -> Chart:
    """Accuracy against what is left, one mark per candidate, and the front of those that none of the others beats.

    `by` is a key of COSTS. Who has no such cost is not drawn, and the words say so. Marks carry their letters as customdata.
    """
    shown = [one for one in candidates if cost(one, by) is not None]
    best, share = front(shown, by), _shares(shown, by)
    axis = f"{COSTS[by]}, % of the dense model's" if share else f"{COSTS[by]}{' of one forward pass' * (by == 'ms')}"
    noun = shown[0].report.score.noun if shown else "images"
    metric = f"{shown[0].report.score.metric} on {_n(shown)} held-out {noun}" if shown else "accuracy"
    chart = theme.figure(_pareto_traces(shown, by, best, marked), axis, metric + ", %" * shares_of_samples(shown), 440)
    chart.update_layout(clickmode="event+select", dragmode=False)
    _room(chart, shown, by)
    title = f"{candidate_words.title(shown, best, by)}{candidate_words.chance(shown, by)}"
    missing = [letter(one) for one in candidates if one not in shown]
    absent = f" Not drawn, because it was not measured: {', '.join(missing)}." if missing else ""
    header = ("candidate", "metric", "95% interval", "n", COSTS[by], "on the front as measured")
    return Chart(title + absent, chart, f"{title}{absent} A mark per candidate with its 95% interval.",
                 (header, tuple(_pareto_row(one, by, best) for one in shown)))  # fmt: skip


def _pareto_traces(
    shown: Sequence[Candidate], by: str, best: Sequence[Candidate], marked: Sequence[str]
) -> list[go.Scatter]:
    line = go.Scatter(
        x=[_x(one, shown, by) for one in best], y=[height(one) for one in best], mode="lines",
        line={"color": theme.QUIET, "dash": "dot", "width": 2, "shape": "hv"}, hoverinfo="skip",
        name="the front: none of the others is as small and better",
    )  # fmt: skip
    marks = go.Scatter(
        x=[_x(one, shown, by) for one in shown], y=[height(one) for one in shown], mode="markers+text",
        text=[f"<b>{letter(one)}</b>" for one in shown], textposition=_turns(shown, by), textfont={"size": 15},
        customdata=[[one.letter] for one in shown], showlegend=False, cliponaxis=False, error_y=_bars(shown),
        error_x=_quartiles(shown, by),
        hovertext=[hover(one, by) for one in shown], hovertemplate="%{hovertext}<extra></extra>",
        # A click is told to Python, and what is marked is drawn anew: Plotly itself is not to fade the others.
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
        marker={
            "symbol": ["diamond" if one.live else "circle" for one in shown], "color": theme.INKS[0], "opacity": 1,
            "size": [MARKED if one.letter in marked else SIZE for one in shown],
            "line": {"color": theme.PIN, "width": [0 if one.live and one.letter not in marked else 3 for one in shown]},
        },
    )  # fmt: skip
    return [line, marks]


def _turns(shown: Sequence[Candidate], by: str) -> list[str]:
    """Where each letter stands: marks that lie close together write theirs to different sides."""
    order = sorted(range(len(shown)), key=lambda at: (_x(shown[at], shown, by), height(shown[at])))
    found = [TURNS[2]] * len(shown)
    for turn, at in enumerate(order):
        found[at] = TURNS[2 + turn % 2] if len(shown) > 1 else TURNS[2]
    return found


def _bars(shown: Sequence[Candidate]) -> dict[str, object]:
    scale = 100 if shares_of_samples(shown) else 1
    ends = [(scale * one.report.score.interval[0], scale * one.report.score.interval[1]) for one in shown]
    return {
        "type": "data", "symmetric": False, "color": theme.QUIET, "thickness": 1.5, "width": 5,
        "array": [high - height(one) for one, (_, high) in zip(shown, ends, strict=True)],
        "arrayminus": [height(one) - low for one, (low, _) in zip(shown, ends, strict=True)],
    }  # fmt: skip


def _quartiles(shown: Sequence[Candidate], by: str) -> dict[str, object]:
    """Bars along the axis of milliseconds: half of all rounds lie within. What is counted is exact and has none."""
    if by != "ms" or not shown:
        return {"visible": False}
    spreads = [one.milliseconds for one in shown]
    return {
        "type": "data", "symmetric": False, "color": theme.QUIET, "thickness": 1.5, "width": 5,
        "array": [one.high - one.median for one in spreads], "arrayminus": [one.median - one.low for one in spreads],
    }  # fmt: skip


def _room(chart: go.Figure, shown: Sequence[Candidate], by: str) -> None:
    """Axes with room for letters beside the outermost marks; a share never shows more than there is."""
    if not shown:
        return
    x = np.array([_x(one, shown, by) for one in shown])
    if by == "ms":
        x = np.array([end for one in shown for end in (one.milliseconds.low, one.milliseconds.high)])
    air = max(0.12 * float(np.ptp(x)), 0.04 * float(np.abs(x).max()), 1e-9)
    chart.update_xaxes(range=[float(x.min()) - air, float(x.max()) + air])
    ends = np.array([one.report.score.interval for one in shown]) * (100 if shares_of_samples(shown) else 1)
    tall = max(0.08 * float(np.ptp(ends)), 0.5 if shares_of_samples(shown) else 1e-9)
    chart.update_yaxes(range=[float(ends.min()) - tall, float(ends.max()) + tall])


def _x(one: Candidate, shown: Sequence[Candidate], by: str) -> float:
    return 100 * cost(one, by) / whole(one, by) if _shares(shown, by) else cost(one, by)


def height(one: Candidate) -> float:
    return one.report.score.value * (1 if one.report.score.correct is None else 100)


def _shares(shown: Sequence[Candidate], by: str) -> bool:
    """Whether costs are shares of one dense model's: of several models only the numbers themselves compare."""
    return len({one.report.subject for one in shown}) == 1 and all(whole(one, by) for one in shown)


def shares_of_samples(shown: Sequence[Candidate]) -> bool:
    return all(one.report.score.correct is not None for one in shown)


def _n(shown: Sequence[Candidate]) -> str:
    counts = sorted({one.report.score.n for one in shown})
    return count(counts[0]) if len(counts) == 1 else f"{count(counts[0])} to {count(counts[-1])}"


def hover(one: Candidate, by: str) -> str:
    score = one.report.score
    head = f"<b>{letter(one)}</b><br>{value(one)} on {score.n:,} {score.noun} [{interval(one)}]"
    return f"{head}<br>{COSTS[by]}: {costs(one, by)}"


def _pareto_row(one: Candidate, by: str, best: Sequence[Candidate]) -> tuple[object, ...]:
    return (letter(one), value(one), interval(one), one.report.score.n, costs(one, by), "yes" if one in best else "no")


def parallel(candidates: Sequence[Candidate]) -> Chart:
    """Many candidates at once: a line for each across what it takes and what it is worth."""
    first = candidates[0]
    columns = {COSTS[by]: [cost(one, by) for one in candidates] for by in ("weights", "parameters", "macs", "ms")}
    columns["accuracy, %" if shares_of_samples(candidates) else first.report.score.metric] = [
        height(one) for one in candidates
    ]
    shown = {name: values for name, values in columns.items() if None not in values}
    ticks = list(range(len(candidates)))
    differ = [height(one) - height(first) for one in candidates]
    most = max(map(abs, differ)) or 1.0
    names = [letter(one) for one in candidates]
    letters = {"label": "candidate", "values": ticks, "tickvals": ticks, "ticktext": names}
    scale = [[0, theme.FALL], [0.5, theme.QUIET], [1, theme.RISE]]
    trace = go.Parcoords(
        line={"color": differ, "colorscale": scale, "cmin": -most, "cmax": most},
        dimensions=[letters, *({"label": name, "values": values} for name, values in shown.items())],
        labelfont={"size": 13}, tickfont={"size": 12},
    )  # fmt: skip
    chart = go.Figure([trace])
    theme.dress(chart, 380)
    chart.update_layout(margin={"l": 60, "r": 40, "t": 60, "b": 24})
    best = max(candidates, key=lambda one: height(one) if one.report.score.correct is not None else -height(one))
    title = f"Of {len(candidates)} candidates {letter(best)} measures best: {first.report.score.metric} {value(best)}."
    near = [one for one in candidates if one is not best and not surely(best.report, one.report)]
    title += f" {listed(near)} cannot be told from it." if near else ""
    rows = tuple((letter(one), *(number(values[at]) for values in shown.values())) for at, one in enumerate(candidates))
    return Chart(title, chart, f"{title} A line per candidate.", (("candidate", *shown), rows))
