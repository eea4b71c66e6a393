"""Allocation: how a search shared its budget out among the layers, and what that is worth at the same budget."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from pruneviz import plain
from pruneviz.allocation import CURRENCIES, GLOBAL, SOLVER, UNIFORM, Allocation, Half, Setting
from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32, number, whole
from pruneviz.sensitivity import CHANCE

LONGEST = 22
NAMES = {SOLVER: "the search", UNIFORM: "uniform", GLOBAL: "global"}
STYLES = {SOLVER: theme.ink(0), UNIFORM: theme.ink(1), GLOBAL: theme.ink(3)}


def shares(found: Allocation, measure: str = "sparsity") -> Chart:
    """A row per layer: the amount that the search gave it (dot), and what uniform and global would give (open marks)."""
    settings = [found.best, *found.peers]
    labels = [plain.label(plain.one_line(label, LONGEST)) for _, label, _ in found.layers]
    at = {name: place for place, (name, _, _) in enumerate(found.layers)}
    chart = theme.figure(
        [_dots(one, at) for one in reversed(settings)], f"{measure} of each layer (%)", "", 140 + 26 * len(labels)
    )
    chart.update_yaxes(tickvals=[*range(len(labels))], ticktext=labels, range=[len(labels) - 0.4, -0.6], title="")
    chart.update_xaxes(range=[-3, 103])
    title = _shares_title(found)
    amounts = [dict(one.amounts) for one in settings]
    rows = tuple((label, whole(size), *(as_percent(each[name]) for each in amounts)) for name, label, size in found.layers)
    header = ("layer", "size", *(NAMES[one.name] for one in settings))
    return Chart(title, chart, f"{title} A row per layer, one mark for each way.", (header, rows))


def _dots(one: Setting, at: dict[str, int]) -> go.Scatter:
    style, mine = STYLES[one.name], one.name == SOLVER
    marker = {"symbol": style["marker"] if mine else f"{style['marker']}-open", "size": 12, "color": style["color"]}
    return go.Scatter(
        x=float32([100 * amount for _, amount in one.amounts]),
        y=[at[name] for name, _ in one.amounts],
        mode="markers",
        name=NAMES[one.name],
        marker={**marker, "line": {"width": 0 if mine else 2, "color": style["color"]}},
        hovertemplate=f"{NAMES[one.name]}: %{{x:.1f}}%<extra></extra>",
    )


def _shares_title(found: Allocation) -> str:
    label = {name: plain.one_line(text, 64) for name, text, _ in found.layers}
    amounts = dict(found.best.amounts)
    if not any(amounts.values()):
        return "Nothing can go yet."
    most, least = max(amounts, key=amounts.get), min(amounts, key=amounts.get)
    if len(amounts) == 1:
        return f"{label[most]} loses {as_percent(amounts[most])}."
    return f"{label[most]} loses most, {as_percent(amounts[most])}; {label[least]} least, {as_percent(amounts[least])}."


def equal_budget(found: Allocation) -> Chart:
    """The half of the data that nobody chose on: the dense model, the search, uniform and global at the same budget."""
    settings = [one for one in (found.dense, found.best, *found.peers) if one.reporting]
    unit = 100 if found.higher else 1
    names = [NAMES.get(one.name, "dense") for one in settings]
    values = [unit * one.reporting.value for one in settings]
    ends = [[unit * end for end in one.reporting.interval] for one in settings]
    colours = [STYLES[one.name]["color"] if one.name in STYLES else theme.QUIET for one in settings]
    symbols = [STYLES[one.name]["marker"] if one.name in STYLES else "circle-open" for one in settings]
    dots = go.Scatter(
        x=float32(values), y=[*range(len(settings))], mode="markers+text", showlegend=False, textposition="top center",
        text=[_value(found, one.reporting) for one in settings], cliponaxis=False,
        marker={"size": 13, "color": colours, "symbol": symbols, "line": {"width": 2, "color": colours}},
        error_x={
            "type": "data", "symmetric": False, "thickness": 1.5, "color": theme.QUIET,
            "array": [max(0.0, high - value) for (_, high), value in zip(ends, values, strict=True)],
            "arrayminus": [max(0.0, value - low) for (low, _), value in zip(ends, values, strict=True)],
        },
        customdata=[one.reporting.n for one in settings],
        hovertemplate="%{y}: %{x:.1f}, n = %{customdata:,}<extra></extra>",
    )  # fmt: skip
    axis = f"{found.metric}{' (%)' if found.higher else ''} · one shot, no fine-tuning"
    chart = theme.figure([dots], axis, "", 110 + 52 * len(settings))
    chart.update_yaxes(tickvals=[*range(len(names))], ticktext=names, range=[len(names) - 0.5, -0.7], title="")
    if found.higher:
        chart.update_xaxes(range=[min(95.0, min(low for low, _ in ends) - 3), 101])
    title = versus(found)
    left, only = f"{CURRENCIES[_counted(found)]} left", ("only it right", "only the search right")
    header = ("setting", left, found.metric, "right", "n", "95% from", "to", *only)
    rows = tuple(_row(found, one, name) for one, name in zip(settings, names, strict=True))
    return Chart(title, chart, f"{title} A row for each way, with its 95% interval.", (header, rows))


def versus(found: Allocation) -> str:
    """What the search is worth against uniform and global pruning, in one sentence; a difference within chance is none."""
    if not found.peers:
        return "Uniform and global pruning were not measured yet."
    alike = [f"{NAMES[one.name]} (p = {number(one.p)})" for one in found.peers if found.higher and one.p >= CHANCE]
    said = [_against(found, one) for one in found.peers if not (found.higher and one.p >= CHANCE)]
    said += [f"cannot be told from {' or '.join(alike)} pruning"] if alike else []
    return f"At the same budget, on {whole(found.best.reporting.n)} other {found.noun}, the search {' and '.join(said)}."


def _against(found: Allocation, peer: Setting) -> str:
    mine, theirs = found.best.reporting.value, peer.reporting.value
    if not found.higher:
        (low, high), (lower, higher) = found.best.reporting.interval, peer.reporting.interval
        doubt = " (the 95% intervals of both overlap)" if low <= higher and lower <= high else ""
        return f"comes to {mine:.2f} where {NAMES[peer.name]} pruning comes to {theirs:.2f}{doubt}"
    points = 100 * (mine - theirs)
    return f"beats {NAMES[peer.name]} pruning by {points:.1f} points" if points > 0 else (
        f"loses to {NAMES[peer.name]} pruning by {-points:.1f} points"
    )  # fmt: skip


def _counted(found: Allocation) -> str:
    """What `left` counts: milliseconds are measured, and the search itself goes by multiply-adds."""
    return "macs" if found.budget == "ms" else found.budget


def _value(found: Allocation, half: Half) -> str:
    return f"{100 * half.value:.1f}%" if found.higher else number(half.value)


def _row(found: Allocation, one: Setting, name: str) -> tuple[object, ...]:
    half = one.reporting
    low, high = (f"{100 * end:.1f}%" if found.higher else number(end) for end in half.interval)
    right = "–" if half.correct is None else whole(half.correct)
    only: Sequence[object] = ("–", "–") if one is found.best else (whole(one.gains), whole(one.losses))
    return (name, f"{one.left:,.0f}", _value(found, half), right, whole(half.n), low, high, *only)
