"""The charts of candidates: what is drawn is what was measured, titles say what holds, marks can be clicked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pruneviz.candidates import Candidate, paired
from pruneviz.charts import candidate_words, compare, theme
from pruneviz.charts.layer_pair import MOST, by_layer
from pruneviz.charts.lineage import lineage
from pruneviz.recipe import Recipe
from pruneviz.report import LayerReport
from pruneviz.truths import Spread
from tests.test_candidates import report


def candidate(letter: str, right: int, left: int, scale: int = 1, **how) -> Candidate:
    """A candidate that has so many of ten samples right; of so many times as many where that is to be no chance."""
    return Candidate(letter, Recipe(), report((True,) * right * scale + (False,) * (10 - right) * scale, left, **how))


GOOD, SMALL, BEATEN = candidate("A", 9, 80), candidate("B", 6, 20), candidate("live", 5, 90)
THREE = (GOOD, SMALL, BEATEN)
SURE = (candidate("A", 9, 80, 40), candidate("B", 6, 20, 40), candidate("live", 5, 90, 40))
WAYS = {"A": ("weights", "20%"), "B": ("weights", "80%"), "live": ("filters", "10%")}


def test_marks_lie_where_they_were_measured_with_their_intervals():
    chart = compare.pareto(THREE, "parameters")
    line, marks = chart.figure.data
    assert [*marks.x] == pytest.approx([100 * 90 / 110, 100 * 30 / 110, 100 * 100 / 110]) and [*marks.y] == [90, 60, 50]
    low, high = (100 * end for end in GOOD.report.score.interval)
    assert marks.error_y.array[0] == pytest.approx(high - 90) and marks.error_y.arrayminus[0] == pytest.approx(90 - low)
    assert [*line.x] == pytest.approx([100 * 30 / 110, 100 * 90 / 110]) and line.line.shape == "hv"
    assert [one[0] for one in marks.customdata] == ["A", "B", "live"]
    assert (
        chart.title
        == "B and A are on the front; live lies behind it. By accuracy, B cannot be told from A, nor A from live."
        and "% of the dense" in chart.figure.layout.xaxis.title.text
    )
    assert [row[-1] for row in chart.table[1]] == ["yes", "yes", "no"]


def test_titles_say_who_beats_whom():
    assert compare.pareto(SURE[:2]).title == "None of the 2 beats another: who is smaller measures worse."
    assert compare.pareto(SURE).title == "B and A are on the front; live lies behind it."
    third = candidate("C", 5, 99, 40)
    assert compare.pareto((SURE[1], third)).title == "B beats C: none is as small and as good."
    assert compare.pareto((SURE[1], SURE[2], third)).title.startswith("B beats all others: none is as small")
    assert compare.pareto((GOOD,)).title.startswith("A stands alone: 90% with 90 (81.8%) parameters left")
    assert compare.pareto(THREE, "ms").title.startswith("Of no candidate the milliseconds are known yet. Not drawn")


def test_titles_state_nothing_that_chance_could_explain():
    """Ten samples tell little: nine right against six, and six against five."""
    told = "By accuracy, B cannot be told from A."
    assert compare.pareto((GOOD, SMALL)).title == f"As measured, none of the 2 beats another. {told}"
    assert compare.pareto((SMALL, BEATEN)).title == f"None is smaller than B or measures better. {told[:-2]}live."
    many = [candidate(letter, right, 10 * right) for right, letter in enumerate("ABCDE", 4)]
    assert compare.pareto(many).title.endswith("A cannot be told from B, nor B from C, nor 2 more pairs from each other.")
    one, two = candidate("A", 9, 20), candidate("B", 9, 20)
    assert compare.pareto((one, two)).title == "A and B cost the same and measure the same."
    tied = compare.pareto((SURE[0], SURE[1], replace(SURE[1], letter="C"))).title
    assert tied == "None of the 3 beats another."


def test_of_two_models_the_numbers_themselves_are_compared():
    other = replace(SMALL, report=replace(SMALL.report, subject="other"))
    chart = compare.pareto((GOOD, other))
    assert [*chart.figure.data[1].x] == [90, 30] and chart.figure.layout.xaxis.title.text == "parameters left"


def test_what_is_marked_is_larger_and_pinned_is_outlined():
    _, marks = compare.pareto(THREE, marked=("B",)).figure.data
    assert marks.marker.size[1] > marks.marker.size[0] and marks.marker.line.color == theme.PIN
    assert marks.marker.line.width[0] > 0 and marks.marker.line.width[2] == 0
    dark = theme.on_dark(compare.pareto(THREE).figure)
    assert dark.data[1].marker.line.color == theme.PIN_ON_DARK


def test_the_tree_says_what_tells_candidates_apart():
    chart = lineage(THREE, WAYS, marked=("live",))
    leaves = chart.figure.data[-1]
    assert [one[0] for one in leaves.customdata] == ["A", "B", "live"] and [*leaves.marker.color] == [0, -30, -40]
    assert leaves.marker.line.width[2] > leaves.marker.line.width[0] and leaves.marker.size[2] > leaves.marker.size[1]
    assert chart.title == "2 choices tell the 3 candidates apart; none measures better than A."
    ends = [candidate_words.points_between(*paired(one.report, GOOD.report).interval) for one in (SMALL, BEATEN)]
    told = [f"−30.0 points ({ends[0]}), within chance", f"−40.0 points ({ends[1]}), within chance"]
    assert [row[-1] for row in chart.table[1]] == ["–", *told]
    better = lineage((SURE[1], SURE[0]), {"A": ("x",), "B": ("y",)})
    assert better.title == "One choice tells the 2 candidates apart; A measures better than B."
    unsure = lineage((SMALL, GOOD), {"A": ("x",), "B": ("y",)})
    assert unsure.title.endswith("; A measures better than B, but chance could explain that.")
    elsewhere = replace(GOOD, report=replace(GOOD.report, score=replace(GOOD.report.score, samples="there")))
    apart = lineage((SMALL, elsewhere), {"A": ("x",), "B": ("y",)})
    assert apart.title.endswith("none measures better than B.") and apart.table[1][1][-1] == "other samples"
    assert [*apart.figure.data[-1].marker.color] == [0, 0]
    assert lineage((GOOD, SMALL), {"A": ("x",), "B": ("x",)}).title == "All candidates were made the same way."
    assert len({*leaves.y}) == 3 and [*lineage((GOOD,), {"A": ("x",)}).figure.data[-1].y] == []


def test_layers_are_a_ring_a_dot_and_the_one_that_differs_most():
    wide = [LayerReport("b.weight", "b", (4,), 200, kept, 0, 0.0) for kept in (150, 20)]
    one, other = (replace(at, report=replace(at.report, layers=(*at.report.layers, layer)))
                  for at, layer in zip((GOOD, SMALL), wide, strict=True))  # fmt: skip
    chart = by_layer(one, other)
    _, ring, dot = chart.figure.data
    assert [*ring.x] == pytest.approx([80, 75]) and [*dot.x] == pytest.approx([20, 10]) and ring.marker.color == theme.KEPT
    assert chart.title == "b differs most: A keeps 75% of it, B 10%."
    assert by_layer(GOOD, GOOD).title == "A and A keep the same share of every layer."


def test_of_many_layers_those_are_drawn_that_differ_most():
    def many(of: Candidate, shift: int) -> Candidate:
        rows = tuple(LayerReport(f"{at}.weight", f"{at}", (4,), 1000, 500 + shift * at, 0, 0.0) for at in range(MOST + 5))
        return replace(of, report=replace(of.report, layers=rows))

    chart = by_layer(many(GOOD, 0), many(SMALL, 1))
    assert len(chart.figure.data[1].x) == MOST and len(chart.table[1]) == MOST + 5
    assert "Drawn are the 60 of 65 layers" in chart.title and "0" not in chart.figure.data[1].y


def test_many_are_a_line_each():
    chart = compare.parallel([candidate(letter, right, 10 * right + 5) for right, letter in enumerate("ABCDEFG", 2)])
    named = [one.label for one in chart.figure.data[0].dimensions]
    assert named == ["candidate", "weights left", "parameters left", "MACs left", "accuracy, %"]
    assert chart.title == "Of 7 candidates G measures best: accuracy 80%. D, E and F cannot be told from it."
    assert len(chart.table[1]) == 7


def test_a_time_is_no_exact_number():
    """A takes 1.0 ms and B 1.02, and their quartiles meet: nobody knows which is the faster one. C takes twice as long."""
    slow = replace(SURE[1], letter="B", milliseconds=Spread(1.02, 0.97, 1.07, 21))
    fast = replace(SURE[0], milliseconds=Spread(1.0, 0.95, 1.05, 21))
    third = replace(candidate("C", 10, 99, 40), milliseconds=Spread(2.0, 1.9, 2.1, 21))
    chart = compare.pareto((fast, slow, third), "ms")
    marks = chart.figure.data[1]
    assert [*marks.error_x.array] == pytest.approx([0.05, 0.05, 0.1])
    assert [*marks.error_x.arrayminus] == pytest.approx([0.05, 0.05, 0.1])
    assert chart.title.endswith("In time, A cannot be told from B: their quartiles meet.") and "C cannot" not in chart.title
    assert chart.figure.layout.xaxis.range[0] < 0.95 and chart.figure.layout.xaxis.range[1] > 2.1
    assert not compare.pareto(SURE, "parameters").figure.data[1].error_x.visible
