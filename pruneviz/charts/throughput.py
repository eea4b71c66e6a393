"""Throughput: how many tokens a second a language model reads, dense, with zeros and really smaller, as it was measured."""

from __future__ import annotations

import numpy as np

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, float32, whole
from pruneviz.charts.reality import SHORT, less_time
from pruneviz.truths import CSR, DENSE, SMALLER, WAYS, ZEROS, Spread, Timed, Truth

ROW = 30
SHOWN = (DENSE, ZEROS, CSR, SMALLER)
"""The ways that have a bar. A GPU's rates are of another size: they stand in the table and in words."""


def throughput(truth: Truth) -> Chart:
    """A bar per way and batch: the median, with its quartiles as a line."""
    rows = [one for batch in truth.batches for way in SHOWN if (one := truth.time(way, batch))]
    rates = [truth.rate(one) for one in rows]
    chart = theme.figure([], "tokens per second", "", 110 + ROW * len(rows))
    y, middle = [-at for at in range(len(rows))], np.array([one.median for one in rates])
    said = [f"{_way(one)}: {per_second(rate)}<br>{_compared(one)}" for one, rate in zip(rows, rates, strict=True)]
    chart.add_bar(
        x=float32(middle), y=y, orientation="h", width=0.72, showlegend=False, customdata=said,
        marker={"color": [theme.BAR if one.way == DENSE else theme.KEPT for one in rows]},
        error_x={
            "type": "data", "symmetric": False, "thickness": 1.5, "color": theme.QUIET,
            "array": float32([one.high - one.median for one in rates]),
            "arrayminus": float32([one.median - one.low for one in rates]),
        },
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    ends = [one.high for one in rates]
    chart.add_scatter(
        x=float32(ends), y=y, text=[f" {rounded(one.median)}" for one in rates], mode="text", textposition="middle right",
        showlegend=False, hoverinfo="skip", cliponaxis=False,
    )  # fmt: skip
    chart.update_xaxes(range=[0, 1.22 * max(ends, default=1.0)], nticks=5)
    ticks = [f"{SHORT.get(one.way, one.way)}, batch {one.batch} " for one in rows]
    chart.update_yaxes(tickvals=y, ticktext=ticks, showgrid=False, title=None, range=[-len(rows) + 0.4, 0.6])
    title = throughput_title(truth)
    header = ("way", "batch", "device", "tokens per second", "quartiles", "against dense")
    table = tuple(
        (WAYS[one.way], one.batch, one.device, rounded(rate.median), f"{rounded(rate.low)} to {rounded(rate.high)}", gain)
        for one in truth.times
        for rate, gain in [(truth.rate(one), "" if one.way == DENSE else less_time(one))]
    )
    alt = (
        f"{title} {len(rows)} bars, each the median of {min((one.n for one in rates), default=0)} rounds with its quartiles."
    )
    return Chart(title, chart, alt, (header, table))


def throughput_title(truth: Truth) -> str:
    """What the smaller network, or the zeros, gain in tokens per second at the chosen batch."""
    dense, small = (truth.time(way, truth.batch) for way in (DENSE, SMALLER))
    other = small or truth.time(ZEROS, truth.batch)
    if dense is None or other is None:
        return "How many tokens per second a forward pass reads."
    name = "The really smaller network" if small else "The network with zeros"
    before, after = rounded(truth.rate(dense).median), rounded(truth.rate(other).median)
    if truth.unclear(other):
        known = f"its {after} tokens per second cannot be told from {before}"
        return f"{name} against the dense one, too noisy to say: {known} (batch {truth.batch})."
    if other.same:
        return f"{name} reads no more tokens per second than the dense one: {after} and {before} (batch {truth.batch})."
    return f"{name} reads {after} tokens per second, the dense one {before} (batch {truth.batch})."


def rounded(rate: float) -> str:
    """Tokens per second to three digits: «12,300»."""
    return whole(int(float(f"{rate:.3g}"))) if rate >= 100 else f"{rate:.3g}"


def per_second(rate: Spread) -> str:
    """A rate with its quartiles: «12,300 tokens per second (11,900 to 12,500)»."""
    return f"{rounded(rate.median)} tokens per second ({rounded(rate.low)} to {rounded(rate.high)})"


def _way(one: Timed) -> str:
    return f"{WAYS[one.way]}, batch {one.batch}"


def _compared(one: Timed) -> str:
    return f"median of {one.milliseconds.n} rounds" if one.way == DENSE else less_time(one)
