"""Reach: how far one pass goes: what each way of one shot leaves of a network, at every sparsity that was run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32
from pruneviz.charts.labs.ended import End, Ways, bare, dense, ends, metric, shown

Reached = Mapping[float, End]
"""How a way ended, by what went."""

TIMES, POINTS = 1.25, 0.05
"""How much worse than the dense network is still near it: so many times its perplexity, or so much less accuracy."""
HIGHEST = 3.0
"""Times the dense perplexity: what lies higher is told by the table alone, and leaves the rest room."""
ROUND = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
"""Where a perplexity's axis is labelled, in each power of ten."""
LEAST = 2
"""Sparsities that make a line."""


def lines(ways: Ways) -> dict[str, Reached]:
    """Each way's ends by what went, the least first; only ways that came to an end."""
    amounts = sorted({run.recipe.amount for runs in ways.values() for run in runs})
    found: dict[str, dict[float, End]] = {name: {} for name in ways}
    for amount in amounts:
        there = {name: [run for run in runs if run.recipe.amount == amount] for name, runs in ways.items()}
        for end in ends({name: runs for name, runs in there.items() if any(run.done for run in runs)}):
            found[end.name][amount] = end
    return {name: one for name, one in found.items() if one}


def enough(ways: Ways) -> bool:
    """Whether there is anything to draw: a way that was run at two sparsities."""
    return any(len(one) >= LEAST for one in lines(ways).values())


def reach(ways: Ways, chosen: str = "") -> Chart:
    """A line per way over what went, the dense network across. The line of the way that is `chosen`, and that of the one
    that reaches furthest, have their intervals."""
    found, measured, before = lines(ways), metric(ways), dense(ways)
    title = verdict(ways)
    ranked, inks = _ranked(found, measured, before), sorted(found)
    drawn = {chosen, *ranked[:1]}
    traces = [_line(name, found[name], measured, inks.index(name), name in drawn) for name in ranked]
    chart = theme.figure(traces, "weights removed, %", measured, 460)
    level, named = before * (1 if measured == "perplexity" else 100), f"dense: {shown(before, measured)}"
    chart.add_hline(level, line={"color": theme.QUIET, "dash": "dash"}, name=named, showlegend=True)
    chart.update_xaxes(tickvals=[100 * amount for amount in sorted({amount for one in found.values() for amount in one})])
    _scale(chart, found, measured, before)
    rows = tuple(
        (name, as_percent(amount), *(shown(side, measured) for side in (end.value, end.low, end.high)), end.seeds)
        for name in ranked
        for amount, end in found[name].items()
    )
    alt = f"{title} A line per way over the sparsities that were run, and a line where the dense model stands."
    return Chart(title, chart, alt, (("way", "gone", measured, "95% from", "to", "seeds"), rows))


def verdict(ways: Ways) -> str:
    """How far the furthest way goes before it is clearly worse than the dense network, and the furthest of those that leave
    the survivors alone."""
    found, measured, before = lines(ways), metric(ways), dense(ways)
    ranked, kept = _ranked(found, measured, before), bare(ways)
    near = (
        f"{TIMES:g} × the dense perplexity" if measured == "perplexity" else f"{100 * POINTS:g} points of the dense accuracy"
    )
    far = {name: reached(found[name], measured, before) for name in ranked}
    if not far or not far[ranked[0]]:
        return f"No way stays within {near} at any sparsity that was run."
    first, alone = ranked[0], next((name for name in ranked if name in kept), None)
    said = f"Within {near}, {first}{' alone' * (first in kept)} goes to {as_percent(far[first])}"
    if alone is not None and alone != first:
        said += f", {alone} alone {f'to {as_percent(far[alone])}' if far[alone] else 'nowhere'}"
    return f"{said}, of the sparsities that were run."


def reached(one: Reached, measured: str, before: float) -> float:
    """The most that may go so that this much, and whatever less was run, leaves the network near the dense one; 0 where even
    the least is too much."""
    most = 0.0
    for amount, end in one.items():
        if not (end.value <= TIMES * before if measured == "perplexity" else end.value >= before - POINTS):
            break
        most = amount
    return most


def _ranked(found: Mapping[str, Reached], measured: str, before: float) -> list[str]:
    """The ways, the furthest first; of two that go as far, the one that is better there."""
    sign = 1 if measured == "perplexity" else -1

    def place(name: str) -> tuple[float, float]:
        most = reached(found[name], measured, before)
        return -most, sign * (found[name][most] if most else next(iter(found[name].values()))).value

    return sorted(found, key=place)


def _line(name: str, one: Reached, measured: str, at: int, whole: bool) -> go.Scatter:
    look, scale = theme.ink(at), 1 if measured == "perplexity" else 100
    ends_ = [*one.values()]
    trace = go.Scatter(
        x=float32([100 * amount for amount in one]), y=float32([scale * end.value for end in ends_]), mode="lines+markers",
        name=name, line={"color": look["color"], "dash": look["dash"], "width": 3 if whole else 1.5},
        marker={"symbol": look["marker"], "size": 9 if whole else 7},
        customdata=[shown(end.value, measured) for end in ends_],
        hovertemplate=f"{name}, %{{x:.0f}}% removed: {measured} %{{customdata}}<extra></extra>",
    )  # fmt: skip
    if whole and all(math.isfinite(end.low + end.high) for end in ends_):
        trace.error_y = {
            "type": "data", "symmetric": False, "thickness": 1.2, "width": 4,
            "array": float32([scale * max(0.0, end.high - end.value) for end in ends_]),
            "arrayminus": float32([scale * max(0.0, end.value - end.low) for end in ends_]),
        }  # fmt: skip
    return trace


def _scale(chart: go.Figure, found: Mapping[str, Reached], measured: str, before: float) -> None:
    """A perplexity's axis is logarithmic and ends where the rest would be pressed flat."""
    if measured != "perplexity":
        chart.update_yaxes(ticksuffix="%")
        return
    values = [end.value for one in found.values() for end in one.values()]
    top = min(HIGHEST * before, 1.05 * max((*values, before)))
    low = 0.95 * min((*values, before))
    ticks = [step * 10**power for power in range(-1, 7) for step in ROUND if low <= step * 10**power <= top]
    chart.update_yaxes(
        type="log", range=[math.log10(low), math.log10(top)], tickvals=ticks, ticktext=[f"{one:,g}" for one in ticks]
    )


def beyond(ways: Ways) -> Sequence[str]:
    """The ways that leave the chart somewhere: a perplexity higher than the axis goes."""
    if metric(ways) != "perplexity":
        return ()
    before = dense(ways)
    return [name for name, one in lines(ways).items() if any(end.value > HIGHEST * before for end in one.values())]
