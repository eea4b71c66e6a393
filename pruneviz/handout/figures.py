"""Figures: the charts of a report, by name, in the order in which they are read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pruneviz import truths
from pruneviz.case import Case
from pruneviz.charts import anatomy, reality, river, tradeoff
from pruneviz.charts.chart import Chart

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def figures(case: Case) -> dict[str, Chart]:
    """Every chart of a Case that has something to show."""
    return dict([*_trade_off(case), *_removed(case), *_affected(case), *_time(case)])


def plotted(chart: Chart) -> dict[str, Any]:
    """A chart as plotly.js draws it: data and layout in plain JSON, without the template, which would repeat itself."""
    import plotly.io

    found = json.loads(plotly.io.to_json(chart.figure, validate=False, engine="json", remove_uids=True))
    layout = {key: value for key, value in found["layout"].items() if key != "template"}
    layout["font"] = {"family": FONT, "size": 13, **layout.get("font", {})}
    return {"data": found["data"], "layout": layout}


def _trade_off(case: Case) -> Iterator[tuple[str, Chart]]:
    if case.curve is not None and case.curve.points:
        yield "curve", tradeoff.trade_off(case)
    if len(case.candidates) > 1:
        from pruneviz.charts import compare

        yield "candidates", compare.pareto(case.candidates, "parameters")


def _removed(case: Case) -> Iterator[tuple[str, Chart]]:
    report = case.report
    if report.groups:
        yield "widths", anatomy.widths(report.groups, case.many)
        yield "flow", river.flow(report.groups, case.many)
    elif report.layers:
        yield "layers", tradeoff.layers_left(report.layers)


def _affected(case: Case) -> Iterator[tuple[str, Chart]]:
    found = case.breakage
    if found is None:
        return
    from pruneviz.charts import breakage, confusion

    if found.classes:
        yield "classes", breakage.per_class(found)
        yield "turns", confusion.turns(found)
        yield "confusion", confusion.confusion(found)
    if found.tokens:
        yield "tokens", breakage.tokens(found)


def _time(case: Case) -> Iterator[tuple[str, Chart]]:
    truth = case.truth
    if truth is not None and truths.gain(truth, truth.batch) is not None:
        yield "promise", reality.promise(truth)
    if truth is not None and truth.stored:
        yield "claims", reality.claims(truth)
    if truth is not None and truth.crossings:
        yield "crossings", reality.crossings(truth.crossings)
