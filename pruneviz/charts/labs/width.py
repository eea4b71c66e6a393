"""Width: where each network ends for the parameters that it has, and what one run of each costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, whole
from pruneviz.charts.labs import lanes as drawn
from pruneviz.charts.labs.gaps import listed
from pruneviz.charts.labs.lanes import Lane, Point
from pruneviz.charts.labs.size import LARGE, METHODS, PRUNED, SCRATCH, SMALL, WHOLE, Groups, between, judged, large
from pruneviz.traced import Traced, spread

BILL = (("trains the large network", 4, ""), ("trains the network that is judged", 5, "."))
"""The two sides of a bill: their words, their inks and their patterns."""


def widths(groups: Groups) -> Chart:
    """Where each method ends against how many parameters it has, over all widths that somebody ran; and the large ones."""
    chart = theme.figure([], "parameters", "held-out accuracy at the end (%)", 360)
    lines = {method: _by_width(groups.get(method, ()), judged) for method in METHODS}
    lines = {method: points for method, points in lines.items() if points}
    rows, dense = [], []
    for at, (method, name) in enumerate(METHODS.items()):
        if method in lines:
            chart.add_traces(drawn.line(Lane(name, (), at), lines[method], "%{x:,} parameters"))
            rows += [_end(name, point) for point in lines[method]]
    if PRUNED in lines:
        dense = _by_width(groups[PRUNED], large)
        chart.add_traces(drawn.line(WHOLE, dense, "%{x:,} parameters"))
        rows += [_end(WHOLE.name, point) for point in dense]
    marks = sorted({point.x for points in (*lines.values(), dense) for point in points})
    chart.update_xaxes(type="log", tickvals=marks, ticktext=[whole(round(x)) for x in marks], tickangle=0)
    title = _widths_title(lines)
    header = ("network", "parameters", "accuracy, mean", "95% from", "to", "seeds")
    return Chart(title, chart, f"{title} A line per method, a mark per width of the large network.", (header, tuple(rows)))


def bill(groups: Groups) -> Chart:
    """The training steps of one run of each method: those that the large network takes, and those of the judged one."""
    costs = {method: _cost(runs) for method, runs in groups.items() if method in METHODS}
    costs = {method: costs[method] for method in METHODS if costs.get(method)}
    names = [METHODS[method] for method in costs]
    traces = []
    for side, (words, index, dots) in enumerate(BILL):
        steps = [cost[side] for cost in costs.values()]
        traces.append(
            go.Bar(
                y=names, x=steps, name=words, orientation="h",
                marker={"color": theme.ink(index)["color"], "pattern": _pattern(dots)},
                hovertemplate=f"%{{y}}<br>{words}: %{{x:,}} steps<extra></extra>",
            )
        )  # fmt: skip
    chart = theme.figure(traces, "training steps of one run", "", 150 + 40 * max(1, len(names)))
    chart.update_layout(barmode="stack")
    chart.update_yaxes(autorange="reversed", title="")
    rows = tuple((METHODS[method], *map(whole, cost), whole(sum(cost))) for method, cost in costs.items())
    title = _bill_title(costs)
    header = ("network", *(words for words, *_ in BILL), "together")
    return Chart(title, chart, f"{title} A bar per method.", (header, rows))


def _by_width(runs: Sequence[Traced], part: Callable[[Traced], Traced]) -> list[Point]:
    """What the seeds say at the end of that part of a run, for each width, against the parameters it has there."""
    known: dict[float, list[Traced]] = {}
    for run in runs:
        if run.done:
            known.setdefault(run.recipe.course.width, []).append(part(run))
    points = []
    for group in known.values():
        sizes = [one for one in (run.last("parameters") for run in group) if one is not None]
        if sizes:
            values = [one for one in (run.last("accuracy") for run in group) if one is not None]
            points.append(Point(float(np.mean(sizes)), spread(values)))
    return sorted(points, key=lambda point: point.x)


def _end(name: str, point: Point) -> tuple[object, ...]:
    one = point.spread
    return (name, whole(round(point.x)), *(drawn.percent(side) for side in (one.mean, one.low, one.high)), one.n)


def _widths_title(lines: Mapping[str, Sequence[Point]]) -> str:
    """What more parameters bring, told of the method that never was large, or else of any that is there."""
    method = next((one for one in (SMALL, PRUNED, SCRATCH) if one in lines), "")
    if not method:
        return "No width has come to its end yet."
    few, many = lines[method][0], lines[method][-1]
    if few.x == many.x:
        return f"{METHODS[method].capitalize()} is known at {whole(round(few.x))} parameters alone: run another width."
    said = (
        f"{drawn.percent(one.spread.mean)}{between(one.spread)} with {whole(round(one.x))} parameters" for one in (few, many)
    )
    n = min(few.spread.n, many.spread.n)
    return f"{METHODS[method].capitalize()}: {listed([*said])}; {n} seed{'' if n == 1 else 's'} each."


def _cost(runs: Sequence[Traced]) -> tuple[int, int] | None:
    """The steps of one run that came to its end, in the large network and in the judged one. What pruning goes on with was
    trained inside the large network, so of those steps none is counted twice."""
    run = next((one for one in runs if one.done), None)
    if run is None:
        return None
    before = max((one.step for one in run.moments if one.stage == LARGE), default=0)
    return before, run.step - before


def _bill_title(costs: Mapping[str, tuple[int, int]]) -> str:
    if not costs:
        return "No run has come to its end yet, so there is no bill."
    totals = {method: sum(cost) for method, cost in costs.items()}
    said = listed([f"{METHODS[method]} {whole(total)}" for method, total in totals.items()])
    tail = ""
    if SCRATCH in totals and SMALL in totals:
        tail = f"; to find the pruned shape first costs {as_percent(totals[SCRATCH] / totals[SMALL] - 1)} more steps"
    return f"Training steps of one run: {said}{tail}."


def _pattern(shape: str) -> dict[str, object]:
    return {"shape": shape, "fillmode": "overlay", "fgcolor": theme.ON_GROUND, "size": 6, "solidity": 0.15}
