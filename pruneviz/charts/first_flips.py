"""First flips: how many samples have changed sides by which amount."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32
from pruneviz.charts.dumbbell import PRUNED
from pruneviz.first_flips import FirstFlips


def first_flips(found: FirstFlips, amount: float, measure: str) -> Chart:
    """How many samples are newly wrong at each amount (bars), how many have changed sides at least once by then (line), and
    where the setting stands."""
    percents = float32([100 * one for one in found.amounts])
    ever = [int(((found.first >= 0) & (found.first <= at)).sum()) for at in range(len(found.amounts))]
    bars = go.Bar(
        x=percents, y=found.wrong, name="newly wrong there", marker={"color": theme.BAR},
        hovertemplate="%{x:.0f}%: %{y} newly wrong<extra></extra>",
    )  # fmt: skip
    line = go.Scatter(
        x=percents, y=ever, mode="lines+markers", name="changed sides at least once by then", marker=PRUNED,
        line={"color": theme.INKS[0], "width": 2, "shape": "hv"}, hovertemplate="by %{x:.0f}%: %{y}<extra></extra>",
    )  # fmt: skip
    chart = theme.figure([bars, line], f"{measure} (%) · one shot, no fine-tuning", f"{found.noun}, of {found.n:,}", 340)
    chart.update_xaxes(range=[0, 103])
    chart.update_yaxes(rangemode="tozero")
    theme.upright(chart, 100 * amount, "this setting", color=theme.INKS[3])
    title = _first_title(found, ever)
    rows = tuple(
        (f"{100 * one:g}%", int(wrong), many) for one, wrong, many in zip(found.amounts, found.wrong, ever, strict=True)
    )
    header = (measure, "newly wrong", "changed sides at least once by then")
    return Chart(title, chart, f"{title} Bars for each amount, a line for all until then.", (header, rows))


def _first_title(found: FirstFlips, ever: Sequence[int]) -> str:
    if not found.amounts:
        return "Nothing has been measured yet."
    last = as_percent(found.amounts[-1])
    if not ever[-1]:
        return f"Not one of {found.n:,} {found.noun} changes sides up to {last}."
    first = found.amounts[int(found.first[found.order[0]])]
    half = next(one for one, many in zip(found.amounts, ever, strict=True) if 2 * many >= ever[-1])
    many = ever[found.amounts.index(first)]
    who = f"1 of {found.n:,} {found.noun}" if many == 1 else f"{many:,} of {found.n:,} {found.noun}"
    far = f"half of those that ever do by {as_percent(half)}"
    return f"{who} {'has' if many == 1 else 'have'} changed sides by {as_percent(first)}; {far}."
