"""Reach: how far one pass goes: what each way of one shot leaves of a network, at every sparsity that was run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import fmean

import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32
from pruneviz.charts.labs import inks
from pruneviz.charts.labs.ended import End, Ways, bare, ends, metric, shown
from pruneviz.charts.labs.oneshot import CHOOSES
from pruneviz.traced import Traced

TIMES, POINTS = 1.25, 0.05
"""How much worse than the dense network is still near it: so many times its perplexity, or so much less accuracy."""
HIGHEST = 2.5
"""Times the dense perplexity: what lies higher is told by the table alone, and leaves the rest room."""
LEAST = 2
"""Sparsities that make a line."""
NAMED = 3
"""So many ways that go as far as the furthest are named, no more."""
TICKS = 3
"""A perplexity's axis has so many numbers at least, however little of it is seen."""


@dataclass(frozen=True, slots=True)
class Place:
    """How a way ended at one sparsity, and how far from the dense network: the mean over its seeds of the ratio of both
    perplexities, or of the accuracy lost. Each seed is held against its own dense network: where data are set aside to
    calibrate, every seed is judged by other samples."""

    end: End
    worse: float


Reached = Mapping[float, Place]
"""How a way ended, by what went."""


def lines(ways: Ways) -> dict[str, Reached]:
    """Each way's ends by what went, the least first; only ways that came to an end."""
    amounts, measured = sorted({run.recipe.amount for runs in ways.values() for run in runs}), metric(ways)
    found: dict[str, dict[float, Place]] = {name: {} for name in ways}
    for amount in amounts:
        there = {name: [run for run in runs if run.recipe.amount == amount and run.done] for name, runs in ways.items()}
        for end in ends({name: runs for name, runs in there.items() if runs}):
            found[end.name][amount] = Place(end, fmean(_worse(run, measured) for run in there[end.name]))
    return {name: one for name, one in found.items() if one}


def enough(ways: Ways) -> bool:
    """Whether there is anything to draw: a way that was run at two sparsities, beside a dense network that was measured."""
    return math.isfinite(level(ways)) and any(len(one) >= LEAST for one in lines(ways).values())


def level(ways: Ways) -> float:
    """What the dense network measures, as a mean over the runs that are done; NaN where none says it."""
    found = [one for runs in ways.values() for run in runs if run.done and (one := run.last("dense")) is not None]
    return fmean(found) if found else math.nan


def reach(ways: Ways, chosen: str = "") -> Chart:
    """A line per way over what went, the dense network across. The line of the way that is `chosen`, and that of the one
    that reaches furthest, have their intervals."""
    found, measured, before, title = lines(ways), metric(ways), level(ways), verdict(ways, chosen)
    ranked = _ranked(found, measured)
    drawn, looks = {chosen, *ranked[:1]}, _looks(ways)
    traces = [_line(name, found[name], measured, looks[name], name in drawn) for name in ranked]
    chart = theme.figure(traces, "weights removed, %", measured, 520)
    scale, near = (1, TIMES * before) if measured == "perplexity" else (100, before - POINTS)
    times = f"{TIMES:g} × dense" if measured == "perplexity" else f"{100 * POINTS:g} points less"
    for across, name, dash in ((before, "dense", "dash"), (near, times, "dot")):
        named = f"{name}: {shown(across, measured)}"
        chart.add_hline(scale * across, line={"color": theme.QUIET, "dash": dash}, name=named, showlegend=True)
    chart.update_xaxes(tickvals=[100 * amount for amount in sorted({amount for one in found.values() for amount in one})])
    _scale(chart, found, measured, before)
    rows = tuple(
        (
            name,
            as_percent(amount),
            *(shown(side, measured) for side in (one.end.value, one.end.low, one.end.high)),
            one.end.seeds,
        )
        for name in ranked
        for amount, one in found[name].items()
    )
    alt = f"{title} A line per way over the sparsities that were run, and lines where the dense model stands and near it."
    return Chart(title, chart, alt, (("way", "gone", measured, "95% from", "to", "seeds"), rows))


def verdict(ways: Ways, chosen: str = "") -> str:
    """How far the furthest ways go before they are clearly worse than the dense network, the furthest of those that leave
    the survivors alone, and the `chosen` one."""
    found, measured, kept = lines(ways), metric(ways), bare(ways)
    ranked = _ranked(found, measured)
    near = (
        f"{TIMES:g} × the dense perplexity" if measured == "perplexity" else f"{100 * POINTS:g} points of the dense accuracy"
    )
    far = {name: reached(found[name], measured) for name in ranked}
    if not far or not far[ranked[0]]:
        return f"No way stays within {near}, even at the least that was run of it."
    first, alone = ranked[0], next((name for name in ranked if name in kept), None)
    also = [name for name in ranked[1:] if far[name] == far[first]]
    said = f"Within {near}, {first}{' alone' * (first in kept)} goes to {as_percent(far[first])}"
    if also:
        said += f", and so {'do' if len(also) > 1 else 'does'} {_listed(also, kept)}"
    others = dict.fromkeys(one for one in (alone, chosen) if one in far and one not in (first, *also))
    for one in others:
        said += f"{';' if also and one == next(iter(others)) else ','} {one}{' alone' * (one in kept)} "
        said += f"to {as_percent(far[one])}" if far[one] else "nowhere"
    return f"{said}, of the sparsities that were run."


def _listed(names: Sequence[str], kept: set[str]) -> str:
    """Ways in a row, the last with «and»; of many only how many they are."""
    if len(names) > NAMED:
        return f"{len(names)} more"
    *most, last = [f"{one}{' alone' * (one in kept)}" for one in names]
    return f"{', '.join(most)} and {last}" if most else last


def _looks(ways: Ways) -> dict[str, dict[str, str]]:
    """How each way's line looks: as everywhere on the page, and no two alike. SparseGPT by two criteria's shares are two."""
    found: dict[str, dict[str, str]] = {}
    for name, one in sorted(((name, runs[0].recipe) for name, runs in ways.items() if runs), key=lambda pair: pair[0]):
        course = one.course
        look = inks.OWN.get(("" if course.method in CHOOSES else one.criterion, course.method))
        if look and inks.named(look) not in found.values():
            found[name] = inks.named(look)
    spare = (one for one in map(theme.ink, count()) if one not in found.values())
    return {name: found.get(name) or next(spare) for name in sorted(ways)}


def reached(one: Reached, measured: str) -> float:
    """The most that may go so that this much, and whatever less was run, leaves the network near the dense one; 0 where even
    the least is too much."""
    most = 0.0
    for amount, place in one.items():
        if not place.worse <= (TIMES if measured == "perplexity" else POINTS):
            break
        most = amount
    return most


def _worse(run: Traced, measured: str) -> float:
    before = run.last("dense")
    after = run.last("value" if measured == "perplexity" else "accuracy")
    if before is None or after is None or not before:
        return math.nan
    return after / before if measured == "perplexity" else before - after


def _ranked(found: Mapping[str, Reached], measured: str) -> list[str]:
    """The ways, the furthest first; of two that go as far, the one that is better there."""

    def place(name: str) -> tuple[float, float]:
        most = reached(found[name], measured)
        return -most, (found[name][most] if most else next(iter(found[name].values()))).worse

    return sorted(found, key=place)


def _line(name: str, one: Reached, measured: str, look: dict[str, str], whole: bool) -> go.Scatter:
    scale = 1 if measured == "perplexity" else 100
    ends_ = [place.end for place in one.values()]
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
    values = [place.end.value for one in found.values() for place in one.values()]
    top = min(HIGHEST * before, 1.05 * max((*values, TIMES * before)))
    low = 0.95 * min((*values, before))
    ticks = _ticks(low, top)
    chart.update_yaxes(
        type="log", range=[math.log10(low), math.log10(top)], tickvals=ticks, ticktext=[f"{one:,g}" for one in ticks]
    )


def _ticks(low: float, top: float) -> list[float]:
    """Round numbers between two, of a logarithmic axis: few where it spans much, evenly spaced where it does not."""
    found = [step * 10.0**power for power in range(-2, 9) for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)]
    found = [one for one in found if low <= one <= top]
    if len(found) >= TICKS:
        return found
    unit = 10.0 ** math.floor(math.log10((top - low) / TICKS))
    step = max(one for one in (unit, 2 * unit, 5 * unit) if one <= (top - low) / TICKS)
    return [round(at * step, 9) for at in range(math.ceil(low / step), math.floor(top / step) + 1)]


def beyond(ways: Ways) -> Sequence[str]:
    """The ways that leave the chart somewhere: a perplexity higher than the axis goes."""
    if metric(ways) != "perplexity":
        return ()
    top = HIGHEST * level(ways)
    return [name for name, one in lines(ways).items() if any(place.end.value > top for place in one.values())]
