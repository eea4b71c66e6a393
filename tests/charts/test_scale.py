"""The chart of published results: hollow and filled where they are said to lie, one's own curve on top, nothing cut off."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pruneviz.charts import perplexity, scale, theme
from pruneviz.charts.scale import Own
from pruneviz.report import Curve, CurvePoint, wilson
from pruneviz.scale import BERT, HEADS, OPT, RESNET, STUDIES, VGG, Result


def own(metric: str = "accuracy", *, tuned: bool = False, by_amount: bool = False) -> Own:
    """90% right up to 60% gone, 45% from there on; a perplexity of 4 that doubles there."""
    values = {"accuracy": (0.9, 0.45), "perplexity": (4.0, 8.0)}[metric]
    points = []
    for percent in range(0, 101, 10):
        value = values[percent > 60]
        interval = wilson(round(200 * value), 200) if metric == "accuracy" else (value - 0.5, value + 0.5)
        points.append(CurvePoint(percent / 100, percent / 200, value, None, 200, interval, (0, 0)))
    curve = Curve("m", "magnitude", "global", 0, "training", 0, tuple(points), values[0], 0.1, metric=metric)
    after = replace(curve, points=(replace(points[8], value=0.9),), tuned=True) if tuned else None
    return Own("mine", "pruning ratio" if by_amount else "sparsity", by_amount, curve, after, 0.5)


def drawn(chart, name: str):
    return [trace for trace in chart.figure.data if trace.name == name]


def gone(trace) -> list[float]:
    return [round(100 - float(x), 3) for x in trace.x]


ALL = {
    "nothing of one's own": lambda: scale.published(STUDIES, None),
    "one shot": lambda: scale.published(STUDIES, own()),
    "fine-tuned too": lambda: scale.published(STUDIES, own(tuned=True)),
    "units": lambda: scale.published(STUDIES, own(by_amount=True)),
    "a perplexity": lambda: scale.published(STUDIES, own("perplexity")),
    "perplexities": lambda: perplexity.perplexities(OPT, None),
    "perplexities, one's own": lambda: perplexity.perplexities(OPT, own("perplexity")),
}


@pytest.mark.parametrize("name", ALL)
def test_every_chart_speaks(name):
    chart = ALL[name]()
    header, rows = chart.table
    assert chart.title.endswith(".") and chart.title in chart.alt and all(len(row) == len(header) for row in rows)
    text = chart.figure.to_json()
    json.loads(text)
    assert "nan" not in (chart.title + chart.alt).lower()
    assert theme.KEPT not in text and theme.REMOVED not in text  # nothing here is kept or removed


def test_a_share_without_a_score_is_drawn_and_no_score_is_made_of_it():
    chart = scale.published(STUDIES, None)
    (trace,) = drawn(chart, "BERT, layers")
    assert gone(trace) == [40] and float(trace.y[0]) == 98 and "up to 98% of the dense GLUE score" in trace.customdata[0]
    (row,) = [row for row in chart.table[1] if row[0] == "BERT, layers" and row[1] == "the paper"]
    assert row[4] == "up to 98%" and row[5] == "" and "100.00" not in " ".join(map(str, row))


def test_taught_is_hollow_and_joined_to_the_paper():
    chart = scale.published(STUDIES, None)
    joined = [trace for trace in chart.figure.data if trace.mode == "lines+markers"]
    assert [tuple(gone(trace)) for trace in joined] == [(95, 97), (90, 92.5), (80, 80)]
    for trace, study in zip(joined, (BERT, VGG, RESNET), strict=True):
        hollow, filled = trace.marker.symbol
        assert hollow == f"{filled}-open" and trace.line.width <= 1
        shares = [100 * study.share(one) for one in (study.taught, study.papers[study.pair])]
        np.testing.assert_allclose(trace.y, shares, rtol=1e-6)
        assert "Commonly taught" in trace.customdata[0] and study.source.cite in trace.customdata[1]


def test_every_point_says_its_source_and_lies_on_the_axis():
    chart = scale.published(STUDIES, None)
    low, high = chart.figure.layout.yaxis.range
    for study in STUDIES:
        for trace in drawn(chart, study.name):
            assert all(study.source.cite in said for said in trace.customdata)
            assert trace.yaxis == "y2" or all(low < y < high for y in trace.y)
    assert max(drawn(chart, VGG.name)[0].y) > 100


def test_what_has_no_score_has_no_height():
    (trace,) = drawn(scale.published(STUDIES, None), HEADS.name)
    assert trace.yaxis == "y2" and gone(trace) == [20, 40] and "no score given" in trace.customdata[0]


def test_the_title_counts_the_taught_figures_that_are_beaten():
    worse = replace(VGG, papers=(Result(0.925, 80.0),))
    assert scale.published((BERT, VGG, RESNET), None).title.startswith("All 3 ")
    assert scale.published((BERT, worse, RESNET), None).title.startswith("2 of 3 ")


def test_ones_own_curve_is_a_share_of_ones_own_dense_score():
    """45% of a dense 90% is half of the score; the interval is divided likewise; all gone has no place."""
    mine = own(tuned=True)
    chart = scale.published(STUDIES, mine)
    (line,) = drawn(chart, "yours, one shot")
    assert list(line.y) == pytest.approx([100] * 7 + [50] * 4, rel=1e-6)
    assert gone(line)[:3] == [0, 5, 10]  # of weights, what is truly gone is drawn, not what was asked for
    low, high = (100 * end / 0.9 for end in mine.curve.points[0].interval)
    assert list(line.customdata[0]) == pytest.approx([low, high, 200, 0])
    (tuned,) = drawn(chart, "yours, fine-tuned")
    assert gone(tuned) == [40] and list(tuned.y) == pytest.approx([100]) and tuned.line.dash == "dash"
    units = drawn(scale.published(STUDIES, own(by_amount=True)), "yours, one shot")[0]
    assert gone(units) == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert len(chart.table[1]) == len(scale.published(STUDIES, None).table[1]) + 11 + 1


def test_lasting_means_every_point_up_to_there():
    assert scale.lasts(own().curve) == 0.6
    hole = own().curve
    points = tuple(replace(one, value=0.1) if one.amount == 0.3 else one for one in hole.points)
    assert scale.lasts(replace(hole, points=points)) == 0.2


def test_a_perplexity_is_never_a_share():
    assert not drawn(scale.published(STUDIES, own("perplexity")), "yours, one shot")
    mine = drawn(perplexity.perplexities(OPT, own("perplexity")), "mine, magnitude")
    assert list(mine[0].x) == ["mine"] and list(mine[0].y) == [1.0]
    assert not drawn(perplexity.perplexities(OPT, own()), "mine, magnitude")


def test_perplexities_are_times_the_dense_one():
    chart = perplexity.perplexities(OPT, None)
    (best,) = drawn(chart, "SparseGPT")
    assert list(best.y) == pytest.approx([one.sparsegpt / one.dense for one in OPT], rel=1e-6)
    assert "1.33 times" in chart.title and "0.98 times" in chart.title and "5,100 times" in chart.title
