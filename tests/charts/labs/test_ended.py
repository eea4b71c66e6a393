"""How ways end: means over seeds, the interval of each run's change, and the best first."""

from __future__ import annotations

import math

import pytest

from pruneviz.charts.labs import ended
from pruneviz.course import Course
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.traced import Traced


def run(method: str, seed: int = 0, state: str = "done", **values: float) -> Traced:
    recipe = Recipe("x", "wanda", seed=seed, course=Course(lab="oneshot", method=method))
    return Traced(recipe, "", state, 1, 1, (Moment(1, 1, "done", values),))


def test_a_way_ends_at_the_mean_of_its_seeds_and_of_their_intervals_ends():
    """Perplexities 20 and 30; the second is dense 10 times e to the 1, half a nat either way."""
    far = run("keep", 1, dense=10.0, value=30.0, gain_low=-1.5, gain_high=-0.5)
    near = run("keep", 0, dense=10.0, value=20.0, gain_low=-1.0, gain_high=0.0)
    (one,) = ended.ends({"Wanda": [near, far]})
    assert (one.value, one.seeds) == (25.0, 2)
    assert one.low == pytest.approx((10 + 10 * math.exp(0.5)) / 2) and one.high == pytest.approx(
        (10 * math.e + 10 * math.exp(1.5)) / 2
    )


def test_the_best_is_the_lowest_perplexity_or_the_highest_accuracy_and_what_goes_on_is_no_end():
    perplexities = {
        "a": [run("keep", value=3.0)],
        "b": [run("swaps", value=2.0)],
        "c": [run("keep", state="running", value=1.0)],
    }
    assert [one.name for one in ended.ends(perplexities)] == ["b", "a"] and ended.metric(perplexities) == "perplexity"
    accuracies = {"a": [run("keep", accuracy=0.3)], "b": [run("swaps", accuracy=0.2)]}
    assert [one.name for one in ended.ends(accuracies)] == ["a", "b"] and ended.metric(accuracies) == "accuracy"
    assert ended.bare(accuracies) == {"a"} and math.isnan(ended.dense(accuracies))


def test_a_cost_is_said_in_the_metrics_own_unit_and_not_where_there_is_none():
    one = ended.End("a", 41.0, 40.0, 42.0, 1)
    assert ended.cost(one, 35.5, "perplexity") == "5.50" and ended.cost(one, 41.0, "perplexity") == ""
    right = ended.End("a", 0.8, 0.7, 0.9, 1)
    assert ended.cost(right, 0.812, "accuracy") == "1.2" and ended.shown(math.nan, "accuracy") == "–"
