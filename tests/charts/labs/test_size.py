"""The charts of the size lab hold the numbers of runs made by hand, and their titles claim no more than these show."""

from __future__ import annotations

import numpy as np
import pytest

from pruneviz.charts import theme
from pruneviz.charts.labs import alike, size, width
from pruneviz.course import Course
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.traced import Traced, spread

PICTURE = np.array([[255, 102, 0], [102, 255, 51], [0, 51, 255]], dtype=np.uint8)
"""Three filters: |cos| 0.4 between the first two, 0.2 between the last two."""


def run(method: str, seed: int, accuracy: float, wide: float = 1.0) -> Traced:
    """A large network of 1,000 parameters in 20 steps; then, or without it, one of 100 in 40 steps of its own."""
    recipe = Recipe(seed=seed, course=Course(lab="size", method=method, width=wide))
    before = 0 if method == "small" else 20
    behind = 20 if method == "pruned" else 0
    of = before + 40 - behind

    def at(step: int, stage: str, value: float, own: int, many: int, maps: bool = False) -> Moment:
        values = {"accuracy": value, "n": 500.0, "own": float(own), "parameters": many * wide}
        return Moment(step, of, stage, values, {"similarity:conv.weight": PICTURE} if maps else {})

    moments = [at(10, "large", 0.7, 10, 1000), at(20, "large", 0.9, 20, 1000, True)] if before else []
    moments += [at(20, "cut", 0.1, behind, 100)] if before else []
    moments += [at(of - 10, method, 0.6, 30, 100), at(of, method, accuracy, 40, 100, True)]
    return Traced(recipe, "", "done", of, of, tuple(moments))


def groups(pruned, small, scratch, wide: float = 1.0) -> dict[str, list[Traced]]:
    """The three methods, with these accuracies at the end by seed."""
    ends = {"pruned": pruned, "small": small, "scratch": scratch}
    return {method: [run(method, seed, one, wide) for seed, one in enumerate(all_of)] for method, all_of in ends.items()}


EQUAL = groups((0.80, 0.82, 0.84), (0.82, 0.82, 0.82), (0.81, 0.82, 0.83))


def named(chart, name):
    return next(one for one in chart.figure.data if one.name == name and one.fill is None)


def test_each_network_is_drawn_over_its_own_steps_and_the_large_one_before_the_cut():
    chart = size.accuracy(EQUAL)
    assert named(chart, size.METHODS["pruned"]).x.tolist() == [20, 30, 40]
    assert named(chart, size.METHODS["pruned"]).y == pytest.approx([10, 60, 82])
    assert named(chart, size.METHODS["scratch"]).x.tolist() == [0, 30, 40]
    assert named(chart, size.METHODS["small"]).x.tolist() == [30, 40]
    assert named(chart, size.WHOLE.name).x.tolist() == [10, 20]
    assert [shape.x0 for shape in chart.figure.layout.shapes] == [20]
    low, high = (100 * getattr(spread([0.80, 0.82, 0.84]), side) for side in ("low", "high"))
    said = f"The cut takes the large network from 90.0% to 10.0%; after it was trained on, 82.0% ({low:.1f} to {high:.1f})"
    assert chart.title == f"{said} are back." and "3 seeds, 500 held-out samples" in chart.alt
    assert not {theme.KEPT, theme.REMOVED} & {one.line.color for one in chart.figure.data}
    assert len(chart.table[1]) == 8 and chart.table[1][2][:3] == (size.METHODS["pruned"], "40", "82.0%")


def test_what_nobody_can_tell_apart_is_said_once_with_both_intervals():
    title = size.headline(EQUAL)
    assert title.startswith(
        "With 100 parameters each, nobody can tell the pruned network from a small one (−5.0 to 5.0 points)"
    )
    assert title.endswith("or from its shape trained afresh (−2.5 to 2.5 points): means over 3 seeds, 95% intervals.")
    assert size.verdict(EQUAL).endswith("over 3 seeds. Nobody can tell them apart here.")


@pytest.mark.parametrize("fresh, words", [(0.70, "as Li et al. report"), (0.90, "The fresh ones are better")])
def test_a_sure_difference_has_its_side(fresh, words):
    found = groups((0.80, 0.81, 0.82), (0.70, 0.71, 0.72), (fresh, fresh + 0.01, fresh + 0.02))
    side = "above" if fresh < 0.8 else "below"
    assert "10.0 points above a small one (7.4 to 12.6)" in size.headline(found)
    assert f"10.0 points {side} its shape trained afresh (7.4 to 12.6)" in size.headline(found)
    assert words in size.verdict(found)


def test_one_seed_is_no_claim_and_no_run_is_the_question():
    one = groups((0.8,), (0.7,), ())
    assert size.headline(one).endswith("10.0 points above a small one: one seed, which proves nothing.")
    assert size.verdict(one).startswith("Not enough seeds yet")
    assert size.headline({}) == size.headline({"pruned": one["pruned"]}) == size.headline({"small": one["small"]})
    assert size.headline({}).startswith("Was the size needed")
    bare = {"small": [Traced(Recipe(course=Course(lab="size", method="small")), "", "waiting", 0, 40)]}
    for draw in (size.accuracy, width.widths, width.bill):
        assert draw(bare).title and draw({}).title and not draw({}).table[1]


def test_width_has_a_mark_for_each_size_and_the_large_networks_beside():
    wide = groups((0.90, 0.92), (0.91, 0.93), (0.90, 0.92), wide=2.0)
    both = {method: [*EQUAL[method], *wide[method]] for method in EQUAL}
    chart = width.widths(both)
    small = named(chart, size.METHODS["small"])
    assert small.x.tolist() == [100, 200] and small.y == pytest.approx([82, 92])
    assert named(chart, size.WHOLE.name).x.tolist() == [1000, 2000]
    assert chart.figure.layout.xaxis.ticktext == ("100", "200", "1,000", "2,000")
    assert chart.title.startswith("Small from the start: 82.0% (82.0 to 82.0) with 100 parameters and 92.0% (79.3 to 100.0)")
    assert chart.title.endswith("with 200 parameters; 2 seeds each.") and len(chart.table[1]) == 8
    assert "at 100 parameters alone" in width.widths(EQUAL).title


def test_the_bill_counts_the_large_network_of_those_that_need_one():
    chart = width.bill(EQUAL)
    assert [one.x for one in chart.figure.data] == [(20, 0, 20), (20, 40, 40)]
    assert chart.table[1][2] == (size.METHODS["scratch"], "20", "40", "60")
    assert chart.title.endswith("to find the pruned shape first costs 50% more steps.")


def test_maps_are_those_of_the_seed_and_their_title_is_of_all():
    chart = alike.maps(EQUAL, "conv.weight", "conv", 1)
    assert alike.layers(EQUAL) == ["conv.weight"] and alike.nearest(PICTURE) == pytest.approx((0.4 + 0.4 + 0.2) / 3)
    assert len(chart.figure.data) == 4 and chart.figure.data[0].z[0].tolist() == [100, 40, 0]
    assert chart.title.startswith(
        "conv: to the filter that looks most like it, a filter has |cos| 0.33 in the large network"
    )
    assert chart.title.endswith("(mean of 3 seeds).") and chart.table[1][0] == (
        "large, trained",
        3,
        "0.33",
        "0.33",
        "0.33",
        3,
    )
    assert "No network has come so far" in alike.maps({}, "conv.weight", "conv", 0).title
