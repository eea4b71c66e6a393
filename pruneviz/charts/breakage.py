"""Breakage: the charts of «analyse/damage». Which classes and tokens pay, how sure the model is, and what goes first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pruneviz import plain, verdict
from pruneviz.breakage import Breakage, ClassRow
from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, float32, whole
from pruneviz.charts.confidence import reliability
from pruneviz.charts.confusion import confusion, turns
from pruneviz.charts.dumbbell import DENSE, PRUNED, bridge, rows_of, seen
from pruneviz.charts.first_flips import first_flips
from pruneviz.charts.tokens import tokens

__all__ = ["confusion", "first_flips", "per_class", "reliability", "tokens", "turns"]

CLASSES = 30
"""At most so many classes are drawn; the table has them all."""
SCARCE = 10
"""Where classes have a few samples each, their rows say little: then fewer are drawn."""
LONGEST = 24
"""Letters of a name beside a chart: on a telephone there are no more."""


def per_class(found: Breakage, most: int = CLASSES) -> Chart:
    """A row per class that loses most: its accuracy before (ring) and after (dot), with 95 % Wilson intervals. The marks
    carry their class's number as the first of their `customdata`: a click on one says which it was."""
    rows = found.classes[: min(most, SCARCE) if found.scarce else most]
    at = np.arange(len(rows), dtype=float)
    traces = [
        bridge([100 * row.dense_value for row in rows], [100 * row.value for row in rows], at),
        _accuracy(rows, at - 0.14, dense=True),
        _accuracy(rows, at + 0.14, dense=False),
    ]
    chart = theme.figure(traces, f"accuracy (%) · one shot, no fine-tuning · {seen(found)}", "", 130 + 30 * len(rows))
    labels = [f"{plain.label(plain.one_line(row.name, LONGEST))} · {row.n:,}" for row in rows]
    rows_of(chart, labels)
    chart.update_xaxes(range=[-2, 102])
    title = _class_title(found)
    left = len(found.classes) - len(rows)
    more = f" {whole(left)} more classes are in the table." if left else ""
    header = ("class", "n", "right before", "right after", "before", "after", "95% from", "to", "newly wrong", "newly right")
    table = tuple(_class_row(row) for row in found.classes)
    alt = f"{title} A row per class, the one that loses most first; rings are before, dots after pruning.{more}"
    return Chart(title, chart, alt, (header, table))


def _accuracy(rows: Sequence[ClassRow], at: np.ndarray, *, dense: bool) -> go.Scatter:
    values = [100 * (row.dense_value if dense else row.value) for row in rows]
    ends = [row.dense_interval if dense else row.interval for row in rows]
    up, down = ([abs(100 * end[side] - value) for end, value in zip(ends, values, strict=True)] for side in (1, 0))
    said = [
        [row.index, row.dense_correct if dense else row.correct, row.n, plain.label(plain.one_line(row.name, 40))]
        for row in rows
    ]
    colour = theme.QUIET if dense else theme.INKS[0]
    return go.Scatter(
        x=float32(values), y=at, mode="markers", name="before" if dense else "after pruning",
        marker=DENSE if dense else PRUNED, customdata=said,
        error_x={"type": "data", "array": float32(up), "arrayminus": float32(down), "thickness": 1.2, "width": 3,
                 "color": theme.faded(colour, 0.75)},
        hovertemplate="%{customdata[3]}: %{x:.1f}%, %{customdata[1]} of %{customdata[2]} right"
        f"<extra>{'before' if dense else 'after'}</extra>",
    )  # fmt: skip


def _class_title(found: Breakage) -> str:
    worst = found.worst
    if worst is None:
        return "There are no classes to compare."
    if not found.newly_wrong and not found.newly_right:
        return f"No class pays: not one of {found.n:,} {found.noun} changes sides."
    lost = 100 * (found.newly_wrong - found.newly_right) / found.n
    if found.scarce:
        losing, most = sum(row.points > 0 for row in found.classes), max(row.n for row in found.classes)
        loses = "loses" if losing == 1 else "lose"
        each = f"{most} {found.noun if most > 1 else found.noun.removesuffix('s')}"
        said = f"{losing:,} of {len(found.classes):,} classes {loses} accuracy"
        return f"{said}; of {each} each, at most, none can be singled out."
    name = plain.one_line(worst.name, LONGEST)
    if worst.points <= 0:
        return f"No class loses accuracy; over all classes it changes by {_signed(-lost)}."
    if len(found.classes) == 1:
        return f"The one class, «{name}», loses {_points(worst.points)}."
    alike = sum(row.points == worst.points for row in found.classes) - 1
    if alike:
        others = "1 more class" if alike == 1 else f"{alike:,} more classes"
        said = f"«{name}» and {others} lose {_points(worst.points)} each; the average changes by {_signed(-lost)}."
        return f"{said} {_picked(found)}"
    counted = f"{worst.correct:,} of its {worst.n:,} are right, {worst.dense_correct:,} were"
    if lost <= 0:
        return f"«{name}» loses {_points(worst.points)} ({counted}), although nothing is lost on average. {_picked(found)}"
    return f"«{name}» loses {_points(worst.points)} ({counted}); the average loses {_points(lost)}. {_picked(found)}"


def _picked(found: Breakage) -> str:
    """What the worst class's loss is worth: it was picked after looking at all, and the lower end makes up for that."""
    many = len(found.classes)
    _, (low, high) = verdict.class_lost(found.worst, many)
    ends = " to ".join(f"{end:.1f}".replace("-", "−") for end in (low, high))
    sure = "beyond chance" if low > 0 else "perhaps by chance"
    return f"Picked after the fact as the worst of {many:,}: {ends} points (95%, corrected for the pick, Šidák), {sure}."


def _class_row(row: ClassRow) -> tuple[object, ...]:
    low, high = (f"{end:.1%}" for end in row.interval)
    values = (f"{row.dense_value:.1%}", f"{row.value:.1%}")
    return (row.name, row.n, row.dense_correct, row.correct, *values, low, high, row.newly_wrong, row.newly_right)


def _points(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") + (" point" if round(value, 1) == 1 else " points")


def _signed(value: float) -> str:
    return f"{value:+.1f} points".replace("-", "−") if round(value, 1) else "±0.0 points"
