"""The trade-off: the star stands where the setting was measured, its neighbours where the curve was; large is the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from pruneviz import headlines
from pruneviz.case import neighbours
from pruneviz.charts import theme, tradeoff
from pruneviz.charts.chart import Chart
from tests.cases import case, curve, report, score

VALUES = [0.98] * 80 + list(np.linspace(0.98, 0.1, 21))


def named(chart: Chart, start: str) -> go.Scatter:
    return next(trace for trace in chart.figure.data if (trace.name or "").startswith(start))


def test_the_star_is_the_report_and_the_steps_are_the_curves():
    made = case(report(score(450, 40, 2, 8)), curve=curve(VALUES), baseline=curve([0.5] * 101))
    chart, (less, more) = tradeoff.trade_off(made), neighbours(made)
    star = named(chart, "live: 80%")
    assert (star.x[0], star.y[0]) == pytest.approx((80, 90.4)) and star.marker.symbol == "star"
    low, high = made.report.score.interval
    assert star.error_y.array[0] == pytest.approx(100 * high - 90.4)
    assert star.error_y.arrayminus[0] == pytest.approx(90.4 - 100 * low)
    for point, words in ((less, "less aggressive: 75%"), (more, "more aggressive: 85%")):
        trace = named(chart, words)
        assert (trace.x[0], trace.y[0]) == pytest.approx((100 * point.amount, 100 * point.value))
    assert "without fine-tuning" in chart.title and "500 images" in chart.title and headlines.trade_off(made) in chart.alt
    assert len(chart.table[1]) == 101 and chart.table[1][80][0] == "80%"
    assert not {theme.KEPT, theme.REMOVED} & {trace.line.color for trace in chart.figure.data}


def test_a_perplexity_is_drawn_as_it_is():
    points = tuple(
        replace(one, value=5 + at, interval=(4 + at, 7 + at), correct=None)
        for at, one in enumerate(curve([0.5] * 11).points)
    )
    found = replace(curve([0.5] * 11), points=points, metric="perplexity", dense_value=5.0, chance=512.0)
    told = report(
        score(correct=None, dense_correct=None, metric="perplexity", value=13.0, dense_value=5.0, interval=(12.0, 14.0))
    )
    chart = tradeoff.trade_off(case(told, curve=found))
    assert named(chart, "live").y[0] == 13.0 and chart.figure.layout.yaxis.type == "log"
    assert chart.figure.layout.yaxis.dtick == "D2", "2 and 5 between powers of ten, where there are few of those"


def test_a_perplexity_rises_and_has_no_points_to_lose():
    """It stays at 10 up to 80%, and is a hundred thousand at the end, ten times as much at every second percent."""
    values = [10.0] * 81 + [10.0 ** (1 + at / 4) for at in range(1, 21)]
    whole = curve([0.5] * 101)
    points = tuple(
        replace(one, value=value, interval=(0.9 * value, 1.1 * value), correct=None)
        for one, value in zip(whole.points, values, strict=True)
    )
    found = replace(whole, points=points, metric="perplexity", dense_value=10.0, chance=512.0)
    told = report(score(correct=None, dense_correct=None, metric="perplexity", value=13.0, dense_value=10.0))
    chart = tradeoff.trade_off(case(told, curve=found))
    assert chart.title.startswith("The steepest rise is between ") and "times what it was; one shot" in chart.title
    assert "points" not in chart.title and chart.figure.layout.yaxis.dtick == 1


def test_a_bar_per_layer_and_no_more_than_fit():
    made = report(removed=400)
    chart = tradeoff.layers_left(made.layers)
    stays, goes = chart.figure.data
    assert list(stays.x) == [50, 75] and list(np.array(stays.x) + np.array(goes.x)) == [100, 100]
    assert (stays.marker.color, goes.marker.color) == (theme.KEPT, theme.REMOVED)
    assert goes.marker.pattern.shape == theme.REMOVED_PATTERN and chart.title == "Of 1,000 weights 600 are left."
    many = [replace(made.layers[0], name=f"l{at}", label=f"l{at}", weights=1000 + at, kept=10) for at in range(20)]
    chart = tradeoff.layers_left(many)
    assert list(chart.figure.data[0].y) == ["l0", *(f"l{at}" for at in range(9, 20))] and len(chart.table[1]) == 20
    assert "Drawn: 12 of 20 layers" in chart.title


def test_the_layers_that_the_headline_names_are_drawn_however_small_they_are():
    """Twenty layers: the smallest loses most, the next smallest least. Both are named, and both are drawn."""
    one = report(removed=400).layers[0]
    kept = {0: 1, 1: 1001}
    many = [replace(one, name=f"l{at}", label=f"l{at}", weights=1000 + at, kept=kept.get(at, 500)) for at in range(20)]
    drawn = list(tradeoff.layers_left(many).figure.data[0].y)
    assert {"l0", "l1"} <= {*drawn} and len(drawn) == 12
    told = headlines.removed(case(replace(report(removed=400), layers=tuple(many))))
    assert told.startswith("l0 loses most") and "l1 loses none" in told


def test_large_is_the_same_chart_with_larger_letters():
    small = tradeoff.trade_off(case(curve=curve(VALUES)))
    large = tradeoff.large(small, 430)
    assert large.figure.layout.height == 430 and large.figure.layout.font.size == tradeoff.LARGE
    assert (large.title, large.alt, large.table) == (small.title, small.alt, small.table)
    assert small.figure.layout.font.size is None and small.figure.layout.height == 440
    for one, other in zip(small.figure.data, large.figure.data, strict=True):
        assert np.array_equal(one.x, other.x) and np.array_equal(one.y, other.y)


def test_the_presented_candidate_is_the_star():
    marks = go.Scatter(x=[1, 2], y=[1, 2], text=["<b>A</b>", "<b>live</b>"], marker={"symbol": ["circle", "diamond"]})
    chart = tradeoff.starred(Chart("t", go.Figure([go.Scatter(x=[1], y=[1]), marks]), "a", ((), ())))
    assert list(chart.figure.data[1].marker.symbol) == ["circle", "star"]
    assert list(chart.figure.data[1].text) == ["<b>A</b>", "<b>live</b>"]
