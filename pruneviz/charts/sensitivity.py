"""Sensitivity: the charts of «analyse/sensitivity». What each layer alone costs, as a map with its one-point contour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from pruneviz import plain
from pruneviz.charts import theme
from pruneviz.charts.candidate_words import points_between
from pruneviz.charts.chart import Chart, as_percent, float32, number, whole
from pruneviz.sensitivity import CHANCE, FIXED, FRAGILE, OPEN, ROBUST, UNTOLD, Cell, Row, Sensitivity, certain

LONGEST = 22
"""Letters of a layer's name beside the map: on a telephone there are no more."""
ROW, SQUARE = 34, 24
"""The height of a row and the edge of a square, in pixels: a thumb hits it."""
CONTOUR = {"color": theme.INKS[2], "width": 3.5}


def matrix(found: Sensitivity, own: Mapping[str, float], measure: str = "sparsity") -> Chart:
    """A square per layer and amount, as bright as the accuracy that is left when that layer alone is pruned.

    `own` are the amounts that layers have now: diamonds. Every square's `customdata` is «amount:layer», so that a click
    says which it was.
    """
    rows = [row for row in found.rows if row.cells or row.reason]
    traces = [_squares(found, rows), _contour(found, rows), _diamonds(found, rows, own)]
    chart = theme.figure(
        [one for one in traces if one is not None], f"{measure} of that layer alone (%)", "", 150 + ROW * len(rows)
    )
    _axes(chart, found, rows)
    title = states(found)
    seen = f"{found.n:,} held-out {found.noun}" if found.fewest == found.n else f"from {found.fewest:,} {found.noun} on"
    alt = f"{title} A row per layer, a square per {measure}: bright keeps its {found.metric}, dark loses it; {seen}."
    header = (
        "layer",
        "size",
        f"what it is, at the worst of {len(found.amounts)} amounts",
        *(f"{amount:.0%}" for amount in found.amounts),
    )
    return Chart(title, chart, alt, (header, tuple(_table_row(found, row) for row in found.rows)))


def _squares(found: Sensitivity, rows: Sequence[Row]) -> go.Scatter:
    here = [(at, row, cell) for at, row in enumerate(rows) for cell in row.cells]
    places = {amount: at for at, amount in enumerate(found.amounts)}
    shades = [_shade(found, cell) for _, _, cell in here]
    return go.Scatter(
        x=[places[cell.amount] for _, _, cell in here],
        y=[at for at, _, _ in here],
        mode="markers+text",
        text=[_lost(found, cell) for _, _, cell in here],
        textfont={"size": 10, "color": [theme.on_magnitude(shade) for shade in shades]},
        customdata=[f"{cell.amount:g}:{row.name}" for _, row, cell in here],
        hovertext=[_hover(found, row, cell) for _, row, cell in here],
        hovertemplate="%{hovertext}<extra></extra>",
        marker={
            "symbol": "square", "size": SQUARE, "color": float32(shades), "cmin": 0, "cmax": 1,
            "colorscale": theme.MAGNITUDE, "line": {"width": 1, "color": theme.QUIET},
        },
        showlegend=False,
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )  # fmt: skip


def _shade(found: Sensitivity, cell: Cell) -> float:
    """How much is left: 1 is the dense value, 0 is chance; of a loss-like metric the dense value over this one."""
    if not found.higher:
        return min(1.0, found.dense_value / cell.value) if cell.value > 0 else 1.0
    span = cell.dense - found.chance
    return float(np.clip((cell.value - found.chance) / span, 0, 1)) if span > 0 else 1.0


def _lost(found: Sensitivity, cell: Cell) -> str:
    """The points lost, where a point or more is, and chance does not explain it."""
    return f"−{100 * found.lost(cell):.0f}" if found.loses(cell) and found.higher else ""


def _hover(found: Sensitivity, row: Row, cell: Cell) -> str:
    value, dense, low, high = (_number(found, one) for one in (cell.value, cell.dense, *cell.interval))
    said = f"{found.metric} {value} ({low} to {high}), {dense} before"
    flips = f"{whole(cell.newly_wrong)} newly wrong, {whole(cell.newly_right)} newly right"
    sure = "" if certain(cell) or found.lost(cell) <= 0 else "<br>chance could explain the difference"
    between = points_between(*(100 * end for end in found.between(cell)))
    sure = f"<br>it loses {between} {'points' if found.higher else '%'} (95% interval){sure}"
    return (
        f"{plain.label(row.label)} alone at {as_percent(cell.amount)}: {whole(cell.removed)} of {whole(row.size)} gone<br>"
        f"{said}<br>{flips}, n = {whole(cell.n)}{sure}<br>Click: this layer's own amount"
    )


def _contour(found: Sensitivity, rows: Sequence[Row]) -> go.Scatter | None:
    """The line before the least measured amount at which a point is lost: it runs between squares, nothing is made up."""
    x: list[float | None] = []
    y: list[float | None] = []
    for at, row in enumerate(rows):
        if row.reason or not row.cells:
            x, y = [*x, None], [*y, None]
            continue
        breaks = found.breaks(row)
        edge = (found.amounts.index(breaks) if breaks is not None else len(found.amounts)) - 0.5
        x, y = [*x, edge, edge], [*y, at - 0.5, at + 0.5]
    if not any(one is not None for one in x):
        return None
    # Left of it nothing is promised: with few samples a point may be lost there, and nobody can tell.
    name = f"the first {'point' if found.higher else 'percent'} lost beyond chance"
    return go.Scatter(x=x, y=y, mode="lines", line=CONTOUR, hoverinfo="skip", name=name, connectgaps=False)


def _diamonds(found: Sensitivity, rows: Sequence[Row], own: Mapping[str, float]) -> go.Scatter | None:
    here = [(at, own[row.name]) for at, row in enumerate(rows) if row.name in own and not row.reason]
    if not here:
        return None
    stops = [0.0, *found.amounts, 1.0]
    x = np.interp([amount for _, amount in here], stops, np.arange(-1, len(found.amounts) + 1))
    return go.Scatter(
        x=np.maximum(x, -0.6), y=[at for at, _ in here], mode="markers", hoverinfo="skip", name="the layer's own amount",
        marker={"symbol": "diamond", "size": 11, "color": theme.ON_GROUND, "line": {"width": 2.5, "color": theme.PIN}},
    )  # fmt: skip


def _axes(chart: go.Figure, found: Sensitivity, rows: Sequence[Row]) -> None:
    labels = [plain.label(plain.one_line(row.label, LONGEST)) for row in rows]
    for at, row in enumerate(rows):
        if row.reason:
            why = plain.label(plain.one_line(f"{FIXED}: {row.reason}", 56))
            chart.add_annotation(x=-0.5, y=at, text=why, showarrow=False, xanchor="left", font={"size": 11})
    chart.update_layout(hovermode="closest", dragmode=False, clickmode="event+select")
    chart.update_xaxes(
        tickvals=[*range(len(found.amounts))], ticktext=[f"{100 * one:g}" for one in found.amounts], showgrid=False,
        range=[-0.75, len(found.amounts) - 0.25],
    )  # fmt: skip
    chart.update_yaxes(
        tickvals=[*range(len(rows))],
        ticktext=labels,
        range=[len(rows) - 0.4, -0.6],
        showgrid=False,
        title="",
        zeroline=False,
    )


def headline(found: Sensitivity) -> str:
    """What the map says, in one sentence."""
    free = [row for row in found.rows if not row.reason]
    if not free:
        return "No layer of this model can be pruned alone."
    frail = [row for row in free if found.state(row) == FRAGILE]
    robust, untold = (sum(found.state(row) == state for row in free) for state in (ROBUST, UNTOLD))
    what = "a point" if found.higher else f"1% of {found.metric}"
    if not frail and robust == len(free):
        none = f"none of {len(free)} layers loses {what}" if len(free) > 1 else f"the one layer does not lose {what}"
        return f"Pruned alone, {none} on this grid."
    said = [f"{robust} of {len(free)} {'stays' if robust == 1 else 'stay'} within one for sure"] if robust else []
    if untold:
        who = f"{untold} of {len(free)}" if len(free) > 1 else "it"
        said.append(f"{who} cannot be told on {found.n:,} {found.noun}")
    tail = f"; {', '.join(said)}" if said else ""
    if not frail:
        nobody = "no layer is" if len(free) > 1 else "the one layer is not"
        return f"Pruned alone, {nobody} sure to lose {what}{' so far' * (robust + untold < len(free))}{tail}."
    least = min(found.breaks(row) for row in frail)
    first = [row for row in frail if found.breaks(row) == least]
    leads = f"{plain.one_line(first[0].label, 64)} is" if len(first) == 1 else f"{len(first)} layers are"
    return f"Pruned alone, {leads} the first to lose {what}, at {as_percent(least)}{tail}."


def states(found: Sensitivity) -> str:
    """How many layers are robust, fragile, neither for sure, or cannot be pruned, in one sentence."""
    counts = Counter(found.state(row) for row in found.rows)
    words = {ROBUST: "robust", FRAGILE: "fragile", UNTOLD: "neither for sure"}
    words |= {OPEN: "not settled yet", FIXED: "cannot be pruned"}
    said = [f"{counts[state]} {'are ' if counts[state] > 1 and state != FIXED else 'is ' if state != FIXED else ''}{word}"
            for state, word in words.items() if counts[state]]  # fmt: skip
    many = f"Of {len(found.rows)} layers" if len(found.rows) > 1 else "Of one layer"
    return f"{many} {_listed(said)}, each pruned alone.{_many_tests(found, counts[FRAGILE])}"


def _many_tests(found: Sensitivity, fragile: int) -> str:
    """What it is worth that a layer is fragile: it is so at the worst of its amounts, and each square was tested alone."""
    if not fragile or found.measured < 2:
        return ""
    return (
        f" Fragile is said of the worst of {len(found.amounts)} amounts, each tested alone at {CHANCE:.0%}: where nothing "
        "was lost, up to 1 square in 20 is called so all the same."
    )


def _listed(said: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(said[:-1]), said[-1])))


def _table_row(found: Sensitivity, row: Row) -> tuple[object, ...]:
    known = {cell.amount: cell for cell in row.cells}
    breaks = found.breaks(row)
    state = found.state(row) if breaks is None else f"{found.state(row)}, from {as_percent(breaks)}"
    said = [_cell(found, known.get(amount)) for amount in found.amounts]
    return (row.label, whole(row.size), f"{state}: {row.reason}" if row.reason else state, *said)


def _cell(found: Sensitivity, cell: Cell | None) -> str:
    return "–" if cell is None else _number(found, cell.value)


def _number(found: Sensitivity, value: float) -> str:
    return f"{100 * value:.1f}%" if found.higher else number(value)
