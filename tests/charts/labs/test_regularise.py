"""The regularise lab's charts hold the numbers of runs made by hand, and the verdict is the intervals'."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pruneviz.charts.labs import regularise
from pruneviz.charts.labs.lanes import lanes
from pruneviz.course import Course
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.traced import Traced

ORDER, NAMES = ("l1", "l2"), {"l1": "L1", "l2": "L2"}
EDGES = np.linspace(-0.9, 0.9, 10)


def run(penalty: str, seed: int, before: float, after: float) -> Traced:
    """Nine bins of 0.2, of which the inner three hold 6 of 10 weights at the end, and 3 of 10 at the start."""
    recipe = replace(Recipe(course=Course(lab="regularise", penalty=penalty)), seed=seed)
    curves = {"amounts": np.array([0.5, 0.9]), "before": np.array([0.95, before]), "after": np.array([np.nan, after])}
    start, end = np.array([2, 1, 1, 1, 1, 1, 1, 1, 1]), np.array([1, 0, 1, 1, 4, 1, 1, 0, 1])
    moments = (
        Moment(0, 20, "start", {"n": 500.0}, {"histogram": start}),
        Moment(10, 20, "train", {"n": 500.0}, {"histogram": end, "edges": EDGES}),
        Moment(20, 20, "retrain at 90%", {"n": 500.0}, curves),
    )
    return Traced(recipe, "", "done", 20, 20, moments)


def pair(firsts, seconds) -> list:
    """L1 and L2, each with these (before, after) by seed."""
    groups = {
        "l1": [run("l1", seed, *one) for seed, one in enumerate(firsts)],
        "l2": [run("l2", seed, *one) for seed, one in enumerate(seconds)],
    }
    return lanes(groups, ORDER, NAMES)


AS_HAN = pair([(0.80, 0.90), (0.81, 0.91), (0.82, 0.92)], [(0.70, 0.95), (0.71, 0.96), (0.72, 0.97)])


def test_the_histogram_is_in_percent_and_has_a_frame_for_each_step():
    chart = regularise.histogram(AS_HAN)
    assert [frame.name for frame in chart.figure.frames] == ["0", "10"] and len(chart.figure.data) == 2
    assert chart.figure.data[0].y == pytest.approx([5, 10, 10, 40, 10, 10, 5])  # an empty bin is drawn as half a weight
    assert chart.figure.frames[0].data[0].y == pytest.approx([10] * 7) and len(chart.figure.data[0].x) == 7
    assert regularise.close(AS_HAN[0].runs[0]) == (0.6, pytest.approx(0.3))
    assert chart.title == "Weights closer to zero than 0.3 after training: L1 60.0% (60.0 to 60.0); L2 60.0% (60.0 to 60.0)."
    assert chart.table[1][0][:3] == ("L1", "0.3", "60.0%")


def test_a_curve_leaves_out_what_nobody_knows_yet():
    before, after = (regularise.curve(AS_HAN[0], when) for when in ("before", "after"))
    assert [one.x for one in before] == [50, 90] and [one.x for one in after] == [90]
    assert before[1].spread.mean == pytest.approx(0.81) and before[1].spread.n == 3
    chart = regularise.pruned(AS_HAN, "before", 0.9)
    line = next(one for one in chart.figure.data if one.name == "L1" and one.mode == "lines+markers")
    assert line.x.tolist() == [50, 90] and line.y == pytest.approx([95, 81])
    assert chart.title == (
        "Before retraining at 90% sparsity, L1 stands 10.0 points above L2 (7.4 to 12.6): means over 3 seeds, 95% intervals."
    )
    assert chart.table[1][1][:2] == ("L1", "90%") and "3 seeds, 500 held-out samples" in chart.alt


@pytest.mark.parametrize(
    "found, words",
    [
        (AS_HAN, ("points (+7.4 to +12.6): as reported", "points (−6.9 to −3.1): as reported")),
        (pair([(0.7, 0.9)] * 3, [(0.8, 0.8)] * 3), ("the other way round", "the other way round")),
        (pair([(0.7, 0.9), (0.9, 0.7)], [(0.8, 0.8), (0.8, 0.8)]), ("nobody can tell", "nobody can tell")),
        (pair([(0.9, 0.9)], [(0.8, 0.8)]), ("one seed: no more than an example", "one seed: no more than an example")),
        (pair([(0.9, np.nan)], [(0.8, np.nan)]), ("one seed", "after retraining nobody knows yet")),
    ],
)
def test_the_verdict_says_what_these_runs_show(found, words):
    before, after = regularise.verdict(*found, 0.9).split("; ")
    assert words[0] in before and words[1] in after


def test_where_a_difference_is_sure_is_listed():
    """At 50 % all are equal before retraining, and nobody knows after it."""
    said = regularise.sure_at(*AS_HAN)
    assert "before retraining L1 is better at 90%; after retraining L2 is better at 90%." in said
    assert "before retraining nowhere" in regularise.sure_at(*pair([(0.9, 0.9)], [(0.8, 0.8)]))


def test_what_a_cut_takes_and_what_comes_back_are_two_figures():
    """L1: 81 % right after the cut (0.80, 0.81, 0.82), 91 % after; L2: 71 % and 96 %; Student's ± 2.5 points."""
    assert regularise.restored(AS_HAN, 0.9, "filter") == (
        "With 90% of the filters gone, L1 has 81.0% (78.5 to 83.5) right after the cut and 91.0% (88.5 to 93.5) after "
        "fine-tuning; L2 has 71.0% (68.5 to 73.5) right after the cut and 96.0% (93.5 to 98.5) after fine-tuning: means "
        "over 3 seeds, 95% intervals."
    )
    assert regularise.restored(AS_HAN, 0.5, "filter").startswith("Nobody knows yet")
    assert regularise.restored(pair([(0.8, 0.9)], [(0.7, 0.95)]), 0.9, "filter").endswith(
        ": one seed, which proves nothing."
    )


def test_nothing_yet_is_said():
    bare = Traced(Recipe(course=Course(lab="regularise", penalty="l1")), "", "waiting", 0, 20)
    found = lanes({"l1": [bare]}, ORDER, NAMES)
    assert "No run" in regularise.histogram(found).title and "Nobody knows" in regularise.pruned(found, "after", 0.9).title
    assert "No run" in regularise.histogram([]).title and "Nobody knows" in regularise.pruned([], "before", 0.9).title
