"""Tokens: which tokens of a text a language model no longer expects."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go

from pruneviz import plain
from pruneviz.breakage import Breakage, TokenRise
from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32, number, whole
from pruneviz.charts.dumbbell import DENSE, PRUNED, bridge, rows_of, seen

TOKENS = 12
"""At most so many tokens are drawn; the table has more."""


def tokens(found: Breakage, most: int = TOKENS) -> Chart:
    """A row per token whose loss rose most: its loss before (ring) and after (dot), behind the words that come before it."""
    rows = found.tokens[:most]
    at = np.arange(len(rows), dtype=float)
    before, after = float32([one.dense_loss for one in rows]), float32([one.loss for one in rows])
    said = [[plain.label(_ending(one.before_context, 60)), plain.label(shown(one.text)), one.window] for one in rows]
    hover = "%{customdata[0]}<b>%{customdata[1]}</b><br>window %{customdata[2]}: loss %{x:.2f} nats<extra>"
    traces = [bridge(before, after, at)]
    for values, marker, name in ((before, DENSE, "before"), (after, PRUNED, "after pruning")):
        traces.append(
            go.Scatter(x=values, y=at, mode="markers", name=name, marker=marker, customdata=said,
                       hovertemplate=f"{hover}{name}</extra>")
        )  # fmt: skip
    chart = theme.figure(traces, f"loss (nats) · {seen(found)} {found.noun}", "", 130 + 30 * len(rows))
    rows_of(chart, [f"{plain.label(_ending(one.before_context, 14))}<b>{plain.label(shown(one.text))}</b>" for one in rows])
    largest = float(np.concatenate((before, after)).max(initial=1.0))
    chart.update_xaxes(range=[-0.03 * largest, 1.05 * largest])
    title = _token_title(found)
    header = ("before it", "token", "probability before", "after", "loss before", "after", "rise", "window", "place")
    table = tuple(_token_row(one) for one in found.tokens)
    return Chart(title, chart, f"{title} A row per token, the largest rise first.", (header, table))


def _token_row(one: TokenRise) -> tuple[object, ...]:
    chances = (as_percent(math.exp(-loss)) for loss in (one.dense_loss, one.loss))
    losses = (number(value) for value in (one.dense_loss, one.loss, one.rise))
    return (_ending(one.before_context, 80), shown(one.text), *chances, *losses, one.window, one.place)


def _token_title(found: Breakage) -> str:
    if not found.tokens:
        return "No token's loss rises."
    one, spread = found.tokens[0], found.spread
    was, now = (_chance(loss) for loss in (one.dense_loss, one.loss))
    tail = f"; the hardest-hit hundredth of the tokens has {as_percent(spread.share)} of all rises" if spread else ""
    return f"«{shown(one.text)}» after «{_ending(one.before_context, 30)}» had {was}, now {now}{tail}."


def _chance(loss: float) -> str:
    share = math.exp(-loss)
    if share >= 1e-4:
        return f"a chance of {as_percent(share)}"
    odds = math.exp(min(loss, 700.0))
    return f"1 in {whole(int(round(odds, -3))) if odds < 1e7 else number(odds)}"


def shown(token: str) -> str:
    """A token so that it can be seen: spaces and line ends have signs."""
    return (
        token.replace("\n", "↵").replace("\t", "⇥") if token.strip() else token.replace(" ", "␣").replace("\n", "↵") or "∅"
    )


def _ending(text: str, most: int) -> str:
    """The last letters of a text, in one line, behind dots: something always comes before."""
    return f"…{text.replace(chr(10), '↵')[-most:]}"
